//! `POST /v1/chat/completions`, and what other APIs of OpenAI share with it.
//!
//! Beside OpenAI's own, it knows the samplers, the reasoning and the salt of the cache that servers of open models document for this
//! API.

use super::{cost, identity, model, neutral, privileged, prompt, reference, url};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static OPENAI_CHAT: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["messages"]).list(&MESSAGE),
    neutral(&["temperature", "top_p", "stream"]),
    neutral(&["stream_options"]).object(&STREAM_OPTIONS),
    cost(&["max_tokens", "max_completion_tokens"]),
    prompt(&["tools"]).list(&TOOL),
    neutral(&["tool_choice"]).object(&TOOL_CHOICE),
    prompt(&["stop"]),
    neutral(&["seed", "frequency_penalty", "presence_penalty", "parallel_tool_calls"]),
    neutral(&["response_format"]).object(&RESPONSE_FORMAT),
    identity(&["user", "safety_identifier", "prompt_cache_key", "cache_salt"]),
    cost(&["n", "best_of"]).harmless(&["1"]),
    cost(&["logprobs"]).harmless(&["false"]),
    cost(&["top_logprobs"]).harmless(&["0"]),
    cost(&["reasoning_effort", "verbosity", "modalities"]),
    cost(&["audio"]).object(&AUDIO),
    cost(&["prediction"]).object(&PREDICTION),
    privileged(&["store"]).harmless(&["false"]),
    privileged(&["service_tier"]).harmless(&["\"auto\"", "\"default\""]),
    privileged(&["web_search_options"]).object(&WEB_SEARCH),
    privileged(&["moderation"]).object(&MODERATION),
    privileged(&["prompt_cache_retention"]),
    cost(&["prompt_cache_options"]).object(&CACHE_OPTIONS),
    neutral(&["metadata", "logit_bias"]).free(),
    prompt(&["functions"]).list(&FUNCTION),
    neutral(&["function_call"]).object(&NAMED),
    neutral(&["top_k", "min_p", "repetition_penalty"]),
]);

pub(in crate::payload::dialect) static MESSAGE: FieldTable = FieldTable::new(&[
    neutral(&["role"]),
    prompt(&["content"]).list(&CONTENT),
    prompt(&["name"]),
    prompt(&["tool_calls"]).list(&TOOL_CALL),
    neutral(&["tool_call_id"]),
    prompt(&["refusal", "reasoning", "reasoning_content"]),
    prompt(&["function_call"]).object(&CALLED),
    reference(&["audio"]).object(&STORED),
]);

static CONTENT: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["text"]),
    url(&["image_url"]).object(&IMAGE),
    prompt(&["input_audio"]).object(&INPUT_AUDIO),
    prompt(&["file"]).object(&FILE),
    prompt(&["refusal"]),
    cost(&["prompt_cache_breakpoint"]).object(&MODE),
]);

static IMAGE: FieldTable =
    FieldTable::new(&[url(&["url"]), cost(&["detail"]).harmless(&["\"auto\"", "\"low\""])]);

static INPUT_AUDIO: FieldTable = FieldTable::new(&[prompt(&["data"]), neutral(&["format"])]);

static FILE: FieldTable = FieldTable::new(&[prompt(&["file_data", "filename"]), reference(&["file_id"])]);

static TOOL_CALL: FieldTable =
    FieldTable::new(&[neutral(&["id", "type", "index"]), prompt(&["function", "custom"]).object(&CALLED)]);

static CALLED: FieldTable = FieldTable::new(&[prompt(&["name", "arguments", "input"])]);

static NAMED: FieldTable = FieldTable::new(&[prompt(&["name"])]);

static STORED: FieldTable = FieldTable::new(&[reference(&["id"])]);

pub(super) static TOOL: FieldTable = FieldTable::new(&[
    privileged(&["type"]).harmless(&["\"function\"", "\"custom\""]),
    prompt(&["function"]).object(&FUNCTION),
    prompt(&["custom"]).object(&CUSTOM),
]);

static FUNCTION: FieldTable = FieldTable::new(&[
    prompt(&["name", "description"]),
    prompt(&["parameters"]).free(),
    neutral(&["strict"]),
]);

static CUSTOM: FieldTable =
    FieldTable::new(&[prompt(&["name", "description"]), prompt(&["format"]).object(&CUSTOM_FORMAT)]);

static CUSTOM_FORMAT: FieldTable =
    FieldTable::new(&[neutral(&["type"]), prompt(&["grammar"]).object(&GRAMMAR)]);

static GRAMMAR: FieldTable = FieldTable::new(&[prompt(&["definition"]), neutral(&["syntax"])]);

static TOOL_CHOICE: FieldTable = FieldTable::new(&[
    neutral(&["type"]),
    prompt(&["function", "custom"]).object(&NAMED),
    neutral(&["allowed_tools"]).object(&ALLOWED_TOOLS),
]);

static ALLOWED_TOOLS: FieldTable = FieldTable::new(&[neutral(&["mode"]), prompt(&["tools"]).free()]);

static RESPONSE_FORMAT: FieldTable =
    FieldTable::new(&[neutral(&["type"]), prompt(&["json_schema"]).object(&JSON_SCHEMA)]);

static JSON_SCHEMA: FieldTable =
    FieldTable::new(&[prompt(&["name", "description"]), prompt(&["schema"]).free(), neutral(&["strict"])]);

static AUDIO: FieldTable = FieldTable::new(&[neutral(&["format"]), neutral(&["voice"]).object(&STORED)]);

static PREDICTION: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["content"]).list(&CONTENT)]);

static WEB_SEARCH: FieldTable =
    FieldTable::new(&[cost(&["search_context_size"]), neutral(&["user_location"]).object(&USER_LOCATION)]);

static USER_LOCATION: FieldTable =
    FieldTable::new(&[neutral(&["type"]), neutral(&["approximate"]).object(&PLACE)]);

pub(super) static PLACE: FieldTable =
    FieldTable::new(&[neutral(&["type", "city", "country", "region", "timezone"])]);

pub(in crate::payload::dialect) static STREAM_OPTIONS: FieldTable =
    FieldTable::new(&[neutral(&["include_usage", "include_obfuscation"])]);

pub(super) static MODE: FieldTable = FieldTable::new(&[neutral(&["mode"])]);

pub(super) static MODERATION: FieldTable =
    FieldTable::new(&[model(&["model"]), neutral(&["policy"]).object(&MODERATION_POLICY)]);

static MODERATION_POLICY: FieldTable = FieldTable::new(&[neutral(&["input", "output"]).object(&MODE)]);

pub(super) static CACHE_OPTIONS: FieldTable = FieldTable::new(&[neutral(&["mode", "ttl"])]);
