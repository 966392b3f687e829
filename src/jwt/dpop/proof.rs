use aws_lc_rs::digest::{SHA256, digest};

use super::DpopErrorKind;
use super::address::Address;
use crate::clock::UnixTime;
use crate::jose::{Jws, JwsType, PublicKey, base64url, json};
use crate::payload::json::Node;

/// The longest `jti`, in bytes.
const MAX_JTI: usize = 255;

/// A proof (RFC 9449 §4.2), its claims read and its signature not yet checked.
pub(super) struct Proof<'p> {
    jws: Jws<'p>,
    pub(super) key: PublicKey,
    pub(super) jti: String,
    pub(super) issued_at: UnixTime,
    pub(super) nonce: Option<String>,
}

/// What a proof must have been made for.
pub(super) struct Purpose<'a> {
    pub(super) method: &'a str,
    /// Every form in which the path may be written publicly.
    pub(super) addresses: &'a [Address],
    /// The credential that comes beside it, and the thumbprint that it is bound to. `None` where one is asked for (RFC 9449 §5).
    pub(super) bound: Option<(&'a str, &'a [u8; 32])>,
}

impl<'p> Proof<'p> {
    /// Reads a proof and holds it against its purpose. All that costs less comes before the signature.
    pub(super) fn read(compact: &'p str, purpose: &Purpose<'_>) -> Result<Self, DpopErrorKind> {
        let (jws, key) = Jws::parse_proof(compact)?;
        if jws.typ() != JwsType::DpopProof {
            return Err(DpopErrorKind::Type);
        }
        let claims = json::object(jws.unverified_payload().clone(), "proof")?;
        let claim = |name| claims.root().get(name);
        let text = |name| text(claim(name), name);
        // `ath` first: a proof for another credential is the one that an attacker has (RFC 9449 §7.1, §11.2).
        if let Some((credential, bound_to)) = purpose.bound {
            if text("ath")? != base64url::encode(digest(&SHA256, credential.as_bytes()).as_ref()) {
                return Err(DpopErrorKind::OtherCredential);
            }
            if key.thumbprint().as_bytes() != bound_to {
                return Err(DpopErrorKind::OtherKey);
            }
        }
        if text("htm")? != purpose.method {
            return Err(DpopErrorKind::OtherMethod);
        }
        let address = Address::parse(text("htu")?).ok_or(DpopErrorKind::MalformedClaim("htu"))?;
        if !purpose.addresses.contains(&address) {
            return Err(DpopErrorKind::OtherAddress);
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(DpopErrorKind::MalformedClaim("jti"));
        }
        let issued_at = date(claim("iat"))?;
        let nonce = claim("nonce").map(|_| text("nonce").map(str::to_owned)).transpose()?;
        let jti = jti.to_owned();
        Ok(Self { jws, key, jti, issued_at, nonce })
    }

    /// Checks the signature by the key that the proof itself brings, whose thumbprint is the right one.
    pub(super) fn verify(&self) -> Result<(), DpopErrorKind> {
        self.jws.verify(&self.key)?;
        Ok(())
    }
}

fn text<'d>(claim: Option<Node<'d>>, name: &'static str) -> Result<&'d str, DpopErrorKind> {
    let claim = claim.ok_or(DpopErrorKind::MissingClaim(name))?;
    claim.as_str().ok_or(DpopErrorKind::MalformedClaim(name))
}

/// A `NumericDate` (RFC 7519 §2), with or without a fraction, which is dropped.
fn date(claim: Option<Node<'_>>) -> Result<UnixTime, DpopErrorKind> {
    let claim = claim.ok_or(DpopErrorKind::MissingClaim("iat"))?;
    if let Some(seconds) = claim.as_u64() {
        return Ok(UnixTime::from_secs(seconds));
    }
    let seconds = claim.as_f64().filter(|seconds| (0.0..=1e12).contains(seconds));
    // The bounds keep the value far from where the cast would saturate.
    seconds.map(|seconds| UnixTime::from_secs(seconds as u64)).ok_or(DpopErrorKind::MalformedClaim("iat"))
}
