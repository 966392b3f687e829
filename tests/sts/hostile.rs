//! What a trusted issuer, an actor or a failing disk may try.

use super::world::*;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use portcullis::jose::KeySet;
use portcullis::jwt::{KeySource, Refresh};
use portcullis::principal::Subject;
use portcullis::sts::{ActorClient, ExchangeRecord, Grant, Sts};
use portcullis::testing::{FakeClock, Issuer};
use portcullis::trust::TrustBundles;
use serde_json::{Value, json};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tower::ServiceExt;

const PARTNER: &str = "https://partner.test";

/// An exchange for two issuers, whose actor `web` has one grant at each of these audiences.
fn two_issuers(world: &World, partner: &Issuer) -> Sts {
    let grant = |audience: &str| Grant::to(audience).scopes(["chat"]);
    Sts::builder(STS)
        .subjects_under("login:", world.login.trusted().tenant_claim("/tid"))
        .subjects_under("partner:", partner.trusted().tenant_claim("/tid"))
        .actor(
            ActorClient::by_secret("web", SECRET.into())
                .audience(WEB)
                .grant(grant("https://alice.test").for_subject(Subject::new(LOGIN, "alice")))
                .grant(grant("https://login.test").for_subjects_of(LOGIN))
                .grant(grant("https://acme.test").for_tenant(LOGIN, "acme"))
                .grant(grant(ORCHESTRATOR).for_everybody()),
        )
        .actor(
            ActorClient::by_secret("second", SECRET.into())
                .audience(ORCHESTRATOR)
                .grant(grant(VECTORS).for_everybody()),
        )
        .revocations(world.revocations.clone())
        .danger_without_audit()
        .clock(FakeClock::shared(&world.clock))
        .build()
        .unwrap()
}

fn of_partner(partner: &Issuer, claims: &[(&'static str, Value)]) -> String {
    let mallory = partner.credential("mallory").audience(WEB).scope("chat");
    claims.iter().fold(mallory, |mallory, (name, value)| mallory.claim(*name, value.clone())).sign()
}

#[tokio::test]
async fn no_issuer_but_the_exchange_says_from_whom_a_credential_descends() {
    let world = World::new();
    let partner = Issuer::with_clock(PARTNER, FakeClock::shared(&world.clock));
    let sts = two_issuers(&world, &partner);
    let root = json!({ "iss": LOGIN, "sub": "alice", "jti": "root" });
    let forged = of_partner(&partner, &[("portcullis_root", root), ("tid", json!("acme"))]);
    for audience in ["https://alice.test", "https://login.test", "https://acme.test"] {
        let answer = Asking::new(&forged, audience).by_web().send(&sts).await;
        answer.assert_refused(400, "invalid_target");
        let alice = world.credential(WEB, [("tid", json!("acme"))]);
        assert_eq!(Asking::new(&alice, audience).by_web().send(&sts).await.status, StatusCode::OK);
    }
    // What descends from it is revoked with mallory, whatever the partner wrote.
    let first = Asking::new(&forged, ORCHESTRATOR).by_web().send(&sts).await;
    let root = &first.claims()["portcullis_root"];
    assert_eq!((&root["iss"], &root["sub"]), (&json!(PARTNER), &json!("mallory")));
    let second = || Asking::new(first.credential(), VECTORS).basic("second", SECRET);
    let descendant = second().send(&sts).await;
    assert_eq!(descendant.claims()["portcullis_root"], *root, "the exchange believes itself");
    world.revocations.revoke_subject(&Subject::new(PARTNER, "mallory")).unwrap();
    second().send(&sts).await.assert_refused(400, "invalid_request");
}

#[tokio::test]
async fn a_tenant_of_another_issuer_that_is_called_alike_is_another_tenant() {
    let world = World::new();
    let partner = Issuer::with_clock(PARTNER, FakeClock::shared(&world.clock));
    let sts = two_issuers(&world, &partner);
    let mallory = of_partner(&partner, &[("tid", json!("acme"))]);
    let answer = Asking::new(&mallory, "https://acme.test").by_web().send(&sts).await;
    answer.assert_refused(400, "invalid_target");
}

#[tokio::test]
async fn an_assertion_that_is_addressed_to_others_too_is_none() {
    let world = World::new();
    let sts = world.sts();
    for (n, (audience, status)) in [
        (json!(["https://sts.test/token"]), 400),
        (json!(["https://sts.test/token", "https://other.test"]), 401),
        (json!([STS, "https://sts.test/token"]), 401),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = json!({
            "iss": "batch", "sub": "batch", "aud": audience, "iat": NOW, "exp": NOW + 60, "jti": n.to_string(),
        });
        let answer = Asking::new("x", VECTORS)
            .with("client_assertion", &world.key.sign_jwt("JWT", &claims).unwrap())
            .with("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .send(&sts)
            .await;
        assert_eq!(answer.status.as_u16(), status, "{audience}: {answer:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_the_bundles_do_not_vouch_for_any_more_is_none() {
    let world = World::new();
    let roots = std::env::temp_dir().join(format!("portcullis-sts-{}.pem", std::process::id()));
    std::fs::write(&roots, world.authority.pem()).unwrap();
    let bundles = TrustBundles::builder()
        .spiffe("prod.test", roots.as_path())
        .clock(FakeClock::shared(&world.clock))
        .build()
        .unwrap();
    let sts = world.builder().bundles(bundles.clone()).build().unwrap();
    let tls = world.from(WORKLOAD);
    let login = world.credential(ORCHESTRATOR, []);
    let asking = || Asking::new(&login, VECTORS).by_orchestrator(&tls);
    assert_eq!(asking().send(&sts).await.status, StatusCode::OK);
    let next = portcullis::testing::CertificateAuthority::with_clock("next", FakeClock::shared(&world.clock));
    std::fs::write(&roots, next.pem()).unwrap();
    bundles.reload().unwrap();
    std::fs::remove_file(&roots).unwrap();
    asking().send(&sts).await.assert_refused(401, "invalid_client");
}

#[tokio::test]
async fn strangers_are_counted_until_a_record_of_them_is_kept() {
    let world = World::new();
    let (fails, kept) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(Vec::<ExchangeRecord>::new())));
    let (failing, keep) = (fails.clone(), kept.clone());
    let sts = world
        .builder()
        .audit(move |record| {
            if failing.load(Ordering::SeqCst) {
                return Err(std::io::Error::other("the disk is full"));
            }
            keep.lock().unwrap().push(record.clone());
            Ok(())
        })
        .build()
        .unwrap();
    let login = world.credential(WEB, []);
    let asking = || Asking::new(&login, ORCHESTRATOR);
    for _ in 0..3 {
        asking().basic("web", "wrong").send(&sts).await.assert_refused(401, "invalid_client");
    }
    asking().by_web().send(&sts).await.assert_refused(503, "temporarily_unavailable");
    fails.store(false, Ordering::SeqCst);
    assert_eq!(asking().by_web().send(&sts).await.status, StatusCode::OK);
    assert_eq!(kept.lock().unwrap()[0].strangers, 3);
}

/// Keys of an issuer that does not answer.
#[derive(Debug)]
struct Silent(Arc<KeySet>);

impl KeySource for Silent {
    fn snapshot(&self) -> Arc<KeySet> {
        self.0.clone()
    }

    fn refresh(&self) -> Refresh {
        Refresh::later(std::future::pending())
    }
}

#[tokio::test]
async fn an_actor_that_leaves_while_keys_are_fetched_leaves_a_record() {
    let world = World::new();
    let partner = Issuer::with_clock(PARTNER, FakeClock::shared(&world.clock));
    let other = portcullis::jose::SigningKey::generate_p256().unwrap();
    let keys = Silent(Arc::new(KeySet::from_jwks(other.public_jwks()).unwrap()));
    let records = Arc::new(Mutex::new(Vec::new()));
    let keep = records.clone();
    let sts = Sts::builder(STS)
        .subjects_of(portcullis::jwt::TrustedIssuer::new(PARTNER).keys(keys))
        .actor(ActorClient::by_secret("web", SECRET.into()).audience(WEB))
        .audit(move |record| {
            keep.lock().unwrap().push(record.clone());
            Ok(())
        })
        .clock(FakeClock::shared(&world.clock))
        .build()
        .unwrap();
    let asking = Asking::new(&of_partner(&partner, &[]), ORCHESTRATOR).by_web();
    let mut request = Request::post("/token").body(Full::new(bytes::Bytes::from(asking.body()))).unwrap();
    request.headers_mut().extend(asking.headers);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", form);
    {
        let mut answer = pin!(sts.endpoint().oneshot(request));
        let polled = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending));
        assert!(records.lock().unwrap().is_empty());
    }
    let records = records.lock().unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!((&*records[0].actor, records[0].decision), ("web", "aborted"));
    assert!(records[0].cause.as_deref().unwrap().contains("the actor has left"));
}
