use crate::clock::HighWater;
use crate::exchange::{Check, Exchange, Permit, Step, StepId};
use crate::principal::Right;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{Access, Route};
use http::{HeaderValue, request};

use super::Policies;
use super::circumstances::Circumstances;
use super::enforce::refusal;

#[derive(Default)]
pub(super) struct Authorize {
    /// A clock that steps back makes no login fresh again.
    pub(super) time: HighWater,
    /// What every challenge ends with.
    pub(super) metadata: String,
    /// What may refuse before the body is read.
    pub(super) policies: Option<Policies>,
}

impl Step for Authorize {
    fn id(&self) -> StepId {
        StepId::Authorize
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(route) = exchange.route() else {
            return Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "MatchRouteLayer"));
        };
        if *route.access() == Access::Policy && self.policies.is_none() {
            return Check::Refuse(Refusal::misconfigured(
                "a route lets in whom the policies permit, and AuthorizeLayer knows of none: give the gate a policy, or \
                 require a scope",
            ));
        }
        exchange.note_permit(Permit::RouteAsked);
        let check = match (self.enter(route, exchange), &self.policies) {
            (Check::Permit, Some(policies)) => self.refuse_early(policies, parts, exchange).into(),
            (check, _) => check,
        };
        if matches!(check, Check::Permit) {
            exchange.note_permit(Permit::Route);
        }
        check
    }
}

impl Authorize {
    /// Whether the route lets the caller in.
    pub(super) fn enter(&self, route: &Route, exchange: &Exchange) -> Check {
        if route.workload_patterns().is_some() && exchange.workload().is_none() {
            return Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "RequirePeerLayer"));
        }
        match route.access() {
            Access::Open => Check::Skip,
            // RequirePeerLayer let it in, and made the machine the principal.
            Access::Machines if is_machine(exchange) => Check::Permit,
            Access::Machines => Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "RequirePeerLayer")),
            Access::Scopes(_) if route.is_subject_optional() && is_machine(exchange) => Check::Permit,
            Access::Policy => self.login(route, exchange).into(),
            Access::Scopes(required) if !required.is_empty() => {
                self.holds(required, exchange).and_then(|()| self.login(route, exchange)).into()
            }
            _ => Check::Refuse(Refusal::new(RefusalKind::Forbidden, "you may not do this").cause(format!(
                "the route {} names no scope, and an empty policy permits nobody",
                route.pattern()
            ))),
        }
    }

    /// Refuses what no body can make permitted.
    fn refuse_early(
        &self,
        policies: &Policies,
        parts: &mut request::Parts,
        exchange: &Exchange,
    ) -> Result<(), Refusal> {
        let gathered = Circumstances::gather(parts, exchange, policies, "AuthorizeLayer", false)?;
        let Some(circumstances) = gathered else { return Ok(()) };
        let resources = circumstances.resources(policies)?;
        match policies.judge_early(&circumstances.request(&resources)) {
            None => Ok(()),
            Some(verdict) => {
                circumstances.tell_why(policies);
                Err(refusal(&verdict))
            }
        }
    }

    /// Whether the user's login is as the route demands (RFC 9470 §3).
    fn login(&self, route: &Route, exchange: &Exchange) -> Result<(), Refusal> {
        let (wanted, max_age) = (route.acr_values(), route.max_login_age());
        if wanted.is_empty() && max_age.is_none() {
            return Ok(());
        }
        let Some(principal) = exchange.principal() else {
            return Err(Refusal::stacked_wrongly("AuthorizeLayer", "VerifyJwtLayer"));
        };
        let credential = principal.credential();
        let strong = wanted.is_empty()
            || credential.acr().is_some_and(|acr| wanted.iter().any(|wanted| **wanted == *acr));
        if !strong {
            return Err(self.step_up(
                route,
                "acr",
                "the user's login does not have an acr that the route names",
            ));
        }
        let Some(max_age) = max_age else { return Ok(()) };
        let now = self.time.now(&**exchange.clock());
        match credential.auth_time() {
            None => Err(self.step_up(
                route,
                "max_age",
                "the credential does not say when the user logged in (auth_time)",
            )),
            Some(time) if now.saturating_since(time) > max_age => {
                Err(self.step_up(route, "max_age", "the user's login is older than the route lets it be"))
            }
            Some(_) => Ok(()),
        }
    }

    /// The challenge of RFC 9470 §3: which login would do.
    fn step_up(&self, route: &Route, rule: &'static str, cause: &'static str) -> Refusal {
        let public = "this call needs another login of the user, stronger or more recent";
        let mut challenge =
            format!("Bearer error=\"insufficient_user_authentication\", error_description=\"{public}\"");
        if !route.acr_values().is_empty() {
            challenge.push_str(&format!(", acr_values=\"{}\"", route.acr_values().join(" ")));
        }
        if let Some(age) = route.max_login_age() {
            challenge.push_str(&format!(", max_age=\"{}\"", age.as_secs()));
        }
        challenge.push_str(&self.metadata);
        let refusal = Refusal::new(RefusalKind::InsufficientAuthentication, public).cause(cause).rule(rule);
        match HeaderValue::try_from(challenge) {
            Ok(challenge) => refusal.challenge(challenge),
            Err(_) => refusal,
        }
    }

    fn holds(&self, required: &[Box<str>], exchange: &Exchange) -> Result<(), Refusal> {
        let Some(principal) = exchange.principal() else {
            return Err(Refusal::stacked_wrongly("AuthorizeLayer", "VerifyJwtLayer"));
        };
        let Some(missing) = required.iter().find(|scope| !principal.scopes().contains(scope)) else {
            return Ok(());
        };
        let needed = required.join(" ");
        let by = principal.withheld().iter().find(|held| held.right == Right::Scope(missing.clone()));
        let cause = match by {
            Some(by) => format!("the actor {} lacks the scope {missing}, which the subject has", by.actor),
            None => format!("the credential lacks the scope {missing}"),
        };
        let refusal =
            Refusal::new(RefusalKind::InsufficientScope, format!("this call needs the scope {needed}"))
                .cause(cause)
                .rule(format!("scope:{missing}"));
        let challenge = format!(
            "Bearer error=\"insufficient_scope\", scope=\"{}\"{}",
            needed.replace(['"', '\\'], ""),
            self.metadata
        );
        Err(match HeaderValue::try_from(challenge) {
            Ok(challenge) => refusal.challenge(challenge),
            Err(_) => refusal,
        })
    }
}

fn is_machine(exchange: &Exchange) -> bool {
    exchange.principal().is_some_and(|principal| principal.subject().is_none())
}
