//! What each dialect reads and says. The full requests here use every member that carries text.

mod answers;
mod coverage;
mod errors;
mod fields;
mod more;
mod requests;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::payload::events::{EventLimits, EventReader};
use crate::payload::fields::{UnknownFields, UrlPolicy};

fn document(value: &Value) -> Document {
    Document::parse(Bytes::from(value.to_string())).unwrap()
}

fn all_dialects() -> [(&'static dyn Dialect, Value); 13] {
    [
        (&OpenAiChat, openai_chat()),
        (&OpenAiResponses, openai_responses()),
        (&AnthropicMessages, anthropic()),
        (&OllamaGenerate, ollama_generate()),
        (&OllamaChat, ollama_chat()),
        (&PlainGenerate, plain()),
        (&AnyJson, plain()),
        (&OpenAiCompletions, openai_completions()),
        (&OpenAiEmbeddings, openai_embeddings()),
        (&TgiGenerate, tgi()),
        (&OllamaAdmin, ollama_admin()),
        (&Gemini, gemini()),
        (&Mcp, mcp()),
    ]
}

/// Lets the full requests through, new members, URLs and all.
fn lenient() -> FieldRules {
    let hosts = UrlPolicy::none().host("example.com").unwrap();
    FieldRules::default().with_unknown(UnknownFields::Pass).with_urls(hosts)
}

fn schema() -> Value {
    json!({"type": "object", "description": "outer text", "required": ["city"], "additionalProperties": false,
        "properties": {"city": {"type": "string", "description": "inner text", "enum": ["paris the city", "rome"]},
            "a free name": {"type": ["string", "null"], "default": "deep default"}}})
}

fn openai_chat() -> Value {
    json!({"model": "small", "stream": true, "stream_options": {"include_usage": false}, "max_tokens": 5,
        "max_completion_tokens": 9, "n": 2, "user": "user text", "stop": ["stop text"], "metadata": {"meta key": "meta"},
        "logit_bias": {"50256": -100}, "temperature": 0.5, "service_tier": "auto", "tool_choice": "auto",
        "prediction": {"type": "content", "content": "predicted text"},
        "response_format": {"type": "json_schema", "json_schema": {"name": "format name", "schema": schema()}},
        "tools": [{"type": "function", "function": {"name": "tool name", "description": "tool text", "parameters": schema()}}],
        "functions": [{"name": "old tool", "parameters": schema()}],
        "messages": [
            {"role": "system", "content": "system text"},
            {"role": "developer", "content": [{"type": "text", "text": "developer text"}]},
            {"role": "user", "name": "the name", "content": [{"type": "text", "text": "user block"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a-b", "detail": "low"}},
                {"type": "new_kind_of_block", "payload": {"deeper": ["new text"]}}]},
            {"role": "assistant", "content": null, "refusal": "refusal text", "reasoning_content": "thought",
                "tool_calls": [{"id": "call_1a", "type": "function", "function": {"name": "f g", "arguments": "{\"x\": 1}"}}]},
            {"role": "assistant", "content": "", "function_call": {"name": "old call", "arguments": "old arguments"}},
            {"role": "tool", "tool_call_id": "call_1a", "content": [{"type": "text", "text": "tool result"}]}]})
}

fn openai_responses() -> Value {
    json!({"model": "small", "stream": true, "instructions": "instruction text", "max_output_tokens": 7,
        "previous_response_id": "resp_67c9", "metadata": {"meta key": "meta"}, "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "format name", "schema": schema()}},
        "tools": [{"type": "function", "name": "tool name", "description": "tool text", "parameters": schema()}],
        "input": [
            {"role": "user", "content": "plain text"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "block text"}]},
            {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
                "content": [{"type": "output_text", "text": "earlier answer", "annotations": []}]},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "thought"}]},
            {"type": "function_call", "call_id": "call_1", "name": "f g", "arguments": "argument text"},
            {"type": "function_call_output", "call_id": "call_1", "output": "output text"},
            {"type": "item_reference", "id": "msg_2"}]})
}

fn anthropic() -> Value {
    json!({"model": "small", "stream": false, "max_tokens": 11, "metadata": {"user_id": "user text"},
        "system": [{"type": "text", "text": "system text", "cache_control": {"type": "ephemeral"}}],
        "stop_sequences": ["stop text"], "tool_choice": {"type": "tool", "name": "tool name"},
        "tools": [{"name": "tool name", "description": "tool text", "input_schema": schema()}],
        "messages": [
            {"role": "user", "content": "user text"},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "thought", "signature": "sig"},
                {"type": "tool_use", "id": "toolu_01", "name": "f g", "input": {"free key": "free text"}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": [{"type": "text", "text": "result"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "source": {"type": "text", "data": "document text"}, "title": "title text"}]}]})
}

fn ollama_generate() -> Value {
    json!({"model": "small", "prompt": "prompt text", "suffix": "suffix text", "system": "system text",
        "template": "template text", "images": ["AAAA"], "format": schema(), "keep_alive": "5m",
        "options": {"num_predict": 13, "stop": ["stop text"]}})
}

fn ollama_chat() -> Value {
    json!({"model": "small", "stream": false, "format": "json", "options": {"num_predict": 13},
        "tools": [{"type": "function", "function": {"name": "tool name", "parameters": schema()}}],
        "messages": [{"role": "user", "content": "user text", "images": ["AAAA"]},
            {"role": "assistant", "content": "", "thinking": "thought",
                "tool_calls": [{"function": {"name": "f g", "arguments": {"free key": "free text"}}}]},
            {"role": "tool", "tool_name": "f g", "content": "result"}]})
}

fn plain() -> Value {
    json!({"model": "small", "prompt": ["first text", "second text"], "system": "system text", "stream": true,
        "parameters": {"max_new_tokens": 17, "best_of": 3, "stop": ["stop text"], "new setting": "setting text"}})
}

fn openai_completions() -> Value {
    json!({"model": "small", "prompt": ["first text", "second text"], "suffix": "suffix text", "max_tokens": 5, "n": 2,
        "best_of": 3, "stop": ["stop text"], "stream": true, "stream_options": {"include_usage": true}, "user": "user text"})
}

fn openai_embeddings() -> Value {
    json!({"model": "small", "input": ["first text", "second text"], "encoding_format": "float", "user": "user text"})
}

fn tgi() -> Value {
    json!({"inputs": "prompt text ![](data:image/png;base64,AAAA)", "stream": true, "parameters": {"max_new_tokens": 17,
        "best_of": 3, "stop": ["stop text"], "details": true, "grammar": {"type": "json", "value": schema()},
        "adapter_id": "adapter text"}})
}

fn ollama_admin() -> Value {
    json!({"model": "small", "from": "other model", "system": "system text", "template": "template text", "license": ["a text"],
        "files": {"a file.gguf": "sha256:00ff"}, "parameters": {"temperature": 1, "stop": ["stop text"]}, "quantize": "q4_K_M",
        "messages": [{"role": "user", "content": "user text"}]})
}

fn gemini() -> Value {
    json!({"system_instruction": {"parts": [{"text": "system text"}]},
        "generationConfig": {"maxOutputTokens": 19, "candidateCount": 2, "stopSequences": ["stop text"],
            "responseSchema": schema(), "thinkingConfig": {"thinkingBudget": 99}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "tools": [{"functionDeclarations": [{"name": "tool name", "description": "tool text", "parameters": schema()}]},
            {"googleSearch": {}}],
        "contents": [
            {"role": "user", "parts": [{"text": "user text"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"fileUri": "https://example.com/a-b", "mimeType": "image/png"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f g", "args": {"free key": "free text"}}}]},
            {"role": "function", "parts": [{"functionResponse": {"name": "f h", "response": {"free key": "result"}}}]}]})
}

fn mcp() -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": "delete everything",
        "arguments": {"free key": "free text"}, "_meta": {"progressToken": "text"}, "task": {"ttl": 60}}})
}

/// Reads a whole answer; yields what every event says and what is known at the end.
fn read_answer(
    dialect: &dyn Dialect,
    framing: AnswerFraming,
    answer: &str,
) -> (Vec<EventFacts>, AnswerFacts) {
    let mut reader = EventReader::new(framing, EventLimits::default());
    reader.push(&Bytes::copy_from_slice(answer.as_bytes())).unwrap();
    reader.finish().unwrap();
    let (request, mut so_far) = (PayloadFacts::new(), AnswerFacts::default());
    let events = std::iter::from_fn(|| reader.next_event());
    let events = events.map(|event| dialect.read_answer(&event, &request, &mut so_far).unwrap()).collect();
    (events, so_far)
}
