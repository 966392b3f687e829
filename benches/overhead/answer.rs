//! A streamed answer, event by event.

use crate::measure::{Report, nanos_of_both};
use crate::world::{bearer, chat_body, drive, request};
use axum::body::Body;
use axum::http::{Response, header};
use axum::{Router, routing::post};
use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::StreamBody;
use portcullis::testing::Issuer;
use std::convert::Infallible;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tower::{Service, ServiceExt};

const EVENTS: usize = 1_000;

pub(crate) fn streamed(report: &mut Report) {
    let issuer = Issuer::new("https://issuer.test");
    let credential = bearer(&issuer, "alice");
    let body = Bytes::from(chat_body());
    let router = Router::new().route("/v1/chat/completions", post(async || answer()));
    let (gate, _) = crate::gate::everything_on(&issuer);
    let mut bare = router.clone();
    let mut gated = gate.protect(router);
    let (bare, gated) = nanos_of_both(
        || drain(drive(async { ready(&mut bare).await.call(request(&body, None)).await.expect("answers") })),
        || {
            drain(drive(async {
                ready(&mut gated).await.call(request(&body, Some(&credential))).await.expect("answers")
            }))
        },
    );
    report.note("answer: bare, each event", bare / EVENTS as f64 / 1_000.0, "µs");
    report.at_most("answer: each streamed event", (gated - bare) / EVENTS as f64 / 1_000.0, 2.0, "µs");
}

async fn ready<S: Service<axum::extract::Request, Error = Infallible>>(service: &mut S) -> &mut S {
    service.ready().await.expect("ready")
}

/// A chat completion of many events, each a chunk of its own, as a server flushes them.
fn answer() -> Response<Body> {
    let event = r#"data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"small","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}"#;
    let event = Bytes::from(format!("{event}\n\n"));
    let frames = (0..EVENTS).map(move |_| Ok::<_, Infallible>(Frame::data(event.clone())));
    let body = Body::new(StreamBody::new(Frames(frames)));
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(body)
        .expect("the response is well formed")
}

struct Frames<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(mut self: std::pin::Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

fn drain(response: Response<Body>) -> usize {
    assert_eq!(response.status(), 200);
    let mut body = pin!(response.into_body());
    let mut cx = Context::from_waker(Waker::noop());
    let mut frames = 0;
    while let Poll::Ready(Some(frame)) = body.as_mut().poll_frame(&mut cx) {
        frames += usize::from(frame.is_ok());
    }
    assert!(frames >= EVENTS, "every event comes through: {frames}");
    frames
}
