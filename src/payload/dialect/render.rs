//! What dialects say to their clients.

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::refusal::{Refusal, RefusalKind, Rendered};

/// Ends an answer: `body`, framed as the answer is. `name` is the event type of a server-sent event.
pub(super) fn cut(framing: AnswerFraming, name: &str, refusal: &Refusal, body: &[u8]) -> Bytes {
    let text = match framing {
        AnswerFraming::Text => return Bytes::from(format!("\n[{}]\n", refusal.public())),
        _ => String::from_utf8_lossy(body),
    };
    AnswerEvent::new(framing, name, &text).raw().clone()
}

#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

/// `{"error": {"message", "type", "param", "code"}}`
pub(super) fn openai(refusal: &Refusal) -> Rendered {
    let kind = refusal.kind();
    let error = OpenAiError {
        message: refusal.public(),
        r#type: match kind.status() {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        },
        param: refusal.pointer(),
        code: kind.code(),
    };
    Rendered::json("application/json", &OpenAiBody { error })
}

#[derive(Serialize)]
struct OpenAiEvent<'a> {
    r#type: &'static str,
    code: &'static str,
    message: &'a str,
    param: Option<&'a str>,
}

/// The `error` event of the responses API.
pub(super) fn openai_event(refusal: &Refusal) -> Rendered {
    let (code, message, param) = (refusal.kind().code(), refusal.public(), refusal.pointer());
    Rendered::json("application/json", &OpenAiEvent { r#type: "error", code, message, param })
}

#[derive(Serialize)]
struct AnthropicBody<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

/// `{"type": "error", "error": {"type", "message"}, "request_id"}`
pub(super) fn anthropic(refusal: &Refusal, request_id: &str) -> Rendered {
    let kind = refusal.kind();
    let error = AnthropicError {
        r#type: match (kind, kind.status()) {
            (RefusalKind::Unavailable, _) => "overloaded_error",
            (_, StatusCode::UNAUTHORIZED) => "authentication_error",
            (_, StatusCode::FORBIDDEN) => "permission_error",
            (_, StatusCode::NOT_FOUND) => "not_found_error",
            (_, StatusCode::PAYLOAD_TOO_LARGE) => "request_too_large",
            (_, StatusCode::TOO_MANY_REQUESTS) => "rate_limit_error",
            (_, status) if status.is_server_error() => "api_error",
            _ => "invalid_request_error",
        },
        message: refusal.public(),
    };
    Rendered::json("application/json", &AnthropicBody { r#type: "error", error, request_id })
}

#[derive(Serialize)]
struct OllamaBody<'a> {
    error: &'a str,
}

/// `{"error": "…"}`
pub(super) fn ollama(refusal: &Refusal) -> Rendered {
    Rendered::json("application/json", &OllamaBody { error: refusal.public() })
}
