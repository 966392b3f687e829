//! What they may do: by department, device and hour, by model, tool and dataset.
//!
//! `cargo run --example abac` starts a server on loopback, plays a story against it, says what was permitted and refused and why, and
//! ends with 0 only if all went as told. `-- --serve` keeps the server up.

use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use portcullis::audit::{AuditEntry, AuditLog};
use portcullis::authorize::rules::{
    action, business_hours, claim, dataset, device, model_in, not, part, plan, role, scope, tool_in, weekdays,
};
use portcullis::authorize::{Authorized, DeviceRules, RulePolicy};
use portcullis::clock::UnixTime;
use portcullis::limit::{Per, Plan};
use portcullis::payload::{OpenAiChat, PlainGenerate};
use portcullis::route::{Place, ResourceKind, Route};
use portcullis::testing::{FakeClock, Issuer};
use portcullis::{Gate, Payload};
use serde_json::{Value, json};
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use tokio::net::TcpListener;

const AUDIENCE: &str = "https://llm.example.com";
const CHAT: &str = "/v1/chat/completions";
const MODELS: [&str; 3] = ["small", "large", "ledger"];

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let serve = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--serve") => true,
        Some(other) => {
            eprintln!("abac: unknown argument {other:?}; --serve keeps the server up, and there is no other");
            return Ok(ExitCode::from(2));
        }
    };
    let as_told = play(serve).await?;
    println!("{}", if as_told { "all went as told" } else { "NOT all went as told" });
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the house allows.
fn house_rules() -> Result<RulePolicy, Failure> {
    let finance = claim("/department").is("finance").and(device().managed()).and(business_hours(
        "Europe/Berlin",
        weekdays(),
        "08:00".."18:00",
    ));
    let policy = RulePolicy::builder("house rules")
        .permit("listing", action("read").and(scope("models:read")))
        .permit("everybody", scope("generate:invoke").and(model_in(["small"])))
        .permit("paid plan", plan("paid").and(model_in(["large"])))
        .permit("finance", finance.and(model_in(["ledger"])))
        .permit("tools", tool_in(["search", "look_up_*"]))
        .permit("operators instruct", role("operator").and(part("system")))
        .permit("sales figures", claim("/department").one_of(["sales", "finance"]).and(dataset("sales")))
        .permit("news", dataset("news"))
        .forbid("contractors", role("contractor").and(not(device().managed())));
    Ok(policy.build()?)
}

/// What is to come: the large model for the paid plan only from managed devices.
fn next_rules() -> Result<RulePolicy, Failure> {
    let policy = RulePolicy::builder("next")
        .permit("everybody", scope("generate:invoke").and(model_in(["small", "ledger"])))
        .permit("paid plan", plan("paid").and(device().managed()).and(model_in(["large"])))
        .permit("tools", tool_in(["*"]))
        .permit("rest", action("read"))
        .permit("parts", part("system"))
        .permit("data", dataset("*"));
    Ok(policy.build()?)
}

fn chat_route() -> Route {
    Route::post(CHAT).dialect(OpenAiChat).by_policy()
}

fn app(gate: &Gate) -> portcullis::gate::Protected {
    // A model that calls the tool that it is told of.
    async fn chat(Payload(request): Payload<Value>) -> Json<Value> {
        let said = request["messages"][0]["content"].as_str().unwrap_or_default();
        let message = match said.strip_prefix("call ") {
            Some(tool) => json!({ "role": "assistant", "tool_calls": [
                { "id": "call-1", "type": "function", "function": { "name": tool, "arguments": "{}" } }
            ] }),
            None => json!({ "role": "assistant", "content": "hello" }),
        };
        let choices = json!([{ "index": 0, "message": message, "finish_reason": "stop" }]);
        let usage = json!({ "prompt_tokens": 3, "completion_tokens": 2 });
        Json(json!({ "id": "c", "object": "chat.completion", "choices": choices, "usage": usage }))
    }
    async fn models(who: Authorized) -> Json<Value> {
        Json(json!({ "data": who.models(&chat_route(), MODELS).await }))
    }
    async fn ask(_: Authorized) -> Json<Value> {
        Json(json!({ "text": "so and so", "usage": { "input_tokens": 1, "output_tokens": 3 } }))
    }
    let app = Router::new()
        .route(CHAT, post(chat))
        .route("/v1/models", get(models))
        .route("/v1/sets/{set}/ask", post(ask));
    gate.protect(app)
}

/// Plays the story; whether it went as told.
pub(crate) async fn play(serve: bool) -> Result<bool, Failure> {
    // A Monday, noon in Berlin.
    let clock = FakeClock::at(UnixTime::from_secs(1_799_665_200 - 3 * 86_400));
    let issuer = Issuer::with_clock("https://issuer.example.com", clock.shared());
    let (to_story, records) = mpsc::channel();
    let log = AuditLog::builder().sink(move |entry: &AuditEntry| {
        let _ = to_story.send(serde_json::to_value(entry).unwrap_or_default());
    });
    let sets = Route::post("/v1/sets/{set}/ask")
        .dialect(PlainGenerate)
        .by_policy()
        .resource(ResourceKind::Dataset, Place::Path("set".into()));
    let gate = Gate::builder()
        .clock(clock.shared())
        .issuer(issuer.trusted().audience(AUDIENCE).plan_claim("/plan").roles_claim("/roles"))
        .route(chat_route())
        .route(sets)
        .route(Route::get("/v1/models").scope("models:read"))
        .policy(house_rules()?)
        .shadow_policy(next_rules()?)
        .devices(DeviceRules::new().managed_claim("/device/managed", true))
        .plan(Plan::new("free").requests(100, Per::Minute).usage(100_000, Per::Minute))
        .plan(Plan::new("paid").requests(100, Per::Minute).usage(100_000, Per::Minute))
        .default_plan("free")
        .audit(log.start()?)
        .build()?;
    println!("{}\n", gate.posture());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, app(&gate).into_make_service_with_connect_info());
    let server = tokio::spawn(async move { server.await });
    let mut as_told = true;
    for scene in scenes() {
        if let Some(wait) = scene.wait {
            clock.advance(wait);
        }
        let mut credential =
            issuer.credential(scene.who).audience(AUDIENCE).scope("generate:invoke models:read");
        for (name, value) in scene.claims.as_object().into_iter().flatten() {
            credential = credential.claim(name, value.clone());
        }
        let (status, answer) = send(address, &scene, &credential.sign()).await?;
        let record = records.recv_timeout(Duration::from_secs(10))?;
        as_told &= tell(&scene, status, &answer, &record);
    }
    for (name, counts) in gate.policies().shadow_counts() {
        println!("the policy {name:?}, beside: {counts:?}");
        as_told &= counts.would_refuse > 0 && counts.would_permit > 0;
    }
    if serve {
        println!("serving on http://{address}; stop with Ctrl-C");
        tokio::signal::ctrl_c().await?;
    }
    server.abort();
    Ok(as_told)
}

/// One request, and what comes of it.
struct Scene {
    title: &'static str,
    wait: Option<Duration>,
    who: &'static str,
    claims: Value,
    path: &'static str,
    body: Option<Value>,
    status: u16,
    /// What the answer, or the record's cause, must hold.
    holds: &'static str,
}

impl Scene {
    fn new(
        title: &'static str,
        who: &'static str,
        claims: Value,
        body: Value,
        status: u16,
        holds: &'static str,
    ) -> Self {
        Self { title, wait: None, who, claims, path: CHAT, body: Some(body), status, holds }
    }

    fn at(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    fn later(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    fn list(title: &'static str, who: &'static str, claims: Value, holds: &'static str) -> Self {
        Self { title, wait: None, who, claims, path: "/v1/models", body: None, status: 200, holds }
    }
}

fn scenes() -> Vec<Scene> {
    let finance = || json!({ "department": "finance", "device": { "managed": true } });
    let chat = |model: &str, text: &str| json!({ "model": model, "messages": [{ "role": "user", "content": text }] });
    let with_tools = |names: &[&str]| {
        let tools: Vec<Value> =
            names.iter().map(|name| json!({ "type": "function", "function": { "name": name } })).collect();
        let mut body = chat("small", "hello");
        body["tools"] = json!(tools);
        body
    };
    let system = json!({ "model": "small", "messages": [{ "role": "system", "content": "be brief" }] });
    let ask = || json!({ "prompt": "how much?" });
    vec![
        Scene::new(
            "frida of finance asks the ledger",
            "frida",
            finance(),
            chat("ledger", "hello"),
            200,
            "hello",
        ),
        Scene::new(
            "lena of legal asks the ledger",
            "lena",
            json!({ "department": "legal", "device": { "managed": true } }),
            chat("ledger", "hello"),
            403,
            "finance needs claim /department is \"finance\", and it has another value",
        ),
        Scene::new(
            "frida asks from a device of her own",
            "frida",
            json!({ "department": "finance", "device": { "managed": false } }),
            chat("ledger", "hello"),
            403,
            "needs a managed device, and the claim says that it is not",
        ),
        Scene::new(
            "paula pays for the large model",
            "paula",
            json!({ "plan": "paid" }),
            chat("large", "hello"),
            200,
            "hello",
        ),
        Scene::new(
            "fred does not",
            "fred",
            json!({}),
            chat("large", "hello"),
            403,
            "paid plan needs plan paid",
        ),
        Scene::new(
            "fred offers tools",
            "fred",
            json!({}),
            with_tools(&["search", "look_up_word"]),
            200,
            "hello",
        ),
        Scene::new(
            "fred offers one too many",
            "fred",
            json!({}),
            with_tools(&["search", "run_shell"]),
            403,
            "tool:run_shell",
        ),
        Scene::new("the model calls a tool", "fred", json!({}), chat("small", "call search"), 200, "search"),
        Scene::new(
            "the model calls another",
            "fred",
            json!({}),
            chat("small", "call run_shell"),
            403,
            "tool:run_shell",
        ),
        Scene::new(
            "olga, an operator, instructs",
            "olga",
            json!({ "roles": ["operator"] }),
            system.clone(),
            200,
            "hello",
        ),
        Scene::new("fred instructs", "fred", json!({}), system, 403, "part:system"),
        Scene::new(
            "carl, a contractor, is kept out",
            "carl",
            json!({ "roles": ["contractor"] }),
            chat("small", "hello"),
            403,
            "rule contractors forbids it",
        ),
        Scene::new(
            "sam of sales asks the sales figures",
            "sam",
            json!({ "department": "sales" }),
            ask(),
            403,
            "model of the handler's choice",
        )
        .at("/v1/sets/sales/ask"),
        Scene::new(
            "and names a model",
            "sam",
            json!({ "department": "sales" }),
            json!({ "prompt": "how much?", "model": "small" }),
            200,
            "so and so",
        )
        .at("/v1/sets/sales/ask"),
        Scene::new(
            "fred asks for them, too",
            "fred",
            json!({}),
            json!({ "prompt": "how much?", "model": "small" }),
            403,
            "dataset:sales",
        )
        .at("/v1/sets/sales/ask"),
        Scene::list("frida lists her models", "frida", finance(), r#"["small","ledger"]"#),
        Scene::list("paula lists hers", "paula", json!({ "plan": "paid" }), r#"["small","large"]"#),
        Scene::new(
            "in the evening the ledger is closed",
            "frida",
            finance(),
            chat("ledger", "hello"),
            403,
            "needs mon tue wed thu fri 08:00 to 18:00 in Europe/Berlin",
        )
        .later(Duration::from_secs(7 * 60 * 60)),
        Scene::list("and is not listed", "frida", finance(), r#"["small"]"#),
    ]
}

/// Says what came of a scene, and whether it is as told.
fn tell(scene: &Scene, status: StatusCode, answer: &str, record: &Value) -> bool {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let (decision, cause) = (text(&record["decision"]).unwrap_or_default(), text(&record["cause"]));
    println!("{}\n    {decision} ({status}), {}", scene.title, record["policy"]["rules"]);
    if let Some(cause) = &cause {
        println!("    {cause}");
    }
    let said = cause.as_deref().unwrap_or(answer);
    let as_told = status.as_u16() == scene.status && said.contains(scene.holds);
    if !as_told {
        println!(
            "    NOT as told: {} and {:?} were expected; the answer was {answer}",
            scene.status, scene.holds
        );
    }
    as_told
}

async fn send(address: SocketAddr, scene: &Scene, credential: &str) -> Result<(StatusCode, String), Failure> {
    let request = Request::builder()
        .uri(format!("http://{address}{}", scene.path))
        .header(AUTHORIZATION, format!("Bearer {credential}"));
    let request = match &scene.body {
        Some(body) => request
            .method("POST")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?,
        None => request.body(Full::default())?,
    };
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&answer).into_owned()))
}
