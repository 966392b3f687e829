//! Finds the one credential of a request (RFC 6750 §2.1), without believing anything in it.

#[cfg(feature = "sts")]
use http::header::CONTENT_TYPE;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use memchr::memchr;

use super::dpop::DPOP;

/// Anthropic's header for the credential.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Where clients of model providers put credentials, and proofs of them, that are none here without more.
const FOREIGN: [HeaderName; 4] =
    [API_KEY, DPOP, HeaderName::from_static("api-key"), HeaderName::from_static("x-goog-api-key")];

/// Why a request shows no credential that could be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfound {
    /// There is none.
    Absent,
    /// Something is there that is not taken here: another scheme, nothing behind the scheme, a header for keys of others. It may speak
    /// for somebody, so nobody else's rights apply in its place.
    Foreign,
    /// There is more than one, so that two readers could take different ones.
    Several,
    /// It stands in the query, where every log on the way has read it.
    InQuery,
    /// The header is not the credential alone in visible ASCII.
    Malformed,
}

/// Under which scheme a credential came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `Authorization: Bearer` (RFC 6750).
    Bearer,
    /// `Authorization: DPoP` (RFC 9449 §7.1).
    Dpop,
    /// Alone in a header of its own.
    Header,
}

/// The credential of a request, and its scheme.
#[derive(Debug)]
pub(super) struct Found<'p> {
    pub(super) credential: &'p str,
    pub(super) scheme: Scheme,
}

/// The credential of the request, under the scheme `DPoP` only where that is taken.
pub(super) fn find(parts: &Parts, api_key_header: bool, dpop: bool) -> Result<Found<'_>, Unfound> {
    if parts.uri.query().is_some_and(names_credential) {
        return Err(Unfound::InQuery);
    }
    let authorization = single(&parts.headers, &AUTHORIZATION)?;
    let api_key = if api_key_header { single(&parts.headers, &API_KEY)? } else { None };
    let (scheme, credential) = match (authorization, api_key) {
        (Some(_), Some(_)) => return Err(Unfound::Several),
        (Some(value), None) => after_scheme(value.as_bytes(), dpop)?,
        (None, Some(value)) => (Scheme::Header, value.as_bytes()),
        (None, None) if FOREIGN.iter().any(|name| parts.headers.contains_key(name)) => {
            return Err(Unfound::Foreign);
        }
        (None, None) => return Err(Unfound::Absent),
    };
    if credential.is_empty() {
        return Err(Unfound::Foreign);
    }
    // Somebody on the way joined two headers into one (RFC 9110 §5.3). No credential has a comma.
    if memchr(b',', credential).is_some() {
        return Err(Unfound::Several);
    }
    // Without an early exit, many bytes are looked at at once.
    if !credential.iter().fold(true, |graphic, byte| graphic & byte.is_ascii_graphic()) {
        return Err(Unfound::Malformed);
    }
    let credential = std::str::from_utf8(credential).map_err(|_| Unfound::Malformed)?;
    Ok(Found { credential, scheme })
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Unfound> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Unfound::Several),
        (value, None) => Ok(value),
    }
}

/// RFC 9110 §11.1, §11.4: a scheme without regard to case, one or more spaces, the credential.
fn after_scheme(value: &[u8], dpop: bool) -> Result<(Scheme, &[u8]), Unfound> {
    let scheme = value.iter().position(|byte| *byte == b' ').unwrap_or(value.len());
    let (scheme, rest) = value.split_at(scheme);
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case(b"bearer") => Scheme::Bearer,
        _ if dpop && scheme.eq_ignore_ascii_case(b"dpop") => Scheme::Dpop,
        _ => return Err(Unfound::Foreign),
    };
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    Ok((scheme, &rest[start..]))
}

/// Whether a query has the parameter of RFC 6750 §2.3, however it is escaped.
fn names_credential(query: &str) -> bool {
    query.split(['&', ';']).any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default();
        unescaped(name.as_bytes()).eq(b"access_token".iter().copied())
    })
}

/// The bytes of a name or value of a query or form, its escapes undone.
pub(super) fn unescaped(name: &[u8]) -> impl Iterator<Item = u8> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let byte = *name.get(at)?;
        at += 1;
        let escaped =
            (byte == b'%').then(|| Some(hex(*name.get(at)?)? << 4 | hex(*name.get(at + 1)?)?)).flatten();
        if escaped.is_some() {
            at += 2;
        }
        Some(escaped.unwrap_or(byte))
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(feature = "sts")]
/// Whether the body is one form (`application/x-www-form-urlencoded`).
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(only), None) = (types.next(), types.next()) else { return false };
    let media_type = only.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}
