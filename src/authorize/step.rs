use crate::exchange::{Check, Exchange, Step, StepId};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::Access;
use http::{HeaderValue, request};

pub(super) struct Authorize;

impl Step for Authorize {
    fn id(&self) -> StepId {
        StepId::Authorize
    }

    fn check(&self, _parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(route) = exchange.route() else {
            return Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "MatchRouteLayer"));
        };
        if route.workload_patterns().is_some() && exchange.workload().is_none() {
            return Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "RequirePeerLayer"));
        }
        match route.access() {
            Access::Open => Check::Skip,
            // RequirePeerLayer let it in, and made the machine the principal.
            Access::Machines if is_machine(exchange) => Check::Permit,
            Access::Machines => Check::Refuse(Refusal::stacked_wrongly("AuthorizeLayer", "RequirePeerLayer")),
            Access::Scopes(required) if !required.is_empty() => holds(required, exchange).into(),
            _ => Check::Refuse(Refusal::new(RefusalKind::Forbidden, "you may not do this").cause(format!(
                "the route {} names no scope, and an empty policy permits nobody",
                route.pattern()
            ))),
        }
    }
}

fn is_machine(exchange: &Exchange) -> bool {
    exchange.principal().is_some_and(|principal| principal.subject().is_none())
}

fn holds(required: &[Box<str>], exchange: &Exchange) -> Result<(), Refusal> {
    let Some(principal) = exchange.principal() else {
        return Err(Refusal::stacked_wrongly("AuthorizeLayer", "VerifyJwtLayer"));
    };
    let Some(missing) = required.iter().find(|scope| !principal.scopes().contains(scope)) else {
        return Ok(());
    };
    let needed = required.join(" ");
    let refusal = Refusal::new(RefusalKind::InsufficientScope, format!("this call needs the scope {needed}"))
        .cause(format!("the credential lacks the scope {missing}"))
        .rule(format!("scope:{missing}"));
    let challenge =
        format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", needed.replace(['"', '\\'], ""));
    Err(match HeaderValue::try_from(challenge) {
        Ok(challenge) => refusal.challenge(challenge),
        Err(_) => refusal,
    })
}
