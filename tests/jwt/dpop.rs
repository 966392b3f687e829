//! Credentials that are bound to a key by DPoP (RFC 9449).

use super::*;
use aws_lc_rs::digest::{SHA256, digest};
use portcullis::jwt::{DpopRules, RequireBinding};

const PUBLIC: &str = "https://llm.example";

/// A client with a key, an issuer, and a layer between them.
struct Bound {
    clock: FakeClock,
    issuer: SigningKey,
    client: SigningKey,
    layer: VerifyJwtLayer,
}

impl Bound {
    fn new() -> Self {
        Self::with(|builder| builder.dpop(DpopRules::at(PUBLIC)))
    }

    fn with(set: impl FnOnce(VerifyJwtLayerBuilder) -> VerifyJwtLayerBuilder) -> Self {
        let (clock, signer) = (clock(), ed25519());
        let builder = builder(&clock).issuer(issuer(keys(&signer)).plan_claim("/plan"));
        let layer = set(builder).build().unwrap();
        Self { clock, issuer: signer, client: SigningKey::generate_p256().unwrap(), layer }
    }

    /// A credential that is bound to the client's key.
    fn credential(&self) -> String {
        let cnf = json!({ "jkt": self.client.thumbprint().to_string() });
        self.issuer.sign_jwt("at+jwt", &claims_with("cnf", cnf)).unwrap()
    }

    /// The claims of a proof that is good now.
    fn claims(&self, credential: &str, jti: &str) -> Value {
        let ath = encode(digest(&SHA256, credential.as_bytes()));
        let iat = portcullis::clock::Clock::now(&self.clock).as_secs();
        json!({ "jti": jti, "htm": "POST", "htu": "https://llm.example/generate", "iat": iat, "ath": ath })
    }

    fn proof(&self, credential: &str, jti: &str) -> String {
        sign(&self.client, &self.claims(credential, jti))
    }

    async fn ask(&self, credential: &str, proof: &str) -> Outcome {
        let dpop = format!("DPoP {credential}");
        send(&self.layer, request(&[("authorization", &dpop), ("dpop", proof)])).await
    }

    /// Asks with a proof whose claims are changed.
    async fn ask_with(&self, jti: &str, name: &str, value: Value) -> Outcome {
        let credential = self.credential();
        let mut claims = self.claims(&credential, jti);
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        self.ask(&credential, &sign(&self.client, &claims)).await
    }
}

fn header(key: &SigningKey) -> Value {
    let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
    json!({ "typ": "dpop+jwt", "alg": key.algorithm().name(), "jwk": jwk })
}

fn sign(key: &SigningKey, claims: &Value) -> String {
    key.sign_compact(header(key).to_string().as_bytes(), claims.to_string().as_bytes()).unwrap()
}

fn unproven(outcome: &Outcome, cause: &str) {
    assert_eq!(outcome.status, StatusCode::UNAUTHORIZED, "{cause}");
    assert!(outcome.seen.is_none(), "{cause}");
    let challenge = outcome.challenge.as_deref().unwrap();
    assert!(challenge.starts_with("DPoP realm=\"llm\", error=\"invalid_"), "{challenge}");
    assert!(challenge.contains("algs=\"EdDSA ES256"), "{challenge}");
    assert!(outcome.cause.contains(cause), "{:?} is not {cause:?}", outcome.cause);
}

#[tokio::test]
async fn a_bound_credential_passes_with_its_proof_and_the_handler_sees_neither() {
    let bound = Bound::new();
    let credential = bound.credential();
    for (n, remembered) in [false, true].into_iter().enumerate() {
        let outcome = bound.ask(&credential, &bound.proof(&credential, &n.to_string())).await;
        assert_eq!(outcome.status, StatusCode::OK, "{}", outcome.cause);
        let Seen { facts, headers, principal } = outcome.seen.unwrap();
        assert_eq!((facts.bound, facts.remembered), (Some("dpop"), remembered));
        assert_eq!(principal.name(), "ada");
        assert!(!headers.contains_key("dpop") && !headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_bound_credential_without_its_proof_is_refused_also_when_it_is_remembered() {
    let bound = Bound::new();
    let credential = bound.credential();
    assert_eq!(bound.ask(&credential, &bound.proof(&credential, "1")).await.status, StatusCode::OK);
    let alone = send(&bound.layer, request(&[("authorization", &format!("DPoP {credential}"))])).await;
    unproven(&alone, "the header DPoP is missing");
    unproven(&bear(&bound.layer, &credential).await, "another scheme");
    let proof = bound.proof(&credential, "2");
    let downgraded = [("authorization", &*format!("Bearer {credential}")), ("dpop", &proof)];
    unproven(&send(&bound.layer, request(&downgraded)).await, "another scheme");

    // Where nothing was set up, too.
    let layer = layer(issuer(keys(&bound.issuer)));
    let outcome = bear(&layer, &credential).await;
    unverified(&outcome, "no DPoP set up");
    assert!(outcome.cause.contains("DpopRules::at"), "{}", outcome.cause);
    let dpop = [("authorization", &*format!("DPoP {credential}")), ("dpop", &proof)];
    assert_eq!(send(&layer, request(&dpop)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_credential_that_is_not_bound_passes_as_a_bearer_and_under_no_other_scheme() {
    let bound = Bound::new();
    let credential = bound.issuer.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(bear(&bound.layer, &credential).await.status, StatusCode::OK);
    unproven(&bound.ask(&credential, &bound.proof(&credential, "1")).await, "not bound");
    let beside = [("authorization", &*format!("Bearer {credential}")), ("dpop", "x")];
    unproven(&send(&bound.layer, request(&beside)).await, "not bound");
}

#[tokio::test]
async fn a_proof_is_for_one_credential_one_method_and_one_address() {
    let bound = Bound::new();
    for (name, value, cause) in [
        ("ath", json!(encode([0; 32])), "`ath` is not the hash"),
        ("ath", Value::Null, "`ath` is missing"),
        ("htm", json!("GET"), "`htm` names another"),
        ("htm", json!("post"), "`htm` names another"),
        ("htm", Value::Null, "`htm` is missing"),
        ("htu", json!("https://llm.example/models"), "`htu` names another"),
        ("htu", json!("https://other.example/generate"), "`htu` names another"),
        ("htu", json!("http://llm.example/generate"), "`htu` names another"),
        ("htu", json!("https://llm.example:8443/generate"), "`htu` names another"),
        ("htu", json!("https://llm.example@llm.example/generate"), "`htu` has the wrong type"),
        ("htu", json!("/generate"), "`htu` has the wrong type"),
        ("htu", json!(7), "`htu` has the wrong type"),
        ("jti", Value::Null, "`jti` is missing"),
        ("jti", json!(""), "`jti` has the wrong type"),
        ("jti", json!("x".repeat(256)), "`jti` has the wrong type"),
        ("iat", Value::Null, "`iat` is missing"),
        ("iat", json!("1800000000"), "`iat` has the wrong type"),
        ("iat", json!(NOW - 60), "too long ago"),
        ("iat", json!(NOW + 6), "in the future"),
    ] {
        unproven(&bound.ask_with("1", name, value).await, cause);
    }
    for (n, (name, value)) in [
        ("htu", json!("HTTPS://LLM.Example:443/%67enerate?x=1#y")),
        ("htu", json!("https://llm.example/a/../generate")),
        ("iat", json!(NOW - 59)),
        ("iat", json!(NOW + 5)),
        ("iat", json!(NOW as f64 - 0.5)),
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = bound.ask_with(&format!("good {n}"), name, value).await;
        assert_eq!(outcome.status, StatusCode::OK, "{n}: {}", outcome.cause);
    }
}

#[tokio::test]
async fn the_host_that_a_request_names_is_not_the_address_that_a_proof_is_for() {
    let bound = Bound::new();
    let credential = bound.credential();
    for (jti, htu, status) in [
        ("1", "https://other.example/generate", StatusCode::UNAUTHORIZED),
        ("2", "https://llm.example/generate", StatusCode::OK),
    ] {
        let mut claims = bound.claims(&credential, jti);
        claims["htu"] = json!(htu);
        let (scheme, proof) = (format!("DPoP {credential}"), sign(&bound.client, &claims));
        let named = [("authorization", &*scheme), ("dpop", &proof), ("host", "other.example")];
        let forwarded = [("x-forwarded-host", "other.example"), ("forwarded", "host=other.example")];
        let headers: Vec<_> = named.into_iter().chain(forwarded).collect();
        assert_eq!(send(&bound.layer, request(&headers)).await.status, status, "{htu}");
    }
}

#[tokio::test]
async fn a_proof_is_a_dpop_jwt_signed_by_the_public_key_inside_of_it() {
    let bound = Bound::new();
    let credential = bound.credential();
    let claims = bound.claims(&credential, "1").to_string();
    let with = |name: &str, value: Value| {
        let mut header = header(&bound.client);
        match value {
            Value::Null => drop(header.as_object_mut().unwrap().remove(name)),
            value => header[name] = value,
        }
        bound.client.sign_compact(header.to_string().as_bytes(), claims.as_bytes()).unwrap()
    };
    let private = {
        let mut jwk: Value = serde_json::from_str(&bound.client.public_jwk()).unwrap();
        jwk["d"] = json!(encode([1; 32]));
        jwk
    };
    let other: Value = serde_json::from_str(&SigningKey::generate_p256().unwrap().public_jwk()).unwrap();
    for (name, value, cause) in [
        ("typ", json!("JWT"), "`typ` is not dpop+jwt"),
        ("typ", json!("at+jwt"), "`typ` is not dpop+jwt"),
        ("typ", Value::Null, "`typ` is not dpop+jwt"),
        ("alg", json!("none"), "no algorithm that is accepted"),
        ("alg", json!("HS256"), "no algorithm that is accepted"),
        ("alg", json!("EdDSA"), "not for algorithm EdDSA"),
        ("crit", json!(["b64"]), "`crit` is not supported"),
        ("jwk", Value::Null, "`jwk` is missing"),
        ("jwk", json!("key"), "`jwk` has the wrong type"),
        ("jwk", private, "private member `d`"),
        ("jwk", json!({ "kty": "oct", "k": "AA" }), "symmetric"),
        ("jwk", json!({ "kty": "RSA", "n": encode([255; 1024]), "e": "AQAB" }), "2048 to 4096 bits"),
        ("jwk", other, "not the one that the credential is bound to"),
    ] {
        unproven(&bound.ask(&credential, &with(name, value)).await, cause);
    }
    // The right key in the header, and the signature of another.
    let thief = SigningKey::generate_p256().unwrap();
    let forged = thief.sign_compact(header(&bound.client).to_string().as_bytes(), claims.as_bytes()).unwrap();
    unproven(&bound.ask(&credential, &forged).await, "signature does not verify");
    unproven(&bound.ask(&credential, "x.y").await, "not a compact JWS");
    let long = with("x", json!("x".repeat(8 * 1024)));
    unproven(&bound.ask(&credential, &long).await, "longer than 8192 bytes");
    assert_eq!(bound.ask(&credential, &with("x", json!(1))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_proofs_are_a_bad_request() {
    let bound = Bound::new();
    let credential = bound.credential();
    let (one, two) = (bound.proof(&credential, "1"), bound.proof(&credential, "2"));
    let (scheme, joined) = (format!("DPoP {credential}"), format!("{one}, {two}"));
    for headers in [
        &[("authorization", &*scheme), ("dpop", &one), ("dpop", &two)][..],
        &[("authorization", &*scheme), ("dpop", &joined)],
    ] {
        let outcome = send(&bound.layer, request(headers)).await;
        assert_eq!(outcome.status, StatusCode::BAD_REQUEST);
        assert!(outcome.challenge.unwrap().contains("error=\"invalid_request\""));
    }
}

#[tokio::test]
async fn the_proof_is_looked_at_only_after_the_credential_holds() {
    let bound = Bound::new();
    let forged = ed25519().with_kid(bound.issuer.kid());
    let cnf = json!({ "jkt": bound.client.thumbprint().to_string() });
    let credential = forged.sign_jwt("at+jwt", &claims_with("cnf", cnf)).unwrap();
    let proof = bound.proof(&credential, "1");
    let outcome = bound.ask(&credential, &proof).await;
    unverified(&outcome, "a forged credential");
    assert!(outcome.cause.contains("signature does not verify") && !outcome.cause.contains("proof"));
}

#[tokio::test]
async fn a_proof_comes_once_also_when_the_clock_is_set_back() {
    let bound = Bound::new();
    let credential = bound.credential();
    let proof = bound.proof(&credential, "1");
    assert_eq!(bound.ask(&credential, &proof).await.status, StatusCode::OK);
    unproven(&bound.ask(&credential, &proof).await, "came before");
    assert_eq!(bound.ask(&credential, &bound.proof(&credential, "2")).await.status, StatusCode::OK);
    bound.clock.advance(seconds(90));
    unproven(&bound.ask(&credential, &proof).await, "too long ago");
    bound.clock.set(UnixTime::from_secs(NOW + 10));
    unproven(&bound.ask(&credential, &proof).await, "too long ago");
}

#[tokio::test]
async fn a_key_whose_proofs_are_too_many_to_remember_is_refused_and_others_pass() {
    let bound = Bound::with(|builder| builder.dpop(DpopRules::at(PUBLIC).remember_at_most(2, 64)));
    let credential = bound.credential();
    for (jti, status) in
        [("1", StatusCode::OK), ("2", StatusCode::OK), ("3", StatusCode::SERVICE_UNAVAILABLE)]
    {
        assert_eq!(bound.ask(&credential, &bound.proof(&credential, jti)).await.status, status);
    }
    let other = Bound { client: ed25519(), ..bound };
    let credential = other.credential();
    assert_eq!(other.ask(&credential, &other.proof(&credential, "3")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn by_choice_a_proof_holds_a_nonce_that_the_refusal_of_one_without_tells() {
    let bound = Bound::with(|builder| builder.dpop(DpopRules::at(PUBLIC).require_nonces()));
    let credential = bound.credential();
    let handler = service_fn(async |_: Request<Full<Bytes>>| {
        Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let ask = async |nonce: Option<&str>, jti: &str| {
        let mut claims = bound.claims(&credential, jti);
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let (scheme, proof) = (format!("DPoP {credential}"), sign(&bound.client, &claims));
        let request = request(&[("authorization", &scheme), ("dpop", &proof)]);
        let (parts, _) = bound.layer.layer(handler).oneshot(request).await.unwrap().into_parts();
        let text = |name| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let nonces = parts.headers.get_all("dpop-nonce").iter().count();
        assert_eq!(nonces, 1);
        (parts.status, text("www-authenticate"), text("dpop-nonce").unwrap())
    };
    for odd in [None, Some("bm9uY2U")] {
        let (status, challenge, _) = ask(odd, "1").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(challenge.unwrap().contains("error=\"use_dpop_nonce\""));
    }
    let (_, _, nonce) = ask(None, "1").await;
    // What was refused only for its nonce was not taken for used.
    let (status, _, newest) = ask(Some(&nonce), "1").await;
    assert_eq!((status, &newest), (StatusCode::OK, &nonce));
    bound.clock.advance(seconds(300));
    let (status, _, newest) = ask(Some(&nonce), "2").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(Some(&newest), "2").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_bound_credential_can_be_asked_of_everybody_or_of_some_plans() {
    let everybody =
        Bound::with(|builder| builder.dpop(DpopRules::at(PUBLIC)).require_binding(RequireBinding::Always));
    let plain = everybody.issuer.sign_jwt("JWT", &claims()).unwrap();
    let outcome = bear(&everybody.layer, &plain).await;
    unverified(&outcome, "unbound");
    assert!(outcome.cause.contains("not bound to a key"), "{}", outcome.cause);
    let credential = everybody.credential();
    assert_eq!(everybody.ask(&credential, &everybody.proof(&credential, "1")).await.status, StatusCode::OK);

    for default in [None, Some("paid")] {
        let some = Bound::with(|builder| {
            let builder = builder.require_binding(RequireBinding::for_plans(["paid"]));
            match default {
                Some(plan) => builder.default_plan(plan),
                None => builder,
            }
        });
        let ask = async |claims: Value| {
            bear(&some.layer, &some.issuer.sign_jwt("JWT", &claims).unwrap()).await.status
        };
        assert_eq!(ask(claims_with("plan", json!("free"))).await, StatusCode::OK);
        assert_eq!(ask(claims_with("plan", json!("paid"))).await, StatusCode::UNAUTHORIZED);
        let unnamed = if default.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(ask(claims()).await, unnamed);
    }
}

#[tokio::test]
async fn the_public_address_may_have_several_names_and_a_path_before_the_services_own() {
    let bound = Bound::with(|builder| {
        builder.dpop(DpopRules::at("https://Example.com:443/llm/").also_at("http://localhost:8080"))
    });
    for (n, (address, status)) in [
        ("https://example.com/llm/generate", StatusCode::OK),
        ("http://localhost:8080/generate", StatusCode::OK),
        ("https://example.com/generate", StatusCode::UNAUTHORIZED),
        ("http://localhost/generate", StatusCode::UNAUTHORIZED),
    ]
    .into_iter()
    .enumerate()
    {
        let outcome = bound.ask_with(&n.to_string(), "htu", json!(address)).await;
        assert_eq!(outcome.status, status, "{address}: {}", outcome.cause);
    }
}

#[tokio::test]
async fn without_a_credential_both_schemes_are_named() {
    let bound = Bound::new();
    let handler = service_fn(
        async |_: Request<Full<Bytes>>| -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
            unreachable!("nobody passes without a credential")
        },
    );
    let response = bound.layer.layer(handler).oneshot(request(&[])).await.unwrap();
    let challenges: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges[0], "Bearer realm=\"llm\"");
    assert!(challenges[1].to_str().unwrap().starts_with("DPoP realm=\"llm\", algs=\"EdDSA ES256"));
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named() {
    let rules = || DpopRules::at(PUBLIC);
    for (rules, field) in [
        (DpopRules::at("llm.example"), "DpopRules::at"),
        (DpopRules::at("https://llm.example?x"), "DpopRules::at"),
        (rules().also_at(""), "DpopRules::at"),
        (rules().max_age(seconds(0)), "DpopRules::max_age"),
        (rules().max_age(seconds(601)), "DpopRules::max_age"),
        (rules().remember_at_most(0, 10), "DpopRules::remember_at_most"),
        (rules().remember_at_most(11, 10), "DpopRules::remember_at_most"),
        (rules().nonce_secret("short".into()), "nonce_secret"),
    ] {
        let built = builder(&clock()).issuer(issuer(keys(&ed25519()))).dpop(rules).build();
        let error = built.unwrap_err();
        assert!(
            matches!(error.kind, JwtErrorKind::Setting { field: named, .. } if named == field),
            "{error}"
        );
    }
}
