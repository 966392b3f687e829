use super::*;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body as _, Frame};
use std::future::poll_fn;
use std::pin::Pin;

const SSE: &str = "text/event-stream";

#[tokio::test]
async fn an_answer_in_one_piece_goes_on_with_its_length() {
    let stack = Stack::new();
    let response = stack.answer(typed("application/json", frames([data("{\"a\""), data(":1}")]))).await;
    assert_eq!(response.headers()[CONTENT_LENGTH], "7");
    assert_eq!(response.body().size_hint().exact(), Some(7));
    assert!(!stack.witness.is_told() && !response.body().is_end_stream());
    assert_eq!(text(response).await, "{\"a\":1}");
    assert_eq!(stack.witness.end(), (End::Complete, None));
}

#[tokio::test]
async fn the_events_before_a_cut_go_on_however_the_network_cut_them() {
    for whole in [true, false] {
        let stack = Stack::new();
        stack.witness.with(|seen| seen.cut_at = Some("three"));
        let chunks = ["data: one\n\n", "data: two\n\n", "data: three\n\n", "data: four\n\n"];
        let body = if whole { full(chunks.concat()) } else { frames(chunks.map(data)) };
        let response = stack.answer(typed(SSE, body)).await;
        let answer = text(response).await;
        let rest = answer.strip_prefix("data: one\n\ndata: two\n\n").unwrap();
        assert!(
            rest.contains("public words") && !rest.contains("private") && !rest.contains("four"),
            "{rest}"
        );
        assert_eq!(stack.witness.end(), (End::Cut, Some("answer_blocked")));
        assert_eq!(stack.witness.events(), ["one", "two"]);
    }
}

#[tokio::test]
async fn what_cannot_be_read_ends_a_stream_after_the_events_before_it() {
    let stack = Stack::new();
    let body = full(Bytes::from_static(b"data: one\n\ndata: \xff\n\ndata: two\n\n"));
    let answer = text(stack.answer(typed(SSE, body)).await).await;
    assert!(answer.starts_with("data: one\n\n") && answer.contains("unreadable_answer"), "{answer}");
    assert!(!answer.contains("two"));
    assert_eq!(stack.witness.end(), (End::Cut, Some("unreadable_answer")));
}

#[tokio::test]
async fn a_cut_of_an_answer_in_one_piece_has_a_status_and_a_record_that_says_why() {
    let stack = Stack::new();
    stack.witness.with(|seen| seen.cut_at = Some("bad"));
    let response = stack.answer(typed("application/json", full("\"bad\""))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.extensions().get::<Refusal>().unwrap().private_cause(), Some("private words"));
    assert_eq!(stack.witness.end(), (End::Refused, Some("answer_blocked")));
    assert_eq!(stack.witness.record().status, Some(StatusCode::BAD_GATEWAY));
    assert!(!text(response).await.contains("bad"));
}

#[tokio::test]
async fn a_body_that_breaks_off_in_one_piece_is_a_failure_with_a_status() {
    let stack = Stack::new();
    let response = stack.answer(typed("text/plain", frames([data("half"), Err("broken".into())]))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(stack.witness.end(), (End::Failed, Some("unreadable_answer")));
    assert_eq!(stack.witness.record().status, Some(StatusCode::BAD_GATEWAY));
    assert!(!text(response).await.contains("half"));
}

#[tokio::test]
async fn a_stream_that_breaks_off_hands_the_error_on() {
    let stack = Stack::new();
    let body = frames([data("data: one\n\n"), Err("broken".into()), data("data: two\n\n")]);
    let mut body = stack.answer(typed(SSE, body)).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: one\n\n");
    assert!(body.frame().await.unwrap().is_err());
    assert!(body.frame().await.is_none());
    assert_eq!(stack.witness.end(), (End::Failed, None));
}

#[tokio::test]
async fn an_answer_without_a_body_on_the_wire_is_over_at_once() {
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let stack = Stack::new();
        let mut answer = Response::new(full(""));
        *answer.status_mut() = status;
        let response = stack.answer(answer).await;
        assert_eq!(stack.witness.end(), (End::Complete, None));
        assert!(response.body().is_end_stream());
        assert!(!response.headers().contains_key(CONTENT_LENGTH), "{status}");
    }
    for body in [full("\"never sent\""), poll_body(|_| panic!("nobody reads it"))] {
        let stack = Stack::new();
        let mut answer = typed("application/json", body);
        answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(12));
        let head = Request::head("/plain").body(full("")).unwrap();
        let response = stack.answer_to(head, answer).await;
        assert_eq!(stack.witness.end(), (End::Complete, None));
        assert!(response.body().is_end_stream());
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
    }
}

#[tokio::test]
async fn an_empty_answer_needs_no_type_and_one_that_is_not_empty_does() {
    for empty in [full(""), frames([]), frames([data(""), data("")])] {
        let stack = Stack::new();
        let response = stack.answer(Response::new(empty)).await;
        assert_eq!((response.status(), stack.witness.end()), (StatusCode::OK, (End::Complete, None)));
        assert_eq!(response.headers()[CONTENT_LENGTH], "0");
    }
    let stack = Stack::new();
    let response = stack.answer(Response::new(frames([data("secret")]))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(stack.witness.end(), (End::Refused, Some("unreadable_answer")));
    assert!(stack.witness.events().is_empty());
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_refused() {
    let answer = |name: &'static str, value: &'static str| {
        let mut answer = typed("text/plain", full("secret"));
        answer.headers_mut().append(name, HeaderValue::from_static(value));
        answer
    };
    let mut switching = typed("text/plain", full("secret"));
    *switching.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let mut twice = answer("content-encoding", "identity");
    twice.headers_mut().append("content-encoding", HeaderValue::from_static("gzip"));
    for answer in [
        answer("content-encoding", "gzip"),
        answer("content-encoding", "gzip, identity"),
        answer("content-type", "text/event-stream"),
        typed("image/png", full("secret")),
        twice,
        switching,
    ] {
        let stack = Stack::new();
        let headers = answer.headers().clone();
        let response = stack.answer(answer).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY, "{headers:?}");
        assert_eq!(stack.witness.end(), (End::Refused, Some("unreadable_answer")));
        assert!(!text(response).await.contains("secret"));
    }
    let stack = Stack::new();
    let response = stack.answer(typed("text/html", full("<p>"))).await;
    assert_eq!((response.status(), text(response).await.as_str()), (StatusCode::OK, "<p>"));
}

#[tokio::test]
async fn trailers_follow_the_last_event_that_was_held() {
    for (content_type, slow) in [(SSE, 0), (SSE, 2), ("text/plain", 2)] {
        let stack = Stack::new();
        stack.witness.with(|seen| (seen.hold, seen.slow) = (true, slow));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("1"));
        let body = frames([data("data: one\n\n"), data("data: two\n\n"), Ok(Frame::trailers(trailers))]);
        let response = stack.answer(typed(content_type, body)).await;
        assert!(!response.headers().contains_key(CONTENT_LENGTH));
        let mut body = response.into_body();
        let mut seen = String::new();
        loop {
            assert!(!body.is_end_stream() && !stack.witness.is_told());
            assert_eq!(body.size_hint().exact(), None);
            match body.frame().await.unwrap().unwrap().into_data() {
                Ok(data) => seen.push_str(std::str::from_utf8(&data).unwrap()),
                Err(frame) => break assert_eq!(frame.into_trailers().unwrap()["x-sum"], "1"),
            }
        }
        assert_eq!(seen, "data: one\n\ndata: two\n\n");
        assert!(body.is_end_stream());
        assert_eq!(stack.witness.end(), (End::Complete, None));
        assert!(body.frame().await.is_none());
    }
}

#[tokio::test]
async fn a_stream_is_cut_while_it_is_silent_and_while_the_client_is_slow() {
    let drops = Arc::new(());
    for silent in [true, false] {
        let stack = Stack::new();
        let (handlers, mut said) = (drops.clone(), false);
        let body = poll_body(move |_| {
            let _ = &handlers;
            match (silent, std::mem::replace(&mut said, true)) {
                (true, true) => Poll::Pending,
                _ => Poll::Ready(Some(data("data: one\n\ndata: two\n\n"))),
            }
        });
        let mut body = stack.answer(typed(SSE, body)).await.into_body();
        body.frame().await.unwrap().unwrap();
        if silent {
            body.frame().await.unwrap().unwrap();
            let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut body).poll_frame(cx).is_pending()));
            assert!(pending.await);
        }
        stack.witness.with(|seen| seen.cut_now = true);
        let last = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let last = std::str::from_utf8(&last).unwrap();
        assert!(last.contains("public words") && !last.contains("two"), "{last}");
        assert_eq!(Arc::strong_count(&drops), 1, "the handler's body is dropped at once");
        assert_eq!(stack.witness.end(), (End::Cut, Some("answer_blocked")));
        assert!(body.is_end_stream() && body.frame().await.is_none());
    }
}

#[tokio::test]
async fn an_observer_that_works_on_an_event_holds_up_the_next() {
    let stack = Stack::new();
    stack.witness.with(|seen| seen.slow = 3);
    let mut body = stack.answer(typed(SSE, full("data: one\n\ndata: two\n\n"))).await.into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: one\n\n");
    assert_eq!(stack.witness.events(), ["one"]);
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "data: two\n\n");
    assert!(body.frame().await.is_none());
    assert_eq!(stack.witness.end(), (End::Complete, None));
}

#[tokio::test]
async fn usage_that_the_client_did_not_ask_for_is_seen_and_hidden() {
    const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}\n\n";
    let said = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n";
    for (asked, options) in [(false, ""), (true, ",\"stream_options\":{\"include_usage\":true}")] {
        let stack = Stack::new();
        stack.witness.with(|seen| seen.slow = 1);
        let request = format!(
            "{{\"model\":\"m\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"x\"}}]{options}}}"
        );
        let answer = typed(SSE, full([said, USAGE, "data: [DONE]\n\n"].concat()));
        let answer = text(stack.answer_to(post("/chat", full(request)), answer).await).await;
        assert_eq!(answer.contains("prompt_tokens"), asked);
        assert!(answer.ends_with("data: [DONE]\n\n"));
        assert_eq!(stack.witness.events().len(), 3);
    }
}

#[tokio::test]
async fn an_answer_that_no_client_of_the_dialect_could_read_is_refused() {
    for (content_type, answer) in [("application/json", "{\"a\":1,\"a\":2}"), ("application/json", "[")] {
        let stack = Stack::new();
        let request = post("/json", full("{}"));
        let response = stack.answer_to(request, typed(content_type, full(answer))).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(stack.witness.end(), (End::Refused, Some("unreadable_answer")));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    }
}

#[tokio::test]
async fn a_refusal_that_the_handler_did_not_send_is_not_in_the_record() {
    let stack = Stack::new();
    let service = stack.service(|request: Request<super::super::RequestBody>| async move {
        let exchange = request.extensions().get::<Exchange>().unwrap();
        drop(exchange.refuse(Refusal::new(RefusalKind::MalformedRequest, "an extractor says no")));
        Ok(typed("text/plain", full("handled all the same")))
    });
    let answer = service.oneshot(Request::get("/plain").body(full("")).unwrap()).await.unwrap();
    assert_eq!(text(answer).await, "handled all the same");
    assert_eq!(stack.witness.end(), (End::Complete, None));
    assert_eq!(stack.witness.record().status, Some(StatusCode::OK));
}

#[tokio::test]
async fn an_answer_in_the_place_of_a_layers_refusal_is_refused() {
    let stack = Stack::new();
    let service = stack.service(|request: Request<super::super::RequestBody>| async move {
        let exchange = request.extensions().get::<Exchange>().unwrap();
        // As a step inside of the reader leaves it, with a fallback of the host's around it.
        exchange.record(|record| record.ran[StepId::Inspect as usize] = crate::exchange::Ran::Refused);
        drop(exchange.refuse(Refusal::new(RefusalKind::ContentBlocked, "no")));
        Ok(typed("text/plain", full("fallback")))
    });
    let answer = service.oneshot(Request::get("/plain").body(full("")).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(stack.witness.end(), (End::Refused, Some("misconfigured")));
    assert!(!text(answer).await.contains("fallback"));
}

#[tokio::test]
async fn only_an_open_route_may_answer_without_saying_what_it_answers() {
    let untyped = || Response::new(full("ok"));
    let open = Stack::new().answer_to(Request::get("/healthz").body(full("")).unwrap(), untyped()).await;
    assert_eq!((open.status(), text(open).await.as_str()), (StatusCode::OK, "ok"));
    assert_eq!(Stack::new().answer(untyped()).await.status(), StatusCode::BAD_GATEWAY);
}
