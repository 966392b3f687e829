//! Answers as they should be: in one piece, streamed, empty, refused, cut.

use super::probe::{Act, Probe, ProbeBody, Script};
use super::suite::Suite;
use super::witness::MARK;
use crate::exchange::End;
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use std::fmt;
use std::pin::pin;
use std::task::Poll;
use tower_service::Service;

impl Suite {
    pub(super) fn check_answers<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Future: fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        self.whole(stack);
        self.streamed(stack);
        self.empty(stack);
        self.cut(stack);
    }

    fn whole<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Future: fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let mut run = self.run("answered in one piece", Script::text(), stack);
        self.assert_no_secret(
            &run.name,
            "the Debug of the service",
            &format!("{:?}", stack(Probe::new(run.wire.clone()))),
        );
        // Twice on one instance, then on a clone, which is not ready.
        for round in 0..3 {
            if round == 2 {
                run.service = run.service.clone();
            }
            let response = run.expect_answer((self.permitted)());
            assert_eq!(response.status(), StatusCode::OK);
            let length = response.headers().get(CONTENT_LENGTH).cloned();
            let id = response.headers().get("x-request-id").cloned();
            let read = run.read(response.into_body());
            assert_eq!(read.data, format!("some words{MARK}").as_bytes(), "{}: the body", run.name);
            if let Some(length) = length {
                assert_eq!(length, read.data.len().to_string(), "{}: content-length", run.name);
            }
            let told = run.expect_end(End::Complete);
            assert!(told.refusal.is_none(), "{}: {:?}", run.name, told.refusal);
            assert_eq!(
                id.unwrap_or_else(|| panic!("{}: x-request-id is missing", run.name)),
                *told.request_id
            );
            assert_eq!(run.wire.calls(), round + 1, "{}: the handler is called once a request", run.name);
        }
    }

    fn streamed<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let mut run = self.run("streamed", self.stream(), stack);
        let response = run.expect_answer((self.permitted)());
        assert!(
            !response.headers().contains_key(CONTENT_LENGTH),
            "{}: no length, observers may edit",
            run.name
        );
        assert!(!response.body().is_end_stream(), "{}: the body is not over", run.name);
        // The first event comes while the handler waits, and what waits is woken.
        let mut body = Box::pin(response.into_body());
        let first = run.hand.finish(&run.name, |cx| body.as_mut().poll_frame(cx));
        let first = first.and_then(Result::ok).and_then(|frame| frame.into_data().ok());
        assert_eq!(first.as_deref(), Some(self.event_text().as_bytes()), "{}: the first event", run.name);
        assert!(run.hand.poll_until_quiet(|cx| body.as_mut().poll_frame(cx).map(drop)).is_pending());
        assert!(run.witness.told().is_empty(), "{}: told the end before it came", run.name);
        run.wire.go_on();
        assert!(run.hand.was_called(), "{}: the handler goes on and nobody is woken", run.name);
        let mut rest = Vec::new();
        let mut trailers = None;
        while !body.is_end_stream() {
            match run
                .hand
                .finish(&run.name, |cx| body.as_mut().poll_frame(cx))
                .map(|f| f.map(Frame::into_data))
            {
                Some(Ok(Ok(data))) if trailers.is_none() => rest.extend_from_slice(&data),
                Some(Ok(Err(frame))) => trailers = frame.into_trailers().ok(),
                other => panic!("{}: {other:?} where the rest of the stream was expected", run.name),
            }
        }
        assert_eq!(rest, self.event_text().repeat(2).as_bytes(), "{}: the other events", run.name);
        assert!(
            trailers.is_some_and(|trailers| trailers.contains_key("x-conformance")),
            "{}: trailers",
            run.name
        );
        run.expect_end(End::Complete);
    }

    fn empty<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let script =
            Script { status: StatusCode::NO_CONTENT, content_type: None, body: Vec::new(), ..Script::text() };
        let mut run = self.run("answered with 204", script, stack);
        let response = run.expect_answer((self.permitted)());
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        // Nobody polls such a body, so it is too late to tell the end later.
        run.expect_end(End::Complete);
        assert!(response.body().is_end_stream(), "{}: the body is over", run.name);
        assert!(!response.headers().contains_key(CONTENT_LENGTH), "{}: RFC 9110 §8.6", run.name);
    }

    fn cut<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let refusal = || Refusal::new(RefusalKind::CredentialEnded, "public-words").cause("private-words");
        let mut script = self.stream();
        script.body.insert(1, Act::Wait);
        let mut run = self.run("cut while the handler is silent", script, stack);
        let response = run.expect_answer((self.permitted)());
        let mut body = pin!(response.into_body());
        let polled = run.hand.poll_until_quiet(|cx| body.as_mut().poll_frame(cx));
        assert!(matches!(polled, Poll::Pending), "{}: {polled:?} came out of silence", run.name);
        run.witness.cut(refusal());
        assert!(run.hand.was_called(), "{}: a cut wakes nobody", run.name);
        let frame = run.hand.finish(&run.name, |cx| body.as_mut().poll_frame(cx));
        let last = frame.and_then(Result::ok).and_then(|frame| frame.into_data().ok()).unwrap_or_default();
        let last = String::from_utf8_lossy(&last);
        assert!(last.contains("public-words"), "{}: the client is told: {last:?}", run.name);
        assert!(!last.contains("private-words"), "{}: the client is told too much: {last:?}", run.name);
        let told = run.expect_end(End::Cut);
        assert_eq!(told.refusal.map(|refusal| refusal.kind()), Some(RefusalKind::CredentialEnded));
        assert!(body.is_end_stream(), "{}: a cut answer is over", run.name);
    }
}
