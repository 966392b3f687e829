//! References in the path and in the query.

use crate::exchange::check_before_router;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{ReferencePlace, Route};
use http::uri::PathAndQuery;
use http::{Uri, request};
use std::borrow::Cow;

/// Replaces every reference that the route declares in path and query by what `open` makes of it.
pub(super) fn rewrite(
    parts: &mut request::Parts,
    route: &Route,
    open: impl Fn(&ReferencePlace, &str) -> Result<String, Refusal>,
) -> Result<(), Refusal> {
    let mut path = Cow::Borrowed(parts.uri.path());
    let mut query = parts.uri.query().map(Cow::Borrowed);
    for place in route.references() {
        match place {
            ReferencePlace::Path(parameter) => {
                check_before_router(parts, "its references were opened")?;
                let at = route.pattern().split('/').position(|part| is_parameter(part, parameter));
                let mut segments: Vec<Cow<'_, str>> = path.split('/').map(Cow::Borrowed).collect();
                let Some(segment) = at.and_then(|at| segments.get_mut(at)) else {
                    return Err(Refusal::misconfigured(format!("the path has no {parameter}")));
                };
                *segment = open(place, &decode(segment, false)).map(|id| encode(&id).into())?;
                path = segments.join("/").into();
            }
            ReferencePlace::Query(parameter) => {
                let Some(before) = &query else { continue };
                query = Some(rewrite_query(before, parameter, |sealed| open(place, sealed))?.into());
            }
            ReferencePlace::Body(_) => {}
        }
    }
    if matches!(path, Cow::Borrowed(_)) && !matches!(query, Some(Cow::Owned(_))) {
        return Ok(());
    }
    let written = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.into_owned(),
    };
    let refused = || Refusal::new(RefusalKind::MalformedRequest, "the path or the query is too long");
    let mut uri = parts.uri.clone().into_parts();
    uri.path_and_query = Some(PathAndQuery::try_from(written).map_err(|_| refused())?);
    parts.uri = Uri::from_parts(uri).map_err(|_| refused())?;
    Ok(())
}

fn is_parameter(part: &str, parameter: &str) -> bool {
    part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) == Some(parameter)
}

/// The query with every value of that name opened, however the name is spelt.
fn rewrite_query(
    query: &str,
    parameter: &str,
    open: impl Fn(&str) -> Result<String, Refusal>,
) -> Result<String, Refusal> {
    let mut pairs = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.push(match decode(name, true) == parameter {
            true => Cow::Owned(format!("{name}={}", encode(&open(&decode(value, true))?))),
            false => Cow::Borrowed(pair),
        });
    }
    Ok(pairs.join("&"))
}

/// Undoes escapes (RFC 3986 §2.1), and in a query the `+` of forms. What is no UTF-8 then is no reference either, and no
/// parameter that anybody declares.
fn decode(text: &str, is_query: bool) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte == b'%' || is_query && byte == b'+') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digit = |at: usize| bytes.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high << 4 | low) as u8);
                at += 3;
                continue;
            }
            (b'+', ..) if is_query => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

/// Escapes all but what RFC 3986 §2.3 reserves for nothing.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            encoded.push('%');
            encoded.push(char::from(HEX[usize::from(byte >> 4)]));
            encoded.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    encoded
}
