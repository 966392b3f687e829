use super::answer::{self, Granted};
use super::caller::OnBehalfOf;
use super::question::{Question, Wanted};
use super::source::CredentialExchange;
use crate::clock::SharedClock;
use crate::fetch::SingleFlight;
use crate::jose::seen::{Fingerprint, SeenCredentials};
use crate::principal::{AuthenticationMethod, Principal, Revocations, Subject, Workload};
use crate::refusal::{Refusal, RefusalKind};
use http::{HeaderValue, Uri};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many exchanges may be under way at once.
pub(super) const AT_ONCE: usize = 256;
/// What one issued credential takes beside its length.
const OVERHEAD: usize = 256;
/// So long before its end a credential is exchanged anew, so that it does not end on the way; a quarter of its lifetime at most.
const MARGIN: Duration = Duration::from_secs(30);

/// Credentials for one service, made of those of many callers.
pub(super) struct Obtainer {
    pub(super) exchange: CredentialExchange,
    pub(super) endpoint: Uri,
    pub(super) wanted: Wanted,
    pub(super) issued: SeenCredentials<HeaderValue>,
    pub(super) flights: SingleFlight<Fingerprint, Result<Arc<HeaderValue>, Refusal>>,
    pub(super) room: Semaphore,
    pub(super) revocations: Revocations,
    pub(super) clock: SharedClock,
}

/// A call that may be made, and for what a credential is asked for it.
pub(super) struct Admitted {
    /// The hash of the caller's credential and the scopes, under which what is issued is remembered.
    pub(super) fingerprint: Fingerprint,
    scope: Arc<str>,
}

/// The same, with whose credential it is.
pub(super) struct Asking {
    principal: Principal,
    admitted: Admitted,
}

impl Admitted {
    pub(super) fn of(self, caller: &OnBehalfOf) -> Asking {
        Asking { principal: caller.principal().clone(), admitted: self }
    }
}

impl Obtainer {
    /// The refusal of a call that is for nobody.
    pub(super) fn for_nobody(&self) -> Refusal {
        let hop = &self.wanted.hop;
        Refusal::misconfigured(format!(
            "a call to {hop} for nobody: put the OnBehalfOf or the Principal of the request into its extensions"
        ))
    }

    /// Whether a call may be made for that principal now.
    pub(super) fn admit(&self, principal: &Principal) -> Result<Admitted, Refusal> {
        let Some(presented) = principal.presented() else { return Err(self.nothing_to_exchange(principal)) };
        let scope = self.wanted.scope_for(principal)?;
        // For all the scopes there is one question about each credential.
        let fingerprint = match Arc::ptr_eq(&scope, &self.wanted.scope) {
            true => Fingerprint::of_sha256(presented.sha256()),
            false => Fingerprint::of_question(presented.expose_secret(), &scope),
        };
        self.check_revocation(principal, &fingerprint)?;
        Ok(Admitted { fingerprint, scope })
    }

    /// What is remembered for that caller.
    pub(super) fn recall(&self, fingerprint: &Fingerprint) -> Option<Arc<HeaderValue>> {
        self.issued.find(fingerprint, self.clock.elapsed())
    }

    /// Drops what was issued: the next service does not take it.
    pub(super) fn forget(&self, fingerprint: &Fingerprint) {
        self.issued.forget(fingerprint);
    }

    /// Exchanges the caller's credential, or waits for it if somebody is doing so.
    pub(super) async fn obtain(&self, asking: Asking) -> Result<Arc<HeaderValue>, Refusal> {
        let fingerprint = asking.admitted.fingerprint;
        let issued = self.flights.join(fingerprint, || self.ask(&asking)).await?;
        // Much can happen meanwhile.
        self.check_revocation(&asking.principal, &fingerprint)?;
        Ok(issued)
    }

    async fn ask(&self, asking: &Asking) -> Result<Arc<HeaderValue>, Refusal> {
        let Asking { principal, admitted: Admitted { fingerprint, scope } } = asking;
        let Wanted { hop, audience, .. } = &self.wanted;
        // Who waited for this flight's turn may find what the one before it brought.
        if let Some(issued) = self.recall(fingerprint) {
            return Ok(issued);
        }
        let Ok(_room) = self.room.try_acquire() else {
            return Err(answer::unavailable(hop).cause(format!("{AT_ONCE} exchanges are under way already")));
        };
        let Some(presented) = principal.presented() else { return Err(self.nothing_to_exchange(principal)) };
        let question = Question {
            wanted: &self.wanted,
            credential: presented.expose_secret(),
            subject: principal.subject().map(Subject::id),
            scope,
        };
        let request = self.exchange.request(&self.endpoint, &question, self.clock.now());
        let request = request.ok_or_else(|| {
            Refusal::misconfigured(format!("the exchange for {audience} could not be asked: no randomness, or the secret of the client stands in no header"))
        })?;
        let response = self.exchange.fetch.fetch(request).await.map_err(|error| {
            answer::unavailable(hop).cause(format!("the exchange for {audience} could not be asked: {error}"))
        })?;
        let now = self.clock.now();
        let Granted { credential, lifetime } = answer::read(&response, &self.exchange, &question, now)?;
        let mut header = HeaderValue::try_from(format!("Bearer {}", credential.expose_secret()))
            .map_err(|_| answer::unusable(hop, "the credential stands in no header".to_owned()))?;
        header.set_sensitive(true);
        let issued = Arc::new(header);
        if let Some(lifetime) = lifetime {
            // Never longer than the credential that it was made of.
            let ends = principal.credential().expires_at();
            let lifetime = ends.map_or(lifetime, |ends| lifetime.min(ends.saturating_since(now)));
            let elapsed = self.clock.elapsed();
            let until = elapsed.saturating_add(lifetime.saturating_sub(MARGIN.min(lifetime / 4)));
            let bytes = OVERHEAD + issued.len();
            self.issued.remember(*fingerprint, Arc::clone(&issued), bytes, elapsed, until);
        }
        Ok(issued)
    }

    fn check_revocation(&self, principal: &Principal, fingerprint: &Fingerprint) -> Result<(), Refusal> {
        let of_machine = |workload: &Workload| self.revocations.find(workload.certificate());
        let by =
            self.revocations.find_principal(principal).or_else(|| principal.workload().and_then(of_machine));
        let Some(by) = by else { return Ok(()) };
        self.issued.forget(fingerprint);
        let hop = &self.wanted.hop;
        Err(Refusal::new(RefusalKind::CredentialEnded, "the credential was revoked")
            .cause(format!("a call to {hop} for a caller who was revoked, by {by}"))
            .rule("delegate:revoked"))
    }

    fn nothing_to_exchange(&self, principal: &Principal) -> Refusal {
        let hop = &self.wanted.hop;
        match principal.credential().method() {
            AuthenticationMethod::Jwt | AuthenticationMethod::Introspection => {
                Refusal::misconfigured(format!(
                    "a call to {hop} for a caller whose credential was not kept: call keep_credential() on the gate"
                ))
            }
            method => {
                let public = format!("your credential cannot be exchanged for one that is good at {hop}");
                Refusal::new(RefusalKind::Forbidden, public)
                    .cause(format!("the caller is known by {}, which no exchange takes", method.as_str()))
                    .rule("delegate:caller")
            }
        }
    }
}
