//! What the head of a request says of its body.

use super::answer::unreadable;
use crate::payload::AnswerFraming;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::OpaqueBody;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RANGE, TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, StatusCode, request, response};

/// A content encoding that can be undone (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Refuses what would leave HTTP, takes away the means to do so, and takes away what would make the answer unreadable.
pub(super) fn close_ways_around(parts: &mut request::Parts) -> Result<(), Refusal> {
    let upgrade = parts.headers.contains_key(UPGRADE)
        || parts.headers.get_all(CONNECTION).iter().any(|value| lists(value, "upgrade"))
        || parts.method == Method::CONNECT;
    if upgrade {
        return Err(Refusal::new(
            RefusalKind::MalformedRequest,
            "this service takes no upgrades and no tunnels",
        ));
    }
    #[cfg(feature = "axum")]
    parts.extensions.remove::<hyper::upgrade::OnUpgrade>();
    parts.headers.remove(ACCEPT_ENCODING);
    parts.headers.remove(RANGE);
    Ok(())
}

/// Checks that an unread body is of one of the types that the route takes, and not encoded.
pub(super) fn check_opaque(headers: &HeaderMap, body: &OpaqueBody) -> Result<(), Refusal> {
    let unsupported = |what: String| Err(Refusal::new(RefusalKind::UnsupportedMediaType, what));
    let media = single(headers, &CONTENT_TYPE)?.and_then(|value| value.to_str().ok());
    if !body.takes(media.unwrap_or_default()) {
        let taken: Vec<&str> = body.types().collect();
        return unsupported(format!("send the body as {}", taken.join(" or ")));
    }
    let encoding = single(headers, &CONTENT_ENCODING)?;
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return unsupported("send the body without a content encoding".to_owned());
    }
    Ok(())
}

/// Checks that the body is JSON in UTF-8, and says how it is encoded.
pub(super) fn json_encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let unsupported = |what: String| Err(Refusal::new(RefusalKind::UnsupportedMediaType, what));
    match single(headers, &CONTENT_TYPE)? {
        Some(value) if is_json(value) => {}
        Some(_) => return unsupported("send the body as application/json in UTF-8".to_owned()),
        None => return unsupported("say what the body is: Content-Type: application/json".to_owned()),
    }
    let encoding = match single(headers, &CONTENT_ENCODING)?.map(HeaderValue::as_bytes) {
        None => Encoding::Identity,
        Some(name) if name.eq_ignore_ascii_case(b"identity") => Encoding::Identity,
        Some(name) if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
            Encoding::Gzip
        }
        Some(name) if name.eq_ignore_ascii_case(b"deflate") => Encoding::Deflate,
        Some(name) if name.eq_ignore_ascii_case(b"br") => Encoding::Brotli,
        Some(name) if name.eq_ignore_ascii_case(b"zstd") => Encoding::Zstd,
        Some(_) => {
            return unsupported(
                "this content encoding is not known; send one of gzip, deflate, br, zstd or none".to_owned(),
            );
        }
    };
    if encoding != Encoding::Identity && !cfg!(feature = "inflate") {
        return unsupported("this service takes no encoded bodies".to_owned());
    }
    Ok(encoding)
}

/// The body's length as declared, if it is.
pub(super) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Makes the head say what goes inward: the decoded body, whole.
pub(super) fn describe_body(headers: &mut HeaderMap, length: usize) {
    headers.remove(CONTENT_ENCODING);
    headers.remove(TRANSFER_ENCODING);
    if length == 0 {
        headers.remove(CONTENT_LENGTH);
    } else {
        describe_length(headers, length as u64);
    }
}

/// Says how long a body is, where that is not said already.
pub(super) fn describe_length(headers: &mut HeaderMap, length: u64) {
    let mut said = headers.get_all(CONTENT_LENGTH).iter();
    let is_said =
        said.next().is_some_and(|value| value.as_bytes() == itoa::Buffer::new().format(length).as_bytes());
    if !is_said || said.next().is_some() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

/// How an answer says that it is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Readable(AnswerFraming),
    Unsaid,
    Unreadable,
}

/// Refuses an answer that is compressed.
pub(super) fn check_unencoded(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.get_all(CONTENT_ENCODING).iter().any(|value| !is_identity(value)) {
        let cause = "the handler's answer is compressed: stack CompressionLayer outside of the gate";
        return Err(unreadable(cause));
    }
    Ok(())
}

/// What the type of an answer says. Two types are none: clients differ in which one they believe.
pub(super) fn framing(headers: &HeaderMap) -> Framing {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => Framing::Unsaid,
        (Some(one), None) => AnswerFraming::of(one).map_or(Framing::Unreadable, Framing::Readable),
        (Some(_), Some(_)) => Framing::Unreadable,
    }
}

/// Whether the route lets an answer of this head out unread.
pub(super) fn is_opaque(head: &response::Parts, declared: &OpaqueBody) -> bool {
    let mut types = head.headers.get_all(CONTENT_TYPE).iter();
    let one = types.next().filter(|_| types.next().is_none()).and_then(|media| media.to_str().ok());
    head.status.is_success() && one.is_some_and(|media| declared.takes(media))
}

/// Refuses an answer that leaves HTTP or cannot be read, and takes away what says how long it is: observers may change
/// that.
pub(super) fn close_ways_out(head: &mut response::Parts) -> Result<(), Refusal> {
    if head.status.is_informational() {
        return Err(unreadable("the handler switched protocols, which would leave the gate"));
    }
    check_unencoded(&head.headers)?;
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(TRANSFER_ENCODING);
    Ok(())
}

/// Whether an answer has no body on the wire, whatever its headers say (RFC 9110 §6.4.1), so that nobody polls it to its
/// end.
pub(super) fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        let twice = format!("the header {name} came more than once");
        return Err(Refusal::new(RefusalKind::MalformedRequest, twice));
    }
    Ok(first)
}

/// `application/json`, with no parameter or `charset=utf-8` (RFC 8259 §8.1 and §11).
fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

fn is_identity(value: &HeaderValue) -> bool {
    value
        .to_str()
        .is_ok_and(|value| value.split(',').all(|item| item.trim().eq_ignore_ascii_case("identity")))
}

fn lists(value: &HeaderValue, name: &str) -> bool {
    value.to_str().is_ok_and(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(name)))
}
