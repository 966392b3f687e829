//! The ways in which this service shows the authorization server who it is, and the flavours of the exchange.

use crate::world::{VECTORS, World, fetch, granted, plain, read_form, refused, send};
use axum::http::StatusCode;
use axum::{Extension, Router, routing::post};
use portcullis::delegate::{CredentialExchange, CredentialType, RotatingSecret};
use portcullis::fetch::HttpsClient;
use portcullis::jose::{Jws, PublicKey, SigningKey};
use portcullis::jwt::ClientAuthentication;
use portcullis::principal::TlsConnection;
use portcullis::refusal::RefusalKind;
use portcullis::serve::{Server, TlsAcceptor};
use portcullis::testing::{CertificateAuthority, Issuer};
use portcullis::trust::{Identity, Pem, TrustBundles};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tower::Layer;

#[tokio::test]
async fn entra_is_asked_in_its_own_way_and_may_shorten_scopes() {
    let world = World::new().await;
    let gate = world.gate();
    let alice = world.caller(&gate, "alice").await;
    let client = ClientAuthentication::secret("orchestrator", "s3cret".into());
    let exchange = CredentialExchange::entra(world.server.url(), client, fetch());
    let issuer = Issuer::with_clock("https://sts.windows.test", world.clock.shared());
    for (asked, given, good) in [
        ("api://vectors/Read", "Read", true),
        ("api://vectors/Read", "api://vectors/Read", true),
        ("api://vectors/.default", "Read Write", true),
        ("api://vectors/Read", "Write", false),
        ("api://vectors/.default", "api://hr/Read", false),
        ("api://vectors/Read", "api://hr/Read", false),
    ] {
        let credential = issuer.credential("alice").audience("api://vectors").claim("scp", "Read");
        let credential =
            if asked.ends_with("Read") { credential } else { credential.claim("scp", "Read Write") };
        world.server.will_answer(
            StatusCode::OK,
            json!({ "token_type": "Bearer", "scope": given, "expires_in": 3_600, "access_token": credential.sign() }),
        );
        let layer = gate
            .act_on_behalf(exchange.clone())
            .audience("api://vectors")
            .scope(asked)
            .destination(world.vectors.origin())
            .build()
            .unwrap();
        let outcome = send(&layer.layer(plain()), &alice, world.call()).await;
        assert_eq!(outcome.is_ok(), good, "{asked} {given}: {outcome:?}");
        let (_, form) = world.server.asked().pop().unwrap();
        let names: Vec<&str> = form.keys().map(String::as_str).collect();
        assert_eq!(names, ["assertion", "grant_type", "requested_token_use", "scope"]);
        assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        assert_eq!((&*form["requested_token_use"], &*form["scope"]), ("on_behalf_of", asked));
    }
}

#[tokio::test]
async fn an_actor_shows_a_credential_of_its_own_which_can_be_renewed() {
    let world = World::new().await;
    let gate = world.gate();
    let actor = RotatingSecret::new("actor-1".into()).unwrap();
    let exchange =
        world.exchange().actor(actor.clone(), CredentialType::Jwt).subject_type(CredentialType::Jwt);
    let layer = world.layer(&gate, exchange).resource("https://vectors.internal/").build().unwrap();
    let client = layer.layer(plain());
    for (n, subject) in ["alice", "bob"].into_iter().enumerate() {
        let caller = world.caller(&gate, subject).await;
        send(&client, &caller, world.call()).await.unwrap();
        let (_, form) = world.server.asked().pop().unwrap();
        assert_eq!(form["actor_token"], format!("actor-{}", n + 1));
        assert_eq!(form["actor_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(form["subject_token_type"], "urn:ietf:params:oauth:token-type:jwt");
        assert_eq!(form["resource"], "https://vectors.internal/");
        actor.replace("actor-2".into()).unwrap();
    }
    assert!(actor.replace("line\nbreak".into()).is_err());
}

#[tokio::test]
async fn a_signed_assertion_says_who_asks() {
    let world = World::new().await;
    let gate = world.gate();
    let key = SigningKey::generate_p256().unwrap();
    let public = PublicKey::from_jwk(key.public_jwk().as_bytes()).unwrap();
    let client = ClientAuthentication::private_key("orchestrator", key, None);
    let exchange = CredentialExchange::rfc8693(world.server.url(), client, fetch());
    let client = world.layer(&gate, exchange).build().unwrap().layer(plain());
    send(&client, &world.caller(&gate, "alice").await, world.call()).await.unwrap();
    let (headers, form) = world.server.asked().remove(0);
    assert!(!headers.contains_key("authorization"));
    assert_eq!(form["client_id"], "orchestrator");
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let assertion = Jws::parse(&form["client_assertion"]).unwrap();
    let claims: Value = serde_json::from_slice(assertion.verify(&public).unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&"orchestrator".into(), &"orchestrator".into()));
    assert_eq!(claims["aud"], world.server.url());
}

#[tokio::test]
async fn a_certificate_says_who_asks_and_without_it_there_is_no_exchange() {
    let world = World::new().await;
    let gate = world.gate();
    let authority = CertificateAuthority::new("prod.example");
    let root = Pem::text(authority.pem());
    let bundles = TrustBundles::builder().spiffe("prod.example", root.clone()).roots(root).build().unwrap();
    let own = authority.dns("login.test").issue();
    let identity = Identity::files(Pem::text(own.chain_pem()), Pem::text(own.key_pem())).unwrap();
    let tls = TlsAcceptor::builder(identity).require_client_certificates(bundles).build().unwrap();
    let issuer = Arc::new(Issuer::with_clock("https://exchange.test", world.clock.shared()));
    let token = move |Extension(tls): Extension<TlsConnection>, body: String| {
        let form = read_form(&body);
        let shown = tls.peer_certificate().unwrap().workload().unwrap().to_string();
        assert_eq!((&*form["client_id"], &*shown), ("orchestrator", "spiffe://prod.example/orchestrator"));
        std::future::ready(axum::Json(granted(&issuer, &form)))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().route("/token", post(token));
    tokio::spawn(async move { Server::new(tls).serve(listener, app).await });

    let url = format!("https://login.test:{port}/token");
    let fetch = || {
        HttpsClient::builder()
            .roots_pem(authority.pem())
            .internal_host("login.test")
            .resolve("login.test", [Ipv4Addr::LOCALHOST.into()])
    };
    let shown = authority.spiffe("spiffe://prod.example/orchestrator").issue();
    let with = fetch().client_certificate_pem(shown.chain_pem(), shown.key_pem().into());
    for (fetch, good) in [(with, true), (fetch(), false)] {
        let client = ClientAuthentication::certificate("orchestrator");
        let exchange = CredentialExchange::rfc8693(url.as_str(), client, fetch.build().unwrap());
        let client = world.layer(&gate, exchange).build().unwrap().layer(plain());
        let outcome = send(&client, &world.caller(&gate, "alice").await, world.call()).await;
        if good {
            assert_eq!(outcome.unwrap(), StatusCode::OK);
        } else {
            let (kind, cause) = refused(outcome);
            assert_eq!(kind, RefusalKind::Unavailable, "{cause}");
            assert!(cause.contains(VECTORS), "{cause}");
        }
    }
    assert_eq!(world.vectors.came().len(), 1);
}

#[tokio::test]
async fn an_authorization_server_that_is_down_is_said_to_be_and_no_call_is_made() {
    let world = World::new().await;
    let gate = world.gate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let client = ClientAuthentication::secret("orchestrator", "s3cret".into());
    let exchange = CredentialExchange::rfc8693(url, client, fetch());
    let client = world.layer(&gate, exchange).build().unwrap().layer(plain());
    let (kind, cause) = refused(send(&client, &world.caller(&gate, "alice").await, world.call()).await);
    assert_eq!(kind, RefusalKind::Unavailable);
    assert!(cause.contains("no connection"), "{cause}");
    assert!(world.vectors.came().is_empty());
}

#[tokio::test]
async fn what_a_layer_lacks_is_named_when_it_is_built() {
    let world = World::new().await;
    let gate = world.gate();
    let begin = || gate.act_on_behalf(world.exchange());
    let relative = CredentialExchange::rfc8693("/token", ClientAuthentication::certificate("x"), fetch());
    for (builder, field) in [
        (begin().scope("a").destination("https://a.test"), "audience"),
        (begin().audience("a").destination("https://a.test"), "scope"),
        (begin().audience("a").scope("a b").destination("https://a.test"), "scope"),
        (begin().audience("a").scope("a"), "destination"),
        (gate.act_on_behalf(relative).audience("a").scope("a").destination("https://a.test"), "exchange"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{field}`: ")), "{error}");
    }
}
