//! `POST /v1/responses`.

use super::openai_chat::{CACHE_OPTIONS, MODE, MODERATION, PLACE, STREAM_OPTIONS};
use super::{cost, credential, identity, model, neutral, privileged, prompt, reference, url};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static OPENAI_RESPONSES: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["input"]).list(&ITEM),
    prompt(&["instructions"]),
    neutral(&["stream", "temperature", "top_p", "parallel_tool_calls", "truncation"]),
    cost(&["max_output_tokens", "max_tool_calls"]),
    prompt(&["tools"]).list(&TOOL),
    neutral(&["tool_choice"]).object(&TOOL_CHOICE),
    neutral(&["text"]).object(&TEXT),
    neutral(&["reasoning"]).object(&REASONING),
    privileged(&["store", "background"]).harmless(&["false"]),
    privileged(&["service_tier"]).harmless(&["\"auto\"", "\"default\""]),
    reference(&["previous_response_id"]),
    reference(&["conversation"]).object(&CONVERSATION),
    neutral(&["prompt"]).object(&STORED_PROMPT),
    identity(&["user", "safety_identifier", "prompt_cache_key", "cache_salt"]),
    cost(&["include"]),
    cost(&["top_logprobs"]).harmless(&["0"]),
    cost(&["context_management"]).list(&CONTEXT_MANAGEMENT),
    cost(&["prompt_cache_options"]).object(&CACHE_OPTIONS),
    privileged(&["prompt_cache_retention"]),
    privileged(&["moderation"]).object(&MODERATION),
    neutral(&["stream_options"]).object(&STREAM_OPTIONS),
    neutral(&["metadata"]).free(),
]);

static CONVERSATION: FieldTable = FieldTable::new(&[reference(&["id"])]);

static STORED_PROMPT: FieldTable =
    FieldTable::new(&[reference(&["id"]), neutral(&["version"]), prompt(&["variables"]).map(&CONTENT)]);

static CONTEXT_MANAGEMENT: FieldTable = FieldTable::new(&[neutral(&["type", "compact_threshold"])]);

static REASONING: FieldTable =
    FieldTable::new(&[cost(&["effort", "mode"]), neutral(&["summary", "generate_summary", "context"])]);

static TEXT: FieldTable = FieldTable::new(&[neutral(&["format"]).object(&FORMAT), cost(&["verbosity"])]);

static FORMAT: FieldTable = FieldTable::new(&[
    neutral(&["type", "strict"]),
    prompt(&["name", "description"]),
    prompt(&["schema"]).free(),
]);

static TOOL_CHOICE: FieldTable = FieldTable::new(&[
    neutral(&["type", "mode"]),
    prompt(&["name", "server_label"]),
    prompt(&["tools"]).free(),
]);

/// Messages, calls, their results, and all else that a conversation holds. What tools did before is text by now: its URLs
/// are not fetched again.
static ITEM: FieldTable = FieldTable::new(&[
    neutral(&["role", "type", "status"]),
    prompt(&["content"]).list(&CONTENT),
    reference(&["id", "approval_request_id"]),
    neutral(&["call_id", "approve", "execution", "phase", "max_output_length"]),
    prompt(&[
        "name",
        "namespace",
        "arguments",
        "input",
        "code",
        "reason",
        "result",
        "queries",
        "server_label",
    ]),
    prompt(&["encrypted_content", "fingerprint"]),
    prompt(&["output"]).list(&OUTPUT),
    prompt(&["summary"]).list(&CONTENT),
    prompt(&["action", "actions"]).list(&ACTION),
    prompt(&["outputs"]).list(&CODE_OUTPUT),
    prompt(&["results"]).list(&SEARCH_RESULT),
    prompt(&["error"]).object(&ERROR),
    prompt(&["operation"]).object(&OPERATION),
    prompt(&["tools"]).list(&TOOL),
    prompt(&["acknowledged_safety_checks", "pending_safety_checks"]).list(&SAFETY_CHECK),
    neutral(&["caller"]).object(&CALLER),
    reference(&["container_id"]),
    neutral(&["environment"]).object(&ENVIRONMENT),
]);

static CONTENT: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["text", "refusal", "file_data", "filename"]),
    url(&["image_url", "file_url"]),
    reference(&["file_id"]),
    cost(&["detail"]).harmless(&["\"auto\"", "\"low\""]),
    prompt(&["annotations"]).list(&ANNOTATION),
    neutral(&["logprobs"]).free(),
    cost(&["prompt_cache_breakpoint"]).object(&MODE),
]);

static ANNOTATION: FieldTable = FieldTable::new(&[
    neutral(&["type", "index", "start_index", "end_index"]),
    reference(&["container_id", "file_id"]),
    prompt(&["filename", "title", "url"]),
]);

static OUTPUT: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["text", "file_data", "filename", "stdout", "stderr"]),
    url(&["image_url", "file_url"]),
    reference(&["file_id"]),
    cost(&["detail"]).harmless(&["\"auto\"", "\"low\""]),
    neutral(&["outcome"]).object(&OUTCOME),
    cost(&["prompt_cache_breakpoint"]).object(&MODE),
]);

static OUTCOME: FieldTable = FieldTable::new(&[neutral(&["type", "exit_code"])]);

static ACTION: FieldTable = FieldTable::new(&[
    neutral(&["type", "button", "x", "y", "scroll_x", "scroll_y", "max_output_length", "timeout_ms"]),
    prompt(&[
        "command",
        "commands",
        "keys",
        "pattern",
        "queries",
        "query",
        "text",
        "url",
        "user",
        "working_directory",
    ]),
    prompt(&["env"]).free(),
    neutral(&["path"]).list(&POINT),
    prompt(&["sources"]).list(&SOURCE),
]);

static POINT: FieldTable = FieldTable::new(&[neutral(&["x", "y"])]);

static SOURCE: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["url"])]);

static CODE_OUTPUT: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["logs", "url"])]);

static SEARCH_RESULT: FieldTable = FieldTable::new(&[
    reference(&["file_id"]),
    prompt(&["filename", "text"]),
    neutral(&["score"]),
    prompt(&["attributes"]).free(),
]);

static ERROR: FieldTable =
    FieldTable::new(&[neutral(&["type", "code"]), prompt(&["message"]), prompt(&["content"]).free()]);

static OPERATION: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["diff", "path"])]);

static SAFETY_CHECK: FieldTable = FieldTable::new(&[neutral(&["id", "code"]), prompt(&["message"])]);

static CALLER: FieldTable = FieldTable::new(&[neutral(&["type", "caller_id"])]);

static TOOL: FieldTable = FieldTable::new(&[
    privileged(&["type"]).harmless(&["\"function\"", "\"custom\""]),
    prompt(&["name", "description", "server_label", "server_description"]),
    prompt(&["parameters", "input_schema", "output_schema", "annotations"]).free(),
    prompt(&["format"]).object(&GRAMMAR),
    neutral(&["strict", "defer_loading", "allowed_callers", "execution"]),
    prompt(&["tools"]).list(&TOOL),
    credential(&["authorization"]),
    credential(&["headers"]).free(),
    url(&["server_url"]),
    reference(&["connector_id", "tunnel_id", "vector_store_ids"]),
    neutral(&["allowed_tools"]).object(&TOOL_FILTER),
    privileged(&["require_approval"]).object(&APPROVAL).harmless(&["\"always\""]),
    reference(&["container"]).object(&ENVIRONMENT),
    neutral(&["environment"]).object(&ENVIRONMENT),
    neutral(&["filters"]).object(&FILTER),
    neutral(&["ranking_options"]).object(&RANKING),
    cost(&["max_num_results", "search_context_size"]),
    neutral(&["search_content_types"]),
    neutral(&["user_location"]).object(&PLACE),
    privileged(&["external_web_access"]).harmless(&["false"]),
    model(&["model"]),
    privileged(&["moderation"]).harmless(&["\"auto\""]),
    cost(&["size", "quality", "input_fidelity", "partial_images"]),
    neutral(&["input_image_mask"]).object(&MASK),
    neutral(&[
        "action",
        "background",
        "output_compression",
        "output_format",
        "display_height",
        "display_width",
    ]),
]);

static GRAMMAR: FieldTable = FieldTable::new(&[neutral(&["type", "syntax"]), prompt(&["definition"])]);

static TOOL_FILTER: FieldTable = FieldTable::new(&[neutral(&["read_only"]), prompt(&["tool_names"])]);

static APPROVAL: FieldTable = FieldTable::new(&[neutral(&["always", "never"]).object(&TOOL_FILTER)]);

/// Where code runs, and what it may reach.
static ENVIRONMENT: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    reference(&["container_id", "file_ids"]),
    cost(&["memory_limit"]),
    privileged(&["network_policy"]).object(&NETWORK),
    privileged(&["skills"]).list(&SKILL),
]);

static NETWORK: FieldTable =
    FieldTable::new(&[neutral(&["type", "allowed_domains"]), credential(&["domain_secrets"]).list(&SECRET)]);

static SECRET: FieldTable = FieldTable::new(&[neutral(&["domain", "name"]), credential(&["value"])]);

static SKILL: FieldTable = FieldTable::new(&[
    neutral(&["type", "version"]),
    prompt(&["name", "description", "path"]),
    reference(&["skill_id"]),
    prompt(&["source"]).object(&SKILL_SOURCE),
]);

static SKILL_SOURCE: FieldTable = FieldTable::new(&[neutral(&["type", "media_type"]), prompt(&["data"])]);

static FILTER: FieldTable = FieldTable::new(&[
    neutral(&["type", "key", "value", "allowed_domains"]),
    neutral(&["filters"]).list(&FILTER),
]);

static RANKING: FieldTable =
    FieldTable::new(&[neutral(&["ranker", "score_threshold"]), neutral(&["hybrid_search"]).object(&HYBRID)]);

static HYBRID: FieldTable = FieldTable::new(&[neutral(&["embedding_weight", "text_weight"])]);

static MASK: FieldTable = FieldTable::new(&[reference(&["file_id"]), url(&["image_url"])]);
