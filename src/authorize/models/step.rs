use super::ModelCatalog;
use crate::authorize::places;
use crate::authorize::set::FORBIDDEN;
use crate::exchange::{Check, Exchange, RequestPayload, Step, StepId, check_before_router};
use crate::payload::{Dialect, Edit, FieldClass, Node, NodeId, json};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{BodyKind, Place, ResourceKind, ResourcePlace, Route};
use http::uri::PathAndQuery;
use http::{Uri, request};

/// Whether every model of a request is listed, in the request's extensions until that is asked.
#[derive(Clone, Copy)]
struct Resolved {
    all_listed: bool,
}

/// Writes the one name of every model.
pub(super) struct Resolve {
    pub(super) catalog: ModelCatalog,
}

/// Refuses a request of which a model is not listed.
pub(super) struct RequireListed;

impl Step for Resolve {
    fn id(&self) -> StepId {
        StepId::Models
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Some(route) = exchange.route() else {
            return Check::Refuse(Refusal::stacked_wrongly("ResolveModelLayer", "MatchRouteLayer"));
        };
        match (exchange.payload(), route.body()) {
            (Some(payload), BodyKind::Json(dialect)) => {
                self.resolve(parts, exchange, route, &payload, &**dialect).into()
            }
            (_, BodyKind::Json(_)) => {
                Check::Refuse(Refusal::stacked_wrongly("ResolveModelLayer", "ReadPayloadLayer"))
            }
            _ if places_of_models(route).next().is_none() => Check::Skip,
            _ => self
                .look_up(parts, route)
                .map(|all_listed| _ = parts.extensions.insert(Resolved { all_listed }))
                .into(),
        }
    }
}

impl Resolve {
    fn resolve(
        &self,
        parts: &mut request::Parts,
        exchange: &Exchange,
        route: &Route,
        payload: &RequestPayload,
        dialect: &dyn Dialect,
    ) -> Result<(), Refusal> {
        let mut all_listed = self.look_up(parts, route)?;
        let mut edits = Vec::new();
        for node in named(route, payload) {
            let node = payload.document.node(node).expect("the facts name nodes of this document");
            let called = node.as_str();
            match called.and_then(|called| self.catalog.name_of(called)) {
                Some(name) if Some(&*name) == called => {}
                Some(name) => edits.push(Edit::replace(node.id(), json::quote(&name))),
                None => all_listed = false,
            }
        }
        if let (Some(model), None) = (&payload.facts.model, payload.facts.model_node) {
            match self.catalog.name_of(model) {
                Some(name) if name == *model => {}
                Some(name) => match dialect.write_path_model(parts.uri.path(), &name) {
                    Some(path) => {
                        check_before_router(parts, "the model in it had its one name")?;
                        write_path(parts, &path)?;
                        exchange.name_model(name);
                    }
                    // The server would take the other name for whatever it likes.
                    None => all_listed = false,
                },
                None => all_listed = false,
            }
        }
        // What is not listed is refused as it came: nothing is changed that policies look at before.
        if all_listed && !edits.is_empty() {
            exchange.edit_payload(&edits)?;
            if let Some(model) = exchange.payload().and_then(|payload| payload.facts.model.clone()) {
                exchange.name_model(model);
            }
        }
        parts.extensions.insert(Resolved { all_listed });
        Ok(())
    }
}

impl Resolve {
    /// Whether every model is listed that path or query name where the route says so. A handler finds it called as it was.
    fn look_up(&self, parts: &request::Parts, route: &Route) -> Result<bool, Refusal> {
        let named = places::named(parts, route, None)?;
        let mut models = named.iter().filter(|resource| resource.kind == ResourceKind::Model);
        Ok(models.all(|model| model.id.is_empty() || self.catalog.name_of(&model.id).is_some()))
    }
}

impl Step for RequireListed {
    fn id(&self) -> StepId {
        StepId::Models
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let takes_json = |route: &Route| matches!(route.body(), BodyKind::Json(_));
        match parts.extensions.remove::<Resolved>() {
            Some(Resolved { all_listed: true }) => Check::Permit,
            Some(Resolved { all_listed: false }) => Check::Refuse(unlisted()),
            None if exchange.route().is_some_and(|route| !takes_json(route)) => Check::Skip,
            None => Check::Refuse(Refusal::misconfigured("models are asked for before they are resolved")),
        }
    }
}

/// Every value of the body that names a model, for the dialect or for the route, each once.
fn named(route: &Route, payload: &RequestPayload) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = payload.facts.fields_of(FieldClass::Model).collect();
    nodes.extend(payload.facts.model_node);
    for place in places_of_models(route) {
        let Place::Pointer(pointer) = place else { continue };
        match payload.document.at(pointer) {
            Some(list) if list.kind() == json::Kind::Array => nodes.extend(list.items().map(Node::id)),
            Some(one) => nodes.push(one.id()),
            None => {}
        }
    }
    nodes.sort_unstable();
    nodes.dedup();
    let is_said = |id: &NodeId| payload.document.node(*id).is_some_and(|node: Node<'_>| !node.is_null());
    nodes.retain(is_said);
    nodes
}

/// Where the route says that models are named.
fn places_of_models(route: &Route) -> impl Iterator<Item = &Place> {
    let places = route.resource_places().iter();
    places.filter(|place| *place.kind() == ResourceKind::Model).map(ResourcePlace::place)
}

fn write_path(parts: &mut request::Parts, path: &str) -> Result<(), Refusal> {
    let broken = || Refusal::misconfigured("the path with the model's name is none");
    let written = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(PathAndQuery::try_from(written).map_err(|_| broken())?);
    parts.uri = Uri::from_parts(uri).map_err(|_| broken())?;
    Ok(())
}

/// The same as for a model that the caller may not use.
fn unlisted() -> Refusal {
    Refusal::new(RefusalKind::Forbidden, FORBIDDEN)
        .rule("models")
        .cause("the request names a model that the catalog does not list")
}
