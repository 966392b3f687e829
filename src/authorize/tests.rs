use super::AuthorizeLayer;
use crate::exchange::{Context, EdgeRules, Exchange, MatchRouteLayer};
use crate::principal::{AuthenticationMethod, Credential, Principal, ScopeSet, Subject};
use crate::refusal::Refusal;
use crate::route::{Route, RouteTable};
use http::header::WWW_AUTHENTICATE;
use http::{Request, Response};
use http_body_util::Full;
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};

/// The code of the refusal, the challenge, and what only the record says; nothing of them for a permit.
async fn refused(path: &str, scopes: Option<&str>) -> Option<(&'static str, String, String)> {
    let table = RouteTable::new([Route::get("/open").open(), Route::get("/two").scope("a:b").scope("c")]);
    let routes =
        MatchRouteLayer::builder(table.unwrap()).edge(EdgeRules::default().danger_plaintext()).build();
    let (mut parts, ()) = Request::get(path).body(()).unwrap().into_parts();
    let exchange = Exchange::join(&mut parts, &Context::default());
    if let Some(scopes) = scopes {
        let alice = Subject::new("https://issuer.test", "alice");
        let who = Principal::builder(alice, Credential::new(AuthenticationMethod::Asserted));
        exchange.set_principal(who.scopes(ScopeSet::parse(scopes)).build()).unwrap();
    }
    let handler = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(Full::new(bytes::Bytes::from_static(b"handled"))))
    });
    let stack = routes.layer(AuthorizeLayer::builder().build().layer(handler));
    let answer = stack.oneshot(Request::from_parts(parts, ())).await.unwrap();
    let refusal = answer.extensions().get::<Refusal>()?;
    let challenge = answer.headers().get(WWW_AUTHENTICATE).map_or("", |value| value.to_str().unwrap());
    let cause = refusal.private_cause().unwrap_or_default();
    Some((refusal.kind().code(), challenge.to_owned(), cause.to_owned()))
}

#[tokio::test]
async fn every_scope_of_the_route_is_needed_letter_for_letter() {
    for scopes in ["a:b c", "c a:b d"] {
        assert_eq!(refused("/two", Some(scopes)).await, None, "{scopes}");
    }
    for (scopes, missing) in
        [("", "a:b"), ("a:b", "c"), ("c", "a:b"), ("A:B c", "a:b"), ("a:bc", "a:b"), ("a:b* c", "a:b")]
    {
        let (code, challenge, cause) = refused("/two", Some(scopes)).await.unwrap();
        assert_eq!(code, "insufficient_scope", "{scopes}");
        assert_eq!(challenge, "Bearer error=\"insufficient_scope\", scope=\"a:b c\"");
        assert_eq!(cause, format!("the credential lacks the scope {missing}"));
    }
}

#[tokio::test]
async fn nobody_is_authorized_whom_nobody_has_authenticated() {
    assert_eq!(refused("/two", None).await.unwrap().0, "misconfigured");
    assert_eq!(refused("/open", None).await, None);
}
