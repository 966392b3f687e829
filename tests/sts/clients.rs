//! How actors show who they are, and what a request must look like.

use super::world::*;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use portcullis::jose::SigningKey;
use serde_json::{Value, json};
use std::time::Duration;

fn assertion(key: &SigningKey, changed: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let mut claims = json!({
        "iss": "batch", "sub": "batch", "aud": "https://sts.test/token", "iat": NOW, "exp": NOW + 60, "jti": "1",
    });
    for (name, value) in changed {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
    }
    key.sign_jwt("JWT", &claims).unwrap()
}

fn as_batch(assertion: &str) -> Asking {
    Asking::new("x", VECTORS)
        .with("client_assertion", assertion)
        .with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
}

#[tokio::test]
async fn an_actor_is_known_in_its_one_way_and_no_other() {
    let world = World::new();
    let sts = world.sts();
    let login = world.credential(WEB, []);
    let asking = || Asking::new(&login, ORCHESTRATOR);
    let orchestrator = world.from(WORKLOAD);
    let other = world.from("spiffe://prod.test/ns/chat/sa/other");
    let by_web = assertion(&world.key, [("iss", json!("web")), ("sub", json!("web"))]);
    for asking in [
        asking(),
        asking().with("client_id", "web"),
        asking().with("client_id", "nobody"),
        asking().basic("web", "wrong"),
        asking().basic("web", ""),
        asking().basic("nobody", SECRET),
        asking().basic("orchestrator", SECRET),
        asking().by_orchestrator(&other),
        asking().with("client_id", "orchestrator"),
        Asking { tls: Some(orchestrator.clone()), ..asking() },
        Asking { tls: Some(orchestrator.clone()), ..asking().with("client_id", "web") },
        Asking { tls: Some(orchestrator.clone()), ..asking().with("client_id", "batch") },
        as_batch(&by_web),
    ] {
        let answer = asking.send(&sts).await;
        answer.assert_refused(401, "invalid_client");
        assert!(answer.headers["www-authenticate"].to_str().unwrap().starts_with("Basic"));
    }
    assert!(world.records().is_empty(), "strangers have no records of their own");
    for asking in [
        asking().by_web().basic("web", SECRET),
        asking().by_web().with("client_id", "orchestrator"),
        asking().header("authorization", "Bearer x"),
        asking().header("authorization", "Basic !!!"),
        asking().header("authorization", "Basic d2Vi"),
        asking().with("client_secret", SECRET).with("client_id", "web"),
        as_batch(&assertion(&world.key, [])).by_web(),
        as_batch(&assertion(&world.key, [])).with("client_assertion_type", ""),
        as_batch(&assertion(&world.key, [])).with("client_assertion_type", "saml"),
    ] {
        asking.send(&sts).await.assert_refused(400, "invalid_request");
    }
    assert_eq!(asking().by_web().with("client_id", "web").send(&sts).await.status, StatusCode::OK);
    assert!(world.record().strangers >= 22, "they are counted");
    // A certificate beside the secret is the connection's affair.
    let beside = Asking { tls: Some(other), ..asking().by_web() };
    assert_eq!(beside.send(&sts).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_assertion_is_of_the_client_for_the_exchange_short_and_comes_once() {
    let world = World::new();
    let sts = world.sts();
    // Batch may nothing: that it is told of its subject_token says that it was known.
    for (n, audience) in ["https://sts.test/token", STS].into_iter().enumerate() {
        let good = assertion(&world.key, [("aud", json!(audience)), ("jti", json!(n.to_string()))]);
        as_batch(&good).send(&sts).await.assert_refused(400, "invalid_request");
        assert_eq!(world.record().authenticated_by, "private_key_jwt");
        as_batch(&good).send(&sts).await.assert_refused(401, "invalid_client");
    }
    let stranger = SigningKey::generate_p256().unwrap();
    let mut bad = vec![assertion(&stranger, []), "x.y.z".to_owned(), String::from("x")];
    for (name, value) in [
        ("sub", json!("web")),
        ("aud", json!("https://other.test/token")),
        ("aud", json!(VECTORS)),
        ("exp", json!(NOW - 60)),
        ("exp", json!(NOW + 7200)),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("jti", Value::Null),
        ("nbf", json!(NOW + 60)),
    ] {
        bad.push(assertion(&world.key, [("jti", json!("bad")), (name, value)]));
    }
    for assertion in bad {
        as_batch(&assertion).send(&sts).await.assert_refused(401, "invalid_client");
    }
    // It is forgotten when it would be refused as expired, and not before.
    let late = assertion(&world.key, [("jti", json!("late"))]);
    as_batch(&late).send(&sts).await.assert_refused(400, "invalid_request");
    world.clock.advance(Duration::from_secs(69));
    as_batch(&late).send(&sts).await.assert_refused(401, "invalid_client");
    world.clock.advance(Duration::from_secs(1));
    as_batch(&late).send(&sts).await.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn a_certificate_that_was_revoked_is_none() {
    let world = World::new();
    let sts = world.sts();
    let tls = world.from(WORKLOAD);
    let login = world.credential(ORCHESTRATOR, []);
    let asking = || Asking::new(&login, VECTORS).by_orchestrator(&tls);
    assert_eq!(asking().send(&sts).await.status, StatusCode::OK);
    world.revocations.revoke_fingerprint(*tls.peer_certificate().unwrap().fingerprint());
    asking().send(&sts).await.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn a_request_is_one_form_with_each_parameter_once() {
    let world = World::new();
    let sts = world.sts();
    let login = world.credential(WEB, []);
    let good = Asking::new(&login, ORCHESTRATOR).by_web();
    for (name, value, error) in [
        ("grant_type", "", "invalid_request"),
        ("grant_type", "client_credentials", "unsupported_grant_type"),
        ("audience", "", "invalid_request"),
        ("resource", "https://other.test", "invalid_request"),
        ("subject_token", "", "invalid_request"),
        ("subject_token_type", "", "invalid_request"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:id_token", "invalid_request"),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token", "invalid_request"),
    ] {
        good.clone().with(name, value).send(&sts).await.assert_refused(400, error);
    }
    for (name, value) in [
        ("resource", ORCHESTRATOR),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ("unknown", "ignored"),
    ] {
        assert_eq!(good.clone().with(name, value).send(&sts).await.status, StatusCode::OK, "{name}");
    }
    let only_resource = good.clone().with("audience", "").with("resource", ORCHESTRATOR);
    assert_eq!(only_resource.send(&sts).await.status, StatusCode::OK);

    let body = good.body();
    let request = |method: Method, uri: &str, kind: &str, body: String| {
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", kind)
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        request.headers_mut().extend(good.headers.clone());
        request
    };
    let form = "application/x-www-form-urlencoded";
    for (request, status) in [
        (request(Method::GET, "/token", form, body.clone()), 405),
        (request(Method::POST, "/token?audience=x", form, body.clone()), 400),
        (request(Method::POST, "/token", "application/json", body.clone()), 415),
        (request(Method::POST, "/token", form, format!("{body}&audience={ORCHESTRATOR}")), 400),
        (request(Method::POST, "/token", form, format!("{body}&x=%")), 400),
        (request(Method::POST, "/token", form, format!("{body}&x={}", "y".repeat(16 * 1024))), 413),
        (request(Method::POST, "/token", form, String::new()), 400),
    ] {
        let answer = answer(&sts, request).await;
        assert_eq!(answer.status.as_u16(), status, "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers.get("allow").is_some(), status == 405);
    }
    let again = request(Method::POST, "/token", "Application/X-WWW-Form-URLEncoded; charset=utf-8", body);
    assert_eq!(answer(&sts, again).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_issued_beside_a_proof_is_bound_to_its_key() {
    let world = World::new();
    let sts = world.sts();
    let key = SigningKey::generate_p256().unwrap();
    let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    let proof = |jti: &str, htu: &str, htm: &str| {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        let claims = json!({ "htm": htm, "htu": htu, "iat": NOW, "jti": jti });
        key.sign_compact(header.to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
    };
    let login = world.credential(WEB, []);
    let good = proof("1", "https://sts.test/token", "POST");
    let asking = |proof: &str| Asking::new(&login, ORCHESTRATOR).by_web().header("dpop", proof);
    let answer = asking(&good).send(&sts).await;
    assert_eq!(answer.body["token_type"], "DPoP");
    assert_eq!(answer.claims()["cnf"], json!({ "jkt": key.thumbprint().to_string() }));
    assert_eq!(world.record().bound, Some("dpop"));
    for proof in [
        good.as_str(),
        &proof("2", "https://sts.test/other", "POST"),
        &proof("3", "https://sts.test/token", "GET"),
        "x.y.z",
    ] {
        asking(proof).send(&sts).await.assert_refused(400, "invalid_dpop_proof");
    }
    let two = asking(&proof("4", "https://sts.test/token", "POST")).header("dpop", "x");
    two.send(&sts).await.assert_refused(400, "invalid_dpop_proof");
}
