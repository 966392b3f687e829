//! Who does not pass: the signature.

use super::*;

#[tokio::test]
async fn alg_none_passes_in_no_spelling_with_or_without_a_signature() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let sound = signer.sign_jwt("JWT", &claims()).unwrap();
    let signature = sound.rsplit_once('.').unwrap().1;
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": alg, "kid": signer.kid() }).to_string();
        for signature in ["", signature] {
            let forged = format!("{}.{}.{signature}", encode(&header), encode(claims().to_string()));
            unverified(&bear(&layer, &forged).await, alg);
        }
        unverified(
            &bear(&layer, &signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap()).await,
            alg,
        );
    }
}

#[tokio::test]
async fn a_public_key_is_never_used_as_a_shared_secret() {
    for signer in [ed25519(), SigningKey::generate_p256().unwrap()] {
        let layer = layer(issuer(keys(&signer)));
        let jwk: Value = serde_json::from_str(&signer.public_jwk()).unwrap();
        let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
        for secret in [x, signer.public_jwk().into_bytes(), signer.public_jwks().into_bytes()] {
            let header = json!({ "alg": "HS256", "kid": signer.kid() }).to_string();
            let signed = format!("{}.{}", encode(header), encode(claims_bytes()));
            let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            unverified(&bear(&layer, &format!("{signed}.{}", encode(mac))).await, "HS256");
        }
    }
}

#[tokio::test]
async fn a_key_is_not_used_for_the_algorithm_of_another_family() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    for alg in ["ES256", "ES384", "RS256", "PS512"] {
        let header = json!({ "alg": alg, "kid": signer.kid() }).to_string();
        let forged = signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
        let outcome = bear(&layer, &forged).await;
        unverified(&outcome, alg);
        assert!(outcome.cause.contains("not for algorithm"), "{}", outcome.cause);
    }
}

#[tokio::test]
async fn an_issuer_uses_only_the_algorithms_it_was_said_to_use() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)).algorithms([Algorithm::Es256]));
    unverified(&bear(&layer, &signer.sign_jwt("JWT", &claims()).unwrap()).await, "EdDSA");
}

#[tokio::test]
async fn keys_that_the_header_offers_are_never_used() {
    let (signer, attacker) = (ed25519(), ed25519());
    let layer = layer(issuer(keys(&signer)));
    let jwk: Value = serde_json::from_str(&attacker.public_jwk()).unwrap();
    for kid in [Some(signer.kid()), Some(attacker.kid()), None] {
        for (name, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://attacker.example/jwks")),
            ("x5u", json!("https://attacker.example/chain")),
            ("x5c", json!(["MIIB"])),
            ("x5t", json!("AAAA")),
        ] {
            let mut header = json!({ "alg": "EdDSA", name: value });
            if let Some(kid) = kid {
                header["kid"] = json!(kid);
            }
            let header = header.to_string();
            let forged = attacker.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
            unverified(&bear(&layer, &forged).await, &header);
            // They are ignored, not refused: a sound signature by the issuer's key stands.
            if kid != Some(attacker.kid()) {
                let sound = signer.sign_compact(header.as_bytes(), &claims_bytes()).unwrap();
                assert_eq!(bear(&layer, &sound).await.status, StatusCode::OK, "{header}");
            }
        }
    }
}

#[tokio::test]
async fn a_kid_means_a_key_of_its_issuer_only() {
    let (ours, theirs) = (ed25519().with_kid("k"), ed25519().with_kid("k"));
    let other = TrustedIssuer::new("https://other.example").audience(AUDIENCE).keys(keys(&theirs));
    let layer = builder(&clock()).issuer(issuer(keys(&ours))).issuer(other).build().unwrap();
    let of_other = claims_with("iss", json!("https://other.example"));
    for (signer, claims, status) in [
        (&ours, claims(), StatusCode::OK),
        (&theirs, of_other.clone(), StatusCode::OK),
        (&theirs, claims(), StatusCode::UNAUTHORIZED),
        (&ours, of_other, StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(bear(&layer, &signer.sign_jwt("JWT", &claims).unwrap()).await.status, status);
    }
}
