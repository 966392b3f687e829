use super::observer::SealAnswer;
use super::{CacheScopes, SealReferences};
use crate::exchange::{Check, Exchange, RequestPayload, Stage, Step, StepId};
use crate::principal::Account;
use crate::refusal::Refusal;
use crate::route::{Access, BodyKind, Route};
use http::request;

pub(super) struct Protect {
    pub(super) references: Option<SealReferences>,
    pub(super) scopes: Option<CacheScopes>,
}

impl Step for Protect {
    fn id(&self) -> StepId {
        StepId::Protect
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(route) = exchange.route() else {
            return Check::Refuse(Refusal::stacked_wrongly("ProtectLayer", "MatchRouteLayer"));
        };
        if *route.access() == Access::Open {
            return Check::Skip;
        }
        let Some(principal) = exchange.principal() else {
            return Check::Refuse(Refusal::stacked_wrongly("ProtectLayer", "VerifyJwtLayer"));
        };
        let payload = exchange.payload();
        if payload.is_none() && matches!(route.body(), BodyKind::Json(_)) {
            return Check::Refuse(Refusal::stacked_wrongly("ProtectLayer", "ReadPayloadLayer"));
        }
        self.protect(parts, exchange, route, payload.as_ref(), principal.account()).into()
    }
}

impl Protect {
    fn protect(
        &self,
        parts: &mut request::Parts,
        exchange: &Exchange,
        route: &Route,
        payload: Option<&RequestPayload>,
        owner: Account,
    ) -> Result<(), Refusal> {
        let mut edits = Vec::new();
        if let Some(scopes) = &self.scopes {
            let scope = scopes.of(&owner);
            if let (Some(payload), Some(dialect)) = (payload, route.body_dialect()) {
                scopes.write(&scope, payload, &**dialect, &mut edits);
            }
            parts.extensions.insert(scope);
        }
        let mut opened = Ok(());
        if let Some(references) = &self.references {
            opened = references.open_all(parts, route, payload, &owner, &mut edits);
            if route.seals_references() {
                exchange.observe(Stage::Protect, SealAnswer::new(references.clone(), owner))?;
            }
        }
        if !edits.is_empty() {
            exchange.edit_payload(&edits)?;
        }
        // At the end: where the gate only observes, all that could be done is done for a request that would be refused.
        opened
    }
}
