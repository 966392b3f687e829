use super::*;
use crate::payload::dialect::OpenAiChat;
use http::Method;

fn table() -> RouteTable {
    RouteTable::new([
        Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"),
        Route::get("/v1/models/{id}").scope("models:read"),
        Route::get("/healthz").open(),
    ])
    .unwrap()
}

#[test]
fn a_route_is_found_by_its_exact_path_and_method() {
    let table = table();
    assert_eq!(table.find(&Method::GET, "/v1/models/gpt").unwrap().pattern(), "/v1/models/{id}");
    assert_eq!(table.find(&Method::HEAD, "/healthz").unwrap().pattern(), "/healthz");
    for path in ["/", "/healthz/", "/Healthz", "/healthz/x", "/v1/models", "/v1/models/a/b"] {
        assert_eq!(table.find(&Method::GET, path).unwrap_err(), NoRoute::Path, "{path}");
    }
    let error = table.find(&Method::POST, "/healthz").unwrap_err();
    assert_eq!(error, NoRoute::Method { allowed: "GET, HEAD".to_owned() });
}

#[test]
fn paths_that_can_be_read_in_two_ways_are_refused() {
    let table = table();
    for path in [
        "//healthz",
        "/healthz//",
        "/./healthz",
        "/a/../healthz",
        "/healthz/..",
        "/.",
        "/%2fhealthz",
        "/%2Fhealthz",
        "/%2e/healthz",
        "/healthz;a=b",
        "/healthz%3bx",
        "/health\\z",
        "/%5chealthz",
        "/healthz%00",
        "/%",
        "/%2",
        "/%zz",
        "/%252f",
    ] {
        assert!(matches!(table.find(&Method::GET, path), Err(NoRoute::Odd(_))), "{path}");
    }
    assert!(table.find(&Method::GET, "/v1/models/a%20b").is_ok());
    assert!(table.find(&Method::GET, "/v1/models/..a").is_ok());
}

#[test]
fn a_route_that_does_not_say_who_may_enter_is_an_error_with_its_name() {
    let error = RouteTable::new([Route::get("/secret")]).unwrap_err();
    assert_eq!(*error.kind(), RouteErrorKind::Undecided);
    assert!(error.to_string().starts_with("route GET /secret: says not who may enter"));
}

#[test]
fn routes_that_cannot_work_are_errors() {
    let kind = |routes: Vec<Route>| RouteTable::new(routes).unwrap_err().kind().clone();
    assert_eq!(kind(vec![Route::post("/a").dialect(OpenAiChat).open()]), RouteErrorKind::OpenWithBody);
    assert_eq!(kind(vec![Route::get("/a").open(), Route::get("/a").scope("s")]), RouteErrorKind::Twice);
    assert_eq!(kind(vec![Route::get("/a").scope("a b")]), RouteErrorKind::Scope);
    assert!(matches!(kind(vec![Route::get("a").open()]), RouteErrorKind::Pattern(_)));
    assert!(matches!(kind(vec![Route::get("/a//b").open()]), RouteErrorKind::Pattern(_)));
    assert!(matches!(kind(vec![Route::get("/{a").open()]), RouteErrorKind::Pattern(_)));
    let many: String = (0..26).map(|n| format!("/{{p{n}}}")).collect();
    assert!(matches!(kind(vec![Route::get(many).open()]), RouteErrorKind::Pattern(_)));
}

#[test]
fn what_goes_by_unread_has_types_that_are_types_and_a_size() {
    let kind =
        |route: Route| RouteTable::new([route.scope("s")]).map(|_| ()).map_err(|error| error.kind().clone());
    let body = |types: &[&str], max| kind(Route::post("/a").danger_opaque_body(types, max));
    let answer =
        |types: &[&str], max| kind(Route::post("/a").dialect(OpenAiChat).danger_opaque_answer(types, max));
    for declare in [&body as &dyn Fn(&[&str], usize) -> Result<(), RouteErrorKind>, &answer] {
        assert_eq!(declare(&["audio/mpeg", "image/svg+xml"], 1), Ok(()));
        assert_eq!(declare(&[], 1), Err(RouteErrorKind::EmptyOpaque));
        assert_eq!(declare(&["audio/mpeg"], 0), Err(RouteErrorKind::EmptyOpaque));
        for media in
            ["audio", "audio/*", "*/*", "audio/", "/mpeg", "audio/mpeg; rate=1", "a/b/c", "a b/c", ""]
        {
            let expected = Err(RouteErrorKind::MediaType(media.to_owned()));
            assert_eq!(declare(&["audio/wav", media], 1), expected, "{media}");
        }
    }
    for media in [
        "application/json",
        "Text/Event-Stream",
        "application/x-ndjson",
        "text/csv",
        "application/problem+json",
    ] {
        let expected = Err(RouteErrorKind::ReadAnswer(media.to_ascii_lowercase()));
        assert_eq!(answer(&["audio/mpeg", media], 1), expected, "{media}");
    }
}

#[test]
fn an_escaped_slash_passes_only_on_a_route_that_allows_it() {
    let table = RouteTable::new([
        Route::get("/models/{name}").scope("s").allow_encoded_slashes(),
        Route::post("/models/{name}").scope("s"),
    ])
    .unwrap();
    for path in ["/models/org%2Fmodel", "/models/org%2fmodel"] {
        assert!(table.find(&Method::GET, path).is_ok(), "{path}");
        assert!(matches!(table.find(&Method::POST, path), Err(NoRoute::Odd(_))), "{path}");
    }
    for path in ["/models/a%2F%2E%2E", "/models/a%2Fb//", "/models/%2", "/other%2F"] {
        assert!(matches!(table.find(&Method::GET, path), Err(NoRoute::Odd(_))), "{path}");
    }
}
