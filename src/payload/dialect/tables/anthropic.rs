//! `POST /v1/messages`, the beta's fields included.

use super::openai_chat::PLACE;
use super::{cost, credential, identity, model, neutral, privileged, prompt, reference, url};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static ANTHROPIC_MESSAGES: FieldTable = FieldTable::new(&[
    model(&["model"]),
    cost(&["max_tokens"]),
    prompt(&["messages"]).list(&MESSAGE),
    prompt(&["system"]).list(&BLOCK),
    neutral(&["stream", "temperature", "top_k", "top_p"]),
    prompt(&["tools"]).list(&TOOL),
    neutral(&["tool_choice"]).object(&TOOL_CHOICE),
    prompt(&["stop_sequences"]),
    neutral(&["metadata"]).object(&METADATA),
    neutral(&["thinking"]).object(&THINKING),
    privileged(&["service_tier"]).harmless(&["\"auto\"", "\"standard_only\""]),
    cost(&["cache_control"]).object(&CACHE),
    reference(&["container"]).object(&CONTAINER),
    privileged(&["mcp_servers"]).list(&MCP_SERVER),
    neutral(&["context_management"]).object(&CONTEXT_MANAGEMENT),
    neutral(&["output_config"]).object(&OUTPUT_CONFIG),
    neutral(&["output_format"]).object(&FORMAT),
    cost(&["speed"]).harmless(&["\"standard\""]),
    privileged(&["inference_geo"]),
    identity(&["user_profile_id"]),
    neutral(&["fallbacks"]).list(&FALLBACK),
    reference(&["fallback_credit_token"]).object(&CREDIT),
    neutral(&["diagnostics"]).object(&DIAGNOSTICS),
]);

static MESSAGE: FieldTable = FieldTable::new(&[neutral(&["role"]), prompt(&["content"]).list(&BLOCK)]);

/// Content blocks, and the results of tools within them. What tools found before is text by now: its URLs are not fetched
/// again.
static BLOCK: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["text"]),
    neutral(&["id", "tool_use_id", "is_error"]),
    prompt(&["name", "thinking", "signature", "data", "title", "context"]),
    prompt(&["input"]).free(),
    prompt(&["content", "tool_references"]).list(&BLOCK),
    prompt(&["source"]).object(&SOURCE),
    cost(&["cache_control"]).object(&CACHE),
    prompt(&["citations"]).list(&CITATION),
    reference(&["file_id"]),
    neutral(&["caller"]).object(&CALLER),
    prompt(&[
        "url",
        "page_age",
        "retrieved_at",
        "encrypted_content",
        "encrypted_stdout",
        "tool_name",
        "server_name",
    ]),
    prompt(&["stdout", "stderr", "lines", "error_message"]),
    neutral(&["error_code", "return_code", "stop_reason", "file_type", "is_file_update"]),
    neutral(&["num_lines", "start_line", "total_lines", "new_lines", "new_start", "old_lines", "old_start"]),
    prompt(&["tool"]).object(&TOOL_NAME),
    neutral(&["from", "to"]).object(&OF_MODEL),
    neutral(&["trigger"]).object(&TRIGGER),
]);

static SOURCE: FieldTable = FieldTable::new(&[
    neutral(&["type", "media_type"]),
    prompt(&["data"]),
    url(&["url"]),
    reference(&["file_id"]),
    prompt(&["content"]).list(&BLOCK),
]);

static CITATION: FieldTable = FieldTable::new(&[
    neutral(&["type", "enabled", "document_index", "search_result_index"]),
    neutral(&["start_char_index", "end_char_index", "start_page_number", "end_page_number"]),
    neutral(&["start_block_index", "end_block_index"]),
    prompt(&["cited_text", "document_title", "encrypted_index", "source", "title", "url"]),
    reference(&["file_id"]),
]);

static CACHE: FieldTable = FieldTable::new(&[neutral(&["type", "ttl"])]);

static CALLER: FieldTable = FieldTable::new(&[neutral(&["type", "tool_id"])]);

static TOOL_NAME: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["name", "server_name"])]);

/// Says what answered before, and asks for nothing.
static OF_MODEL: FieldTable = FieldTable::new(&[neutral(&["model"])]);

static TRIGGER: FieldTable = FieldTable::new(&[neutral(&["type", "category"])]);

static TOOL: FieldTable = FieldTable::new(&[
    privileged(&["type"]).harmless(&["\"custom\""]),
    prompt(&["name", "description"]),
    prompt(&["input_schema", "input_examples"]).free(),
    neutral(&["strict", "defer_loading", "allowed_callers", "eager_input_streaming", "response_inclusion"]),
    cost(&["cache_control", "caching"]).object(&CACHE),
    neutral(&["allowed_domains", "blocked_domains", "use_cache"]),
    neutral(&["citations"]).object(&ENABLED),
    cost(&["max_uses", "max_characters", "max_content_tokens", "max_tokens"]),
    neutral(&["user_location"]).object(&PLACE),
    neutral(&["configs"]).map(&ENABLED),
    neutral(&["default_config"]).object(&ENABLED),
    prompt(&["mcp_server_name"]),
    model(&["model"]),
    neutral(&["display_height_px", "display_width_px", "display_number", "enable_zoom"]),
]);

static ENABLED: FieldTable = FieldTable::new(&[neutral(&["enabled", "defer_loading"])]);

static TOOL_CHOICE: FieldTable =
    FieldTable::new(&[neutral(&["type", "disable_parallel_tool_use"]), prompt(&["name"])]);

static METADATA: FieldTable = FieldTable::new(&[identity(&["user_id"])]);

static THINKING: FieldTable = FieldTable::new(&[
    cost(&["type"]).harmless(&["\"disabled\""]),
    cost(&["budget_tokens"]),
    neutral(&["display"]),
]);

static CONTAINER: FieldTable = FieldTable::new(&[reference(&["id"]), privileged(&["skills"]).list(&SKILL)]);

static SKILL: FieldTable = FieldTable::new(&[neutral(&["type", "version"]), reference(&["skill_id"])]);

static MCP_SERVER: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["name"]),
    url(&["url"]),
    credential(&["authorization_token"]),
    neutral(&["tool_configuration"]).object(&TOOL_CONFIGURATION),
]);

static TOOL_CONFIGURATION: FieldTable = FieldTable::new(&[neutral(&["enabled"]), prompt(&["allowed_tools"])]);

static CONTEXT_MANAGEMENT: FieldTable = FieldTable::new(&[neutral(&["edits"]).list(&CONTEXT_EDIT)]);

static CONTEXT_EDIT: FieldTable = FieldTable::new(&[
    neutral(&["type", "clear_tool_inputs", "exclude_tools", "pause_after_compaction"]),
    prompt(&["instructions"]),
    neutral(&["clear_at_least", "keep", "trigger"]).object(&AMOUNT),
]);

static AMOUNT: FieldTable = FieldTable::new(&[neutral(&["type", "value"])]);

static OUTPUT_CONFIG: FieldTable = FieldTable::new(&[
    cost(&["effort"]),
    neutral(&["format"]).object(&FORMAT),
    cost(&["task_budget"]).object(&TASK_BUDGET),
]);

static TASK_BUDGET: FieldTable = FieldTable::new(&[neutral(&["type", "total", "remaining"])]);

static FORMAT: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["schema"]).free()]);

static FALLBACK: FieldTable = FieldTable::new(&[
    model(&["model"]),
    cost(&["max_tokens"]),
    cost(&["speed"]).harmless(&["\"standard\""]),
    neutral(&["thinking"]).object(&THINKING),
    neutral(&["output_config"]).object(&OUTPUT_CONFIG),
]);

static CREDIT: FieldTable = FieldTable::new(&[neutral(&["mode"]), reference(&["token"])]);

static DIAGNOSTICS: FieldTable = FieldTable::new(&[reference(&["previous_message_id"])]);
