//! The suite finds what it is there to find: each of these layers is wrong in one way.

use super::*;
use crate::exchange::{Check, Context, EdgeRules, Exchange, MatchRouteLayer, Step, StepId, StepLayer};
use crate::payload::AnyJson;
use crate::read::ReadPayloadLayer;
use crate::refusal::{Refusal, RefusalKind};
use crate::route::{Route, RouteTable};
use crate::testing::FakeClock;
use bytes::Bytes;
use http::{Request, request, response};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{self, Poll};
use tower::{Layer, Service};

fn context() -> Context {
    Context::new(FakeClock::default().shared())
}

fn routes() -> MatchRouteLayer {
    let table = RouteTable::new([Route::post("/json").dialect(AnyJson).scope("s")]);
    MatchRouteLayer::builder(table.unwrap()).edge(EdgeRules::default().danger_plaintext()).build()
}

fn read() -> ReadPayloadLayer {
    ReadPayloadLayer::builder().build()
}

fn ask() -> Request<Bytes> {
    Request::post("/json").header("content-type", "application/json").body("{}".into()).unwrap()
}

fn suite() -> Suite {
    Suite::new("a layer", ask).context(context())
}

/// A step of a function.
struct Fn<F>(F);

impl<F: std::ops::Fn(&mut request::Parts) -> Check + Send + Sync + 'static> Step for Fn<F> {
    fn id(&self) -> StepId {
        StepId::Authorize
    }

    fn check(&self, parts: &mut request::Parts, _: &Exchange) -> Check {
        (self.0)(parts)
    }
}

fn step(check: impl std::ops::Fn(&mut request::Parts) -> Check + Send + Sync + 'static) -> StepLayer {
    StepLayer::new(Fn(check), context())
}

/// Calls a clone that nobody polled ready.
#[derive(Clone, Debug)]
struct Unready<S>(S);

impl<S: Service<R> + Clone, R> Service<R> for Unready<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.clone().call(request)
    }
}

#[test]
#[should_panic(expected = "without being polled ready")]
fn a_clone_that_was_not_polled_ready() {
    suite().check(|probe| Unready(routes().layer(read().layer(probe))));
}

#[test]
#[should_panic(expected = "nobody wakes it: a waker was lost")]
fn a_decision_that_nobody_wakes() {
    let never = step(|_| Check::Later(crate::exchange::Later::new(poll_fn(|_| Poll::Pending))));
    suite().check(|probe| routes().layer(never.layer(read().layer(probe))));
}

#[test]
#[should_panic(expected = "no length, observers may edit")]
fn a_length_on_a_stream() {
    struct Lies;
    impl Step for Lies {
        fn id(&self) -> StepId {
            StepId::Authorize
        }
        fn check(&self, _: &mut request::Parts, _: &Exchange) -> Check {
            Check::Permit
        }
        fn answer(&self, parts: &mut response::Parts, _: &Exchange) {
            if parts.headers["content-type"] == "text/event-stream" {
                parts.headers.insert("content-length", "3".parse().unwrap());
            }
        }
    }
    let lies = StepLayer::new(Lies, context());
    suite().check(|probe| lies.layer(routes().layer(read().layer(probe))));
}

#[test]
#[should_panic(expected = "a refusal was expected")]
fn a_control_that_passes_what_it_should_refuse() {
    let blind = step(|_| Check::Permit);
    let suite = suite().refused(RefusalKind::Forbidden, ask);
    suite.check_refused(|probe| routes().layer(blind.layer(read().layer(probe))));
}

#[test]
#[should_panic(expected = "the handler is not called")]
fn a_layer_that_needs_something_and_does_not_say_so() {
    let blind = step(|_| Check::Permit);
    suite().check_alone(|probe| blind.layer(probe));
}

#[test]
#[should_panic(expected = "tells the private cause")]
fn a_refusal_that_tells_its_cause() {
    let telling = step(|_| Check::Refuse(Refusal::new(RefusalKind::Forbidden, "no, rule 7").cause("rule 7")));
    let suite = suite().refused(RefusalKind::Forbidden, ask);
    suite.check_refused(|probe| routes().layer(telling.layer(read().layer(probe))));
}

/// Its `Debug` shows what it should not.
#[derive(Clone)]
struct Telling<S>(S);

impl<S> std::fmt::Debug for Telling<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Telling(hunter2)")
    }
}

impl<S: Service<R>, R> Service<R> for Telling<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

#[test]
#[should_panic(expected = "shows the secret \"hunter2\"")]
fn a_debug_that_shows_a_secret() {
    suite().secret("hunter2").check(|probe| Telling(routes().layer(read().layer(probe))));
}

/// Keeps every future it made.
#[derive(Clone, Debug)]
struct Hoarding<S>(S);

#[derive(Debug)]
struct Hoarded<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Hoarded<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().unwrap().as_mut().poll(cx)
    }
}

impl<F> Drop for Hoarded<F> {
    fn drop(&mut self) {
        if let Some(kept) = self.0.take() {
            let _ = std::mem::ManuallyDrop::new(kept);
        }
    }
}

impl<S: Service<R>, R> Service<R> for Hoarding<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Hoarded<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        Hoarded(Some(Box::pin(self.0.call(request))))
    }
}

#[test]
#[should_panic(expected = "what the handler held is dropped")]
fn a_future_that_outlives_its_client() {
    suite().check(|probe| Hoarding(routes().layer(read().layer(probe))));
}
