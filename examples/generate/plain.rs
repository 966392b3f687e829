//! `/generate`: a prompt in, a text out.

use crate::events::Events;
use crate::model;
use axum::Json;
use axum::response::{IntoResponse, Response};
use portcullis::{Payload, Principal};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What is asked. The gate has read the same members; what it does not know, it has looked at for attacks all the same.
#[derive(Deserialize)]
pub(crate) struct Generate {
    #[serde(alias = "inputs")]
    prompt: String,
    #[serde(alias = "max_new_tokens")]
    max_tokens: Option<u64>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(alias = "max_tokens")]
    max_new_tokens: Option<u64>,
    #[serde(default)]
    stream: bool,
}

/// What is answered; in a stream, the last event.
#[derive(Serialize)]
struct Generated<'a> {
    text: &'a str,
    finish_reason: &'static str,
    usage: Usage,
    user: &'a str,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
}

pub(crate) async fn generate(principal: Principal, Payload(request): Payload<Generate>) -> Response {
    // The gate reserved for the larger of two caps. The smaller is kept to, so that nothing is overrun.
    let cap = request.max_tokens.into_iter().chain(request.parameters.max_new_tokens).min();
    let answer = model::answer(&request.prompt, 0, cap);
    let generated = |text| Generated {
        text,
        finish_reason: if answer.cut { "length" } else { "stop" },
        usage: Usage { input_tokens: model::units(&request.prompt), output_tokens: answer.units() },
        user: principal.name(),
    };
    if !(request.stream || request.parameters.stream) {
        return Json(generated(&answer.text())).into_response();
    }
    let mut events = Events::default();
    for word in &answer.words {
        events.data(&json!({ "text": word }));
    }
    events.data(&generated(""));
    events.done();
    events.into_response()
}
