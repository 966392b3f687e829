use super::json::{Kind, Node};

/// The ids of stored things in an answer, or in one event of it: what a later request may refer to. Answers, messages,
/// conversations, files, vector stores, batches, containers, as the APIs of OpenAI, Anthropic and Google name them.
///
/// | member | holds ids |
/// |---|---|
/// | `id` | but for calls of tools (elements of `tool_calls`, objects whose `type` ends in `tool_use`) and safety checks |
/// | `response_id`, `item_id`, `message_id`, `conversation_id`, `file_id`, `input_file_id`, `output_file_id`, `error_file_id`, `vector_store_id`, `batch_id`, `container_id`, `thread_id`, `run_id`, `completion_id`, `skill_id`, `upload_id`, `approval_request_id`, `first_id`, `last_id`, and the `previous_` ones | always |
/// | `file_ids`, `vector_store_ids`, `container_ids` | each of the list |
/// | `conversation`, `container`, `fallback_credit_token`, `cachedContent`, and `token` within `fallback_credit_token` | where they are strings |
/// | `name` | of Google's `cachedContents/…`, `fileSearchStores/…`, `batches/…`, at the top of an answer or in its list of them |
///
/// What the client or the model wrote is left out: metadata, arguments, schemas, attributes, variables, names of tools. Google's files
/// are left out, too: requests name them by URLs (`fileUri`), which are held against [`UrlPolicy`](super::UrlPolicy).
pub fn stored_ids<'a>(answer: Node<'a>) -> Vec<Node<'a>> {
    let mut found = Vec::new();
    collect(answer, "", &mut found);
    found
}

/// `key` is what the node, or the list that it stands in, is called. Recursion is bounded by the depth of documents.
fn collect<'a>(node: Node<'a>, key: &str, found: &mut Vec<Node<'a>>) {
    match node.kind() {
        Kind::Array => node.items().for_each(|item| collect(item, key, found)),
        Kind::Object => {
            let kind = node.get("type").and_then(Node::as_str).unwrap_or_default();
            let is_call = key == "tool_calls" || kind.ends_with("tool_use");
            for (name, value) in node.entries() {
                match value.kind() {
                    Kind::String if names_one(key, name, value, is_call) => found.push(value),
                    Kind::Array if names_several(name) => {
                        found.extend(value.items().filter(|item| item.kind() == Kind::String));
                    }
                    Kind::Object | Kind::Array if !is_free(name, value) => collect(value, name, found),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn names_one(around: &str, name: &str, value: Node<'_>, is_call: bool) -> bool {
    match name.strip_prefix("previous_").unwrap_or(name) {
        "id" => !is_call,
        "response_id"
        | "item_id"
        | "message_id"
        | "conversation_id"
        | "file_id"
        | "input_file_id"
        | "output_file_id"
        | "error_file_id"
        | "vector_store_id"
        | "batch_id"
        | "container_id"
        | "thread_id"
        | "run_id"
        | "completion_id"
        | "skill_id"
        | "upload_id"
        | "approval_request_id"
        | "first_id"
        | "last_id" => true,
        "conversation" | "container" | "fallback_credit_token" | "cachedContent" => true,
        "token" => around == "fallback_credit_token",
        // Anywhere else it may be the name of a tool, which the client or the model chose.
        "name" if matches!(around, "" | "cachedContents" | "fileSearchStores" | "batches" | "operations") => {
            let name = value.as_str().unwrap_or_default();
            ["cachedContents/", "fileSearchStores/", "batches/"].iter().any(|kind| name.starts_with(kind))
        }
        _ => false,
    }
}

fn names_several(name: &str) -> bool {
    matches!(name, "file_ids" | "vector_store_ids" | "container_ids")
}

/// Whether the client or the model wrote what stands there.
fn is_free(name: &str, value: Node<'_>) -> bool {
    match name {
        "metadata" | "arguments" | "args" | "parameters" | "schema" | "input_schema" | "output_schema"
        | "attributes" | "variables" | "env" | "labels" | "logprobs" => true,
        "pending_safety_checks" | "acknowledged_safety_checks" => true,
        "input" => value.kind() == Kind::Object,
        _ => false,
    }
}
