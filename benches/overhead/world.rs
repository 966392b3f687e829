//! What all groups measure with: a prompt, a credential, requests, and a future driven without a runtime.

use axum::body::Body;
use axum::http::Request;
use portcullis::principal::{PeerAddress, TlsConnection};
use portcullis::testing::Issuer;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

pub(crate) const AUDIENCE: &str = "https://llm.test";

/// Benign text of about that many bytes, with the punctuation and the numbers of ordinary prose.
pub(crate) fn prose(bytes: usize) -> String {
    const SENTENCES: [&str; 8] = [
        "The committee met on Tuesday to review the budget for the coming year. ",
        "In the third chapter, the author describes how the river changed its course after the flood of 1953. ",
        "Could you compare the two proposals and summarise their main differences in a short table? ",
        "Our train leaves at 7:45, so we should be at the station by half past at the latest. ",
        "Bread rises because yeast turns sugar into gas, which the dough then holds. ",
        "She wrote that the results, although promising, would have to be repeated with a larger sample. ",
        "Write a polite reply to the customer, offer a replacement, and ask for the order number. ",
        "A list of the parts: 12 screws, 4 brackets, 2 hinges, and one sheet of plywood (18 mm). ",
    ];
    SENTENCES
        .iter()
        .cycle()
        .scan(0, |length, sentence| {
            *length += sentence.len();
            (*length <= bytes).then_some(*sentence)
        })
        .collect()
}

/// A chat request whose body has about 4 KB.
pub(crate) fn chat_body() -> String {
    serde_json::json!({
        "model": "small",
        "max_tokens": 128,
        "messages": [
            { "role": "system", "content": "You are a helpful assistant." },
            { "role": "user", "content": prose(3_900) },
        ],
    })
    .to_string()
}

pub(crate) fn request(body: &bytes::Bytes, credential: Option<&str>) -> Request<Body> {
    let mut request = Request::post("/v1/chat/completions")
        .header("host", "llm.test")
        .header("content-type", "application/json")
        .header("user-agent", "bench/1.0")
        .header("accept", "*/*")
        .body(Body::from(body.clone()))
        .expect("the request is well formed");
    if let Some(credential) = credential {
        let value = credential.try_into().expect("a credential is ASCII");
        request.headers_mut().insert("authorization", value);
    }
    request.extensions_mut().insert(PeerAddress(([192, 0, 2, 7], 4711).into()));
    request.extensions_mut().insert(TlsConnection::new());
    request
}

pub(crate) fn bearer(issuer: &Issuer, subject: &str) -> String {
    let credential =
        issuer.credential(subject).audience(AUDIENCE).scope("generate:invoke").claim("plan", "paid");
    format!("Bearer {}", credential.sign())
}

/// Polls a future that never waits for anything outside of itself.
pub(crate) fn drive<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
    panic!("a future in a bench waits for something outside");
}
