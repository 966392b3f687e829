//! The payloads of AuthZEN's interoperability events, to a decision point of ours on a real socket that knows their decisions.

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use portcullis::authorize::authzen::{AuthZenPolicy, Entity, Evaluation};
use portcullis::fetch::HttpsClient;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::vectors::{Report, Vectors};

/// The files of the last draft before 1.0, and of the gateways' profile.
const FILES: [&str; 2] = [
    "authzen/interop/authzen-todo-backend/test/decisions-authorization-api-1_0-02.json",
    "authzen/interop/authzen-api-gateways/test-harness/test/decisions.json",
];

pub(crate) fn interop(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive("authz/authzen.tar.gz");
    let mut cases: Vec<(Value, bool)> = Vec::new();
    for name in FILES {
        let file: Value = serde_json::from_slice(&files[name]).expect("an interop file is JSON");
        for case in file["evaluation"].as_array().into_iter().flatten() {
            cases.push((case["request"].clone(), case["expected"] == true));
        }
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a port");
        let endpoint = format!("http://{}/access/v1/evaluation", listener.local_addr().expect("it is bound"));
        let known = Arc::new(cases.clone());
        let decide = move |axum::Json(asked): axum::Json<Value>| {
            let decision = known.iter().find(|(request, _)| *request == asked).map(|(_, decision)| *decision);
            async move { axum::Json(json!({ "decision": decision })) }
        };
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, Router::new().route("/access/v1/evaluation", post(decide))).await;
        });
        let client = HttpsClient::builder()
            .loopback_only()
            .internal_host("127.0.0.1")
            .build()
            .expect("a client of loopback needs no roots");
        let policy = AuthZenPolicy::new(&endpoint, client).expect("the endpoint is a URL");
        for (request, expected) in cases {
            // A payload that does not arrive as it was written has no decision there.
            let decided = policy.evaluate(evaluation(&request)).await;
            report.check(decided == Ok(expected), || format!("{request}: {decided:?}"));
        }
        server.abort();
    });
}

fn evaluation(request: &Value) -> Evaluation {
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let entity = |value: &Value| {
        Entity::new(text(&value["type"]), text(&value["id"])).properties(object(&value["properties"]))
    };
    let action = &request["action"];
    let properties: Map<String, Value> = object(&action["properties"]);
    Evaluation::new(entity(&request["subject"]), text(&action["name"]), entity(&request["resource"]))
        .action_properties(properties)
        .context(object(&request["context"]))
}
