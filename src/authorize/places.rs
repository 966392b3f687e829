//! What the places name that a route declares: segments of the path, parameters of the query, pointers into the body.

use super::Resource;
use crate::exchange::original_uri;
use crate::payload::json::{Document, Kind, Node};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{BodyKind, Place, ResourceKind, Route};
use http::request;
use std::borrow::Cow;

/// More things of one kind are named by no sound request.
const MOST: usize = 64;

/// What the request names at the route's places. A place in the body is passed over before the body was read. Where a
/// place names nothing, the handler chooses.
pub(super) fn named(
    parts: &request::Parts,
    route: &Route,
    body: Option<&Document>,
) -> Result<Vec<Resource<'static>>, Refusal> {
    let mut all = Vec::new();
    for place in route.resource_places() {
        let kind = place.kind();
        let uri = original_uri(parts);
        let before = all.len();
        let mut add = |id: Cow<'_, str>| all.push(Resource::new(kind.clone(), id.into_owned()));
        match place.place() {
            Place::Path(name) => {
                if let Some(text) = segment(route.pattern(), uri.path(), name) {
                    add(unescape(text, false).ok_or_else(|| malformed(kind, "the path"))?);
                }
            }
            Place::Query(name) => {
                for pair in uri.query().unwrap_or_default().split('&') {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    let key = unescape(key, true).ok_or_else(|| malformed(kind, "the query"))?;
                    if key == **name {
                        add(unescape(value, true).ok_or_else(|| malformed(kind, "the query"))?);
                    }
                }
            }
            Place::Pointer(pointer) => match (body, route.body()) {
                (Some(body), _) => pointed(body, kind, pointer, &mut add)?,
                (None, BodyKind::None) => {}
                (None, _) => continue,
            },
        }
        if all.len() == before {
            all.push(Resource::new(kind.clone(), ""));
        }
        if all.len() > MOST {
            return Err(malformed(kind, "the request"));
        }
    }
    Ok(all)
}

fn pointed(
    body: &Document,
    kind: &ResourceKind,
    pointer: &str,
    add: &mut dyn FnMut(Cow<'_, str>),
) -> Result<(), Refusal> {
    let Some(node) = body.at(pointer) else { return Ok(()) };
    match node.kind() {
        Kind::Null => Ok(()),
        Kind::String => {
            node.as_str().into_iter().for_each(|text| add(text.into()));
            Ok(())
        }
        Kind::Array if node.items().all(|item| item.as_str().is_some()) => {
            node.items().filter_map(Node::as_str).for_each(|text| add(text.into()));
            Ok(())
        }
        _ => Err(malformed(kind, "the body").at(pointer)),
    }
}

fn malformed(kind: &ResourceKind, place: &str) -> Refusal {
    Refusal::new(
        RefusalKind::MalformedRequest,
        format!("{place} names a {kind} in a way that cannot be read"),
    )
}

/// The segment of `path` that stands where `{name}` stands in `pattern`; all the rest where `{*name}` does.
fn segment<'p>(pattern: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let mut rest = path.strip_prefix('/')?;
    for wanted in pattern.strip_prefix('/')?.split('/') {
        let (held, behind) = rest.split_once('/').unwrap_or((rest, ""));
        let Some((before, parameter)) = wanted.split_once('{') else {
            rest = behind;
            continue;
        };
        let (parameter, after) = parameter.split_once('}')?;
        match parameter.strip_prefix('*') {
            Some(parameter) if parameter == name => return rest.strip_prefix(before),
            None if parameter == name => return held.strip_prefix(before)?.strip_suffix(after),
            _ => rest = behind,
        }
    }
    None
}

/// Undoes percent encoding, and in a query `+`. `None` for what is no UTF-8 then.
fn unescape(text: &str, is_query: bool) -> Option<Cow<'_, str>> {
    let special = |byte: u8| byte == b'%' || is_query && byte == b'+';
    if !text.bytes().any(special) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            b'+' if is_query => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_found_by_its_name_in_the_pattern() {
        for (pattern, path, expected) in [
            ("/v1/sets/{set}/query", "/v1/sets/sales/query", Some("sales")),
            ("/v1/{a}/{set}", "/v1/x/y", Some("y")),
            ("/v1/sets/{*set}", "/v1/sets/a/b", Some("a/b")),
            ("/v1/set-{set}.json", "/v1/set-7.json", Some("7")),
            ("/v1/sets", "/v1/sets", None),
            ("/v1/{other}", "/v1/sales", None),
        ] {
            assert_eq!(segment(pattern, path, "set"), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn escapes_are_undone_or_refused() {
        assert_eq!(unescape("a%20b+c", true).as_deref(), Some("a b c"));
        assert_eq!(unescape("a%20b+c", false).as_deref(), Some("a b+c"));
        for broken in ["%", "%2", "%zz", "%ff", "%C3"] {
            assert_eq!(unescape(broken, true), None, "{broken}");
        }
    }
}
