//! HTTP/2: frames that a library would not send, to a server of hyper behind the gate.

mod floods;
mod frames;
mod heads;
mod slow;

use crate::server::Server;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

const BODY: &str = r#"{"prompt":"hi"}"#;

/// The fields of a request that is permitted, for the attacks to change.
fn good<'a>(bearer: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", if path.starts_with("/models") { "GET" } else { "POST" }),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("authorization", bearer),
        ("content-type", "application/json"),
    ]
}

fn bearer(server: &Server) -> String {
    format!("Bearer {}", server.credential())
}

/// The status that a caller gets who does nothing odd, on a connection of his own.
async fn honest(server: &Server) -> u16 {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let request = Request::post(format!("http://{}/generate", server.address))
        .header("authorization", format!("Bearer {}", server.credential_of("bob", "wide")))
        .header("content-type", "application/json");
    client.request(request.body(Full::from(BODY)).unwrap()).await.unwrap().status().as_u16()
}

/// That honest callers are served while `attack` goes on, and what came of it.
async fn while_others_are_served<T: Send + 'static>(
    server: &Server,
    attack: impl Future<Output = T> + Send + 'static,
) -> T {
    let attack = tokio::spawn(attack);
    for _ in 0..20 {
        assert_eq!(honest(server).await, 200);
    }
    attack.await.unwrap()
}

/// What came through, but for what honest callers asked.
fn came_through(server: &Server) -> usize {
    server.seen().iter().filter(|seen| seen.subject.as_deref() != Some("bob")).count()
}
