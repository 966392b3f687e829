//! A login of the host's own.

use super::*;
use portcullis::jwt::{Authenticate, Authentication};
use portcullis::principal::{AuthenticationMethod, Credential, Revocations, RevokedBy, Subject};
use portcullis::refusal::RefusalKind;

/// Sessions by cookie: `known`, `slow` (known after a while), `gone`, `slow-gone`, `wrong` (of another kind).
#[derive(Debug)]
struct Sessions;

fn ada(method: AuthenticationMethod, ends: u64) -> Principal {
    let credential = Credential::new(method).session("4711").expires(UnixTime::from_secs(ends));
    Principal::builder(Subject::new("app", "ada"), credential).build()
}

fn gone() -> Refusal {
    Refusal::new(RefusalKind::InvalidCredential, "sign in again").cause("the session is over")
}

impl Authenticate for Sessions {
    fn authenticate(&self, parts: &mut http::request::Parts, _: &Exchange) -> Authentication {
        let known = || ada(AuthenticationMethod::Host, NOW + 60);
        let cookie = parts.headers.remove("cookie");
        match cookie.as_ref().map(http::HeaderValue::as_bytes) {
            Some(b"known") => Authentication::Known(known()),
            Some(b"slow") => Authentication::later(async move {
                tokio::task::yield_now().await;
                Ok(Some(known()))
            }),
            Some(b"slow-none") => Authentication::later(async {
                tokio::task::yield_now().await;
                Ok(None)
            }),
            Some(b"gone") => Authentication::Refused(gone()),
            Some(b"slow-gone") => Authentication::later(async { Err(gone()) }),
            Some(b"wrong") => Authentication::Known(ada(AuthenticationMethod::Asserted, NOW + 60)),
            Some(b"over") => Authentication::Known(ada(AuthenticationMethod::Host, NOW)),
            _ => Authentication::Absent,
        }
    }
}

fn sessions() -> VerifyJwtLayer {
    builder(&clock()).authenticate(Sessions).build().unwrap()
}

#[tokio::test]
async fn the_hosts_login_says_who_asks_at_once_or_later() {
    for cookie in ["known", "slow"] {
        let Seen { principal, headers, .. } =
            send(&sessions(), request(&[("cookie", cookie)])).await.seen.unwrap();
        assert_eq!((principal.subject().unwrap().issuer(), principal.name()), ("app", "ada"));
        assert_eq!(principal.credential().method(), AuthenticationMethod::Host);
        assert!(!headers.contains_key("cookie"), "the login took it out");
    }
}

#[tokio::test]
async fn what_the_hosts_login_does_not_know_is_refused_or_left_to_other_credentials() {
    for (cookie, status) in [
        ("none", StatusCode::UNAUTHORIZED),
        ("slow-none", StatusCode::UNAUTHORIZED),
        ("gone", StatusCode::UNAUTHORIZED),
        ("slow-gone", StatusCode::UNAUTHORIZED),
        ("over", StatusCode::UNAUTHORIZED),
        ("wrong", StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let outcome = send(&sessions(), request(&[("cookie", cookie)])).await;
        assert_eq!((outcome.status, outcome.seen.is_none()), (status, true), "{cookie}");
    }
    let signer = ed25519();
    let layer = builder(&clock()).authenticate(Sessions).issuer(issuer(keys(&signer))).build().unwrap();
    let bearer = format!("Bearer {}", signer.sign_jwt("JWT", &claims()).unwrap());
    for cookie in ["none", "slow-none"] {
        let outcome = send(&layer, request(&[("cookie", cookie), ("authorization", &bearer)])).await;
        let seen = outcome.seen.unwrap();
        assert_eq!(seen.principal.credential().method(), AuthenticationMethod::Jwt);
        assert!(!seen.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_login_and_a_bearer_credential_together_are_a_bad_request() {
    let signer = ed25519();
    let layer = builder(&clock()).authenticate(Sessions).issuer(issuer(keys(&signer))).build().unwrap();
    let bearer = format!("Bearer {}", signer.sign_jwt("JWT", &claims()).unwrap());
    for cookie in ["known", "slow"] {
        let outcome = send(&layer, request(&[("cookie", cookie), ("authorization", &bearer)])).await;
        assert_eq!(outcome.status, StatusCode::BAD_REQUEST, "{cookie}");
    }
}

#[tokio::test]
async fn a_login_that_was_revoked_is_refused_at_once_or_later() {
    for cookie in ["known", "slow"] {
        let list = Revocations::with_clock(clock().shared());
        let layer = builder(&clock()).authenticate(Sessions).revocations(list.clone()).build().unwrap();
        assert_eq!(send(&layer, request(&[("cookie", cookie)])).await.status, StatusCode::OK);
        list.revoke_session("app", "another", UnixTime::from_secs(NOW + 60)).unwrap();
        assert_eq!(send(&layer, request(&[("cookie", cookie)])).await.status, StatusCode::OK);
        list.revoke_session("app", "4711", UnixTime::from_secs(NOW + 60)).unwrap();
        let outcome = send(&layer, request(&[("cookie", cookie)])).await;
        unverified(&outcome, cookie);
        assert_eq!(outcome.cause, JwtErrorKind::Revoked(RevokedBy::Session).to_string());
    }
}
