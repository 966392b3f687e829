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

#[derive(Serialize)]
struct TgiBody<'a> {
    error: &'a str,
    error_type: &'static str,
}

/// `{"error": "…", "error_type": "…"}`
pub(super) fn tgi(refusal: &Refusal) -> Rendered {
    let error_type = match refusal.kind().status() {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "overloaded",
        status if status.is_server_error() => "generation",
        _ => "validation",
    };
    Rendered::json("application/json", &TgiBody { error: refusal.public(), error_type })
}

#[derive(Serialize)]
struct GoogleBody<'a> {
    error: GoogleError<'a>,
}

#[derive(Serialize)]
struct GoogleError<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
}

/// `{"error": {"code", "message", "status"}}`, with the status of `google.rpc.Code`.
pub(super) fn google(refusal: &Refusal) -> Rendered {
    let code = refusal.kind().status();
    let status = match code {
        StatusCode::UNAUTHORIZED => "UNAUTHENTICATED",
        StatusCode::FORBIDDEN => "PERMISSION_DENIED",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::TOO_MANY_REQUESTS => "RESOURCE_EXHAUSTED",
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "DEADLINE_EXCEEDED",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => "UNAVAILABLE",
        code if code.is_server_error() => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    };
    let error = GoogleError { code: code.as_u16(), message: refusal.public(), status };
    Rendered::json("application/json", &GoogleBody { error })
}

#[derive(Serialize)]
struct JsonRpcBody<'a> {
    jsonrpc: &'static str,
    id: (),
    error: JsonRpcError<'a>,
}

#[derive(Serialize)]
struct JsonRpcError<'a> {
    code: i32,
    message: &'a str,
    data: JsonRpcData<'a>,
}

#[derive(Serialize)]
struct JsonRpcData<'a> {
    code: &'static str,
    pointer: Option<&'a str>,
    request_id: &'a str,
}

/// `{"jsonrpc": "2.0", "id": null, "error": {"code", "message", "data"}}`. The id is null, as JSON-RPC 2.0 (section 5) has
/// it where the request was not understood; the code is of the range that it leaves to servers, unless one of its own fits.
pub(super) fn json_rpc(refusal: &Refusal, request_id: &str) -> Rendered {
    let kind = refusal.kind();
    let code = match kind.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => -32600,
        status if status.is_server_error() => -32603,
        _ => -32000,
    };
    let data = JsonRpcData { code: kind.code(), pointer: refusal.pointer(), request_id };
    let error = JsonRpcError { code, message: refusal.public(), data };
    Rendered::json("application/json", &JsonRpcBody { jsonrpc: "2.0", id: (), error })
}
