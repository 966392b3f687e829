//! What decides about a request: the kinds of credential in their order, then the binding, then who asks.

use std::sync::Arc;

use http::HeaderValue;

use super::api_key::ApiKeys;
use super::authenticate::Authentication;
use super::bearer::{Scheme, Unfound};
use super::challenge::Challenges;
use super::confirmation::{Confirmation, RequireBinding};
use super::dpop::{DPOP_NONCE, Dpop, DpopErrorKind, Request};
#[cfg(feature = "fetch")]
use super::introspect::{Asked, Asker};
use super::shown::{Shown, ShownProof};
use super::verify::{Held, Outcome, Verifier};
use super::{JwtError, JwtErrorKind};
use crate::exchange::{Check, CredentialFacts, Decision, Exchange, Later};
use crate::principal::{AuthenticationMethod, Delegation, DelegationError, PlanName, Principal, Revocations};
use crate::refusal::{Refusal, RefusalKind};

/// Shared with decisions that take a while.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) verifier: Verifier,
    pub(super) api_keys: ApiKeys,
    #[cfg(feature = "fetch")]
    pub(super) asker: Option<Arc<Asker>>,
    pub(super) challenges: Challenges,
    pub(super) dpop: Option<Dpop>,
    pub(super) required: RequireBinding,
    pub(super) default_plan: Option<PlanName>,
    pub(super) revocations: Revocations,
    pub(super) delegation: Option<Delegation>,
    pub(super) keep_credential: bool,
}

impl Judge {
    /// Decides by what the host's login says and what else the request shows.
    pub(super) fn judge(
        self: &Arc<Self>,
        host: Authentication,
        shown: Result<Shown<'_>, Unfound>,
        exchange: &Exchange,
    ) -> Check {
        match host {
            Authentication::Absent => self.bearer(shown, exchange),
            Authentication::Known(principal) => self.vouched(&principal, &shown, exchange).into(),
            Authentication::Refused(refusal) => Check::Refuse(self.failed(refusal, exchange)),
            Authentication::Later(pending) => {
                let (judge, exchange) = (Arc::clone(self), exchange.clone());
                let shown = shown.map(|shown| shown.keep());
                Check::Later(Later::new(async move {
                    match pending.await {
                        Ok(Some(principal)) => judge.vouched(&principal, &shown, &exchange),
                        Ok(None) => match judge.bearer(shown, &exchange) {
                            Check::Permit | Check::Skip => Ok(()),
                            Check::Refuse(refusal) => Err(refusal),
                            Check::Later(later) => later.await,
                        },
                        Err(refusal) => Err(judge.failed(refusal, &exchange)),
                    }
                }))
            }
        }
    }

    pub(super) fn unfound(&self, why: Unfound) -> Refusal {
        let refusal = self.challenges.unfound(why);
        match (why, &self.dpop) {
            (Unfound::Absent | Unfound::Foreign, Some(_)) => refusal.challenge(self.challenges.dpop("")),
            _ => refusal,
        }
    }

    /// The nonce for the next proof.
    pub(super) fn nonce(&self) -> Option<HeaderValue> {
        self.dpop.as_ref()?.nonce()
    }

    fn bearer(self: &Arc<Self>, shown: Result<Shown<'_>, Unfound>, exchange: &Exchange) -> Check {
        let shown = match shown {
            Ok(shown) => shown,
            Err(Unfound::Absent) => return self.nobody(exchange),
            Err(why) => return Check::Refuse(self.unfound(why)),
        };
        if let Some(owner) = self.api_keys.find(shown.credential(), exchange.started()) {
            return self.api_key(owner, &shown, exchange).into();
        }
        #[cfg(feature = "fetch")]
        if let Some(asker) = &self.asker
            && (self.verifier.issuers.is_empty() || !is_shaped_like_a_jwt(shown.credential()))
        {
            return self.opaque(asker, &shown, exchange);
        }
        match self.verifier.check(shown.credential()) {
            Outcome::Decided(held) => self.jwt(held, &shown, exchange).into(),
            Outcome::AwaitKeys(pending) => {
                let (judge, exchange, shown) = (Arc::clone(self), exchange.clone(), shown.keep());
                Check::Later(Later::new(async move {
                    pending.await;
                    let held = judge.verifier.check_again(shown.credential());
                    judge.jwt(held, &shown, &exchange)
                }))
            }
        }
    }

    /// Without any credential, a machine asks for itself where the route lets it.
    fn nobody(&self, exchange: &Exchange) -> Check {
        let is_optional = exchange.route().is_some_and(|route| route.is_subject_optional());
        match exchange.machine().filter(|_| is_optional) {
            Some(machine) => exchange.set_principal(machine).into(),
            None => Check::Refuse(self.unfound(Unfound::Absent)),
        }
    }

    /// Who the host says it is. Two credentials could say two things, and only one of them would have been looked at.
    fn vouched(
        &self,
        principal: &Principal,
        shown: &Result<Shown<'_>, Unfound>,
        exchange: &Exchange,
    ) -> Decision {
        if !matches!(shown, Err(Unfound::Absent | Unfound::Foreign)) {
            let cause = "the host's login knows who asks, and a bearer credential came beside it";
            return Err(self.challenges.unfound(Unfound::Several).cause(cause));
        }
        let credential = principal.credential();
        if credential.method() != AuthenticationMethod::Host {
            return Err(Refusal::misconfigured(
                "the host's login vouches for a principal whose credential is of another kind: make it with \
                 Credential::new(AuthenticationMethod::Host)",
            ));
        }
        if credential.expires_at().is_some_and(|end| exchange.started() >= end) {
            return Err(self.challenges.invalid(&JwtErrorKind::Expired.into()));
        }
        self.check_revocation(principal)?;
        exchange.set_principal(self.check_actors(principal, exchange)?)?;
        exchange.record(|record| record.credential = Some(CredentialFacts::default()));
        Ok(())
    }

    fn api_key(
        &self,
        owner: Result<&Principal, JwtError>,
        shown: &Shown<'_>,
        exchange: &Exchange,
    ) -> Decision {
        let owner = owner.map_err(|error| self.challenges.invalid(&error))?;
        self.accept(owner, &Confirmation::default(), CredentialFacts::default(), shown, None, exchange)
    }

    #[cfg(feature = "fetch")]
    fn opaque(self: &Arc<Self>, asker: &Arc<Asker>, shown: &Shown<'_>, exchange: &Exchange) -> Check {
        if let Some(known) = asker.recall(shown.credential()) {
            return self.asked(known, shown, exchange).into();
        }
        let (judge, asker) = (Arc::clone(self), Arc::clone(asker));
        let (exchange, shown) = (exchange.clone(), shown.keep());
        Check::Later(Later::new(async move {
            let answer = asker.ask(shown.credential()).await;
            judge.asked(answer, &shown, &exchange)
        }))
    }

    #[cfg(feature = "fetch")]
    fn asked(&self, answer: Result<Asked, JwtError>, shown: &Shown<'_>, exchange: &Exchange) -> Decision {
        let Asked { accepted, remembered } = answer.map_err(|error| match error.kind {
            JwtErrorKind::Introspection(_) => {
                let public = "the credential cannot be checked now";
                Refusal::new(RefusalKind::Unavailable, public)
                    .cause(error.to_string())
                    .rule("jwt:introspection")
            }
            JwtErrorKind::Expired => self.challenges.invalid(&error),
            _ => self.failed(self.challenges.invalid(&error), exchange),
        })?;
        let facts = CredentialFacts { remembered, ..CredentialFacts::default() };
        self.accept(&accepted.principal, &accepted.confirmation, facts, shown, None, exchange)
    }

    fn jwt(&self, held: Result<Held, JwtError>, shown: &Shown<'_>, exchange: &Exchange) -> Decision {
        let Held { verified, sha256, remembered } = match held {
            Ok(held) => held,
            // That it has expired is known only of one that was good once.
            Err(error) if error.kind == JwtErrorKind::Expired => return Err(self.challenges.invalid(&error)),
            Err(error) => return Err(self.failed(self.challenges.invalid(&error), exchange)),
        };
        let facts = CredentialFacts {
            key_id: verified.principal.credential().key_name().cloned(),
            algorithm: Some(verified.algorithm.name()),
            remembered,
            ..CredentialFacts::default()
        };
        self.accept(&verified.principal, &verified.confirmation(), facts, shown, Some(sha256), exchange)
    }

    /// Lets in whom a credential names, if its bearer is the one that it was made for. `sha256` is the credential's, where it is known.
    fn accept(
        &self,
        principal: &Principal,
        confirmation: &Confirmation,
        mut facts: CredentialFacts,
        shown: &Shown<'_>,
        sha256: Option<[u8; 32]>,
        exchange: &Exchange,
    ) -> Decision {
        self.check_revocation(principal)?;
        self.check_binding(principal, confirmation, shown, exchange)?;
        facts.bound = confirmation.name();
        let mut principal = self.check_actors(principal, exchange)?;
        // Nobody exchanges a static key.
        if self.keep_credential && principal.credential().method() != AuthenticationMethod::ApiKey {
            principal = principal.presenting(shown.credential(), sha256);
        }
        exchange.set_principal(principal)?;
        exchange.record(|record| record.credential = Some(facts));
        Ok(())
    }

    /// Whatever kind of credential it was known by.
    fn check_revocation(&self, principal: &Principal) -> Decision {
        match self.revocations.find_principal(principal) {
            Some(by) => Err(self.challenges.invalid(&JwtErrorKind::Revoked(by).into())),
            None => Ok(()),
        }
    }

    /// The principal with the rights that count. On every request: the current actor is known by the machine that this one came from.
    fn check_actors(&self, principal: &Principal, exchange: &Exchange) -> Result<Principal, Refusal> {
        if principal.actors().is_empty() {
            return Ok(principal.clone());
        }
        let checked = match &self.delegation {
            Some(delegation) => delegation.check(principal.clone(), exchange.workload()),
            None => Err(DelegationError::NotSetUp),
        };
        checked.map_err(|error| {
            let error = JwtErrorKind::Delegation(error).into();
            self.failed(self.challenges.invalid(&error).rule("jwt:actor"), exchange)
        })
    }

    fn check_binding(
        &self,
        principal: &Principal,
        confirmation: &Confirmation,
        shown: &Shown<'_>,
        exchange: &Exchange,
    ) -> Decision {
        if let Err(error) = confirmation.check_certificate(exchange) {
            return Err(self.failed(self.challenges.invalid(&error).rule("jwt:binding"), exchange));
        }
        if !confirmation.is_bound() && self.required.asks(principal, self.default_plan.as_ref()) {
            let refusal = self.challenges.invalid(&JwtErrorKind::Unbound.into()).rule("jwt:binding");
            return Err(self.failed(refusal, exchange));
        }
        match self.check_proof(confirmation.key.as_ref(), shown) {
            Ok(()) => Ok(()),
            Err(DpopErrorKind::Several) => Err(self.challenges.several_proofs()),
            Err(error @ DpopErrorKind::Full(_)) => {
                Err(Refusal::new(RefusalKind::Unavailable, "too many requests with DPoP proofs")
                    .cause(error.to_string())
                    .rule("jwt:dpop"))
            }
            Err(DpopErrorKind::Nonce) => {
                let refusal = self.challenges.dpop_nonce();
                Err(match self.nonce() {
                    Some(nonce) => refusal.header(DPOP_NONCE, nonce),
                    None => refusal,
                })
            }
            Err(error) => Err(self.failed(self.challenges.unproven(&error), exchange)),
        }
    }

    fn check_proof(&self, bound_to: Option<&[u8; 32]>, shown: &Shown<'_>) -> Result<(), DpopErrorKind> {
        let Some(key) = bound_to else {
            let is_bearer = shown.scheme != Scheme::Dpop;
            let nothing_to_prove = self.dpop.is_none() || matches!(shown.proof, ShownProof::Absent);
            return if is_bearer && nothing_to_prove { Ok(()) } else { Err(DpopErrorKind::NotBound) };
        };
        let dpop = self.dpop.as_ref().ok_or(DpopErrorKind::NotSetUp)?;
        if shown.scheme != Scheme::Dpop {
            return Err(DpopErrorKind::Scheme);
        }
        let proof = match &shown.proof {
            ShownProof::Absent => return Err(DpopErrorKind::Missing),
            ShownProof::Several => return Err(DpopErrorKind::Several),
            ShownProof::Malformed => return Err(DpopErrorKind::Malformed),
            ShownProof::One(proof) => proof,
        };
        let request =
            Request { method: shown.method.as_str(), path: &shown.path, credential: shown.credential() };
        dpop.check(proof, key, &request)
    }

    /// Notes that a credential came which does not hold, so that whoever tries many is slowed down.
    fn failed(&self, refusal: Refusal, exchange: &Exchange) -> Refusal {
        if refusal.kind() == RefusalKind::InvalidCredential {
            exchange.record(|record| record.failed_credential = true);
        }
        refusal
    }
}

/// Three parts, the first of which begins like the base64url of a JSON object.
#[cfg(feature = "fetch")]
fn is_shaped_like_a_jwt(credential: &str) -> bool {
    credential.starts_with("ey") && credential.bytes().filter(|byte| *byte == b'.').count() == 2
}
