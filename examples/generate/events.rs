//! Server-sent events, sent at the pace of a model that thinks.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;
use serde::Serialize;
use serde_json::Value;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Interval, interval};

/// The time between two events.
const PACE: Duration = Duration::from_millis(15);

/// The events of one answer.
#[derive(Default)]
pub(crate) struct Events(Vec<Bytes>);

impl Events {
    /// Adds an event without a name.
    pub(crate) fn data(&mut self, data: &impl Serialize) {
        let data = serde_json::to_string(data).expect("an event is JSON with strings for keys");
        self.0.push(format!("data: {data}\n\n").into());
    }

    /// Adds an event named like the `type` in its data, as Anthropic does.
    pub(crate) fn typed(&mut self, data: &Value) {
        let name = data["type"].as_str().unwrap_or_default();
        self.0.push(format!("event: {name}\ndata: {data}\n\n").into());
    }

    /// Adds the end, as OpenAI marks it.
    pub(crate) fn done(&mut self) {
        self.0.push(Bytes::from_static(b"data: [DONE]\n\n"));
    }
}

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let body = Body::new(Paced { events: self.0.into_iter(), pace: interval(PACE) });
        ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], body).into_response()
    }
}

struct Paced {
    events: std::vec::IntoIter<Bytes>,
    pace: Interval,
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.pace.poll_tick(cx));
        Poll::Ready(self.events.next().map(|event| Ok(Frame::data(event))))
    }
}
