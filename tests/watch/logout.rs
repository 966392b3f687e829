//! OpenID Connect Back-Channel Logout: the issuer ends a session, and its answers end.

use crate::site::{AUDIENCE, Client, NOW, Served, Site, seconds};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use portcullis::clock::UnixTime;
use portcullis::exchange::{Context, EdgeRules, MatchRouteLayer};
use portcullis::gate::{GateBuilder, GateErrorKind};
use portcullis::jwt::logout::{BackChannelLogout, BackChannelLogoutBuilder};
use portcullis::limit::{FloodQuota, Per};
use portcullis::principal::Revocations;
use portcullis::read::ReadPayloadLayer;
use portcullis::route::RouteTable;
use portcullis::testing::CredentialBuilder;
use serde_json::json;
use tower::{Layer, ServiceExt};

const CHAT: &str = "/v1/chat/completions";
const PATH: &str = "/backchannel-logout";
const CLIENT: &str = "my-client-id";
const FORM: &str = "content-type: application/x-www-form-urlencoded\r\n";

fn desk(site: &Site) -> BackChannelLogoutBuilder {
    BackChannelLogout::builder(site.revocations.clone())
        .issuer(site.issuer.trusted().audience(CLIENT))
        .clock(site.clock.shared())
}

async fn serve(site: &Site, desk: BackChannelLogoutBuilder) -> Served {
    serve_by(site, site.builder().flood(FloodQuota::new(10_000, Per::Second)), desk).await
}

async fn serve_by(site: &Site, gate: GateBuilder, desk: BackChannelLogoutBuilder) -> Served {
    let logout = desk.build().unwrap();
    let router = logout.router();
    site.serve_with(&gate.back_channel_logout(logout).build().unwrap(), router).await
}

/// A logout of alice's session, good for two minutes.
fn logout<'a>(site: &'a Site, id: &str) -> CredentialBuilder<'a> {
    site.issuer
        .credential("alice")
        .typ("logout+jwt")
        .audience(CLIENT)
        .lifetime(seconds(120))
        .claim("jti", id)
        .claim("sid", "sid-alice")
        .claim("events", json!({ "http://schemas.openid.net/event/backchannel-logout": {} }))
}

async fn send(served: &Served, token: &str) -> String {
    let body = format!("logout_token={token}");
    Client::post(served.address, PATH, FORM, &body).await.read_to_end().await
}

async fn is_let_in(served: &mut Served, credential: &str) -> bool {
    let answer = Client::ask(served.address, "/v1/other", credential).await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let mut client = Client::ask(served.address, CHAT, credential).await;
    client.read_until("HTTP/1.1 ").await;
    client.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200 ")
}

#[tokio::test]
async fn a_logout_ends_the_answers_of_its_session_and_refuses_its_credentials() {
    let site = Site::new();
    let mut served = serve(&site, desk(&site)).await;
    let (mut alice, of_alice) = served.stream(CHAT, &site.credential("alice")).await;
    let (mut bob, of_bob) = served.stream(CHAT, &site.credential("bob")).await;
    let answer = send(&served, &logout(&site, "1").sign()).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("cache-control: no-store"), "{answer}");
    assert!(alice.read_to_end().await.contains("credential_ended"));
    of_alice.dropped().await;
    let cut = "the credential was revoked, by its session (sid)";
    assert!([site.record(), site.record()].iter().any(|record| record["cause"] == cut));
    of_bob.chat("still here");
    bob.read_until("still here").await;
    assert!(!is_let_in(&mut served, &site.credential("alice")).await);
    assert!(is_let_in(&mut served, &site.credential("bob")).await);
}

#[tokio::test]
async fn a_session_ends_with_what_does_not_say_from_which_session_it_came_and_another_goes_on() {
    let site = Site::new();
    let mut served = serve(&site, desk(&site)).await;
    let alice = || site.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke");
    let (without, other) = (alice().sign(), alice().claim("sid", "another").sign());
    assert!(send(&served, &logout(&site, "1").sign()).await.starts_with("HTTP/1.1 200 "));
    assert!(!is_let_in(&mut served, &without).await);
    assert!(is_let_in(&mut served, &other).await);
    site.clock.advance(seconds(1));
    assert!(is_let_in(&mut served, &alice().sign()).await, "of a later login");
}

#[tokio::test]
async fn a_logout_of_a_subject_ends_whatever_was_issued_until_then() {
    let site = Site::new();
    let mut served = serve(&site, desk(&site)).await;
    let (mut client, _handler) = served.stream(CHAT, &site.credential("alice")).await;
    assert!(send(&served, &logout(&site, "1").without("sid").sign()).await.starts_with("HTTP/1.1 200 "));
    assert!(client.read_to_end().await.contains("credential_ended"));
    assert!(!is_let_in(&mut served, &site.credential("alice")).await);
    assert!(is_let_in(&mut served, &site.credential("bob")).await);
    site.clock.advance(seconds(1));
    assert!(is_let_in(&mut served, &site.credential("alice")).await, "of a later login");
}

#[tokio::test]
async fn a_logout_that_does_not_hold_is_told_so_and_changes_nothing() {
    let site = Site::new();
    let mut served = serve(&site, desk(&site)).await;
    let (now, id) = (NOW, "1");
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let stranger = Site::new();
    let mut wrong = vec![
        ("an ID token", logout(&site, id).typ("JWT").sign()),
        ("an access credential", site.credential("alice")),
        ("typ of an access credential", logout(&site, id).typ("at+jwt").sign()),
        ("another audience", logout(&site, id).audience(AUDIENCE).sign()),
        ("no audience", logout(&site, id).without("aud").sign()),
        ("another issuer", logout(&site, id).claim("iss", "https://other.test").sign()),
        ("another key", logout(&stranger, id).sign()),
        ("a nonce", logout(&site, id).claim("nonce", "n").sign()),
        ("an empty nonce", logout(&site, id).claim("nonce", json!(null)).sign()),
        ("no events", logout(&site, id).without("events").sign()),
        ("another event", logout(&site, id).claim("events", json!({ "urn:x": {} })).sign()),
        ("an event that is no object", logout(&site, id).claim("events", json!({ event: true })).sign()),
        ("events as a list", logout(&site, id).claim("events", json!([event])).sign()),
        ("nobody", logout(&site, id).without("sub").without("sid").sign()),
        ("a number for a session", logout(&site, id).claim("sid", 7).sign()),
        ("no jti", logout(&site, id).without("jti").sign()),
        ("no iat", logout(&site, id).without("iat").sign()),
        ("no exp", logout(&site, id).without("exp").sign()),
        ("expired", logout(&site, id).claim("iat", now - 100).claim("exp", now - 10).sign()),
        ("issued ahead", logout(&site, id).claim("iat", now + 11).sign()),
        ("too long a life", logout(&site, id).lifetime(seconds(601)).sign()),
        ("no JWT", "a.b.c".to_owned()),
    ];
    let signed = logout(&site, id).sign();
    wrong.push(("a broken signature", format!("{}AAAA", &signed[..signed.len() - 4])));
    for (what, token) in wrong {
        let answer = send(&served, &token).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert!(answer.contains(r#"{"error":"invalid_request""#) && answer.contains("no-store"), "{what}");
    }
    assert!(is_let_in(&mut served, &site.credential("alice")).await);
    assert!(send(&served, &signed).await.starts_with("HTTP/1.1 200 "), "its jti was not used up");
    assert!(!is_let_in(&mut served, &site.credential("alice")).await);
}

#[tokio::test]
async fn a_logout_token_counts_once() {
    let site = Site::new();
    let served = serve(&site, desk(&site)).await;
    let token = logout(&site, "1").sign();
    assert!(send(&served, &token).await.starts_with("HTTP/1.1 200 "));
    assert!(send(&served, &token).await.starts_with("HTTP/1.1 400 "));
    assert!(send(&served, &logout(&site, "2").sign()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_issuer_that_writes_a_plain_type_is_believed_by_choice() {
    let site = Site::new();
    let served = serve(&site, desk(&site).accept_plain_type()).await;
    assert!(send(&served, &logout(&site, "1").typ("JWT").sign()).await.starts_with("HTTP/1.1 200 "));
    assert!(send(&served, &logout(&site, "2").typ("at+jwt").sign()).await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn what_is_no_form_of_one_token_is_refused_before_anything_is_verified() {
    let site = Site::new();
    let served = serve(&site, desk(&site)).await;
    let token = logout(&site, "1").sign();
    let one = format!("logout_token={token}");
    let long = format!("{one}&x={}", "y".repeat(16 * 1024));
    let cases = [
        ("HTTP/1.1 415 ", "content-type: application/json\r\n", one.clone()),
        ("HTTP/1.1 415 ", "", one.clone()),
        ("HTTP/1.1 400 ", FORM, format!("{one}&{one}")),
        ("HTTP/1.1 400 ", FORM, "token=x".to_owned()),
        ("HTTP/1.1 400 ", FORM, String::new()),
        ("HTTP/1.1 413 ", FORM, long),
    ];
    for (status, headers, body) in cases {
        let answer = Client::post(served.address, PATH, headers, &body).await.read_to_end().await;
        assert!(answer.starts_with(status), "{status}: {answer}");
        assert_eq!(answer.contains("no-store"), status == "HTTP/1.1 400 ", "{status}: {answer}");
    }
    let answer = Client::get(served.address, PATH).await.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: POST"), "{answer}");
    assert!(send(&served, &token).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_form_that_does_not_come_is_not_waited_for() {
    let site = Site::new();
    let served = serve(&site, desk(&site)).await;
    let head = format!("{FORM}expect: nothing\r\n");
    let mut client = Client::begin(served.address, PATH, &head, "logout_token=", 1_000).await;
    // The body is waited for on the clock, which may be moved before the service has begun to.
    let answer = loop {
        site.clock.advance(seconds(10));
        if let Some(answer) = client.read_to_end_or_yield().await {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn when_the_list_is_full_everything_of_the_issuer_is_revoked() {
    let mut site = Site::new();
    site.revocations = Revocations::with_room(site.clock.shared(), 1);
    site.revocations.revoke_key(&[1; 32]).unwrap();
    let mut served = serve(&site, desk(&site)).await;
    assert!(is_let_in(&mut served, &site.credential("bob")).await);
    assert!(send(&served, &logout(&site, "1").sign()).await.starts_with("HTTP/1.1 200 "));
    assert!(!is_let_in(&mut served, &site.credential("alice")).await);
    assert!(!is_let_in(&mut served, &site.credential("bob")).await, "too much rather than too little");
    site.clock.advance(seconds(1));
    assert!(is_let_in(&mut served, &site.credential("bob")).await);
}

#[test]
fn what_is_missing_or_wrong_is_named_when_the_service_is_built() {
    let site = Site::new();
    let list = || BackChannelLogout::builder(Revocations::new());
    let trusted = || site.issuer.trusted().audience(CLIENT);
    let named = [
        (list(), "issuer"),
        (list().issuer(site.issuer.trusted()), "audience"),
        (list().issuer(trusted()).issuer(trusted()), "issuer"),
        (list().issuer(trusted()).credential_lifetime(seconds(0)), "credential_lifetime"),
        (list().issuer(trusted()).path("logout"), "path"),
        (list().issuer(trusted()).path("/{anything}"), "path"),
    ];
    for (builder, field) in named {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{field}`")), "{error}");
    }
}

#[tokio::test]
async fn a_logout_has_a_record_of_its_own_and_what_is_refused_is_counted_with_its_cause() {
    let site = Site::new();
    let served = serve(&site, desk(&site)).await;
    for n in 0..10 {
        send(&served, &logout(&site, &n.to_string()).audience(AUDIENCE).sign()).await;
    }
    for _ in 0..8 {
        let refused = site.record();
        assert_eq!((&refused["decision"], &refused["route"]), (&json!("refused"), &json!(PATH)));
        assert_eq!((&refused["status"], &refused["rule"]), (&json!(400), &json!("jwt:logout")));
        assert_eq!(refused["cause"], "claim `aud` does not name this service");
        assert!(refused.get("logout").is_none());
    }
    assert!(send(&served, &logout(&site, "1").sign()).await.starts_with("HTTP/1.1 200 "));
    let taken = site.record();
    assert_eq!((&taken["decision"], &taken["action"]), (&json!("permitted"), &json!("logout")));
    assert_eq!(
        taken["logout"],
        json!({
            "issuer": "https://issuer.test", "subject": "alice", "session": "sid-alice",
            "all_of_the_issuer": false,
        })
    );
    assert_eq!(taken["ran"]["flood"], "passed");
    assert!(taken.get("unread").is_none(), "the endpoint reads it whole");
    assert!(site.log.flush(seconds(10)));
    assert_eq!(site.record()["aggregate"]["count"], 2);
    site.assert_no_more_records();
}

#[tokio::test]
async fn who_sends_what_no_issuer_has_signed_is_slowed_down_before_anything_is_verified() {
    let (site, stranger) = (Site::new(), Site::new());
    let gate = site.builder().flood(FloodQuota::new(25, Per::Minute));
    let served = serve_by(&site, gate, desk(&site)).await;
    // What an issuer repeats counts once each time.
    let token = logout(&site, "1").sign();
    assert!(send(&served, &token).await.starts_with("HTTP/1.1 200 "));
    for _ in 0..3 {
        assert!(send(&served, &token).await.starts_with("HTTP/1.1 400 "));
    }
    for n in ["2", "3"] {
        assert!(send(&served, &logout(&stranger, n).sign()).await.starts_with("HTTP/1.1 400 "));
    }
    for n in ["4", "5"] {
        assert!(send(&served, &logout(&site, n).sign()).await.starts_with(if n == "4" {
            "HTTP/1.1 200 "
        } else {
            "HTTP/1.1 429 "
        }));
    }
    site.clock.advance(seconds(60));
    assert!(send(&served, &logout(&site, "5").sign()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_logout_is_checked_also_where_the_gate_only_observes() {
    let site = Site::new();
    let gate = site.builder().danger_observe(UnixTime::from_secs(NOW + 3_600));
    let served = serve_by(&site, gate, desk(&site)).await;
    assert!(send(&served, &logout(&Site::new(), "1").sign()).await.starts_with("HTTP/1.1 400 "));
    assert!(send(&served, &logout(&site, "1").sign()).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn layers_that_are_stacked_by_hand_let_it_work_and_anywhere_else_it_refuses() {
    let site = Site::new();
    let service = desk(&site).build().unwrap();
    let table = RouteTable::new([service.route()]).unwrap();
    let routes = MatchRouteLayer::builder(table).edge(EdgeRules::default().danger_plaintext());
    let routes = routes.context(Context::new(site.clock.shared())).build();
    let read = ReadPayloadLayer::builder().context(Context::new(site.clock.shared())).build();
    let request = |id| {
        let request = Request::post(PATH).header("content-type", "application/x-www-form-urlencoded");
        request
            .body(Full::<bytes::Bytes>::from(format!("logout_token={}", logout(&site, id).sign())))
            .unwrap()
    };
    let outside = service.clone().oneshot(request("1")).await.unwrap();
    let unread = routes.layer(service.clone()).oneshot(request("1")).await.unwrap();
    assert_eq!(
        (outside.status(), unread.status()),
        (StatusCode::INTERNAL_SERVER_ERROR, StatusCode::INTERNAL_SERVER_ERROR)
    );
    let answer = outside.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&answer).contains("not configured correctly"));
    let elsewhere = portcullis::route::Route::post(PATH)
        .danger_opaque_body(["application/x-www-form-urlencoded"], 20_000)
        .scope("any");
    let elsewhere = RouteTable::new([elsewhere]).unwrap();
    let elsewhere = MatchRouteLayer::builder(elsewhere).edge(EdgeRules::default().danger_plaintext()).build();
    let elsewhere = elsewhere.layer(read.layer(service.clone())).oneshot(request("1")).await.unwrap();
    assert_eq!(elsewhere.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let taken = routes.layer(read.layer(service)).oneshot(request("1")).await.unwrap();
    assert_eq!(taken.status(), StatusCode::OK, "none of the others used its jti up");
}

#[test]
fn the_posture_names_the_issuers_whose_logouts_count_and_the_gate_uses_their_list() {
    let site = Site::new();
    let gate = || site.builder().back_channel_logout(desk(&site).build().unwrap());
    let gate_of_one = gate().build().unwrap();
    let posture = gate_of_one.posture().to_string();
    assert!(
        posture.contains("logouts of https://issuer.test (1 fixed keys) at /backchannel-logout"),
        "{posture}"
    );
    assert!(posture.contains("signed form") && !posture.contains("UNREAD"), "{posture}");
    let other = gate().revocations(Revocations::new()).build().unwrap_err();
    assert!(matches!(other.kind(), GateErrorKind::TwoRevocations), "{other}");
    let longer = desk(&site).credential_lifetime(seconds(7_200)).build().unwrap();
    let longer = site.builder().back_channel_logout(longer).build().unwrap();
    assert_ne!(longer.posture().generation, gate_of_one.posture().generation);
}
