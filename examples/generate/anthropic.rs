//! `/v1/messages`, in the shapes of Anthropic.

use crate::conversation::{Content, Message, prompt};
use crate::events::Events;
use crate::model;
use axum::Json;
use axum::response::{IntoResponse, Response};
use portcullis::exchange::Exchange;
use portcullis::{Payload, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Messages {
    model: String,
    system: Option<Content>,
    messages: Vec<Message>,
    max_tokens: u64,
    #[serde(default)]
    stream: bool,
}

pub(crate) async fn messages(
    _: Principal,
    exchange: Exchange,
    Payload(request): Payload<Messages>,
) -> Response {
    let mut prompt = prompt(&request.messages);
    for text in request.system.iter().flat_map(Content::texts) {
        prompt.push('\n');
        prompt.push_str(text);
    }
    let answer = model::answer(&prompt, 0, Some(request.max_tokens));
    let (input, output) = (model::units(&prompt), answer.units());
    let stop = if answer.cut { "max_tokens" } else { "end_turn" };
    let message = |content: Value, stop: Option<&str>, output: u64| {
        json!({
            "id": format!("msg_{}", exchange.request_id()),
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": null,
            "usage": { "input_tokens": input, "output_tokens": output },
        })
    };
    if !request.stream {
        let content = json!([{ "type": "text", "text": answer.text() }]);
        return Json(message(content, Some(stop), output)).into_response();
    }
    let mut events = Events::default();
    events.typed(&json!({ "type": "message_start", "message": message(json!([]), None, 0) }));
    let block = json!({ "type": "text", "text": "" });
    events.typed(&json!({ "type": "content_block_start", "index": 0, "content_block": block }));
    for word in &answer.words {
        let delta = json!({ "type": "text_delta", "text": word });
        events.typed(&json!({ "type": "content_block_delta", "index": 0, "delta": delta }));
    }
    events.typed(&json!({ "type": "content_block_stop", "index": 0 }));
    let delta = json!({ "stop_reason": stop, "stop_sequence": null });
    events.typed(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": output } }));
    events.typed(&json!({ "type": "message_stop" }));
    events.into_response()
}
