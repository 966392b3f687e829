//! Who is called for, with what, and how often it is asked for.

use crate::world::{AUDIENCE, HOP, TRACE, VECTORS, World, caller, inbound, records, refused, send};
use http::StatusCode;
use http::header::AUTHORIZATION;
use portcullis::delegate::{OnBehalfOf, OutboundError};
use portcullis::exchange::Exchange;
use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
use portcullis::refusal::RefusalKind;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::test]
async fn a_call_bears_a_credential_that_was_made_for_the_next_service_and_no_other() {
    let world = World::new().await;
    let gate = world.gate();
    let credential = world.credential("alice");
    let alice = caller(&gate, inbound(&credential)).await;
    let mut request = world.call();
    for name in [
        "authorization",
        "x-api-key",
        "x_api_key",
        "cookie",
        "dpop",
        "proxy-authorization",
        "x-goog-api-key",
        "x-amzn-oidc-accesstoken",
        "x-ms-token-aad-access-token",
        "x-serverless-authorization",
        "x-goog-iap-jwt-assertion",
        "cf-access-jwt-assertion",
        "x-forwarded-access-token",
    ] {
        request.headers_mut().insert(name, "of-the-caller".parse().unwrap());
    }
    assert_eq!(send(&world.client(&gate), &alice, request).await.unwrap(), StatusCode::OK);

    let (headers, form) = world.server.asked().remove(0);
    assert_eq!(headers[AUTHORIZATION], "Basic b3JjaGVzdHJhdG9yOnMzY3JldA==");
    let expected = [
        ("audience", VECTORS),
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("scope", "vectors:read"),
        ("subject_token", &credential),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
    ];
    assert_eq!(form.iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>(), expected);

    let (uri, headers) = world.vectors.came().remove(0);
    assert_eq!(uri, "/collections/hr?q=1");
    let shown = headers[AUTHORIZATION].to_str().unwrap();
    assert!(shown.starts_with("Bearer ey") && !shown.contains(&credential), "{shown}");
    assert!(headers.values().all(|value| value != "of-the-caller"), "{headers:?}");
    assert_eq!(headers["traceparent"], TRACE);
    assert_eq!(headers["x-request-id"].len(), 32);
}

#[tokio::test]
async fn a_trace_that_is_none_does_not_go_on_and_one_of_the_hosts_own_stays() {
    let world = World::new().await;
    let (gate, own) = (world.gate(), "00-11111111111111111111111111111111-2222222222222222-00");
    for odd in [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "a b",
    ] {
        let mut request = inbound(&world.credential("alice"));
        request.headers_mut().insert("traceparent", odd.parse().unwrap());
        let alice = caller(&gate, request).await;
        send(&world.client(&gate), &alice, world.call()).await.unwrap();
        let (_, headers) = world.vectors.came().pop().unwrap();
        assert!(!headers.contains_key("traceparent"), "{odd}");
    }
    let mut request = world.call();
    request.headers_mut().insert("traceparent", own.parse().unwrap());
    let alice = world.caller(&gate, "alice").await;
    send(&world.client(&gate), &alice, request).await.unwrap();
    assert_eq!(world.vectors.came().pop().unwrap().1["traceparent"], own);
}

#[tokio::test]
async fn a_thousand_calls_at_once_with_one_cold_credential_are_one_exchange() {
    const CALLS: usize = 1_000;
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    world.server.hold().await;
    let begun = Arc::new(AtomicUsize::new(0));
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let (client, alice, request, begun) =
                (client.clone(), alice.clone(), world.call(), begun.clone());
            tokio::spawn(async move {
                begun.fetch_add(1, Ordering::SeqCst);
                send(&client, &alice, request).await
            })
        })
        .collect();
    world.server.asked_once_more().await;
    while begun.load(Ordering::SeqCst) < CALLS {
        tokio::task::yield_now().await;
    }
    world.server.release();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), StatusCode::OK);
    }
    assert_eq!(world.server.times_asked(), 1);
    assert_eq!(world.vectors.came().len(), CALLS);
}

#[tokio::test]
async fn who_leaves_while_it_asks_leaves_the_question_to_the_next_in_the_queue() {
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    world.server.hold().await;
    let call = || {
        let (client, alice, request) = (client.clone(), alice.clone(), world.call());
        tokio::spawn(async move { send(&client, &alice, request).await })
    };
    let first = call();
    world.server.asked_once_more().await;
    let second = call();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.server.asked_once_more().await;
    world.server.release();
    assert_eq!(second.await.unwrap().unwrap(), StatusCode::OK);
}

#[tokio::test]
async fn a_credential_is_remembered_for_its_caller_until_shortly_before_it_ends() {
    let world = World::new().await;
    let gate = world.gate();
    let client = world.client(&gate);
    let alice = world.caller(&gate, "alice").await;
    for (advance, exchanges) in [(0, 1), (269, 1), (1, 2), (0, 2)] {
        world.clock.advance(Duration::from_secs(advance));
        send(&client, &alice, world.call()).await.unwrap();
        assert_eq!(world.server.times_asked(), exchanges, "after {advance} s more");
    }
    let bob = world.caller(&gate, "bob").await;
    send(&client, &bob, world.call()).await.unwrap();
    assert_eq!(world.server.times_asked(), 3);
}

#[tokio::test]
async fn what_was_issued_does_not_outlive_what_it_was_made_of() {
    let world = World::new().await;
    let gate = world.gate();
    let client = world.client(&gate);
    let credential = world.issuer.credential("alice").audience(AUDIENCE).scope("ask");
    let alice = caller(&gate, inbound(&credential.lifetime(Duration::from_secs(100)).sign())).await;
    for (advance, exchanges) in [(0, 1), (82, 1), (1, 2)] {
        world.clock.advance(Duration::from_secs(advance));
        send(&client, &alice, world.call()).await.unwrap();
        assert_eq!(world.server.times_asked(), exchanges, "after {advance} s more");
    }
}

#[tokio::test]
async fn a_credential_that_the_next_service_does_not_take_is_not_shown_again() {
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    for (answer, exchanges) in [
        (StatusCode::OK, 1),
        (StatusCode::FORBIDDEN, 1),
        (StatusCode::UNAUTHORIZED, 1),
        (StatusCode::OK, 2),
        (StatusCode::OK, 2),
    ] {
        world.vectors.will_answer(answer);
        assert_eq!(send(&client, &alice, world.call()).await.unwrap(), answer);
        assert_eq!(world.server.times_asked(), exchanges, "{answer}");
    }
}

#[tokio::test]
async fn for_who_is_revoked_there_is_no_call_and_what_was_issued_is_dropped() {
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    send(&client, &alice, world.call()).await.unwrap();
    let subject = Subject::new("https://login.test", "alice");
    gate.revocations().revoke_subject(&subject).unwrap();
    let (kind, cause) = refused(send(&client, &alice, world.call()).await);
    assert_eq!(kind, RefusalKind::CredentialEnded);
    assert!(cause.contains("its subject"), "{cause}");
    assert_eq!((world.server.times_asked(), world.vectors.came().len()), (1, 1));
    gate.revocations().restore_subject(&subject);
    send(&client, &alice, world.call()).await.unwrap();
    assert_eq!(world.server.times_asked(), 2, "nothing was left of the first one");

    // Revoked while the exchange is under way.
    let bob = world.caller(&gate, "bob").await;
    world.server.hold().await;
    let call = {
        let (client, request) = (client.clone(), world.call());
        tokio::spawn(async move { send(&client, &bob, request).await })
    };
    world.server.asked_once_more().await;
    world.server.asked_once_more().await;
    world.server.asked_once_more().await;
    gate.revocations().revoke_subject(&Subject::new("https://login.test", "bob")).unwrap();
    world.server.release();
    assert_eq!(refused(call.await.unwrap()).0, RefusalKind::CredentialEnded);
}

#[tokio::test]
async fn nobody_no_call() {
    let world = World::new().await;
    let gate = world.gate();
    let mut client = world.client(&gate);
    let Err(OutboundError::Refused(refusal)) = client.ready().await.unwrap().call(world.call()).await else {
        panic!("a call for nobody")
    };
    assert_eq!(refusal.kind(), RefusalKind::Misconfigured);
    assert!(refusal.private_cause().unwrap().contains("for nobody"), "{refusal:?}");

    // A gate that does not keep credentials.
    let forgetting = world.builder().danger_without_audit().build().unwrap();
    let alice = world.caller(&forgetting, "alice").await;
    assert!(alice.principal().presented().is_none());
    let (kind, cause) = refused(send(&client, &alice, world.call()).await);
    assert_eq!(kind, RefusalKind::Misconfigured);
    assert!(cause.contains("keep_credential()"), "{cause}");

    // Who has shown nothing that could be exchanged.
    for method in
        [AuthenticationMethod::ApiKey, AuthenticationMethod::Certificate, AuthenticationMethod::Host]
    {
        let who = Principal::builder(Subject::new("keys", "batch"), Credential::new(method)).build();
        let (kind, cause) = refused(send(&client, &OnBehalfOf::from(who), world.call()).await);
        assert_eq!(kind, RefusalKind::Forbidden, "{cause}");
    }
    assert_eq!((world.server.times_asked(), world.vectors.came().len()), (0, 0));
}

#[tokio::test]
async fn a_credential_goes_to_no_other_place_than_those_that_were_named() {
    let world = World::new().await;
    let gate = world.gate();
    let (client, alice) = (world.client(&gate), world.caller(&gate, "alice").await);
    let port = world.vectors.origin().rsplit_once(':').unwrap().1.to_owned();
    for elsewhere in [
        "http://127.0.0.1:1/".to_owned(),
        format!("http://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        format!("http://user@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}.vectors.test/"),
        "/collections".to_owned(),
    ] {
        let Ok(request) = http::Request::get(&elsewhere).body(http_body_util::Full::default()) else {
            continue;
        };
        let (kind, cause) = refused(send(&client, &alice, request).await);
        assert_eq!(kind, RefusalKind::Forbidden, "{elsewhere}: {cause}");
    }
    assert_eq!((world.server.times_asked(), world.vectors.came().len()), (0, 0));
    for (origin, problem) in [
        ("http://vectors.test", "without encryption only this machine is called"),
        ("https://vectors.test/path", "leave out the path"),
        ("vectors.test", "https://"),
        ("https://user@vectors.test", "no user"),
    ] {
        let error = world.layer(&gate, world.exchange()).destination(origin).build().unwrap_err().to_string();
        assert!(error.contains(problem), "{origin}: {error}");
    }
}

#[tokio::test]
async fn a_client_may_be_given_its_caller_and_looks_at_no_other() {
    let world = World::new().await;
    let gate = world.gate();
    let (alice, mallory) = (world.caller(&gate, "alice").await, world.caller(&gate, "mallory").await);
    let client = world.client(&gate).on_behalf_of(alice.clone());
    send(&client, &mallory, world.call()).await.unwrap();
    let subject = &world.server.asked()[0].1["subject_token"];
    let expected = alice.principal().presented().unwrap();
    assert_eq!(subject, secrecy::ExposeSecret::expose_secret(expected));
    assert!(!format!("{client:?} {alice:?}").contains(subject));
}

#[tokio::test]
async fn the_record_of_a_request_has_its_calls_and_why_one_was_not_made() {
    let world = World::new().await;
    let (log, records) = records();
    let gate = world.builder().keep_credential().audit(log).build().unwrap();
    let client = world.client(&gate);
    let handler = service_fn(move |request: http::Request<portcullis::read::RequestBody>| {
        let client = client.clone();
        let call = http::Request::get("http://127.0.0.1:1/").body(http_body_util::Full::default()).unwrap();
        async move {
            let (parts, _) = request.into_parts();
            let (alice, exchange) = (OnBehalfOf::of(&parts).unwrap(), Exchange::of(&parts).unwrap().clone());
            let outcome = send(&client, &alice, call).await;
            Ok::<_, Infallible>(outcome.unwrap_err().refuse(&exchange).map(http_body_util::Full::new))
        }
    });
    let answer = gate.layer(handler).oneshot(inbound(&world.credential("alice"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let record = records.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((&record["decision"], &record["reason"]), (&"refused".into(), &"forbidden".into()));
    assert_eq!(record["calls"][0]["hop"], HOP);
    assert_eq!(record["calls"][0]["reason"], "forbidden");
    assert!(record["cause"].as_str().unwrap().contains("not one of its destinations"), "{record}");
}

#[tokio::test]
async fn more_calls_than_a_record_holds_are_made_all_the_same() {
    let world = World::new().await;
    let (log, records) = records();
    let gate = world.builder().keep_credential().audit(log).build().unwrap();
    let (client, origin) = (world.client(&gate), world.vectors.origin());
    let handler = service_fn(move |request: http::Request<portcullis::read::RequestBody>| {
        let (client, origin) = (client.clone(), origin.clone());
        async move {
            let alice = OnBehalfOf::of(&request.into_parts().0).unwrap();
            for _ in 0..20 {
                let call = http::Request::get(&origin).body(http_body_util::Full::default()).unwrap();
                send(&client, &alice, call).await.unwrap();
            }
            let answer = http::Response::builder().header("content-type", "text/plain");
            Ok::<_, Infallible>(answer.body(http_body_util::Full::<bytes::Bytes>::from("done")).unwrap())
        }
    });
    let answer = gate.layer(handler).oneshot(inbound(&world.credential("alice"))).await.unwrap();
    http_body_util::BodyExt::collect(answer.into_body()).await.unwrap();
    let record = records.recv_timeout(Duration::from_secs(10)).unwrap();
    let calls = record["calls"].as_array().unwrap();
    let (first, second) = (&calls[0], &calls[1]);
    assert_eq!((&first["credential"], &first["status"]), (&"exchanged".into(), &200.into()));
    assert_eq!((&second["credential"], &second["hop"]), (&"remembered".into(), &HOP.into()));
    assert_eq!((calls.len(), world.vectors.came().len()), (16, 20));
    assert_eq!(record["more_calls"], 4, "who has hidden a call behind others has left a trace");
    let came = world.vectors.came();
    assert!(
        came.iter().all(|(_, headers)| headers["x-request-id"] == *record["request_id"].as_str().unwrap())
    );
}

/// A service that panics when it is called before it has said that it is ready; its clones have said nothing.
struct Strict(bool);

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<http::Request<()>> for Strict {
    type Response = http::Response<()>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<http::Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        self.0 = true;
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<()>) -> Self::Future {
        assert!(std::mem::take(&mut self.0), "called before it was ready");
        std::future::ready(Ok(http::Response::new(())))
    }
}

#[tokio::test]
async fn the_client_that_is_called_is_the_one_that_was_ready_whether_the_credential_is_there_or_not() {
    let world = World::new().await;
    let gate = world.gate();
    let alice = world.caller(&gate, "alice").await;
    let mut client = world.layer(&gate, world.exchange()).build().unwrap().layer(Strict(false));
    for exchanges in [1, 1] {
        let mut request = http::Request::get(world.vectors.origin()).body(()).unwrap();
        request.extensions_mut().insert(alice.clone());
        client.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(world.server.times_asked(), exchanges);
    }
}
