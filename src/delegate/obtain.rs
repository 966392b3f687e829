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

/// Whose credential it is, and for what another one is asked: by the hash of both.
pub(super) struct Asking {
    principal: Principal,
    scope: Arc<str>,
    fingerprint: Fingerprint,
}

impl Asking {
    /// Under which its answer is remembered.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

impl Obtainer {
    /// Who asks, if a call may be made for that principal now.
    pub(super) fn admit(&self, caller: Option<&OnBehalfOf>) -> Result<Asking, Refusal> {
        let hop = &self.wanted.hop;
        let Some(caller) = caller else {
            return Err(Refusal::misconfigured(format!(
                "a call to {hop} for nobody: put the OnBehalfOf or the Principal of the request into its extensions"
            )));
        };
        let principal = caller.principal();
        let Some(presented) = principal.presented() else { return Err(self.nothing_to_exchange(principal)) };
        let scope = self.wanted.scope_for(principal)?;
        let fingerprint = Fingerprint::of_question(presented.expose_secret(), &scope);
        let asking = Asking { principal: principal.clone(), scope, fingerprint };
        self.check_revocation(&asking)?;
        Ok(asking)
    }

    /// What is remembered for that caller.
    pub(super) fn recall(&self, asking: &Asking) -> Option<Arc<HeaderValue>> {
        self.issued.find(&asking.fingerprint, self.clock.elapsed())
    }

    /// Drops what was issued: the next service does not take it.
    pub(super) fn forget(&self, fingerprint: &Fingerprint) {
        self.issued.forget(fingerprint);
    }

    /// Exchanges the caller's credential, or waits for it if somebody is doing so.
    pub(super) async fn obtain(&self, asking: Asking) -> Result<Arc<HeaderValue>, Refusal> {
        let issued = self.flights.join(asking.fingerprint, || self.ask(&asking)).await?;
        // Much can happen meanwhile.
        self.check_revocation(&asking)?;
        Ok(issued)
    }

    async fn ask(&self, asking: &Asking) -> Result<Arc<HeaderValue>, Refusal> {
        let Wanted { hop, audience, .. } = &self.wanted;
        // Who waited for this flight's turn may find what the one before it brought.
        if let Some(issued) = self.recall(asking) {
            return Ok(issued);
        }
        let Ok(_room) = self.room.try_acquire() else {
            return Err(answer::unavailable(hop).cause(format!("{AT_ONCE} exchanges are under way already")));
        };
        let Some(presented) = asking.principal.presented() else {
            return Err(self.nothing_to_exchange(&asking.principal));
        };
        let question = Question {
            wanted: &self.wanted,
            credential: presented.expose_secret(),
            subject: asking.principal.subject().map(Subject::id),
            scope: &asking.scope,
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
            let ends = asking.principal.credential().expires_at();
            let lifetime = ends.map_or(lifetime, |ends| lifetime.min(ends.saturating_since(now)));
            let elapsed = self.clock.elapsed();
            let until = elapsed.saturating_add(lifetime.saturating_sub(MARGIN.min(lifetime / 4)));
            let bytes = OVERHEAD + issued.len();
            self.issued.remember(asking.fingerprint, Arc::clone(&issued), bytes, elapsed, until);
        }
        Ok(issued)
    }

    fn check_revocation(&self, asking: &Asking) -> Result<(), Refusal> {
        let principal = &asking.principal;
        let of_machine = |workload: &Workload| self.revocations.find(workload.certificate());
        let by =
            self.revocations.find_principal(principal).or_else(|| principal.workload().and_then(of_machine));
        let Some(by) = by else { return Ok(()) };
        self.issued.forget(&asking.fingerprint);
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
