use super::*;
use crate::payload::{AnswerEvent, AnswerFacts, AnswerFraming};
use crate::refusal::{Refusal, RefusalKind};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request, response};
use http_body_util::Full;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{self, Poll, Waker};
use tower::{Layer, ServiceExt, service_fn};

type Log = Arc<Mutex<Vec<String>>>;

/// A step that notes what happens to it; what it decides it decides later if it is told to.
struct Noting {
    name: &'static str,
    id: StepId,
    log: Log,
    later: bool,
    refuses: bool,
}

impl Step for Noting {
    fn id(&self) -> StepId {
        self.id
    }

    fn check(&self, _: &mut request::Parts, _: &Exchange) -> Check {
        self.log.lock().unwrap().push(format!("check {}", self.name));
        let refusal = Refusal::new(RefusalKind::Forbidden, "no");
        let decision = if self.refuses { Err(refusal) } else { Ok(()) };
        if self.later { Check::Later(Later::new(std::future::ready(decision))) } else { decision.into() }
    }

    fn answer(&self, _: &mut response::Parts, _: &Exchange) {
        self.log.lock().unwrap().push(format!("answer {}", self.name));
    }
}

const NAMES: [(&str, StepId); 3] =
    [("a", StepId::Route), ("b", StepId::Authenticate), ("c", StepId::Authorize)];

/// What happens when these steps run, of which one may refuse and each may decide later.
async fn run(refusing: Option<usize>, later: [bool; 3]) -> (StatusCode, Vec<String>, [Ran; 3]) {
    let log = Log::default();
    let steps = NAMES.iter().enumerate().map(|(n, (name, id))| {
        let (log, refuses) = (log.clone(), refusing == Some(n));
        Box::new(Noting { name, id: *id, log, later: later[n], refuses }) as Box<dyn Step>
    });
    let context = Context::of_gate(crate::clock::SystemClock::shared(), None, NAMES.map(|(_, id)| id), None);
    let layer = StepLayer::of(steps.collect(), context.clone());
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let exchange = Exchange::join(&mut parts, &context);
    let handler = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"handled"))))
    });
    let answer = layer.layer(handler).oneshot(Request::from_parts(parts, ())).await.unwrap();
    let ran = exchange.record(|record| NAMES.map(|(_, id)| record.ran(id)));
    let log = log.lock().unwrap().clone();
    (answer.status(), log, ran)
}

#[tokio::test]
async fn steps_run_in_order_and_answer_in_reverse_however_they_decide() {
    for bits in 0..8 {
        let later = [bits & 1 > 0, bits & 2 > 0, bits & 4 > 0];
        let (status, log, ran) = run(None, later).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(log, ["check a", "check b", "check c", "answer c", "answer b", "answer a"]);
        assert_eq!(ran, [Ran::Passed; 3]);
        let (status, log, ran) = run(Some(1), later).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(log, ["check a", "check b", "answer b", "answer a"]);
        assert_eq!(ran, [Ran::Passed, Ran::Refused, Ran::NotReached]);
    }
}

#[test]
fn the_handler_sees_our_id_and_the_clients_is_kept_apart_if_it_is_harmless() {
    for given in [vec![], vec!["a b"], vec!["x\"y"], vec![""], vec!["one", "two"]] {
        let mut request = Request::get("/");
        for id in &given {
            request = request.header("x-request-id", *id);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let exchange = Exchange::join(&mut parts, &Context::default());
        let seen: Vec<_> = parts.headers.get_all("x-request-id").iter().collect();
        assert_eq!(seen, [exchange.request_id()], "{given:?}");
        assert_eq!(exchange.request_id().len(), 32);
        assert_eq!(exchange.client_request_id(), None, "{given:?}");
    }
    let (mut parts, ()) =
        Request::get("/").header("x-request-id", "req_1.A-z").body(()).unwrap().into_parts();
    let exchange = Exchange::join(&mut parts, &Context::default());
    assert_eq!(exchange.client_request_id(), Some("req_1.A-z"));
    assert_ne!(exchange.request_id(), "req_1.A-z");
}

/// Says when it is told; holds what it sees until it was polled `slow` times.
struct Holding {
    name: &'static str,
    slow: usize,
    held: Vec<AnswerEvent>,
    log: Log,
}

impl AnswerObserver for Holding {
    fn event(&mut self, event: AnswerEvent, _: &AnswerFacts, _: &mut Released) -> Result<(), Cut> {
        self.log.lock().unwrap().push(format!("{} sees {}", self.name, event.text().unwrap()));
        self.held.push(event);
        Ok(())
    }

    fn poll_release(&mut self, _: &mut task::Context<'_>, released: &mut Released) -> Poll<Result<(), Cut>> {
        if self.slow > 0 {
            self.slow -= 1;
            return Poll::Pending;
        }
        self.held.drain(..).for_each(|event| released.push(event));
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, _: &AnswerFacts, _: &mut Released) -> Result<(), Cut> {
        self.log.lock().unwrap().push(format!("{} flushes", self.name));
        self.slow = 1;
        Ok(())
    }

    fn end(self: Box<Self>, end: End, _: &AnswerFacts, _: &Exchange) {
        self.log.lock().unwrap().push(format!("{} ends {}", self.name, end.as_str()));
    }
}

#[test]
fn a_stage_is_flushed_when_the_stages_before_it_have_let_go_of_everything() {
    let log = Log::default();
    let (mut parts, ()) = Request::get("/").body(()).unwrap().into_parts();
    let mut exchange = Exchange::join(&mut parts, &Context::default());
    for (stage, name) in [(Stage::Watch, "second"), (Stage::Meter, "first")] {
        exchange.observe(stage, Holding { name, slow: 0, held: Vec::new(), log: log.clone() }).unwrap();
    }
    let mut pipeline = exchange.seal().unwrap();
    assert!(exchange.seal().is_none());
    assert!(
        exchange
            .observe(Stage::Audit, Holding { name: "late", slow: 0, held: Vec::new(), log: log.clone() })
            .is_err()
    );
    let mut out = VecDeque::new();
    pipeline.event(AnswerEvent::new(AnswerFraming::NdJson, "", "1"), &mut out).unwrap();
    let mut cx = task::Context::from_waker(Waker::noop());
    let polls = (1..10).find(|_| pipeline.poll_flush(&mut cx, &mut out).is_ready());
    assert_eq!((polls, out.len()), (Some(3), 1));
    drop(pipeline);
    assert!(!exchange.close(End::Complete), "the pipeline has told the end");
    assert_eq!(
        *log.lock().unwrap(),
        [
            "first sees 1",
            "first flushes",
            "second sees 1",
            "second flushes",
            "first ends aborted",
            "second ends aborted"
        ]
    );
}

#[tokio::test]
async fn an_answer_that_observers_were_to_see_and_nobody_read_is_refused() {
    struct Observes(Log);
    impl Step for Observes {
        fn id(&self) -> StepId {
            StepId::Usage
        }
        fn check(&self, _: &mut request::Parts, exchange: &Exchange) -> Check {
            exchange
                .observe(Stage::Meter, Holding { name: "it", slow: 0, held: Vec::new(), log: self.0.clone() })
                .into()
        }
    }
    let log = Log::default();
    let layer = StepLayer::new(Observes(log.clone()), Context::default());
    let handler = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"unseen"))))
    });
    let answer = layer.layer(handler).oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        answer.extensions().get::<Refusal>().unwrap().private_cause().unwrap().contains("ReadPayloadLayer")
    );
    assert_eq!(*log.lock().unwrap(), ["it ends refused"]);
}

#[test]
fn ids_count_in_hexadecimal_digits() {
    let ids = Context::default();
    let numbers: Vec<u128> =
        (0..1_000).map(|_| u128::from_str_radix(&ids.ids().next(), 16).expect("digits")).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(ids.ids().next().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
}
