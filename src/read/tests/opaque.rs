//! Answers of a declared type go out unread, bounded, and their end is told.

use super::*;
use crate::exchange::Ran;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::{Body as _, Frame};

const AUDIO: &str = "Audio/MPEG; rate=1";

fn speech() -> Request<Body> {
    post("/speech", full("{}"))
}

async fn bytes<B: http_body::Body<Data = Bytes, Error = BoxError>>(response: Response<B>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn an_answer_of_a_declared_type_goes_out_as_it_came_with_its_length() {
    let stack = Stack::new();
    let sound: &[u8] = b"\xff\xfb\0\x01";
    let body = frames([Ok(Frame::data(Bytes::from_static(sound))), data(""), data("123456")]);
    let response = stack.answer_to(speech(), typed(AUDIO, body)).await;
    assert_eq!(
        (response.status(), &response.headers()[CONTENT_LENGTH]),
        (StatusCode::OK, &"10".parse().unwrap())
    );
    assert_eq!(response.body().size_hint().exact(), Some(10));
    assert!(!stack.witness.is_told() && !response.body().is_end_stream());
    assert_eq!(bytes(response).await, [sound, b"123456"].concat());
    assert_eq!(stack.witness.end(), (End::Complete, None));
    assert!(stack.witness.events().is_empty(), "nobody was shown what nobody can read");
    let record = stack.witness.record();
    assert_eq!((record.unread.body, record.unread.answer), (None, Some(10)));
    assert_eq!((record.ran(StepId::Read), record.status), (Ran::Passed, Some(StatusCode::OK)));
}

#[tokio::test]
async fn one_that_is_longer_than_declared_is_refused_before_its_head_is_sent() {
    let stack = Stack::new();
    let endless = poll_body(|_| Poll::Ready(Some(data("123"))));
    let response = stack.answer_to(speech(), typed(AUDIO, endless)).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let cause = response.extensions().get::<Refusal>().unwrap().private_cause().unwrap().to_owned();
    assert_eq!(cause, "the answer is longer than the 10 bytes that the route declares");
    assert_eq!(stack.witness.end(), (End::Refused, Some("unreadable_answer")));
    assert!(!text(response).await.contains("123"));
}

#[tokio::test]
async fn only_answers_of_success_in_exactly_that_type_and_no_encoding_are_let_out() {
    let with = |change: fn(&mut Response<Body>)| {
        let mut response = typed(AUDIO, full("sound"));
        change(&mut response);
        response
    };
    let cases: [(&str, Response<Body>); 5] = [
        ("another type", typed("audio/wav", full("sound"))),
        ("an error", with(|response| *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR)),
        (
            "compressed",
            with(|response| {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }),
        ),
        (
            "two types",
            with(|response| {
                response.headers_mut().append("content-type", HeaderValue::from_static("audio/mpeg"));
            }),
        ),
        ("no type", Response::new(full("sound"))),
    ];
    for (what, response) in cases {
        let stack = Stack::new();
        let response = stack.answer_to(speech(), response).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY, "{what}");
        assert_eq!(stack.witness.record().unread.answer, None, "{what}");
        assert!(!text(response).await.contains("sound"), "{what}");
    }
    let elsewhere = Stack::new().answer_to(post("/json", full("{}")), typed(AUDIO, full("sound"))).await;
    assert_eq!(elsewhere.status(), StatusCode::BAD_GATEWAY, "a route that declares nothing");
}

#[tokio::test]
async fn what_can_be_read_is_read_on_such_a_route_too() {
    let stack = Stack::new();
    let response = stack.answer_to(speech(), typed("application/json", full("{\"a\":1}"))).await;
    assert_eq!(text(response).await, "{\"a\":1}");
    assert_eq!(stack.witness.events(), ["{\"a\":1}"]);
    let stack = Stack::new();
    stack.witness.with(|seen| seen.cut_at = Some("bad"));
    let response = stack.answer_to(speech(), typed("application/json", full("\"bad\""))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn the_end_is_told_once_however_it_comes() {
    let stack = Stack::new();
    let broken = frames([data("123"), Err("broken".into())]);
    let response = stack.answer_to(speech(), typed(AUDIO, broken)).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(stack.witness.end(), (End::Failed, Some("unreadable_answer")));

    let stack = Stack::new();
    drop(stack.answer_to(speech(), typed(AUDIO, full("123"))).await);
    assert_eq!(stack.witness.end().0, End::Aborted);
    assert_eq!(stack.witness.record().unread.answer, Some(3));

    let stack = Stack::new();
    stack.witness.with(|seen| seen.cut_now = true);
    let response = stack.answer_to(speech(), typed(AUDIO, full("123"))).await;
    assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(stack.witness.end(), (End::Refused, Some("answer_blocked")));

    let stack = Stack::new();
    let response = stack.answer_to(speech(), typed(AUDIO, full(""))).await;
    assert_eq!(stack.witness.end(), (End::Complete, None));
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn trailers_follow_the_last_byte_and_then_no_length_is_said() {
    let stack = Stack::new();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("1"));
    let response =
        stack.answer_to(speech(), typed(AUDIO, frames([data("12"), Ok(Frame::trailers(trailers))]))).await;
    assert!(!response.headers().contains_key(CONTENT_LENGTH));
    let whole = response.into_body().collect().await.unwrap();
    assert_eq!(whole.trailers().unwrap()["x-sum"], "1");
    assert_eq!(whole.to_bytes(), "12");
    assert_eq!(stack.witness.end(), (End::Complete, None));
}
