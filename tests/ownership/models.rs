//! Whatever a client calls a model, everybody further in knows it by one name.

use super::*;
use portcullis::authorize::rules::model_in;
use portcullis::authorize::{Model, ModelCatalog, RulePolicy};

fn catalog() -> ModelCatalog {
    ModelCatalog::new([
        Model::new("small")
            .alias("small-2024-08-06")
            .alias("org/Small-Instruct")
            .fine_tunes("ft:small:acme:"),
        Model::new("large"),
        Model::new("gemini-2.5-flash").alias("flash"),
    ])
    .unwrap()
}

fn called(model: &str) -> Value {
    chat(&json!({ "model": model }))
}

#[tokio::test]
async fn every_spelling_arrives_by_the_one_name_and_stands_in_the_record() {
    let world = World::new();
    let gate = world.plain().models(catalog()).build().unwrap();
    world.serve(JSON, json!({ "id": "chatcmpl-1", "choices": [] }));
    for (spelt, name) in [
        ("small", "small"),
        ("Small", "small"),
        ("SMALL:latest", "small"),
        ("small:LATEST", "small"),
        ("models/small", "small"),
        ("small-2024-08-06", "small"),
        ("ORG/small-instruct", "small"),
        ("FT:Small:acme:Tuned-7", "ft:small:acme:Tuned-7"),
    ] {
        let reply = world.post(&gate, ALICE, "/v1/chat/completions", &called(spelt)).await;
        assert_eq!(reply.status, 200, "{spelt}: {}", reply.text);
        assert_eq!(world.seen().unwrap().body["model"], name, "{spelt}");
        assert_eq!(world.record()["model"], name, "{spelt}");
    }
}

#[tokio::test]
async fn an_unlisted_model_is_refused_like_one_that_is_forbidden_and_at_the_same_place() {
    let world = World::new();
    let only_small = RulePolicy::builder("models").permit("small", model_in(["small"])).build().unwrap();
    let gate = world.plain().models(catalog()).policy(only_small).build().unwrap();
    world.serve(JSON, json!({ "id": "chatcmpl-1", "choices": [] }));
    assert_eq!(world.post(&gate, ALICE, "/v1/chat/completions", &called("SMALL")).await.status, 200);
    world.seen().unwrap();
    world.record();
    let forbidden = world.post(&gate, ALICE, "/v1/chat/completions", &called("large")).await;
    assert_eq!(forbidden.status, 403, "{}", forbidden.text);
    assert_eq!(world.record()["ran"]["policy"], "refused");
    for unknown in [
        "huge",
        "small ",
        "small:v2",
        "ft:small:other:x",
        "ft:small:acme:",
        "ft:small:acme:a b",
        "ft:small:acme:../../etc/passwd",
        "ft:small:acme:..",
        "sma\u{17f}l",
    ] {
        let reply = world.post(&gate, ALICE, "/v1/chat/completions", &called(unknown)).await;
        assert_eq!(reply, forbidden, "{unknown:?}");
        assert!(world.seen().is_none());
        // The same controls have run.
        assert_eq!(world.record()["ran"]["policy"], "refused", "{unknown:?}");
    }
}

#[tokio::test]
async fn an_unlisted_model_is_forbidden_where_a_policy_permits_all() {
    let world = World::new();
    let all = portcullis::authorize::policy_fn("all", |_| portcullis::authorize::Verdict::permit().into());
    for gate in [world.plain().models(catalog()).policy(all), world.plain().models(catalog())] {
        let reply = world.post(&gate.build().unwrap(), ALICE, "/v1/chat/completions", &called("huge")).await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(reply.text.contains("you may not do this") && !reply.text.contains("huge"), "{}", reply.text);
        let record = world.record();
        assert_eq!((&record["rule"], &record["ran"]["models"]), (&json!("models"), &json!("refused")));
        assert_eq!(record["ran"]["inspect"], "passed");
    }
    assert!(world.seen().is_none());
}

#[tokio::test]
async fn fallbacks_and_paths_are_named_alike() {
    let world = World::new();
    let gate = world.plain().models(catalog()).build().unwrap();
    world.serve(JSON, json!({ "type": "message", "content": [] }));
    let ask = |model: &str, fallback: &str| {
        json!({ "model": model, "max_tokens": 9, "messages": [{ "role": "user", "content": "hi" }],
            "fallbacks": [{ "model": fallback }] })
    };
    let reply = world.post(&gate, ALICE, "/v1/messages", &ask("LARGE", "small:latest")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let body = world.seen().unwrap().body;
    assert_eq!((&body["model"], &body["fallbacks"][0]["model"]), (&json!("large"), &json!("small")));
    let hidden = world.post(&gate, ALICE, "/v1/messages", &ask("large", "huge")).await;
    assert_eq!((hidden.status, world.seen().is_none()), (StatusCode::FORBIDDEN, true));
    world.record();
    world.record();

    let contents = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
    world.serve(JSON, json!({ "candidates": [] }));
    let path = |model: &str| format!("/v1beta/models/{model}:generateContent?alt=sse");
    let reply = world.post(&gate, ALICE, &path("FLASH"), &contents).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(world.seen().unwrap().path, path("gemini-2.5-flash"));
    assert_eq!(world.record()["model"], "gemini-2.5-flash");
    assert_eq!(world.post(&gate, ALICE, &path("huge"), &contents).await.status, 403);
    // Where a server chooses a model by itself, what it may choose from cannot be read.
    let routed = json!({ "contents": contents["contents"], "generationConfig": { "routingConfig": { "autoMode": {} } } });
    assert_eq!(world.post(&gate, ALICE, &path("flash"), &routed).await.status, 403);
    // A name that no path can hold is no name there.
    assert_eq!(world.post(&gate, ALICE, &path("ft:small:acme:x"), &contents).await.status, 400);
}

#[tokio::test]
async fn a_path_is_not_written_anew_behind_a_router_that_has_read_it() {
    let world = World::new();
    let gate = world.plain().models(catalog()).build().unwrap();
    let called = |axum::extract::Path(call): axum::extract::Path<String>| async move {
        axum::Json(json!({ "candidates": [], "responseId": call }))
    };
    let app = Router::new().route("/v1beta/models/{call}", axum::routing::post(called)).layer(gate.clone());
    let ask = async |model: &str| {
        let credential = world.issuer.credential("alice").audience(AUDIENCE).scope("use").sign();
        let body = json!({ "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }] });
        let mut request = Request::post(format!("/v1beta/models/{model}:generateContent"))
            .header("content-type", JSON)
            .header("authorization", format!("Bearer {credential}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        request.extensions_mut().insert(PeerAddress("192.0.2.7:4711".parse().unwrap()));
        request.extensions_mut().insert(TlsConnection::new());
        app.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(ask("gemini-2.5-flash").await, StatusCode::OK);
    world.record();
    assert_eq!(ask("FLASH").await, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(world.record()["cause"].as_str().unwrap().contains("gate.protect(router)"));
}

#[tokio::test]
async fn models_that_a_route_names_elsewhere_go_by_the_one_name_too() {
    use portcullis::route::{Place, ResourceKind};
    let world = World::new();
    let only = RulePolicy::builder("models").permit("small", model_in(["small"])).build().unwrap();
    let place = |route: Route, place: Place| route.scope("use").resource(ResourceKind::Model, place);
    let routes = |builder: GateBuilder| {
        builder
            .route(place(Route::get("/v1/models/{model}"), Place::Path("model".into())))
            .route(place(Route::get("/v1/cards"), Place::Query("model".into())))
            .route(place(Route::post("/v1/train").dialect(AnyJson), Place::Pointer("/base".into())))
            .route(place(Route::post("/v1/merge").dialect(AnyJson), Place::Pointer("/of".into())))
            .models(catalog())
    };
    world.serve(JSON, json!({}));
    for gate in [routes(world.plain()), routes(world.plain()).policy(only)] {
        let gate = gate.build().unwrap();
        for (path, status) in [
            ("/v1/models/small", 200),
            ("/v1/models/SMALL", 200),
            ("/v1/models/small-2024-08-06", 200),
            ("/v1/models/huge", 403),
            ("/v1/cards?model=Small:latest", 200),
            ("/v1/cards?model=small&model=huge", 403),
        ] {
            assert_eq!(world.get(&gate, ALICE, path).await.status, status, "{path}");
        }
        for (path, body, seen) in [
            ("/v1/train", json!({ "base": "SMALL" }), Some(json!({ "base": "small" }))),
            ("/v1/train", json!({ "base": "huge" }), None),
            ("/v1/merge", json!({ "of": ["Small", "small"] }), Some(json!({ "of": ["small", "small"] }))),
            ("/v1/merge", json!({ "of": ["small", "huge"] }), None),
        ] {
            while world.seen().is_some() {}
            let reply = world.post(&gate, ALICE, path, &body).await;
            assert_eq!(reply.status, if seen.is_some() { 200 } else { 403 }, "{path} {body}: {}", reply.text);
            assert_eq!(world.seen().map(|seen| seen.body), seen, "{path} {body}");
        }
    }
    // What is listed and not permitted is refused, however it is called.
    let large = RulePolicy::builder("models").permit("small", model_in(["small"])).build().unwrap();
    let gate = routes(world.plain()).policy(large).build().unwrap();
    for path in ["/v1/models/large", "/v1/models/LARGE"] {
        assert_eq!(world.get(&gate, ALICE, path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_fine_tune_that_is_listed_by_its_name_has_one_and_others_keep_theirs() {
    let models = [Model::new("small").fine_tunes("ft:small:acme:"), Model::new("ft:small:acme:Secret-7")];
    let catalog = ModelCatalog::new(models).unwrap();
    assert_eq!(catalog.name_of("FT:SMALL:ACME:secret-7").as_deref(), Some("ft:small:acme:Secret-7"));
    assert_eq!(catalog.name_of("ft:small:acme:9qAbC").as_deref(), Some("ft:small:acme:9qAbC"));
    assert!(ModelCatalog::new([Model::new("../small")]).unwrap_err().to_string().contains("two dots"));
}
