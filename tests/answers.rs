//! Answers come through the whole stack as they were sent, however the network cuts them.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod common;

use bytes::Bytes;
use common::{Frames, Records, World, answering};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use portcullis::audit::AuditLayer;
use portcullis::exchange::{
    AnswerObserver, Check, Cut, End, Exchange, Released, Stage, Step, StepId, StepLayer,
};
use portcullis::payload::{AnswerEvent, AnswerFacts};
use portcullis::refusal::{Refusal, RefusalKind};
use std::convert::Infallible;
use tower::{Layer, ServiceExt};

const CHAT: &str =
    r#"{"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true, "max_tokens": 9}"#;
const OLLAMA: &str = r#"{"model": "m", "messages": [{"role": "user", "content": "hi"}]}"#;
const PLAIN: &str = r#"{"prompt": "hi", "max_tokens": 9}"#;
const SSE: &str = "text/event-stream";

/// Cuts at a word, where answers are inspected.
#[derive(Clone)]
struct StopAt(&'static str);

impl Step for StopAt {
    fn id(&self) -> StepId {
        StepId::Inspect
    }

    fn check(&self, _: &mut http::request::Parts, exchange: &Exchange) -> Check {
        exchange.observe(Stage::Inspect, self.clone()).into()
    }
}

impl AnswerObserver for StopAt {
    fn event(&mut self, event: AnswerEvent, _: &AnswerFacts, released: &mut Released) -> Result<(), Cut> {
        if event.text().is_some_and(|text| text.contains(self.0)) {
            return Err(Cut(Refusal::new(RefusalKind::AnswerBlocked, "public words").cause("private words")));
        }
        released.push(event);
        Ok(())
    }

    fn end(self: Box<Self>, _: End, _: &AnswerFacts, _: &Exchange) {}
}

/// Every layer with something to say about answers, around a handler.
struct Stack {
    world: World,
    audit: AuditLayer,
    records: Records,
}

impl Stack {
    fn new() -> Self {
        let world = World::new();
        let (audit, records) = world.audit();
        Self { world, audit, records }
    }

    async fn ask(
        &self,
        path: &str,
        request: &'static str,
        content_type: &'static str,
        body: impl Fn() -> Frames + Clone + Send + 'static,
    ) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
        let world = &self.world;
        let usage = world.usage(&world.limits(100, 10_000));
        let stop = StepLayer::new(StopAt("forbidden"), world.context.clone());
        let inside = world.read().layer(stop.layer(usage.layer(answering(content_type, body))));
        let stack =
            self.audit.layer(world.routes().layer(world.jwt().layer(world.authorize().layer(inside))));
        let request: Request<Full<Bytes>> = world.request(path, request).map(Full::new);
        stack.oneshot(request).await.unwrap().map(BodyExt::boxed_unsync)
    }

    async fn text(
        &self,
        path: &str,
        request: &'static str,
        content_type: &'static str,
        body: impl Fn() -> Frames + Clone + Send + 'static,
    ) -> String {
        let answer = self.ask(path, request, content_type, body).await;
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }
}

fn halves(whole: &'static str, at: usize) -> impl Fn() -> Frames + Clone + Send + 'static {
    move || Frames::of([&whole.as_bytes()[..at], &whole.as_bytes()[at..]])
}

const STREAM: &str = concat!(
    ": hello\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"é😀\"}}]}\r\n\r\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n",
);
const USAGE: &str =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[tokio::test]
async fn a_stream_split_at_every_byte_is_the_same_stream_and_costs_the_same() {
    let stack = Stack::new();
    let whole: &'static str = [STREAM, USAGE, DONE].concat().leak();
    for at in 0..=whole.len() {
        let answer = stack.text("/v1/chat/completions", CHAT, SSE, halves(whole, at)).await;
        assert_eq!(answer, [STREAM, DONE].concat(), "split at {at}");
        let record = stack.records.next();
        assert_eq!((&record["decision"], &record["end"]), (&"permitted".into(), &"complete".into()));
        assert_eq!((&record["usage"]["settled"], &record["usage"]["output"]), (&10.into(), &3.into()));
    }
    stack.records.assert_no_more();
}

#[tokio::test]
async fn an_ndjson_answer_split_at_every_byte_is_the_same_answer() {
    let stack = Stack::new();
    let whole = concat!(
        "{\"message\":{\"role\":\"assistant\",\"content\":\"é\"},\"done\":false}\n",
        "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"prompt_eval_count\":5,\"eval_count\":2}\n",
    );
    for at in 0..=whole.len() {
        let answer = stack.text("/api/chat", OLLAMA, "application/x-ndjson", halves(whole, at)).await;
        assert_eq!(answer, whole, "split at {at}");
        assert_eq!(stack.records.next()["usage"]["settled"], 7);
    }
}

#[tokio::test]
async fn a_whole_answer_has_its_length_and_its_usage() {
    let stack = Stack::new();
    let whole = r#"{"text": "é", "usage": {"input_tokens": 4, "output_tokens": 2}}"#;
    for at in 0..=whole.len() {
        let answer = stack.ask("/generate", PLAIN, "application/json", halves(whole, at)).await;
        assert_eq!(answer.headers()["content-length"], whole.len().to_string());
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), whole, "split at {at}");
        assert_eq!(stack.records.next()["usage"]["settled"], 6);
    }
}

#[tokio::test]
async fn trailers_come_last() {
    let stack = Stack::new();
    let body =
        || Frames::of(["data: {\"text\":\"a\"}\n\n", "data: {\"text\":\"b\"}\n\n"]).and_trailer("x-sum", "1");
    let answer = stack.ask("/generate", PLAIN, SSE, body).await.into_body().collect().await.unwrap();
    assert_eq!(answer.trailers().unwrap()["x-sum"], "1");
    assert_eq!(answer.to_bytes(), "data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\n");
}

#[tokio::test]
async fn a_stream_that_is_cut_keeps_what_came_before_and_says_why_wherever_it_was_split() {
    let stack = Stack::new();
    let whole: &'static str = [
        STREAM,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"forbidden\"}}]}\n\n",
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"later\"}}]}\n\n",
        DONE,
    ]
    .concat()
    .leak();
    for at in 0..=whole.len() {
        let answer = stack.text("/v1/chat/completions", CHAT, SSE, halves(whole, at)).await;
        let rest = answer.strip_prefix(STREAM).unwrap_or_else(|| panic!("split at {at}: {answer}"));
        assert!(
            !rest.contains("forbidden") && !rest.contains("later") && !rest.contains("private"),
            "{rest}"
        );
        let error = rest.strip_prefix("data: ").unwrap().trim_end();
        let error: serde_json::Value = serde_json::from_str(error).unwrap();
        assert_eq!(error["error"]["message"], "public words");
        assert_eq!(error["error"]["code"], "answer_blocked");
        let record = stack.records.next();
        assert_eq!((&record["decision"], &record["end"]), (&"cut".into(), &"cut".into()));
        assert_eq!(
            (&record["reason"], &record["cause"]),
            (&"answer_blocked".into(), &"private words".into())
        );
        assert_eq!(record["status"], 200, "the head was sent");
    }
    stack.records.assert_no_more();
}

#[tokio::test]
async fn a_whole_answer_that_is_cut_is_a_refusal_in_the_clients_shape() {
    let stack = Stack::new();
    let body = || {
        Frames::of([
            r#"{"choices": [{"index": 0, "message": {"role": "assistant", "content": "forbidden"}}]}"#,
        ])
    };
    let answer = stack.ask("/v1/chat/completions", CHAT, "application/json", body).await;
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers()["content-type"], "application/json");
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(error["error"]["code"], "answer_blocked");
    let record = stack.records.next();
    assert_eq!((&record["decision"], &record["status"]), (&"refused".into(), &502.into()));
    assert_eq!(record["cause"], "private words");
    assert_ne!(record["usage"]["settled"], 0, "the model has worked");
    stack.records.assert_no_more();
}
