//! `/v1/chat/completions`, in the shapes of OpenAI.

use crate::conversation::{Message, prompt};
use crate::events::Events;
use crate::model::{self, Answer};
use axum::Json;
use axum::response::{IntoResponse, Response};
use portcullis::exchange::Exchange;
use portcullis::{Payload, Principal};
use serde::Deserialize;
use serde_json::{Value, json};
use std::num::NonZeroU8;

#[derive(Deserialize)]
pub(crate) struct Completion {
    model: String,
    messages: Vec<Message>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<NonZeroU8>,
    #[serde(default)]
    stream: bool,
    stream_options: Option<StreamOptions>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

pub(crate) async fn complete(
    _: Principal,
    exchange: Exchange,
    Payload(request): Payload<Completion>,
) -> Response {
    let prompt = prompt(&request.messages);
    let cap = request.max_completion_tokens.into_iter().chain(request.max_tokens).min();
    let candidates = request.n.map_or(1, |n| u64::from(n.get()));
    let answers: Vec<Answer> = (0..candidates).map(|n| model::answer(&prompt, n, cap)).collect();
    let usage = usage(model::units(&prompt), answers.iter().map(Answer::units).sum());
    let head =
        Head { id: exchange.request_id(), created: exchange.started().as_secs(), model: &request.model };
    if !request.stream {
        let choices = answers.iter().enumerate().map(|(n, answer)| {
            let message = json!({ "role": "assistant", "content": answer.text(), "refusal": null });
            json!({ "index": n, "message": message, "logprobs": null, "finish_reason": finish(answer) })
        });
        return Json(head.object("chat.completion", choices.collect(), Some(usage))).into_response();
    }
    let mut events = Events::default();
    for (n, answer) in answers.iter().enumerate() {
        let chunk = |delta: Value, finish: Option<&str>| {
            let choice = json!({ "index": n, "delta": delta, "logprobs": null, "finish_reason": finish });
            head.object("chat.completion.chunk", vec![choice], None)
        };
        events.data(&chunk(json!({ "role": "assistant", "content": "" }), None));
        for word in &answer.words {
            events.data(&chunk(json!({ "content": word }), None));
        }
        events.data(&chunk(json!({}), Some(finish(answer))));
    }
    // Always true behind a gate, which asks for usage itself and keeps this event from clients that did not.
    if request.stream_options.is_some_and(|options| options.include_usage) {
        events.data(&head.object("chat.completion.chunk", Vec::new(), Some(usage)));
    }
    events.done();
    events.into_response()
}

/// What an answer and each of its chunks begin with.
struct Head<'a> {
    id: &'a str,
    created: u64,
    model: &'a str,
}

impl Head<'_> {
    fn object(&self, object: &str, choices: Vec<Value>, usage: Option<Value>) -> Value {
        let id = format!("chatcmpl-{}", self.id);
        let mut head = json!({ "id": id, "object": object, "created": self.created, "model": self.model });
        head["choices"] = choices.into();
        if let Some(usage) = usage {
            head["usage"] = usage;
        }
        head
    }
}

fn finish(answer: &Answer) -> &'static str {
    if answer.cut { "length" } else { "stop" }
}

fn usage(input: u64, output: u64) -> Value {
    json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output })
}
