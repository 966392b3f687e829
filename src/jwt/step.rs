use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, request, response};

use super::authenticate::{Authenticate, Authentication};
use super::bearer::{API_KEY, Unfound};
use super::dpop::{DPOP, DPOP_NONCE};
use super::judge::Judge;
use super::shown::Shown;
use crate::exchange::{Check, Exchange, Step, StepId};
use crate::principal::AuthenticationMethod;
use crate::refusal::Refusal;
use crate::route::Access;

/// The step of [`VerifyJwtLayer`](super::VerifyJwtLayer).
#[derive(Debug)]
pub(super) struct VerifyJwt {
    pub(super) judge: Arc<Judge>,
    pub(super) host: Option<Arc<dyn Authenticate>>,
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
        let (host, came_with_one) = match &self.host {
            Some(host) => {
                let came_with_one = !matches!(self.shown(parts), Err(Unfound::Absent));
                (host.authenticate(parts, exchange), came_with_one)
            }
            None => (Authentication::Absent, false),
        };
        let shown = match self.shown(parts) {
            // The login took out what it does not know.
            Err(Unfound::Absent) if came_with_one => Err(Unfound::Foreign),
            shown => shown,
        };
        let check = self.judge.judge(host, shown, exchange);
        self.take_credential(parts, exchange);
        check
    }

    fn answer(&self, parts: &mut response::Parts, _: &Exchange) {
        // RFC 9449 §8.2: whoever has the newest nonce needs no second try.
        if let Some(nonce) = self.judge.nonce() {
            parts.headers.insert(DPOP_NONCE, nonce);
        }
    }
}

/// Whether the certificate of the connection said who asks, so that no other credential is needed.
fn is_known_by_certificate(exchange: &Exchange) -> bool {
    let method = exchange.principal().map(|principal| principal.credential().method());
    method == Some(AuthenticationMethod::Certificate)
}

impl VerifyJwt {
    fn shown<'p>(&self, parts: &'p request::Parts) -> Result<Shown<'p>, Unfound> {
        Shown::of(parts, self.api_key_header, self.judge.dpop.is_some())
    }

    /// Two credentials could say two things, and only one of them would have been looked at.
    fn without_credential(&self, parts: &request::Parts) -> Check {
        match self.shown(parts) {
            Err(Unfound::Absent | Unfound::Foreign) => Check::Skip,
            _ => Check::Refuse(self.judge.unfound(Unfound::Several).cause(
                "the certificate says who asks, and a bearer credential came beside it: the client leaves it out",
            )),
        }
    }

    /// Nobody further in needs the credential or its proof; who logs or forwards headers would leak it.
    fn take_credential(&self, parts: &mut request::Parts, exchange: &Exchange) {
        let all: [HeaderName; 3] = [AUTHORIZATION, DPOP, API_KEY];
        // Keys that are sent in the header where they are not taken are keys all the same.
        let secret =
            if self.api_key_header || !self.judge.api_keys.is_empty() { &all[..] } else { &all[..2] };
        for name in secret {
            // A service that is only observed may still check credentials by itself.
            if self.credential_passes || exchange.is_observed() {
                parts.headers.get_mut(name).into_iter().for_each(|value| value.set_sensitive(true));
            } else {
                parts.headers.remove(name);
            }
        }
    }
}
