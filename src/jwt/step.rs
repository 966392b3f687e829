use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::request;
use secrecy::{ExposeSecret, SecretString};

use super::bearer::{self, API_KEY, Unfound};
use super::challenge::Challenges;
use super::verify::{Held, Outcome, Verifier};
use super::{JwtError, JwtErrorKind};
use crate::exchange::{Check, CredentialFacts, Decision, Exchange, Later, Step, StepId};
use crate::principal::{AuthenticationMethod, Revocations};
use crate::refusal::Refusal;
use crate::route::Access;

/// The step of [`VerifyJwtLayer`](super::VerifyJwtLayer).
#[derive(Debug)]
pub(super) struct VerifyJwt {
    pub(super) judge: Arc<Judge>,
    pub(super) api_key_header: bool,
    pub(super) credential_passes: bool,
}

impl Step for VerifyJwt {
    fn id(&self) -> StepId {
        StepId::Authenticate
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        if exchange.route().is_some_and(|route| matches!(route.access(), Access::Open)) {
            self.take_credential(parts, exchange);
            return Check::Skip;
        }
        if is_known_by_certificate(exchange) {
            return self.without_credential(parts);
        }
        if exchange.route().is_some_and(|route| matches!(route.access(), Access::Machines)) {
            return Check::Refuse(Refusal::stacked_wrongly("VerifyJwtLayer", "RequirePeerLayer"));
        }
        let credential = match bearer::find(parts, self.api_key_header) {
            Ok(credential) => credential,
            Err(why) => return Check::Refuse(self.judge.challenges.unfound(why)),
        };
        let check = match self.judge.verifier.check(credential) {
            Outcome::Decided(held) => self.judge.decide(held, exchange).into(),
            Outcome::AwaitKeys(pending) => {
                let (judge, exchange) = (Arc::clone(&self.judge), exchange.clone());
                let credential = SecretString::from(credential);
                Check::Later(Later::new(async move {
                    pending.await;
                    let held = judge.verifier.check_again(credential.expose_secret());
                    judge.decide(held, &exchange)
                }))
            }
        };
        self.take_credential(parts, exchange);
        check
    }
}

/// Whether the certificate of the connection said who asks, so that no other credential is needed.
fn is_known_by_certificate(exchange: &Exchange) -> bool {
    let method = exchange.principal().map(|principal| principal.credential().method());
    method == Some(AuthenticationMethod::Certificate)
}

impl VerifyJwt {
    /// Two credentials could say two things, and only one of them would have been looked at.
    fn without_credential(&self, parts: &request::Parts) -> Check {
        match bearer::find(parts, self.api_key_header) {
            Err(Unfound::Absent) => Check::Skip,
            _ => Check::Refuse(self.judge.challenges.unfound(Unfound::Several).cause(
                "the certificate says who asks, and a bearer credential came beside it: the client leaves it out",
            )),
        }
    }

    /// Nobody further in needs the credential; who logs or forwards headers would leak it.
    fn take_credential(&self, parts: &mut request::Parts, exchange: &Exchange) {
        let names = if self.api_key_header { &[AUTHORIZATION, API_KEY][..] } else { &[AUTHORIZATION][..] };
        for name in names {
            // A service that is only observed may still check credentials by itself.
            if self.credential_passes || exchange.is_observed() {
                parts.headers.get_mut(name).into_iter().for_each(|value| value.set_sensitive(true));
            } else {
                parts.headers.remove(name);
            }
        }
    }
}

/// What decides, shared with decisions that take a while.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) verifier: Verifier,
    pub(super) challenges: Challenges,
    pub(super) revocations: Revocations,
}

impl Judge {
    fn decide(&self, held: Result<Held, JwtError>, exchange: &Exchange) -> Decision {
        let held = held.and_then(|held| match self.revocations.find_principal(&held.verified.principal) {
            Some(by) => Err(JwtErrorKind::Revoked(by).into()),
            None => Ok(held),
        });
        let Held { verified, remembered } = held.map_err(|error| self.challenges.invalid(&error))?;
        exchange.set_principal(verified.principal.clone())?;
        exchange.record(|record| {
            record.credential = Some(CredentialFacts {
                key_id: verified.kid.clone(),
                algorithm: Some(verified.algorithm.name()),
                remembered,
            });
        });
        Ok(())
    }
}
