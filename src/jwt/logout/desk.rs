//! Where a logout is read, checked and put into the list.

use super::claims::{Logout, Unverified};
use super::form;
use super::replay::Replays;
use crate::clock::{SharedClock, UnixTime};
use crate::exchange::{Exchange, LogoutFacts, Ran, StepId};
use crate::jose::JoseErrorKind;
use crate::jwt::keys::Refresh;
use crate::jwt::{JwtError, JwtErrorKind, KeySource, TrustedIssuer};
use crate::principal::{Revocations, RevocationsFull, Subject};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{BodyKind, Route};
use bytes::Bytes;
use http_body::Body;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

const RULE: &str = "jwt:logout";

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) path: Box<str>,
    pub(super) revocations: Revocations,
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) credential_lifetime: Duration,
    pub(super) plain_type: bool,
    pub(super) replays: Replays,
    pub(super) clock: SharedClock,
}

impl Desk {
    /// Does what a form says, if an issuer has signed it.
    pub(super) async fn take<B: Body<Data = Bytes>>(
        &self,
        exchange: &Exchange,
        body: B,
    ) -> Result<LogoutFacts, Refusal> {
        // Its size, its type and its time have been checked there, or would have been where the gate only observes.
        if !exchange.route().is_some_and(|route| is_signed_form(route)) {
            return Err(Refusal::misconfigured(
                "BackChannelLogout answers a route that is not its own: give it to GateBuilder::back_channel_logout, or \
                 put BackChannelLogout::route() into the table of MatchRouteLayer",
            ));
        }
        if matches!(exchange.record(|record| record.ran(StepId::Read)), Ran::Off | Ran::NotReached) {
            return Err(Refusal::stacked_wrongly("BackChannelLogout", "ReadPayloadLayer"));
        }
        let form = collect(body).await.ok_or_else(|| malformed("the request broke off"))?;
        let token =
            form::logout_token(&form).ok_or_else(|| malformed("send exactly one logout_token in a form"))?;
        self.log_out(&token).await.map_err(|error| {
            if let JwtErrorKind::RevocationsFull(_) = error.kind {
                let public = "the logout cannot be kept now";
                return Refusal::new(RefusalKind::Unavailable, public).cause(error.to_string()).rule(RULE);
            }
            // What an issuer sends twice, or late, is no guess of a stranger.
            if !matches!(error.kind, JwtErrorKind::Replayed | JwtErrorKind::Expired) {
                exchange.record(|record| record.failed_credential = true);
            }
            malformed("the logout token is not valid").cause(error.to_string())
        })
    }

    pub(super) fn settings(&self) -> impl fmt::Debug {
        let issuers: Vec<_> = self.issuers.iter().map(TrustedIssuer::settings).collect();
        (&self.path, issuers, self.credential_lifetime, self.plain_type)
    }

    async fn log_out(&self, token: &str) -> Result<LogoutFacts, JwtError> {
        let unverified = Unverified::parse(token)?;
        let name = unverified.issuer()?;
        let mut issuers = self.issuers.iter().enumerate();
        let (number, issuer) =
            issuers.find(|(_, issuer)| *issuer.name == *name).ok_or(JwtErrorKind::UnknownIssuer)?;
        unverified.check_form(issuer, self.plain_type)?;
        self.check_signature(&unverified, issuer).await?;
        let now = self.clock.now();
        let logout = unverified.check(issuer, now)?;
        let elapsed = self.clock.elapsed();
        let forget_at = elapsed.saturating_add(logout.good_until.saturating_since(now));
        if !self.replays.is_first(number, &logout.id, elapsed, forget_at) {
            return Err(JwtErrorKind::Replayed.into());
        }
        let mut facts = LogoutFacts::of(issuer.name.clone());
        if let Err(RevocationsFull { .. }) = self.revoke(issuer, &logout) {
            self.revoke_all(issuer, &logout)?;
            facts.all_of_the_issuer = true;
        }
        (facts.subject, facts.session) = (logout.subject, logout.session);
        Ok(facts)
    }

    async fn check_signature(&self, token: &Unverified<'_>, issuer: &TrustedIssuer) -> Result<(), JwtError> {
        let source = issuer.keys.as_deref().expect("the builder refuses an issuer without keys");
        let verify = |source: &dyn KeySource| {
            let keys = source.snapshot();
            token.jws.verify(keys.select(token.jws.kid(), token.jws.algorithm())?).map(drop)
        };
        match verify(source) {
            Err(error) if error.kind == JoseErrorKind::UnknownKey => {
                if let Refresh::Later(pending) = source.refresh() {
                    pending.await;
                }
                Ok(verify(source)?)
            }
            verified => Ok(verified?),
        }
    }

    fn revoke(&self, issuer: &TrustedIssuer, logout: &Logout) -> Result<(), RevocationsFull> {
        let (until, moment) = (self.until(issuer), after(logout));
        let subject = logout.subject.as_deref().map(|id| Subject::new(issuer.name.clone(), id));
        match (&logout.session, subject) {
            (Some(session), subject) => {
                self.revocations.revoke_session(&issuer.name, session, until)?;
                let Some(subject) = subject else { return Ok(()) };
                self.revocations.revoke_subject_without_session_before(&subject, moment, until)
            }
            (None, Some(subject)) => self.revocations.revoke_subject_before(&subject, moment, until),
            (None, None) => unreachable!("a logout that names nobody is refused"),
        }
    }

    /// What is left when there is no room for one entry more.
    fn revoke_all(&self, issuer: &TrustedIssuer, logout: &Logout) -> Result<(), JwtError> {
        tracing::error!(
            issuer = issuer.name(),
            "the list of revocations is full: all that the issuer issued until this logout is revoked"
        );
        let revoked = self.revocations.revoke_issuer_before(&issuer.name, after(logout), self.until(issuer));
        revoked.map_err(|full| JwtErrorKind::RevocationsFull(full).into())
    }

    /// When all that was issued until now has ended.
    fn until(&self, issuer: &TrustedIssuer) -> UnixTime {
        self.clock.now().saturating_add(self.credential_lifetime).saturating_add(2 * issuer.leeway)
    }
}

/// The first moment at which what is issued is of a later login. Issuers write whole seconds: what was issued in the same one is
/// taken for earlier.
fn after(logout: &Logout) -> UnixTime {
    logout.issued.saturating_add(Duration::from_secs(1))
}

fn is_signed_form(route: &Route) -> bool {
    matches!(route.body(), BodyKind::Opaque(body) if body.is_signed())
}

fn malformed(public: &'static str) -> Refusal {
    Refusal::new(RefusalKind::MalformedRequest, public).rule(RULE)
}

async fn collect<B: Body<Data = Bytes>>(body: B) -> Option<Vec<u8>> {
    let mut body = pin!(body);
    let mut form = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        form.extend_from_slice(&frame.ok()?.into_data().unwrap_or_default());
    }
    Some(form)
}
