//! From the sections of routes to routes.

use super::file::{OpaqueSection, ResourceSection, RouteSection};
use super::source::Source;
use super::value::Text;
use super::{ConfigError, bodies};
use crate::payload::UrlPolicy;
use crate::route::{Access, Place, ResourceKind, Route, RouteErrorKind, RouteTable};
use std::ops::Range;
use toml::Spanned;

pub(super) fn routes(
    source: &Source,
    sections: Vec<Spanned<RouteSection>>,
) -> Result<Vec<Route>, ConfigError> {
    let mut routes = Vec::with_capacity(sections.len());
    let mut paths = Vec::with_capacity(sections.len());
    for section in sections {
        paths.push(section.get_ref().path.span());
        routes.push(route(source, section.span(), section.get_ref())?);
    }
    let fails = |count: usize| RouteTable::new(routes[..count].iter().cloned()).err();
    if fails(routes.len()).is_some() {
        // Each stands on its own: the first that cannot join those above it is the one to name.
        let counts: Vec<usize> = (0..=routes.len()).collect();
        let first = counts.partition_point(|count| fails(*count).is_none());
        if let Some(error) = fails(first) {
            return source.refuse(paths[first - 1].clone(), error.kind().to_string());
        }
    }
    Ok(routes)
}

fn route(source: &Source, span: Range<usize>, section: &RouteSection) -> Result<Route, ConfigError> {
    let path = &section.path;
    let mut route = Route::new(section.method.0.clone(), path.get_ref().as_str());
    if let Some(Text(dialect)) = section.dialect.as_ref().map(Spanned::get_ref) {
        route = route.shared_dialect(dialect.clone());
    }
    if let Some(action) = &section.action {
        route = route.action(action.clone());
    }
    if let Some(cap) = section.default_output_cap {
        route = route.default_output_cap(cap.0);
    }
    if section.allow_encoded_slashes {
        route = route.allow_encoded_slashes();
    }
    if let Some(until) = section.danger_observe {
        route = route.danger_observe(until.0);
    }
    let danger = section.danger_unsealed_references.as_ref();
    route = bodies::references(source, route, &section.references, section.seal_answers, danger)?;
    for place in &section.resources {
        let (kind, place) = resource(source, place)?;
        route = route.resource(kind, place);
    }
    route = enter(source, opaque(source, fields(source, route, section)?, section)?, section)?;
    let Err(error) = RouteTable::new([route.clone()]) else { return Ok(route) };
    match error.kind() {
        RouteErrorKind::Undecided => {
            source.refuse(span, "says not who may enter: add scopes = [\"…\"], by_policy = true for whom [policy] permits, machine_only = true for machines with a certificate, or open = true for everybody")
        }
        kind @ RouteErrorKind::OpenWithBody => {
            let body = section.danger_opaque_body.as_ref().map(Spanned::span);
            let body = section.dialect.as_ref().map(Spanned::span).or(body);
            source.refuse(body.unwrap_or(span), kind.to_string())
        }
        kind @ (RouteErrorKind::LoginOfNobody | RouteErrorKind::Acr) => {
            let login = section.acr.as_ref().map(Spanned::span);
            let login = login.or(section.max_age.as_ref().map(Spanned::span));
            source.refuse(login.unwrap_or(span), kind.to_string())
        }
        kind @ RouteErrorKind::SubjectOfNobody => {
            let optional = section.subject_optional.as_ref().map(Spanned::span);
            source.refuse(optional.unwrap_or(span), kind.to_string())
        }
        kind @ RouteErrorKind::Place(_) => {
            let place = section.resources.first().map_or_else(|| path.span(), Spanned::span);
            source.refuse(place, kind.to_string())
        }
        kind => source.refuse(path.span(), kind.to_string()),
    }
}

/// Who may enter.
fn enter(source: &Source, mut route: Route, section: &RouteSection) -> Result<Route, ConfigError> {
    for scope in &section.scopes {
        let alone = Route::get("/").scope(scope.get_ref().as_str());
        if RouteTable::new([alone]).is_err() {
            let problem = "a scope is one name without spaces; write each as a string of its own";
            return source.refuse(scope.span(), problem);
        }
        route = route.scope(scope.get_ref().as_str());
    }
    if section.by_policy.as_ref().is_some_and(|by_policy| *by_policy.get_ref()) {
        route = route.by_policy();
    }
    if let Some(open) = section.open.as_ref().filter(|open| *open.get_ref()) {
        if *route.access() != Access::Undecided {
            let problem =
                "it is open to everybody, and scopes or by_policy stand beside it; keep one of them";
            return source.refuse(open.span(), problem);
        }
        route = route.open();
    }
    if let Some(machine_only) = section.machine_only.as_ref().filter(|machine_only| *machine_only.get_ref()) {
        if !matches!(route.access(), Access::Undecided) {
            let problem = "only machines enter, by certificate, and scopes or open = true stand beside it; keep one of them";
            return source.refuse(machine_only.span(), problem);
        }
        route = route.machine_only();
    }
    if section.subject_optional.as_ref().is_some_and(|optional| *optional.get_ref()) {
        route = route.subject_optional();
    }
    if let Some(workloads) = &section.workloads {
        route = route.workloads(workloads.iter().map(|pattern| pattern.0.clone()));
    }
    for acr in section.acr.iter().flat_map(Spanned::get_ref) {
        route = route.acr(acr.as_str());
    }
    if let Some(age) = &section.max_age {
        route = route.max_age(age.get_ref().0);
    }
    let optional = section.danger_without_certificate.as_ref().is_some_and(|danger| *danger.get_ref());
    Ok(if optional { route.danger_without_certificate() } else { route })
}

/// Where a request names a thing.
fn resource(
    source: &Source,
    section: &Spanned<ResourceSection>,
) -> Result<(ResourceKind, Place), ConfigError> {
    let ResourceSection { kind, path, query, pointer } = section.get_ref();
    let place = match (path, query, pointer) {
        (Some(name), None, None) => Place::Path(name.as_str().into()),
        (None, Some(name), None) => Place::Query(name.as_str().into()),
        (None, None, Some(pointer)) => Place::Pointer(pointer.as_str().into()),
        _ => {
            return source.refuse(section.span(), "say where it is named, by one of path, query and pointer");
        }
    };
    Ok((ResourceKind::from_name(kind), place))
}

/// What a JSON body may hold.
fn fields(source: &Source, mut route: Route, section: &RouteSection) -> Result<Route, ConfigError> {
    let any_url = section.danger_urls_of_any_public_name.as_ref().filter(|danger| *danger.get_ref());
    let credentials = section.danger_credentials_in_body.as_ref().filter(|danger| *danger.get_ref());
    let said = [
        section.unknown_fields.as_ref().map(Spanned::span),
        section.urls.as_ref().map(Spanned::span),
        any_url.map(Spanned::span),
        credentials.map(Spanned::span),
    ];
    if let (None, Some(span)) = (&section.dialect, said.into_iter().flatten().next()) {
        return source.refuse(span, "says what a JSON body may hold, and this route takes none: add dialect");
    }
    if let Some(Text(unknown)) = section.unknown_fields.as_ref().map(Spanned::get_ref) {
        route = route.unknown_fields(*unknown);
    }
    let mut urls = UrlPolicy::none();
    for host in section.urls.iter().flat_map(Spanned::get_ref) {
        match host.get_ref().0.add_to(urls) {
            Ok(more) => urls = more,
            Err(error) => return source.refuse(host.span(), error.to_string()),
        }
    }
    if let Some(danger) = any_url {
        if section.urls.is_some() {
            return source
                .refuse(danger.span(), "urls lists hosts, and this allows every one; keep one of them");
        }
        urls = urls.danger_any_public_name();
    }
    route = route.urls(urls);
    Ok(if credentials.is_some() { route.danger_credentials_in_body() } else { route })
}

/// What goes by unread.
fn opaque(source: &Source, mut route: Route, section: &RouteSection) -> Result<Route, ConfigError> {
    if let Some(body) = &section.danger_opaque_body {
        if section.dialect.is_some() {
            return source
                .refuse(body.span(), "the body is read by a dialect, and unread by this; keep one of them");
        }
        let OpaqueSection { types, max_bytes } = body.get_ref();
        route = route.danger_opaque_body(types, max_bytes.0);
        check_opaque(source, body, Route::post("/").scope("s").danger_opaque_body(types, max_bytes.0))?;
    }
    if let Some(answer) = &section.danger_opaque_answer {
        let OpaqueSection { types, max_bytes } = answer.get_ref();
        route = route.danger_opaque_answer(types, max_bytes.0);
        check_opaque(source, answer, Route::post("/").scope("s").danger_opaque_answer(types, max_bytes.0))?;
    }
    Ok(route)
}

/// Names the section when a route that has nothing else cannot be used.
fn check_opaque(source: &Source, section: &Spanned<OpaqueSection>, alone: Route) -> Result<(), ConfigError> {
    match RouteTable::new([alone]) {
        Ok(_) => Ok(()),
        Err(error) => source.refuse(section.span(), error.kind().to_string()),
    }
}
