//! What the audit file says is said in metrics and in `tracing` events as well.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail by panicking, as tests do")]

mod common;

use bytes::Bytes;
use common::World;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use portcullis::authorize::rules::{always, model_in};
use portcullis::authorize::{AuthorizeLayer, EnforcePolicyLayer, Policies, RulePolicy};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tower::{Layer, ServiceExt, service_fn};

/// One request that is answered with a usage of nine units, and one without a credential.
fn two_requests(world: &World) {
    let (audit, records) = world.audit();
    let limits = world.limits(1_000, 1_000_000);
    let handler = service_fn(|_: Request<_>| async {
        let answer = r#"{"text":"well","usage":{"input_tokens":4,"output_tokens":5}}"#;
        let response = Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(answer.as_bytes()))).unwrap())
    });
    let inside = world.read().layer(world.usage(&limits).layer(handler));
    let service = audit.layer(world.routes().layer(world.jwt().layer(world.requests(&limits).layer(inside))));
    let body = r#"{"prompt":"a secret wish","max_tokens":7}"#;
    let permitted = world.request("/generate", body).map(Full::new);
    let mut refused = world.request("/generate", body).map(Full::new);
    refused.headers_mut().remove("authorization");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for request in [permitted, refused] {
            let response = service.clone().oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
    });
    drop(records);
}

/// One request that the policy in force permits and one that it refuses, beside two policies that are only tried out.
fn two_requests_tried_out(world: &World) {
    let permits = |name: &'static str, condition| RulePolicy::builder(name).permit("all", condition).build();
    let policies = Policies::new()
        .policy(permits("live", model_in(["small"])).unwrap())
        .shadow(permits("open", always()).unwrap())
        .shadow(permits("closed", !always()).unwrap());
    let early = AuthorizeLayer::builder().context(world.context.clone()).policies(policies.clone()).build();
    let enforce = EnforcePolicyLayer::builder(policies.clone()).context(world.context.clone()).build();
    let handler = service_fn(|_: Request<_>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}"))))
    });
    let inside = early.layer(world.read().layer(enforce.layer(handler)));
    let service = world.routes().layer(world.jwt().layer(inside));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        for model in ["small", "large"] {
            let body = format!(r#"{{"prompt":"hello","model":"{model}"}}"#);
            let request = world.request("/generate", body).map(Full::new);
            let response = service.clone().oneshot(request).await.unwrap();
            response.into_body().collect().await.unwrap();
        }
    });
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

// One test, since a thread without a subscriber can switch an event off for all of them while it registers.
#[test]
fn every_record_is_metrics_with_labels_of_the_route_table_and_an_event_without_the_prompt() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorder, || {
            two_requests(&World::new());
            two_requests_tried_out(&World::new());
        });
    });

    let mut counters = BTreeMap::new();
    let mut durations = 0;
    for (key, _, _, value) in snapshots.snapshot().into_vec() {
        let labels: Vec<String> =
            key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        match value {
            DebugValue::Counter(count) => {
                counters.insert(format!("{} {}", key.key().name(), labels.join(" ")), count);
            }
            DebugValue::Histogram(values) => durations += values.len(),
            DebugValue::Gauge(_) => {}
        }
    }
    let of = |name: &str| counters.get(name).copied().unwrap_or_else(|| panic!("{name} in {counters:?}"));
    assert_eq!(of("portcullis_requests_total route=/generate decision=permitted reason=none"), 1);
    assert_eq!(of("portcullis_requests_total route=/generate decision=refused reason=missing_credential"), 1);
    assert_eq!(of("portcullis_usage_settled_units_total route=/generate"), 9);
    assert!(of("portcullis_usage_reserved_units_total route=/generate") >= 9);
    assert_eq!(durations, 2);
    for (policy, outcome) in
        [("open", "agreed"), ("open", "would_permit"), ("closed", "would_refuse"), ("closed", "agreed")]
    {
        assert_eq!(of(&format!("portcullis_shadow_decisions_total policy={policy} outcome={outcome}")), 1);
    }

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let events: Vec<&str> = text.lines().filter(|line| line.contains("portcullis::audit")).collect();
    assert_eq!(events.len(), 2, "{text}");
    assert!(events[0].contains("decision=\"permitted\"") && events[0].contains("usage=9"), "{text}");
    assert!(events[0].contains("subject=\"alice\"") && events[0].contains("route=\"/generate\""), "{text}");
    assert!(
        events[1].contains("reason=\"missing_credential\"") && events[1].contains("status=401"),
        "{text}"
    );
    assert!(
        !text.contains("secret wish") && !text.contains("eyJ"),
        "neither prompt nor credential is logged"
    );
}
