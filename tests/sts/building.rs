//! An exchange that cannot work is not built.

use super::world::*;
use portcullis::jose::Algorithm;
use portcullis::principal::Actor;
use portcullis::sts::{ActorClient, Grant, Sts};
use portcullis::testing::Issuer;
use std::time::Duration;

#[test]
fn settings_that_cannot_work_are_errors_that_say_what_to_do() {
    let world = World::new();
    let login = || world.login.trusted();
    let other = Issuer::new("https://other.test");
    let web = || ActorClient::by_secret("another", SECRET.into());
    let grant = || Grant::to(VECTORS).scopes(["docs:read"]);
    for (builder, words) in [
        (Sts::builder("sts.test").subjects_of(login()).actor(web()), "write its public URL"),
        (Sts::builder("http://sts.test").subjects_of(login()).actor(web()), "write its public URL"),
        (Sts::builder("https://sts.test/").subjects_of(login()).actor(web()), "write its public URL"),
        (
            Sts::builder(STS).subjects_of(login()).actor(web()).endpoint("/token"),
            "endpoint: write its public URL",
        ),
        (Sts::builder(STS).subjects_of(login()), "nobody may act"),
        (Sts::builder(STS).actor(web()), "trust at least one issuer"),
        (world.builder().subjects_of(login()), "it is there twice"),
        (world.builder().subjects_under("x", other.trusted()), "each needs a prefix"),
        (Sts::builder(LOGIN).subjects_of(login()).actor(web()), "it is the exchange itself"),
        (world.builder().actor(ActorClient::by_secret("web", SECRET.into())), "it is there twice"),
        (world.builder().actor(ActorClient::by_secret("x", "short".into())), "at least 24 bytes"),
        (world.builder().actor(ActorClient::by_secret("", SECRET.into())), "visible ASCII"),
        (
            world
                .builder()
                .actor(web().known_as(Actor::new(LOGIN, "a")))
                .actor(ActorClient::by_secret("y", SECRET.into()).known_as(Actor::new(LOGIN, "a"))),
            "known as one party",
        ),
        (world.builder().actor(web().known_as(Actor::new(STS, "web"))), "known as one party"),
        (world.builder().endpoint(STS), "endpoint: give it a path"),
        (world.builder().endpoint("https://sts.test/jwks.json"), "that of the keys or the metadata"),
        (
            world.builder().endpoint("https://sts.test/.well-known/oauth-authorization-server"),
            "that of the keys or the metadata",
        ),
        (world.builder().endpoint("https://sts.test/:token"), "begins with `:`"),
        (Sts::builder(STS).subjects_of(login()).actor(web()), "say where exchanges are recorded"),
        (world.builder().danger_without_audit(), "keep one of them"),
        (world.builder().actor(web().grant(grant())), "say for whom"),
        (world.builder().actor(web().grant(Grant::to(VECTORS).for_everybody())), "no scope may be passed on"),
        (
            world.builder().actor(web().grant(grant().for_everybody().for_tenant(LOGIN, "acme"))),
            "keep one of them",
        ),
        (
            world.builder().actor(web().grant(grant().for_everybody()).grant(grant().for_everybody())),
            "two grants",
        ),
        (world.builder().lifetime(Duration::ZERO), "an hour at most"),
        (world.builder().lifetime(Duration::from_secs(3601)), "an hour at most"),
        (world.builder().rotate_every(Duration::from_secs(299)), "choose more"),
        (world.builder().algorithm(Algorithm::Rs256), "choose ES256 or EdDSA"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(words), "{words}: {error}");
    }
}

#[test]
fn it_says_what_it_permits_and_shows_no_secret() {
    let world = World::new();
    let sts = world.sts();
    let text = sts.to_string();
    for words in [
        "exchange of credentials https://sts.test at https://sts.test/token",
        "signs by ES256, a new key every 86400 s, for 300 s at most",
        "for subjects of https://login.test",
        "web, by client_secret_basic; to https://orchestrator.test: chat docs:read hr:read; A SECRET IS GOOD",
        "orchestrator, by tls_client_auth of spiffe://prod.test/ns/chat/sa/orchestrator; to https://vectors.test",
        "batch, by private_key_jwt; may nothing",
    ] {
        assert!(text.contains(words), "{text}");
    }
    let unrecorded = Sts::builder(STS).subjects_of(world.login.trusted()).danger_without_audit();
    let unrecorded = unrecorded.actor(ActorClient::by_secret("web", SECRET.into())).build().unwrap();
    assert!(unrecorded.to_string().contains("WITHOUT AUDIT") && !text.contains("WITHOUT AUDIT"));
    let debug = format!("{sts:?} {:?}", world.builder());
    assert!(!debug.contains(SECRET) && !text.contains(SECRET));
    let metadata: serde_json::Value = serde_json::from_slice(&sts.metadata()).unwrap();
    assert_eq!(metadata["token_endpoint"], "https://sts.test/token");
    assert_eq!(metadata["jwks_uri"], "https://sts.test/jwks.json");
    assert_eq!(sts.metadata_path(), "/.well-known/oauth-authorization-server");
    let methods = &metadata["token_endpoint_auth_methods_supported"];
    assert_eq!(*methods, serde_json::json!(["client_secret_basic", "private_key_jwt", "tls_client_auth"]));
}
