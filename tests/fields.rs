//! Every field of each dialect's published reference has a class, and one that no reference has is refused by name.
//! `tests/fields/reference.txt` was written from the references; `docs/fields.md` is what the tables say.

use bytes::Bytes;
use portcullis::payload::{
    AnthropicMessages, AnyJson, Dialect, Document, FieldClass, FieldRules, Gemini, Mcp, OllamaAdmin,
    OllamaChat, OllamaGenerate, OpenAiChat, OpenAiCompletions, OpenAiEmbeddings, OpenAiResponses,
    PlainGenerate, TgiGenerate, UnknownFields,
};
use portcullis::route::Route;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REFERENCE: &str = include_str!("fields/reference.txt");
const PAGE: &str = include_str!("../docs/fields.md");

/// Each dialect, with the smallest request that it takes.
fn dialects() -> Vec<(&'static dyn Dialect, Value)> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    vec![
        (&OpenAiChat, json!({"model": "m", "messages": messages})),
        (&OpenAiResponses, json!({"model": "m", "input": "hi"})),
        (&OpenAiCompletions, json!({"model": "m", "prompt": "hi"})),
        (&OpenAiEmbeddings, json!({"model": "m", "input": "hi"})),
        (&AnthropicMessages, json!({"model": "m", "max_tokens": 1, "messages": messages})),
        (&OllamaGenerate, json!({"model": "m", "prompt": "hi"})),
        (&OllamaChat, json!({"model": "m", "messages": messages})),
        (&OllamaAdmin, json!({"model": "m"})),
        (&TgiGenerate, json!({"inputs": "hi"})),
        (&Gemini, json!({"contents": [{"parts": [{"text": "hi"}]}]})),
        (&Mcp, json!({"jsonrpc": "2.0", "id": 1, "method": "ping"})),
        (&PlainGenerate, json!({"prompt": "hi"})),
    ]
}

/// The paths of the reference, by dialect.
fn reference() -> BTreeMap<&'static str, Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut dialect = "";
    for line in REFERENCE.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            dialect = title.split(':').next().unwrap_or_default();
        } else if let Some((object, names)) = line.split_once(':').filter(|_| !dialect.is_empty()) {
            let before = if object == "." { String::new() } else { format!("{object}.") };
            let paths = names.split_whitespace().map(|name| format!("{before}{name}"));
            all.entry(dialect).or_default().extend(paths);
        }
    }
    all
}

fn document(value: &Value) -> Document {
    Document::parse(Bytes::from(value.to_string())).expect("what serde_json writes is strict JSON")
}

#[test]
fn every_field_of_each_published_reference_has_a_class() {
    let reference = reference();
    assert_eq!(reference.len(), dialects().len());
    assert!(reference.values().map(Vec::len).sum::<usize>() > 1000, "the reference was not read");
    let mut missing = Vec::new();
    for (dialect, _) in dialects() {
        for path in &reference[dialect.name()] {
            if dialect.fields().class_of(path).is_none() {
                missing.push(format!("{}: {path}", dialect.name()));
            }
        }
    }
    assert!(missing.is_empty(), "no class:\n{}", missing.join("\n"));
}

#[test]
fn what_costs_what_gives_a_power_and_what_leads_elsewhere_has_the_class_that_says_so() {
    use FieldClass::*;
    let cases: [(&dyn Dialect, FieldClass, &[&str]); 17] = [
        (
            &OpenAiChat,
            Cost,
            &[
                "n",
                "max_tokens",
                "max_completion_tokens",
                "reasoning_effort",
                "logprobs",
                "top_logprobs",
                "best_of",
            ],
        ),
        (&OpenAiChat, Privileged, &["store", "service_tier", "tools[].type", "web_search_options"]),
        (&OpenAiChat, Identity, &["user", "safety_identifier", "prompt_cache_key"]),
        (&OpenAiChat, Url, &["messages[].content[].image_url.url"]),
        (&OpenAiChat, Reference, &["messages[].content[].file.file_id", "messages[].audio.id"]),
        (
            &OpenAiResponses,
            Cost,
            &["max_output_tokens", "reasoning.effort", "max_tool_calls", "top_logprobs"],
        ),
        (&OpenAiResponses, Privileged, &["background", "store", "tools[].type", "tools[].require_approval"]),
        (
            &OpenAiResponses,
            Reference,
            &[
                "previous_response_id",
                "conversation",
                "prompt.id",
                "tools[].vector_store_ids",
                "tools[].container",
                "input[].id",
            ],
        ),
        (
            &OpenAiResponses,
            Url,
            &["tools[].server_url", "input[].content[].image_url", "input[].content[].file_url"],
        ),
        (&OpenAiResponses, Credential, &["tools[].authorization", "tools[].headers"]),
        (
            &AnthropicMessages,
            Cost,
            &["max_tokens", "thinking.budget_tokens", "output_config.effort", "tools[].max_uses"],
        ),
        (&AnthropicMessages, Model, &["model", "fallbacks[].model"]),
        (&AnthropicMessages, Url, &["mcp_servers[].url", "messages[].content[].source.url"]),
        (&AnthropicMessages, Identity, &["metadata.user_id"]),
        (&OllamaChat, Privileged, &["keep_alive", "options.num_gpu"]),
        (&Gemini, Url, &["contents[].parts[].fileData.fileUri", "contents[].parts[].file_data.file_uri"]),
        (&Mcp, Reference, &["params.uri", "params.taskId"]),
    ];
    for (dialect, class, paths) in cases {
        for path in paths {
            assert_eq!(dialect.fields().class_of(path), Some(class), "{}: {path}", dialect.name());
        }
    }
}

#[test]
fn a_field_that_no_reference_has_is_refused_by_name_stripped_or_passed() {
    for (dialect, request) in dialects() {
        dialect.accept(document(&request)).unwrap_or_else(|error| panic!("{dialect:?}: {error}"));
        let mut body = request.clone();
        body["no_such_field"] = json!({"text": "x"});
        let refused = dialect.accept(document(&body)).unwrap_err();
        assert_eq!(refused.to_string(), "the API has no such field (at /no_such_field)", "{dialect:?}");
        let rules = FieldRules::default().with_unknown(UnknownFields::Strip);
        let (stripped, _) = dialect.accept_by(document(&body), &rules).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(stripped.source()).unwrap(), request, "{dialect:?}");
        let rules = FieldRules::default().with_unknown(UnknownFields::Pass);
        let (passed, facts) = dialect.accept_by(document(&body), &rules).unwrap();
        let noted: Vec<_> = facts.fields_of(FieldClass::Unknown).map(|node| passed.pointer(node)).collect();
        assert_eq!(noted, ["/no_such_field"], "{dialect:?}");
    }
    let free = document(&json!({"no_such_field": [{"text": "x"}]}));
    assert!(AnyJson.accept(free).is_ok());
}

#[test]
fn no_object_of_any_api_takes_a_field_that_no_reference_has_unless_it_is_free() {
    let mut closed = 0;
    for (dialect, _) in dialects() {
        for row in dialect.fields().rows() {
            let below = dialect.fields().class_of(&format!("{}.no_such_field", row.path));
            let is_free = row.note.contains("free below");
            assert_eq!(below.is_some(), is_free, "{}: {row}", dialect.name());
            closed += usize::from(!is_free);
        }
    }
    assert!(closed > 600, "{closed}");
}

#[test]
fn a_route_has_the_action_of_its_dialect_and_the_strictest_rules_unless_it_says_otherwise() {
    let pull = || Route::post("/api/pull").dialect(OllamaAdmin);
    assert_eq!(pull().action_name().as_str(), "admin");
    assert_eq!(pull().action("load").action_name().as_str(), "load");
    assert_eq!(Route::post("/x").action("ask").dialect(OllamaAdmin).action_name().as_str(), "ask");
    assert_eq!(Route::post("/generate").dialect(PlainGenerate).action_name().as_str(), "generate");
    assert_eq!(pull().field_rules(), &FieldRules::default());
    assert_eq!(pull().unknown_fields(UnknownFields::Pass).field_rules().unknown, UnknownFields::Pass);
    assert!(pull().danger_credentials_in_body().field_rules().danger_credentials);
}

#[test]
fn the_page_of_fields_says_what_the_tables_say() {
    let mut page = PAGE.to_owned();
    for (dialect, _) in dialects() {
        let (start, end) = (format!("<!-- fields of {} -->\n", dialect.name()), "<!-- end -->");
        let from =
            page.find(&start).unwrap_or_else(|| panic!("no section for {}", dialect.name())) + start.len();
        let to = from + page[from..].find(end).unwrap();
        let rows = dialect.fields().rows();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        page.replace_range(from..to, &format!("\n| field | class | |\n|---|---|---|\n{lines}\n"));
    }
    let expected = concat!(env!("CARGO_TARGET_TMPDIR"), "/fields.md");
    if page != PAGE {
        std::fs::write(expected, &page).unwrap();
    }
    assert!(page == PAGE, "docs/fields.md is not what the tables say; copy {expected} over it");
}
