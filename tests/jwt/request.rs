//! Who does not pass: the request.

use super::*;

#[tokio::test]
async fn without_a_credential_the_challenge_names_the_scheme_and_no_error() {
    let layer = layer(issuer(keys(&ed25519())));
    for headers in
        [&[][..], &[("authorization", "Basic YTpi")], &[("authorization", "Bearer")], &[("x-api-key", "x")]]
    {
        let outcome = send(&layer, request(headers)).await;
        assert_eq!(outcome.status, StatusCode::UNAUTHORIZED);
        assert_eq!(outcome.challenge.unwrap(), "Bearer realm=\"llm\"");
    }
}

#[tokio::test]
async fn two_credentials_are_a_bad_request_even_if_both_are_sound() {
    let signer = ed25519();
    let layer = builder(&clock()).issuer(issuer(keys(&signer))).accept_api_key_header().build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let bearer = format!("Bearer {credential}");
    let joined = format!("{bearer}, {bearer}");
    for headers in [
        [("authorization", &*bearer), ("authorization", &*bearer)],
        [("authorization", &bearer), ("x-api-key", &credential)],
        [("x-api-key", &credential), ("x-api-key", &credential)],
        [("authorization", &bearer), ("Authorization", "Basic YTpi")],
        [("authorization", &joined), ("accept", "*/*")],
    ] {
        let outcome = send(&layer, request(&headers)).await;
        assert_eq!(outcome.status, StatusCode::BAD_REQUEST);
        assert!(outcome.challenge.unwrap().contains("invalid_request") && outcome.seen.is_none());
    }
}

#[tokio::test]
async fn a_credential_in_the_query_is_a_bad_request_even_beside_a_sound_one() {
    let signer = ed25519();
    let layer = layer(issuer(keys(&signer)));
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    for query in [format!("access_token={credential}"), "a=b&access%5Ftoken=x".into()] {
        let mut request = request(&[("authorization", &format!("Bearer {credential}"))]);
        *request.uri_mut() = format!("/generate?{query}").parse().unwrap();
        assert_eq!(send(&layer, request).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_api_key_header_counts_only_by_choice() {
    let signer = ed25519();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let refusing = layer(issuer(keys(&signer)));
    let accepting = builder(&clock()).issuer(issuer(keys(&signer))).accept_api_key_header().build().unwrap();
    assert_eq!(
        send(&refusing, request(&[("x-api-key", &credential)])).await.status,
        StatusCode::UNAUTHORIZED
    );
    let outcome = send(&accepting, request(&[("x-api-key", &credential)])).await;
    assert!(outcome.seen.unwrap().headers.get("x-api-key").is_none());
}

#[tokio::test]
async fn the_credential_goes_inward_only_through_a_danger_door() {
    let signer = ed25519();
    let layer =
        builder(&clock()).issuer(issuer(keys(&signer))).danger_pass_credential_inward().build().unwrap();
    let credential = signer.sign_jwt("JWT", &claims()).unwrap();
    let seen = bear(&layer, &credential).await.seen.unwrap();
    assert!(seen.headers[AUTHORIZATION].is_sensitive());
    assert!(!format!("{:?}", seen.headers).contains(&credential));
}
