use super::*;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue};
use http_body::Body as _;
use std::time::Duration;

async fn status_of(request: Request<Body>) -> (StatusCode, &'static str) {
    let stack = Stack::new();
    let service = stack.service(|_| async { Ok(typed("text/plain", full("ok"))) });
    let response = service.oneshot(request).await.unwrap();
    let refusal = response.extensions().get::<Refusal>();
    (response.status(), refusal.map_or("", |refusal| refusal.kind().code()))
}

#[tokio::test]
async fn the_handler_receives_the_document_and_its_length() {
    let stack = Stack::new();
    let service = stack.service(|request: Request<super::super::RequestBody>| async move {
        assert_eq!(request.headers()[CONTENT_LENGTH], "7");
        assert!(
            !request.headers().contains_key("accept-encoding") && !request.headers().contains_key("range")
        );
        let mut body = request.into_body();
        assert_eq!(body.size_hint().exact(), Some(7));
        let read = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(body.is_end_stream() && body.frame().await.is_none());
        Ok(typed("application/json", full(read)))
    });
    let mut request = post("/json", frames([data("{\"a\""), data(""), data(":"), data("1"), data("}")]));
    request.headers_mut().insert("accept-encoding", HeaderValue::from_static("gzip"));
    request.headers_mut().insert("range", HeaderValue::from_static("bytes=0-1"));
    let response = service.oneshot(request).await.unwrap();
    assert_eq!(text(response).await, "{\"a\":1}");
    let record = stack.witness.record();
    assert_eq!(record.ran(StepId::Read), crate::exchange::Ran::Passed);
    assert_eq!(record.read.unwrap().bytes, 7);
}

#[tokio::test]
async fn a_body_is_bounded_whatever_its_length_says() {
    let long = || "x".repeat(1_001);
    assert_eq!(
        status_of(post("/json", full(long()))).await,
        (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")
    );
    let drip = poll_body(|_| Poll::Ready(Some(data("x"))));
    assert_eq!(status_of(post("/json", drip)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let mut lying = post("/json", full(long()));
    lying.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(1));
    assert_eq!(status_of(lying).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let mut told = post("/json", poll_body(|_| panic!("not read")));
    told.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(1_001));
    assert_eq!(status_of(told).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let exact = format!("\"{}\"", "x".repeat(998));
    assert_eq!(status_of(post("/json", full(exact))).await.0, StatusCode::OK);
    let none = Request::get("/plain").body(frames([data("x")])).unwrap();
    assert_eq!(status_of(none).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_time_limit_is_for_the_whole_body_and_not_for_each_piece() {
    let stack = Stack::new();
    let (clock, mut pieces) = (stack.clock.clone(), 0);
    // One byte every four seconds: never silent for ten.
    let trickle = poll_body(move |cx| {
        pieces += 1;
        if pieces % 2 == 0 {
            return Poll::Ready(Some(data(" ")));
        }
        clock.advance(Duration::from_secs(4));
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    let service = stack.service(|_| async { panic!("not reached") });
    let response = service.oneshot(post("/json", trickle)).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(stack.witness.end(), (End::Refused, Some("read_timeout")));
    assert_eq!(stack.witness.record().ran(StepId::Read), crate::exchange::Ran::Refused);
    assert!(stack.clock.shared().elapsed() <= Duration::from_secs(16));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_malformed() {
    let body = frames([data("{}"), Err("reset".into())]);
    assert_eq!(status_of(post("/json", body)).await, (StatusCode::BAD_REQUEST, "malformed_request"));
}

#[tokio::test]
async fn a_body_that_does_not_say_that_it_is_json_is_refused() {
    let with = |types: &[&'static str]| {
        let mut request = Request::post("/json").body(full("{}")).unwrap();
        for value in types {
            request.headers_mut().append("content-type", HeaderValue::from_static(value));
        }
        request
    };
    for types in [&[][..], &["text/plain"], &["application/json; charset=latin1"], &["application/json-x"]] {
        assert_eq!(status_of(with(types)).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{types:?}");
    }
    let twice = with(&["application/json", "application/json"]);
    assert_eq!(status_of(twice).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(status_of(with(&["Application/JSON;charset=\"UTF-8\""])).await.0, StatusCode::OK);
    for encoding in ["gzip, gzip", "compress", "", "aws-chunked"] {
        let mut request = with(&["application/json"]);
        request.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        assert_eq!(status_of(request).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
    }
}

#[tokio::test]
async fn upgrades_and_tunnels_are_refused() {
    for (name, value) in [("upgrade", "websocket"), ("connection", "keep-alive, Upgrade")] {
        let mut request = Request::get("/plain").body(full("")).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_static(value));
        assert_eq!(status_of(request).await.0, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_handler_that_leaves_the_body_alone_answers_all_the_same() {
    assert_eq!(status_of(post("/json", full("{}"))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_handler_that_fails_is_told_to_the_observers() {
    let stack = Stack::new();
    let service = stack.service(|_| async { Err("no".into()) });
    assert_eq!(service.oneshot(post("/json", full("{}"))).await.err().unwrap().to_string(), "no");
    assert_eq!(stack.witness.end(), (End::Failed, None));
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused_before_its_time_is_up() {
    for (bytes_each_second, status) in [(9, StatusCode::REQUEST_TIMEOUT), (11, StatusCode::OK)] {
        let stack = Stack::new();
        let (clock, mut polls, mut left) = (stack.clock.clone(), 0, 88);
        let trickle = poll_body(move |cx| {
            polls += 1;
            if left <= 0 {
                return Poll::Ready(None);
            }
            if polls % 2 == 0 {
                left -= bytes_each_second;
                return Poll::Ready(Some(Ok(http_body::Frame::data(
                    " ".repeat(bytes_each_second as usize).into(),
                ))));
            }
            clock.advance(Duration::from_secs(1));
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        let whole = frames([data("1")]);
        let mut parts = [whole, trickle].into_iter();
        let (mut first, mut second) = (parts.next().unwrap(), parts.next().unwrap());
        let mut in_second = false;
        let body = poll_body(move |cx| {
            if !in_second {
                match std::pin::Pin::new(&mut first).poll_frame(cx) {
                    Poll::Ready(None) => in_second = true,
                    polled => return polled,
                }
            }
            std::pin::Pin::new(&mut second).poll_frame(cx)
        });
        let service = stack.service(|_| async { Ok(typed("text/plain", full("ok"))) });
        let response = service.oneshot(post("/json", body)).await.unwrap();
        assert_eq!(response.status(), status, "{bytes_each_second} bytes a second");
    }
}

#[tokio::test]
async fn bytes_are_kept_on_account_until_the_handler_has_ended() {
    let stack = Stack::new();
    let service = stack.service(|request: Request<super::super::RequestBody>| async move {
        drop(request);
        // Its head is out, and it goes on for ever.
        Ok(typed("text/event-stream", poll_body(|_| Poll::Pending)))
    });
    let large = || post("/json", full(format!("\"{}\"", "x".repeat(898))));
    let first = service.clone().oneshot(large()).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let second = service.clone().oneshot(large()).await.unwrap();
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS, "900 bytes more than 600 that are left");
    assert_eq!(second.headers()["retry-after"], "1");
    let small = service.clone().oneshot(post("/json", full("\"a few bytes\""))).await.unwrap();
    assert_eq!(small.status(), StatusCode::OK);
    drop(first);
    assert_eq!(service.clone().oneshot(large()).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn callers_together_keep_no_more_than_the_service_holds() {
    let stack = Stack::new();
    let service = stack.service(|_| async { Ok(typed("text/event-stream", poll_body(|_| Poll::Pending))) });
    let from = |address: &str| {
        let mut request = post("/json", full(format!("\"{}\"", "x".repeat(898))));
        request.extensions_mut().insert(crate::principal::PeerAddress(address.parse().unwrap()));
        request
    };
    let mut answers = Vec::new();
    for address in ["192.0.2.1:1", "192.0.2.2:1"] {
        answers.push(service.clone().oneshot(from(address)).await.unwrap());
    }
    let third = service.clone().oneshot(from("192.0.2.3:1")).await.unwrap();
    assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
    answers.clear();
    assert_eq!(service.oneshot(from("192.0.2.3:1")).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn an_opaque_body_is_bounded_and_handed_on_unread() {
    let send =
        |media: &str, body: Body| Request::post("/audio").header("content-type", media).body(body).unwrap();
    let stack = Stack::new();
    let service = stack.service(|request: Request<super::super::RequestBody>| async move {
        assert_eq!(request.headers()[CONTENT_LENGTH], "4");
        let read = request.into_body().collect().await?.to_bytes();
        Ok(typed("text/plain", full(read)))
    });
    let response =
        service.oneshot(send("Audio/WAV; rate=1", frames([data("RI"), data("FF")]))).await.unwrap();
    assert_eq!(text(response).await, "RIFF");
    let record = stack.witness.record();
    assert_eq!((record.ran(StepId::Read), record.unread.body), (crate::exchange::Ran::Passed, Some(4)));
    assert_eq!(status_of(send("audio/wav", full("x".repeat(101)))).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(status_of(send("application/json", full("{}"))).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let mut encoded = send("audio/wav", full("x"));
    encoded.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(status_of(encoded).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn what_a_body_becomes_is_on_account_too() {
    let stack = Stack::new();
    let service = stack.service(|_| async { Ok(typed("text/event-stream", poll_body(|_| Poll::Pending))) });
    let zeros = |count: usize| post("/json", full(format!("[{}]", vec!["0"; count].join(","))));
    let large = service.clone().oneshot(zeros(100)).await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE, "201 bytes that become 1,617, of 1,500");
    assert!(!large.headers().contains_key("retry-after"), "it will never fit");
    let first = service.clone().oneshot(zeros(60)).await.unwrap();
    assert_eq!(first.status(), StatusCode::OK, "121 bytes that become 1,097");
    let second = service.clone().oneshot(zeros(60)).await.unwrap();
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS, "121 bytes more would fit, 1,097 do not");
    drop(first);
    assert_eq!(service.oneshot(zeros(60)).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_of_empty_frames_is_refused_before_it_has_no_end() {
    let few = frames((0..1_000).map(|_| data("")).chain([data("1")]));
    assert_eq!(status_of(post("/json", few)).await.0, StatusCode::OK);
    let endless = poll_body(|_| Poll::Ready(Some(data(""))));
    assert_eq!(status_of(post("/json", endless)).await.0, StatusCode::BAD_REQUEST);
}
