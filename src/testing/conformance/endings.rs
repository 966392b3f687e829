//! Answers as they should not be: failures, clients that leave, panics.

use super::drive::panics;
use super::probe::{Act, Handler, Probe, ProbeBody, Script};
use super::suite::Suite;
use crate::exchange::End;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use std::fmt;
use std::pin::pin;
use tower_service::Service;

impl Suite {
    pub(super) fn check_endings<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Future: fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        self.failures(stack);
        self.departures(stack);
        self.panics(stack);
    }

    fn failures<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let mut run = self.run("the handler fails", Script::of(Handler::Fails), stack);
        assert!(run.answer((self.permitted)()).is_err(), "{}: the error passes", run.name);
        run.expect_end(End::Failed);

        let mut run = self.run("the handler's body breaks off", self.broken(Act::Fail), stack);
        let response = run.expect_answer((self.permitted)());
        assert!(run.read(response.into_body()).failed, "{}: the error passes", run.name);
        run.expect_end(End::Failed);
    }

    fn departures<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Future: fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        let mut run = self.run("the client leaves before anything is polled", Script::text(), stack);
        let future = run.call((self.permitted)());
        self.assert_no_secret(&run.name, "the Debug of a future", &format!("{future:?}"));
        drop(future);
        run.expect_end(End::Aborted);

        let mut run =
            self.run("the client leaves while the handler works", Script::of(Handler::Waits), stack);
        let mut future = Box::pin(run.call((self.permitted)()));
        run.expect_pending(future.as_mut());
        assert!(run.witness.told().is_empty(), "{}: told the end before it came", run.name);
        run.wire.go_on();
        assert!(run.hand.was_called(), "{}: the handler answers and nobody is woken", run.name);
        drop(future);
        run.expect_end(End::Aborted);

        for script in [Script::text(), self.stream()] {
            let mut run = self.run("the client leaves when it has the head", script, stack);
            let response = run.expect_answer((self.permitted)());
            assert!(run.witness.told().is_empty(), "{}: told the end before it came", run.name);
            drop(response);
            run.expect_end(End::Aborted);
        }

        let mut run = self.run("the client leaves in the middle of a stream", self.stream(), stack);
        let mut body = Box::pin(run.expect_answer((self.permitted)()).into_body());
        let frame = run.hand.finish(&run.name, |cx| body.as_mut().poll_frame(cx));
        assert!(matches!(frame, Some(Ok(_))), "{}: the first event", run.name);
        drop(body);
        run.expect_end(End::Aborted);
    }

    fn panics<S, RB>(&self, stack: &impl Fn(Probe) -> S)
    where
        S: Service<Request<ProbeBody>, Response = Response<RB>> + Clone + fmt::Debug,
        S::Error: fmt::Debug,
        RB: Body<Data = Bytes> + fmt::Debug,
        RB::Error: fmt::Debug,
    {
        for handler in [Handler::PanicsWhenCalled, Handler::Panics] {
            let mut run = self.run("the handler panics", Script::of(handler), stack);
            assert!(panics(|| drop(run.answer((self.permitted)()))), "{}: the panic passes", run.name);
            run.expect_end(End::Aborted);
        }
        let mut run = self.run("the handler's body panics", self.broken(Act::Panic), stack);
        let mut body = pin!(run.expect_answer((self.permitted)()).into_body());
        let first = run.hand.finish(&run.name, |cx| body.as_mut().poll_frame(cx));
        assert!(matches!(first, Some(Ok(_))), "{}: the first event", run.name);
        assert!(panics(|| assert!(
            run.hand.poll_until_quiet(|cx| body.as_mut().poll_frame(cx)).is_pending()
        )));
        // Not only when the body is dropped, which may be late.
        run.expect_end(End::Aborted);
    }

    /// A stream of two events that goes wrong after them.
    fn broken(&self, wrong: Act) -> Script {
        let mut script = self.stream();
        script.body.truncate(3);
        script.body.extend([Act::Yield, wrong]);
        script
    }
}
