use super::Refusal;
use bytes::Bytes;
use http::HeaderValue;
use serde::Serialize;
use std::fmt;

/// The body of a refused response.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Its `Content-Type`.
    pub content_type: HeaderValue,
    /// Its bytes.
    pub body: Bytes,
}

impl Rendered {
    /// A JSON body of that type.
    pub fn json(content_type: &'static str, value: &impl Serialize) -> Self {
        let body =
            serde_json::to_vec(value).expect("a refusal's body holds strings and numbers under string keys");
        Self { content_type: HeaderValue::from_static(content_type), body: body.into() }
    }
}

/// Turns a refusal into a body. A dialect does so in its client's own error shape; a host may bring its own.
///
/// The status and the headers are the refusal's; they cannot be changed here.
pub trait Respond: fmt::Debug + Send + Sync + 'static {
    /// The body for `refusal` of the request called `request_id`.
    fn respond(&self, refusal: &Refusal, request_id: &str) -> Rendered;
}

/// `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `code`, `request_id`, and `pointer` where
/// a place in the body is meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemJson;

#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    request_id: &'a str,
}

impl Respond for ProblemJson {
    fn respond(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        let status = refusal.kind().status();
        Rendered::json(
            "application/problem+json",
            &Problem {
                r#type: "about:blank",
                title: status.canonical_reason().unwrap_or("Refused"),
                status: status.as_u16(),
                detail: refusal.public(),
                code: refusal.kind().code(),
                pointer: refusal.pointer(),
                request_id,
            },
        )
    }
}
