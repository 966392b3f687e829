//! What the record of a request says of the calls that were made for it.

use crate::world::{HOP, VECTORS, World, fetch, inbound, plain, records, send};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::delegate::{
    CredentialExchange, OnBehalfOf, Provider, ProviderCredentialLayer, RotatingSecret,
};
use portcullis::exchange::{CallFacts, Exchange, Price, UsageFacts};
use portcullis::jwt::ClientAuthentication;
use portcullis::read::RequestBody;
use portcullis::testing::Issuer;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt, service_fn};

/// The record of a request whose handler calls the vector database by this exchange, in vain, and the status of its answer.
async fn record_of(world: &World, exchange: CredentialExchange) -> (StatusCode, Value) {
    let (log, records) = records();
    let gate = world.builder().keep_credential().audit(log).build().unwrap();
    let client = world.layer(&gate, exchange).build().unwrap().layer(plain());
    let origin = world.vectors.origin();
    let handler = service_fn(move |request: Request<RequestBody>| {
        let (client, call) = (client.clone(), Request::get(&origin).body(Full::default()).unwrap());
        async move {
            let (parts, _) = request.into_parts();
            let (alice, exchange) = (OnBehalfOf::of(&parts).unwrap(), Exchange::of(&parts).unwrap().clone());
            let error = send(&client, &alice, call).await.unwrap_err();
            Ok::<_, Infallible>(error.refuse(&exchange).map(Full::new))
        }
    });
    let answer = gate.layer(handler).oneshot(inbound(&world.credential("alice"))).await.unwrap();
    assert!(world.vectors.came().is_empty());
    (answer.status(), records.recv_timeout(Duration::from_secs(10)).unwrap())
}

#[tokio::test]
async fn the_record_says_that_the_exchange_was_down() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let client = ClientAuthentication::secret("orchestrator", "s3cret".into());
    let (status, record) = record_of(&world, CredentialExchange::rfc8693(url, client, fetch())).await;
    assert_eq!((status, &record["reason"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable")));
    assert_eq!(record["rule"], "delegate:exchange");
    let cause = record["cause"].as_str().unwrap();
    assert!(cause.contains(VECTORS) && cause.contains("no connection"), "{record}");
    let call = &record["calls"][0];
    assert_eq!((&call["hop"], &call["reason"]), (&json!(HOP), &json!("unavailable")));
    assert_eq!((&call["credential"], &call["status"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn the_record_says_that_a_credential_for_another_service_came_back() {
    let world = World::new().await;
    let issuer = Issuer::with_clock("https://exchange.test", world.clock.shared());
    let wrong = issuer.credential("alice").audience("https://hr.test").scope("vectors:read").sign();
    world.server.will_answer(
        StatusCode::OK,
        json!({
            "access_token": wrong, "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        }),
    );
    let (status, record) = record_of(&world, world.exchange()).await;
    assert_eq!((status, &record["reason"]), (StatusCode::BAD_GATEWAY, &json!("upstream_failed")));
    let cause = record["cause"].as_str().unwrap();
    assert!(cause.contains(VECTORS) && cause.contains("https://hr.test"), "{record}");
    assert_eq!(record["calls"][0]["cause"], cause);
    assert_eq!(record["calls"][0]["reason"], "upstream_failed");
    assert!(!record.to_string().contains(&wrong), "{record}");
}

#[tokio::test]
async fn of_several_calls_each_costs_what_it_has_used_itself() {
    let world = World::new().await;
    let (log, records) = records();
    let gate = world.builder().audit(log).build().unwrap();
    let key = RotatingSecret::new("sk-of-this-service".into()).unwrap();
    let layer = ProviderCredentialLayer::builder(Provider::openai(), key).destination(world.vectors.origin());
    let (client, origin) = (layer.build().unwrap().layer(plain()), world.vectors.origin());
    let handler = service_fn(move |request: Request<RequestBody>| {
        let (client, origin) = (client.clone(), origin.clone());
        async move {
            let exchange = Exchange::of(&request.into_parts().0).unwrap().clone();
            for _ in 0..2 {
                let mut call = Request::get(&origin).body(Full::<Bytes>::default()).unwrap();
                let mut facts = CallFacts::new("model");
                facts.price = Some(Price::per_million("USD", 1_000_000, 2_000_000));
                call.extensions_mut().insert(exchange.clone());
                call.extensions_mut().insert(facts);
                client.clone().oneshot(call).await.unwrap();
            }
            let usage = |input, output| {
                let mut usage = UsageFacts::default();
                (usage.input, usage.output) = (Some(input), Some(output));
                usage
            };
            exchange.record(|record| {
                record.usage = Some(usage(1_000, 1_000));
                record.calls[1].usage = Some(usage(10, 20));
            });
            let answer = Response::builder().header("content-type", "text/plain");
            Ok::<_, Infallible>(answer.body(Full::<Bytes>::from("done")).unwrap())
        }
    });
    let answer = gate.layer(handler).oneshot(inbound(&world.credential("alice"))).await.unwrap();
    answer.into_body().collect().await.unwrap();
    let record = records.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(record["usage"]["input"], 1_000);
    assert_eq!(record["calls"][0]["cost"], Value::Null, "nobody knows: {record}");
    assert_eq!(record["calls"][1]["cost"], 0.000_05);
}
