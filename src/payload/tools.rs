//! The names of tools: those that a request offers to the model, and those that the model calls in its answer.

use super::json::{Kind, Node};

/// Shows the name of every tool that a request offers to the model, whatever the API. A tool of the server's own is
/// called by its type; one whose type says something else than its name is shown by both.
pub(crate) fn offered<'d>(root: Node<'d>, see: &mut dyn FnMut(&'d str)) {
    for (key, value) in root.entries() {
        match key {
            "tools" | "functions" => value.items().for_each(|tool| definition(tool, see)),
            "mcp_servers" if !value.is_empty() => see("mcp"),
            _ => {}
        }
    }
}

fn definition<'d>(tool: Node<'d>, see: &mut dyn FnMut(&'d str)) {
    if let Some(name) = tool.as_str() {
        return see(name);
    }
    let declared = ["functionDeclarations", "function_declarations"];
    let text = |name| tool.get(name).and_then(Node::as_str);
    let inside = |name| tool.get(name).and_then(|inner| inner.get("name")).and_then(Node::as_str);
    let name = text("name").or(inside("function")).or(inside("custom"));
    match (text("type"), name) {
        (None | Some("function" | "custom"), Some(name)) => see(name),
        (Some(kind), Some(name)) => {
            see(name);
            // Types of Anthropic's tools are their names with a date behind.
            if !kind.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')) {
                see(kind);
            }
        }
        (Some("function" | "custom"), None) => see(""),
        (Some(kind), None) => see(kind),
        // Gemini: a member for each tool of the server's own, and one for the functions.
        (None, None) if tool.kind() == Kind::Object && !tool.is_empty() => {
            for (key, value) in tool.entries() {
                match declared.contains(&key) {
                    true => value.items().for_each(|function| {
                        see(function.get("name").and_then(Node::as_str).unwrap_or_default());
                    }),
                    false => see(key),
                }
            }
        }
        (None, None) => see(""),
    }
}

/// A name of a tool in an answer, or a piece of one.
pub(crate) struct Called<'d> {
    /// Which candidate, and which of its calls: [`u64::MAX`] where the API sends no call in pieces.
    pub(crate) slot: (u64, u64),
    pub(crate) name: &'d str,
}

/// Shows the name of every tool that an event of an answer calls, whatever the API. Arguments are not looked into.
pub(crate) fn called<'d>(root: Node<'d>, see: &mut dyn FnMut(Called<'d>)) {
    below(root, 0, see);
}

fn below<'d>(node: Node<'d>, choice: u64, see: &mut dyn FnMut(Called<'d>)) {
    match node.kind() {
        Kind::Array => node.items().for_each(|item| below(item, choice, see)),
        Kind::Object => object(node, choice, see),
        _ => {}
    }
}

fn object<'d>(node: Node<'d>, choice: u64, see: &mut dyn FnMut(Called<'d>)) {
    let text = |name| node.get(name).and_then(Node::as_str);
    let number = |name| node.get(name).and_then(Node::as_u64);
    let call = text("type").and_then(called_by_type);
    if let Some(kind) = call {
        see(Called {
            slot: (choice, number("index").unwrap_or(u64::MAX)),
            name: text("name").unwrap_or(kind),
        });
    }
    for (key, value) in node.entries() {
        match key {
            "choices" | "candidates" => {
                for (n, item) in value.items().enumerate() {
                    below(item, item.get("index").and_then(Node::as_u64).unwrap_or(n as u64), see);
                }
            }
            "tool_calls" => {
                for item in value.items() {
                    let index = item.get("index").and_then(Node::as_u64).unwrap_or(u64::MAX);
                    let inner = ["function", "custom"].iter().find_map(|kind| item.get(kind)?.get("name"));
                    if let Some(name) = inner.or(item.get("name")).and_then(Node::as_str) {
                        see(Called { slot: (choice, index), name });
                    }
                }
            }
            "function_call" | "functionCall" => {
                if let Some(name) = value.get("name").and_then(Node::as_str) {
                    see(Called { slot: (choice, u64::MAX), name });
                }
            }
            "input" | "arguments" | "args" if call.is_some() => {}
            // What the APIs repeat of the request.
            "tools" | "tool_choice" => {}
            _ => below(value, choice, see),
        }
    }
}

/// What an item of this type calls, if it is a call and has no name. A function without a name has the empty one.
fn called_by_type(kind: &str) -> Option<&str> {
    match kind {
        "tool_use" | "server_tool_use" | "mcp_tool_use" | "function_call" | "custom_tool_call"
        | "tool_call" | "mcp_call" => Some(""),
        _ => kind.strip_suffix("_call").filter(|_| !kind.contains('.')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::json::Document;

    fn names(text: &'static str, of_answer: bool) -> Vec<String> {
        let document = Document::parse(bytes::Bytes::from_static(text.as_bytes())).unwrap();
        let mut names = Vec::new();
        if of_answer {
            called(document.root(), &mut |call| names.push(call.name.to_owned()));
        } else {
            offered(document.root(), &mut |name| names.push(name.to_owned()));
        }
        names
    }

    #[test]
    fn a_tool_is_found_in_the_request_of_every_api() {
        for (text, expected) in [
            (
                r#"{"tools":[{"type":"function","function":{"name":"a"}},{"type":"custom","custom":{"name":"b"}}]}"#,
                vec!["a", "b"],
            ),
            (r#"{"functions":[{"name":"a","parameters":{"name":"x"}}]}"#, vec!["a"]),
            (
                r#"{"tools":[{"type":"function","name":"a"},{"type":"web_search"},{"type":"mcp","server_label":"s"}]}"#,
                vec!["a", "web_search", "mcp"],
            ),
            (
                r#"{"tools":[{"name":"a","input_schema":{}},{"type":"bash_20250124","name":"bash"}]}"#,
                vec!["a", "bash"],
            ),
            (r#"{"tools":[{"type":"bash_20250124","name":"harmless"}]}"#, vec!["harmless", "bash_20250124"]),
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]},{"googleSearch":{}}]}"#,
                vec!["a", "b", "googleSearch"],
            ),
            (r#"{"tools":[{"type":"function"},{},7],"mcp_servers":[{"name":"s"}]}"#, vec!["", "", "", "mcp"]),
            (r#"{"messages":[{"tools":[{"name":"quoted"}]}],"tools":null}"#, vec![]),
        ] {
            assert_eq!(names(text, false), expected, "{text}");
        }
    }

    #[test]
    fn a_call_is_found_in_the_answer_of_every_api() {
        for (text, expected) in [
            (
                r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"a","arguments":""}}]}}]}"#,
                vec!["a"],
            ),
            (r#"{"choices":[{"message":{"function_call":{"name":"a","arguments":"{}"}}}]}"#, vec!["a"]),
            (
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","name":"a","input":{}}}"#,
                vec!["a"],
            ),
            (
                r#"{"content":[{"type":"tool_use","name":"a","input":{"type":"tool_use","name":"argument"}}]}"#,
                vec!["a"],
            ),
            (
                r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"a","arguments":""}}"#,
                vec!["a"],
            ),
            (
                r#"{"output":[{"type":"web_search_call","status":"completed"}],"tools":[{"type":"function","name":"offered"}]}"#,
                vec!["web_search"],
            ),
            (r#"{"message":{"tool_calls":[{"function":{"name":"a","arguments":{"name":"x"}}}]}}"#, vec!["a"]),
            (
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"a","args":{}}}]}}]}"#,
                vec!["a"],
            ),
            (r#"{"type":"response.function_call_arguments.delta","delta":"x"}"#, vec![]),
            (r#"{"content":[{"type":"tool_use","input":{}}]}"#, vec![""]),
        ] {
            assert_eq!(names(text, true), expected, "{text}");
        }
    }
}
