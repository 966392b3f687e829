//! Ollama's `/api/generate` and `/api/chat`, and what changes the server.

use super::{cost, credential, model, neutral, privileged, prompt, reference, url};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static OLLAMA_GENERATE: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["prompt", "suffix", "system", "template", "context", "images"]),
    neutral(&["stream", "truncate", "shift"]),
    neutral(&["options"]).object(&OLLAMA_OPTIONS),
    prompt(&["format"]).free(),
    cost(&["think", "logprobs"]).harmless(&["false"]),
    cost(&["top_logprobs"]).harmless(&["0"]),
    privileged(&["raw", "_debug_render_only"]).harmless(&["false"]),
    privileged(&["keep_alive"]),
]);

pub(in crate::payload::dialect) static OLLAMA_CHAT: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["messages"]).list(&OLLAMA_MESSAGE),
    prompt(&["tools"]).list(&TOOL),
    neutral(&["stream", "truncate", "shift"]),
    neutral(&["options"]).object(&OLLAMA_OPTIONS),
    prompt(&["format"]).free(),
    cost(&["think", "logprobs"]).harmless(&["false"]),
    cost(&["top_logprobs"]).harmless(&["0"]),
    privileged(&["_debug_render_only"]).harmless(&["false"]),
    privileged(&["keep_alive"]),
]);

/// The parameters of the model file. Those that shape the runner make the server load the model anew.
pub(in crate::payload::dialect) static OLLAMA_OPTIONS: FieldTable = FieldTable::new(&[
    cost(&["num_predict", "num_ctx"]),
    neutral(&["temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "num_keep", "repeat_last_n"]),
    neutral(&["repeat_penalty", "presence_penalty", "frequency_penalty"]),
    prompt(&["stop"]),
    privileged(&["num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict"]),
]);

pub(in crate::payload::dialect) static OLLAMA_MESSAGE: FieldTable = FieldTable::new(&[
    neutral(&["role"]),
    prompt(&["content", "thinking", "images", "tool_name"]),
    neutral(&["tool_call_id"]),
    prompt(&["tool_calls"]).list(&TOOL_CALL),
]);

static TOOL_CALL: FieldTable =
    FieldTable::new(&[neutral(&["id", "type"]), prompt(&["function"]).object(&CALLED)]);

static CALLED: FieldTable =
    FieldTable::new(&[neutral(&["index"]), prompt(&["name"]), prompt(&["arguments"]).free()]);

static TOOL: FieldTable = FieldTable::new(&[
    privileged(&["type"]).harmless(&["\"function\""]),
    prompt(&["items"]).free(),
    prompt(&["function"]).object(&FUNCTION),
]);

static FUNCTION: FieldTable =
    FieldTable::new(&[prompt(&["name", "description"]), prompt(&["parameters"]).free()]);

/// The requests that change the server: `/api/pull`, `/api/push`, `/api/create`, `/api/copy`, `/api/delete`.
pub(in crate::payload::dialect) static OLLAMA_ADMIN: FieldTable = FieldTable::new(&[
    model(&["model", "name", "from", "source", "destination"]),
    neutral(&["stream"]),
    privileged(&["insecure"]).harmless(&["false"]),
    credential(&["username", "password"]).harmless(&["\"\""]),
    privileged(&["quantize", "quantization", "draft_quantize", "renderer", "parser", "requires"]),
    privileged(&["info"]).free(),
    reference(&["files", "draft_files", "adapters"]).free(),
    prompt(&["template", "system", "license"]),
    prompt(&["messages"]).list(&OLLAMA_MESSAGE),
    neutral(&["parameters"]).object(&OLLAMA_OPTIONS),
    url(&["remote_host"]),
]);
