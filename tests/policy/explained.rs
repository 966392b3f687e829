//! Why a rule did not apply: in the log at DEBUG, of every rule; never to the caller.

use super::world::{World, chat};
use portcullis::authorize::RulePolicy;
use portcullis::authorize::rules::{device, model_in, plan, role};
use portcullis::payload::OpenAiChat;
use portcullis::route::Route;
use serde_json::json;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::Level;

const CHAT: &str = "/v1/chat/completions";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_of_every_rule_what_was_missing_and_the_caller_learns_nothing() {
    let world = World::new();
    let policy = RulePolicy::builder("test")
        .permit("paid", plan("paid").and(model_in(["large"])))
        .permit("managed staff", role("staff").and(device().managed()).and(model_in(["large", "small"])))
        .build()
        .unwrap();
    let route = Route::post(CHAT).dialect(OpenAiChat).by_policy();
    let gate = world.gate().route(route).policy(policy).build().unwrap();
    for (level, is_told) in [(Level::DEBUG, true), (Level::INFO, false)] {
        let log = Log::default();
        let writer = log.clone();
        let subscriber =
            tracing_subscriber::fmt().with_max_level(level).with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        // Refused before the body is read, and after.
        for (model, claims) in [("large", json!({ "roles": ["staff"] })), ("tiny", json!({ "plan": "paid" }))]
        {
            let seen = world.post(&gate, CHAT, &chat(model, &json!({})), &claims).await;
            assert_eq!(seen.status, 403);
            assert!(!seen.body.contains("managed") && !seen.body.contains("paid"), "{}", seen.body);
        }
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for line in [
            "the request: paid needs plan paid",
            "the request: managed staff needs a managed device, and nothing is known of the device",
            "model:tiny: paid needs model large",
            "model:tiny: managed staff needs role staff",
        ] {
            assert_eq!(text.contains(line), is_told, "{level}: {text}");
        }
    }
}
