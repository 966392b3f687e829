//! Over real sockets with mutual TLS: who brings a delegated credential.

use super::world::*;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use portcullis::principal::Subject;
use portcullis::serve::{ClientTls, Server, TlsAcceptor, rustls::client_config};
use portcullis::testing::Certificate;
use portcullis::trust::{Identity, Pem};
use serde_json::Value;
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tower::Layer;

const VECTORS: &str = "spiffe://prod.test/ns/chat/sa/vectors";

fn identity(certificate: &Certificate) -> Identity {
    Identity::files(Pem::text(certificate.chain_pem()), Pem::text(certificate.key_pem())).unwrap()
}

/// The gate behind our server; it ends with the runtime of the test.
async fn serve(world: &World, gate: &portcullis::Gate) -> SocketAddr {
    let tls = TlsAcceptor::builder(identity(&world.authority.spiffe(VECTORS).issue()))
        .require_client_certificates(world.bundles.clone())
        .clock(world.clock.shared())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new(tls).serve(listener, gate.layer(handler())).into_future());
    address
}

async fn ask_as(world: &World, address: SocketAddr, workload: &str, credential: &str) -> (StatusCode, Value) {
    let client = ClientTls::builder(world.bundles.clone())
        .identity(identity(&world.authority.spiffe(workload).issue()))
        .server(VECTORS)
        .clock(world.clock.shared())
        .build()
        .unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(client_config(&client));
    let stream = connector.connect("vectors.test".try_into().unwrap(), socket).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/hr")
        .header("host", "localhost")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {credential}"))
        .body(Full::new(Bytes::from_static(br#"{"prompt":"hello","max_tokens":8}"#)))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_delegated_credential_that_was_stolen_is_of_no_use_to_another_machine() {
    let world = World::new();
    let address = serve(&world, &world.gate(delegation())).await;
    let credential = world.credential([("act", both())]);
    // Also when it is remembered, and again when the right machine comes after the wrong one.
    for (workload, expected) in [
        (BILLING, StatusCode::UNAUTHORIZED),
        (ORCHESTRATOR, StatusCode::OK),
        (BILLING, StatusCode::UNAUTHORIZED),
        (ORCHESTRATOR, StatusCode::OK),
    ] {
        let (status, answer) = ask_as(&world, address, workload, &credential).await;
        assert_eq!(status, expected, "{workload}: {answer}");
    }
    let records = [world.record(), world.record(), world.record(), world.record()];
    let (refused, permitted): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record["decision"] == "refused");
    assert_eq!((refused.len(), permitted.len()), (2, 2));
    for record in refused {
        assert_may_not_act(&record, "the credential came from spiffe://prod.test/ns/money/sa/billing");
        assert_eq!(record["peer"]["workload"], BILLING);
    }
    assert!(permitted.iter().any(|record| record["principal"]["remembered"] == true), "{permitted:?}");
}

#[tokio::test]
async fn an_actor_that_stands_behind_others_only_brings_nothing_itself() {
    let world = World::new();
    let address = serve(&world, &world.gate(delegation())).await;
    let credential = world.credential([("act", serde_json::json!({ "sub": "web" }))]);
    let (status, _) = ask_as(&world, address, ORCHESTRATOR, &credential).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_may_not_act(&world.record(), "the current actor is web of https://sts.test");
}

#[tokio::test]
async fn one_revocation_at_the_root_ends_what_was_exchanged_for_it() {
    let root = serde_json::json!({
        "iss": "https://login.test", "sub": "u-alice", "jti": "root", "sid": "session", "iat": 1_799_999_000,
        "kid": "k", "key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    });
    type Revoke = fn(&portcullis::principal::Revocations);
    let revocations: [Revoke; 7] = [
        |list| list.revoke_credential("https://login.test", "root", far()).unwrap(),
        |list| list.revoke_session("https://login.test", "session", far()).unwrap(),
        |list| list.revoke_subject(&Subject::new("https://login.test", "u-alice")).unwrap(),
        |list| {
            list.revoke_subject_before(&Subject::new("https://login.test", "u-alice"), now(), far()).unwrap();
        },
        |list| list.revoke_issuer_before("https://login.test", now(), far()).unwrap(),
        |list| list.revoke_key_name("https://login.test", "k").unwrap(),
        |list| list.revoke_key(&[0; 32]).unwrap(),
    ];
    for revoke in revocations {
        let world = World::new();
        let gate = world.gate(delegation());
        let credential = world.credential([("act", both()), ("portcullis_root", root.clone())]);
        let from = world.from(ORCHESTRATOR);
        let mut other = root.clone();
        (other["iss"], other["key"]) =
            ("https://other.test".into(), "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into());
        let other = world.credential([("act", both()), ("portcullis_root", other)]);
        assert_eq!(ask(&gate, request("/hr", &from, &credential)).await.0, StatusCode::OK);
        let record = world.record();
        assert_eq!(record["principal"]["root"]["credential_id"], "root");
        assert_eq!(record["principal"]["root"]["subject"], "u-alice");
        revoke(gate.revocations());
        assert_eq!(ask(&gate, request("/hr", &from, &credential)).await.0, StatusCode::UNAUTHORIZED);
        assert_eq!(world.record()["cause"], "revoked, by the credential that it was exchanged for");
        assert_eq!(ask(&gate, request("/hr", &from, &other)).await.0, StatusCode::OK, "another root");
        world.clock.advance(Duration::from_secs(1));
    }
}

fn now() -> portcullis::clock::UnixTime {
    portcullis::clock::UnixTime::from_secs(1_800_000_000)
}

fn far() -> portcullis::clock::UnixTime {
    portcullis::clock::UnixTime::from_secs(1_900_000_000)
}
