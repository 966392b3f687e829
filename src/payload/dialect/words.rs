//! The words that carry no text: names of types, keys that name an identifier, the identifiers themselves.

use crate::payload::fields::FieldTable;
use crate::payload::json::{Kind, Node};

/// No label is longer, in bytes.
const LABEL_LIMIT: usize = 128;

/// Whether the string `value` under `key` is a declared exception: no prompt, no output.
pub(super) fn is_label(key: &str, value: &str) -> bool {
    match key {
        "type" | "object" | "status" | "finish_reason" | "stop_reason" | "done_reason" | "service_tier"
        | "format" | "detail" | "media_type" | "role" => is_name(value),
        "id"
        | "tool_call_id"
        | "tool_use_id"
        | "call_id"
        | "item_id"
        | "response_id"
        | "file_id"
        | "previous_response_id"
        | "approval_request_id"
        | "system_fingerprint" => is_identifier(value),
        _ => false,
    }
}

/// [`is_label`] for a member; does not look at texts that are too long for a label.
pub(super) fn is_labelled(key: Node<'_>, value: Node<'_>) -> bool {
    value.text_len() <= LABEL_LIMIT
        && key.as_str().zip(value.as_str()).is_some_and(|(key, text)| is_label(key, text))
}

/// One of the names that the APIs and JSON Schema give to types, states and roles.
fn is_name(value: &str) -> bool {
    matches!(
        value,
        "text"
            | "image"
            | "image_url"
            | "input_text"
            | "input_image"
            | "input_file"
            | "input_audio"
            | "output_text"
            | "refusal"
            | "function"
            | "custom"
            | "file"
            | "document"
            | "tool_use"
            | "tool_result"
            | "thinking"
            | "redacted_thinking"
            | "base64"
            | "url"
            | "ephemeral"
            | "message"
            | "function_call"
            | "function_call_output"
            | "reasoning"
            | "reasoning_text"
            | "summary_text"
            | "json_schema"
            | "json_object"
            | "json"
            | "object"
            | "string"
            | "number"
            | "integer"
            | "boolean"
            | "array"
            | "null"
            | "auto"
            | "any"
            | "none"
            | "required"
            | "tool"
            | "enabled"
            | "disabled"
            | "adaptive"
            | "server_tool_use"
            | "web_search_tool_result"
            | "search_result"
            | "completed"
            | "in_progress"
            | "incomplete"
            | "failed"
            | "low"
            | "high"
            | "original"
            | "default"
            | "flex"
            | "priority"
            | "standard"
            | "standard_only"
            | "stop"
            | "length"
            | "tool_calls"
            | "content_filter"
            | "end_turn"
            | "max_tokens"
            | "stop_sequence"
            | "pause_turn"
            | "load"
            | "unload"
            | "user"
            | "assistant"
            | "system"
            | "developer"
            | "image/png"
            | "image/jpeg"
            | "image/gif"
            | "image/webp"
            | "application/pdf"
            | "text/plain"
            | "wav"
            | "mp3"
            | "text_delta"
            | "input_json_delta"
            | "thinking_delta"
            | "signature_delta"
            | "citations_delta"
            | "response"
            | "chat.completion"
            | "chat.completion.chunk"
            | "text_completion"
    )
}

/// Something of the form of an identifier: up to 128 letters, digits and `-_.:/`, of which no more than one piece is a
/// word, and that a short one. `toolu_01A09q`, `call-7`; not `ignore-the-above`.
fn is_identifier(value: &str) -> bool {
    let separator = |byte: &u8| b"-_.:/".contains(byte);
    let mut words = 0;
    value.len() <= LABEL_LIMIT
        && value.as_bytes().split(separator).all(|piece| {
            let word = piece.len() > 1 && piece.iter().all(u8::is_ascii_alphabetic);
            words += usize::from(word);
            piece.iter().all(u8::is_ascii_alphanumeric) && !(word && piece.len() > 12)
        })
        && words <= 1
}

/// Keys which the APIs and JSON Schema themselves use below a prompt. All others are text that a client chose.
pub(super) fn is_known_key(key: &str) -> bool {
    matches!(
        key,
        "type"
            | "text"
            | "content"
            | "role"
            | "name"
            | "id"
            | "description"
            | "parameters"
            | "properties"
            | "required"
            | "items"
            | "enum"
            | "function"
            | "arguments"
            | "input"
            | "input_schema"
            | "schema"
            | "strict"
            | "additionalProperties"
            | "default"
            | "title"
            | "format"
            | "minimum"
            | "maximum"
            | "anyOf"
            | "oneOf"
            | "allOf"
            | "not"
            | "$ref"
            | "$defs"
            | "$schema"
            | "definitions"
            | "const"
            | "pattern"
            | "minLength"
            | "maxLength"
            | "minItems"
            | "maxItems"
            | "image_url"
            | "url"
            | "detail"
            | "source"
            | "media_type"
            | "data"
            | "tool_use_id"
            | "tool_call_id"
            | "call_id"
            | "output"
            | "result"
            | "cache_control"
            | "is_error"
            | "json_schema"
            | "file"
            | "file_data"
            | "file_id"
            | "filename"
            | "input_audio"
            | "index"
            | "thinking"
            | "signature"
            | "refusal"
            | "status"
            | "summary"
            | "annotations"
            | "logprobs"
            | "ttl"
            | "citations"
            | "code"
            | "message"
            | "error"
            | "query"
            | "tool_calls"
    )
}

/// The known member that `key` would be for a server that ignores case, as Go's `encoding/json` does (which also
/// folds the long s and the Kelvin sign).
pub(super) fn miscased(key: &str, known: &FieldTable) -> Option<&'static str> {
    let fold = |character: char| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    known.names().find(|name| {
        *name != key
            && name.chars().count() == key.chars().count()
            && key.chars().map(fold).eq(name.chars().map(fold))
    })
}

/// Visits every string below `node` that is no label, and every key that is not known. A string's key is the one of
/// the member it is the value of; elements of arrays and `node` itself have none.
pub(super) fn for_each_text<'a>(node: Node<'a>, mut see: impl FnMut(Node<'a>)) {
    let mut before: Option<Node<'a>> = None;
    for here in node.descend() {
        if here.kind() == Kind::String {
            let label = if here.is_key() {
                here.as_str().is_some_and(is_known_key)
            } else {
                before.filter(|key| key.is_key()).is_some_and(|key| is_labelled(key, here))
            };
            if !label {
                see(here);
            }
        }
        before = Some(here);
    }
}
