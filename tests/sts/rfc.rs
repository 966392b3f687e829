//! The examples of RFC 8693.

use super::world::{Answer, answer};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use portcullis::clock::UnixTime;
use portcullis::principal::Actor;
use portcullis::sts::{ActorClient, Grant, Sts};
use portcullis::testing::{FakeClock, Issuer};
use serde_json::json;
use std::time::Duration;

const AS: &str = "https://as.example.com";
const ORIGINAL: &str = "https://original-issuer.example.net";

async fn ask(sts: &Sts, authorization: &str, body: String) -> Answer {
    let request = Request::post("/as/token.oauth2")
        .header("host", "as.example.com")
        .header("authorization", authorization)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    answer(sts, request).await
}

/// §2.3: the client rs08 exchanges what it was sent for a credential for the backend. Its subject token is opaque there; here it is a JWT.
#[tokio::test]
async fn the_example_of_a_resource_server_that_calls_a_backend() {
    let clock = FakeClock::at(UnixTime::from_secs(1_443_904_090));
    let login = Issuer::with_clock("https://issuer.example.com", clock.shared());
    let sts = Sts::builder(AS)
        .endpoint("https://as.example.com/as/token.oauth2")
        .subjects_of(login.trusted())
        .danger_without_audit()
        .actor(
            ActorClient::by_secret("rs08", "long-secure-random-secret".into())
                .audience("https://frontend.example.com")
                .grant(Grant::to("https://backend.example.com/api").scopes(["api"]).for_everybody()),
        )
        .lifetime(Duration::from_secs(60))
        .clock(clock.shared())
        .build()
        .unwrap();
    let form = |subject: &str| {
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &resource=https%3A%2F%2Fbackend.example.com%2Fapi\
             &subject_token={subject}\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
        )
    };
    let basic = "Basic cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0";
    let opaque = ask(&sts, basic, form("accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC")).await;
    opaque.assert_refused(400, "invalid_request");
    let subject =
        login.credential("user@example.com").audience("https://frontend.example.com").scope("api openid");
    let issued = ask(&sts, basic, form(&subject.sign())).await;
    assert_eq!(issued.body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!((&issued.body["token_type"], &issued.body["expires_in"]), (&json!("Bearer"), &json!(60)));
    let claims = issued.claims();
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("https://backend.example.com/api"), &json!(AS)));
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("user@example.com"), &json!("api")));
    // The example is one of impersonation; here whoever acts is named.
    assert_eq!(claims["act"], json!({ "sub": "rs08" }));
}

/// Appendix A.2: delegation, by a `subject_token` with `may_act` and an `actor_token`.
#[tokio::test]
async fn the_example_of_delegation() {
    let clock = FakeClock::at(UnixTime::from_secs(1_441_910_000));
    let original = Issuer::with_clock(ORIGINAL, clock.shared());
    let sts = Sts::builder(AS)
        .endpoint("https://as.example.com/as/token.oauth2")
        .subjects_of(original.trusted())
        .danger_without_audit()
        .actor(
            ActorClient::by_secret("admin-console", "long-secure-random-secret".into())
                .known_as(Actor::new(ORIGINAL, "admin@example.net"))
                .grant(
                    Grant::to("urn:example:cooperation-context").scopes(["status", "feed"]).for_everybody(),
                ),
        )
        .lifetime(Duration::from_secs(3600))
        .clock(clock.shared())
        .build()
        .unwrap();
    let subject = original
        .credential("user@example.net")
        .audience(AS)
        .without("iat")
        .claim("exp", 1_441_910_060)
        .claim("scope", "status feed")
        .claim("may_act", json!({ "sub": "admin@example.net" }))
        .sign();
    let actor =
        |sub: &str| original.credential(sub).audience(AS).without("iat").claim("exp", 1_441_910_060).sign();
    let form = |actor: &str| {
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &audience=urn%3Aexample%3Acooperation-context\
             &subject_token={subject}\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt\
             &actor_token={actor}\
             &actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt\
             &requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
        )
    };
    // admin-console:long-secure-random-secret
    let basic = "Basic YWRtaW4tY29uc29sZTpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0";
    let issued = ask(&sts, basic, form(&actor("admin@example.net"))).await;
    let claims = issued.claims();
    assert_eq!(issued.body["issued_token_type"], "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!((&claims["aud"], &claims["iss"]), (&json!("urn:example:cooperation-context"), &json!(AS)));
    assert_eq!((&claims["sub"], &claims["scope"]), (&json!("user@example.net"), &json!("feed status")));
    // Who vouches for the actor is said, since it is another issuer than that of the credential.
    assert_eq!(claims["act"], json!({ "sub": "admin@example.net", "iss": ORIGINAL }));
    // In the example it outlives what it was exchanged for by an hour; not here.
    assert_eq!(claims["exp"], json!(1_441_910_060));
    ask(&sts, basic, form(&actor("other@example.net"))).await.assert_refused(400, "invalid_request");
}
