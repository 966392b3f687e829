//! `WWW-Authenticate` as RFC 6750 §3 has it: enough for an honest client, nothing for an attacker.

use std::time::Duration;

use http::HeaderValue;

use super::bearer::Unfound;
use super::dpop::{self, DpopErrorKind};
use super::issuer::setting;
use super::{JwtError, JwtErrorKind};
use crate::refusal::{Refusal, RefusalKind};

/// The refusals of this layer, their headers made once.
#[derive(Debug)]
pub(super) struct Challenges {
    bare: HeaderValue,
    invalid_request: HeaderValue,
    invalid: HeaderValue,
    expired: HeaderValue,
    realm: Box<str>,
}

const INVALID: &str = "the credential is not valid";
const UNAVAILABLE: &str = "credentials cannot be checked at the moment";
/// By then the issuer has been asked again.
const RETRY_AFTER: Duration = Duration::from_secs(10);
const EXPIRED: &str = "the credential has expired";
const UNPROVEN: &str = "the DPoP proof is not valid";

impl Challenges {
    pub(super) fn new(realm: &str, metadata: Option<&str>) -> Result<Self, JwtError> {
        let plain = |byte: u8| matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !realm.bytes().all(plain) {
            return Err(setting("realm", "use visible ASCII without quotes and backslashes"));
        }
        // RFC 9728 §5.1.
        let metadata = metadata.map(|url| format!(", resource_metadata=\"{url}\"")).unwrap_or_default();
        let challenge = |error: &str| {
            HeaderValue::try_from(format!("Bearer realm=\"{realm}\"{error}{metadata}"))
                .expect("a realm and a URL of visible ASCII make a header value")
        };
        let invalid_token =
            |description| format!(", error=\"invalid_token\", error_description=\"{description}\"");
        Ok(Self {
            bare: challenge(""),
            invalid_request: challenge(", error=\"invalid_request\""),
            invalid: challenge(&invalid_token(INVALID)),
            expired: challenge(&invalid_token(EXPIRED)),
            realm: realm.into(),
        })
    }

    /// The refusal of a request without a credential that could be checked.
    pub(super) fn unfound(&self, why: Unfound) -> Refusal {
        match why {
            // RFC 6750 §3: no error code where the client showed no credential at all.
            Unfound::Absent | Unfound::Foreign => {
                let public = "send a bearer credential in the Authorization header";
                Refusal::new(RefusalKind::MissingCredential, public).challenge(self.bare.clone())
            }
            Unfound::Several => {
                let public = "send exactly one credential, in one header";
                Refusal::new(RefusalKind::AmbiguousCredential, public).challenge(self.invalid_request.clone())
            }
            Unfound::InQuery => {
                let public = "send the credential in the Authorization header, never in the query";
                Refusal::new(RefusalKind::MalformedRequest, public).challenge(self.invalid_request.clone())
            }
            Unfound::Malformed => self
                .refuse(RefusalKind::InvalidCredential, INVALID, &self.invalid)
                .cause("the credential is not visible ASCII"),
        }
    }

    /// The refusal of a credential that does not hold.
    pub(super) fn invalid(&self, error: &JwtError) -> Refusal {
        let refusal = match error.kind {
            // The caller is not told that it is wrong while nobody can know.
            JwtErrorKind::KeysUnavailable => {
                Refusal::new(RefusalKind::Unavailable, UNAVAILABLE).retry_after(RETRY_AFTER)
            }
            JwtErrorKind::Expired => self.refuse(RefusalKind::InvalidCredential, EXPIRED, &self.expired),
            _ => self.refuse(RefusalKind::InvalidCredential, INVALID, &self.invalid),
        };
        let refusal = match error.kind {
            JwtErrorKind::Revoked(_) => refusal.rule("jwt:revoked"),
            _ => refusal,
        };
        refusal.cause(error.to_string())
    }

    /// `WWW-Authenticate: DPoP` (RFC 9449 §7.1), with what comes after the realm.
    pub(super) fn dpop(&self, error: &str) -> HeaderValue {
        let challenge = format!("DPoP realm=\"{}\"{error}, algs=\"{}\"", self.realm, dpop::algorithms());
        HeaderValue::try_from(challenge).expect("a realm of visible ASCII makes a header value")
    }

    /// The refusal of a credential whose proof does not hold, or is not there.
    pub(super) fn unproven(&self, error: &DpopErrorKind) -> Refusal {
        let (public, challenge) = match error {
            DpopErrorKind::NotSetUp => (INVALID, self.invalid.clone()),
            // RFC 9449 §7.2: the credential is the wrong one for its scheme.
            DpopErrorKind::Scheme | DpopErrorKind::NotBound => {
                (INVALID, self.dpop(&format!(", error=\"invalid_token\", error_description=\"{INVALID}\"")))
            }
            _ => (
                UNPROVEN,
                self.dpop(&format!(", error=\"invalid_dpop_proof\", error_description=\"{UNPROVEN}\"")),
            ),
        };
        self.refuse(RefusalKind::InvalidCredential, public, &challenge)
            .cause(error.to_string())
            .rule("jwt:dpop")
    }

    /// The refusal of a proof that lacks only the nonce (RFC 9449 §9).
    pub(super) fn dpop_nonce(&self) -> Refusal {
        let public = "repeat the request with a DPoP proof that holds the nonce in DPoP-Nonce";
        let challenge = self.dpop(", error=\"use_dpop_nonce\"");
        let refusal = self.refuse(RefusalKind::InvalidCredential, public, &challenge);
        refusal.cause(DpopErrorKind::Nonce.to_string()).rule("jwt:dpop")
    }

    /// The refusal of a request with more than one proof (RFC 9449 §4.3).
    pub(super) fn several_proofs(&self) -> Refusal {
        let public = "send exactly one DPoP proof, in one header";
        let challenge = self.dpop(", error=\"invalid_request\"");
        let refusal = self.refuse(RefusalKind::AmbiguousCredential, public, &challenge);
        refusal.cause(DpopErrorKind::Several.to_string()).rule("jwt:dpop")
    }

    fn refuse(&self, kind: RefusalKind, public: &'static str, challenge: &HeaderValue) -> Refusal {
        Refusal::new(kind, public).challenge(challenge.clone())
    }
}
