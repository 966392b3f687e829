//! Who passes, and what the handler sees of it.

use super::*;
use portcullis::principal::Delegation;

#[tokio::test]
async fn a_sound_credential_passes_and_the_handler_sees_who_asks_and_not_the_credential() {
    let signer = ed25519();
    let issuer =
        issuer(keys(&signer)).plan_claim("/plan").tenant_claim("/org/id").roles_claim("/realm_access/roles");
    let mut claims = claims();
    claims["scope"] = json!("models:read generate:invoke");
    claims["azp"] = json!("web-app");
    claims["plan"] = json!("enterprise");
    claims["org"] = json!({ "id": "acme" });
    claims["realm_access"] = json!({ "roles": ["admin", "dev"] });
    claims["jti"] = json!("credential-1");
    claims["sid"] = json!("session-1");
    claims["aud"] = json!(["https://other.example", AUDIENCE]);
    claims["exp"] = json!(NOW as f64 + 60.5);
    let outcome = bear(&layer(issuer), &signer.sign_jwt("JWT", &claims).unwrap()).await;
    assert_eq!(outcome.status, StatusCode::OK);
    let Seen { principal, facts, headers } = outcome.seen.unwrap();
    assert_eq!((principal.subject().unwrap().issuer(), principal.name()), (ISSUER, "ada"));
    assert_eq!(principal.application().unwrap().as_str(), "web-app");
    assert_eq!(principal.plan().unwrap().as_str(), "enterprise");
    assert_eq!(principal.tenant().unwrap().as_str(), "acme");
    assert_eq!(principal.scopes().iter().collect::<Vec<_>>(), ["generate:invoke", "models:read"]);
    assert_eq!(principal.roles().iter().collect::<Vec<_>>(), ["admin", "dev"]);
    assert_eq!(principal.credential().identifier(), Some("credential-1"));
    assert_eq!(principal.credential().session_id(), Some("session-1"));
    assert!(principal.actors().is_empty());
    assert_eq!(
        (facts.key_id.as_deref(), facts.algorithm, facts.remembered),
        (Some(signer.kid()), Some("EdDSA"), false)
    );
    assert!(headers.get(AUTHORIZATION).is_none());
}

#[tokio::test]
async fn scopes_are_read_from_scope_and_scp_and_from_where_the_issuer_was_said_to_put_them() {
    let signer = ed25519();
    let plain = layer(issuer(keys(&signer)));
    let pointed = layer(issuer(keys(&signer)).scope_claim("/permissions"));
    let scopes = async |layer: &VerifyJwtLayer, name: &str, value: Value| {
        let outcome = bear(layer, &signer.sign_jwt("JWT", &claims_with(name, value)).unwrap()).await;
        outcome.seen.map(|seen| seen.principal.scopes().iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let both = Some(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(scopes(&plain, "scope", json!("b  a")).await, both);
    assert_eq!(scopes(&plain, "scp", json!(["a", "b"])).await, both);
    assert_eq!(scopes(&plain, "scp", json!("a b")).await, both);
    assert_eq!(scopes(&pointed, "permissions", json!(["a", "b"])).await, both);
    assert_eq!(scopes(&pointed, "scope", json!("a b")).await, Some(vec![]));
    for (name, value) in [
        ("scope", json!(["a", "b"])),
        ("scope", json!(7)),
        ("scp", json!(["a b"])),
        ("scp", json!(["a", 7])),
        ("scp", json!([""])),
        ("scope", json!("a\"b")),
        ("scope", json!(null)),
    ] {
        assert_eq!(scopes(&plain, name, value.clone()).await, None, "{name}: {value}");
    }
}

#[tokio::test]
async fn the_actors_of_a_delegated_credential_are_known_the_current_one_first() {
    let signer = ed25519();
    let delegation = Delegation::new().danger_any_actor();
    let layer = builder(&clock()).issuer(issuer(keys(&signer))).delegation(delegation).build().unwrap();
    let act = json!({ "sub": "agent", "act": { "sub": "gateway", "iss": "https://other.example" } });
    let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with("act", act)).unwrap()).await;
    let principal = outcome.seen.unwrap().principal;
    let actors: Vec<_> = principal.actors().iter().map(|actor| (actor.issuer(), actor.id())).collect();
    assert_eq!(actors, [(ISSUER, "agent"), ("https://other.example", "gateway")]);

    let mut deep = json!({ "sub": "0" });
    for n in 1..=8 {
        deep = json!({ "sub": n.to_string(), "act": deep });
    }
    for act in [json!("agent"), json!({}), json!({ "sub": 7 }), json!({ "sub": "" }), json!(null), deep] {
        let outcome = bear(&layer, &signer.sign_jwt("JWT", &claims_with("act", act.clone())).unwrap()).await;
        unverified(&outcome, &format!("act {act}"));
    }
}

#[tokio::test]
async fn the_scheme_has_no_case() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("at+jwt", &claims()).unwrap();
    for scheme in ["Bearer", "bearer", "BEARER", "bEARER"] {
        let outcome = send(&layer, request(&[("authorization", &format!("{scheme} {credential}"))])).await;
        assert_eq!(outcome.status, StatusCode::OK, "{scheme}");
    }
}

#[tokio::test]
async fn only_an_open_route_is_entered_without_a_credential() {
    let routes =
        RouteTable::new([Route::get("/healthz").open(), Route::get("/models").scope("models:read")]).unwrap();
    let handler = service_fn(async |request: Request<Full<Bytes>>| {
        assert!(!request.headers().contains_key("authorization"), "nor does a handler there see one");
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let service = MatchRouteLayer::builder(routes)
        .edge(EdgeRules::default().danger_plaintext())
        .build()
        .layer(layer(issuer(keys(&ed25519()))).layer(handler));
    for (path, status) in [("/healthz", StatusCode::OK), ("/models", StatusCode::UNAUTHORIZED)] {
        let request = Request::get(path).body(Full::default()).unwrap();
        assert_eq!(service.clone().oneshot(request).await.unwrap().status(), status, "{path}");
    }
    let stray =
        Request::get("/healthz").header("authorization", "Bearer stray").body(Full::default()).unwrap();
    assert_eq!(service.oneshot(stray).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn every_algorithm_verifies_and_only_with_its_own_padding_and_digest() {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let ec = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    // PKCS#1: a sequence of two integers, 2048 bits (with a leading zero) and 65537.
    let der = rsa.public_key().as_ref();
    let (n, e) = (&der[der.len() - 261..der.len() - 5], &der[der.len() - 3..]);
    let point = ec.public_key().as_ref();
    let jwks = json!({ "keys": [
        { "kty": "RSA", "kid": "rsa", "n": encode(n),
          "e": encode(e) },
        { "kty": "EC", "crv": "P-384", "kid": "ec", "x": encode(&point[1..49]), "y": encode(&point[49..]) },
    ] });
    let layer = layer(issuer(StaticKeys::from(KeySet::from_jwks(jwks.to_string()).unwrap())));
    let random = SystemRandom::new();
    let by_rsa = |padding: &'static dyn RsaEncoding, message: &str| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, message.as_bytes(), &mut signature).unwrap();
        signature
    };
    let paddings: [(&str, &'static dyn RsaEncoding); 6] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let signed = |alg: &str, kid: &str| {
        let header = json!({ "alg": alg, "kid": kid }).to_string();
        format!("{}.{}", encode(header), encode(claims_bytes()))
    };
    for (alg, _) in paddings {
        let message = signed(alg, "rsa");
        for (padded, padding) in paddings {
            let outcome = bear(&layer, &format!("{message}.{}", encode(by_rsa(padding, &message)))).await;
            assert_eq!(outcome.status == StatusCode::OK, alg == padded, "{alg} signed as {padded}");
        }
    }
    let message = signed("ES384", "ec");
    let signature = ec.sign(&random, message.as_bytes()).unwrap();
    assert_eq!(bear(&layer, &format!("{message}.{}", encode(signature))).await.status, StatusCode::OK);
}
