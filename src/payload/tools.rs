//! The names of tools: those that a request offers to the model, and those that the model calls in its answer.

use super::dialect::gemini_tool;
use super::json::{Kind, Node};

/// Shows the name of every tool that a request offers to the model, whatever the API. A tool of the server's own is
/// called by its type, and one whose type has a version by the type without it as well; one whose type says something else
/// than its name is shown by both. Gemini's tools are called as its documentation does, however they are spelt.
pub(crate) fn offered<'d>(root: Node<'d>, see: &mut dyn FnMut(&'d str)) {
    for (key, value) in root.entries() {
        match key {
            "tools" | "functions" => definitions(value, see),
            "mcp_servers" if !value.is_empty() => see("mcp"),
            "web_search_options" if !value.is_null() => see("web_search"),
            // Items of a conversation can bring tools along.
            "input" => {
                value.items().filter_map(|item| item.get("tools")).for_each(|tools| definitions(tools, see));
            }
            _ => {}
        }
    }
}

fn definitions<'d>(tools: Node<'d>, see: &mut dyn FnMut(&'d str)) {
    match tools.kind() {
        Kind::Null => {}
        Kind::Array => tools.items().for_each(|tool| definition(tool, see)),
        _ => definition(tools, see),
    }
}

/// Every name that some server may take for the tool's.
fn definition<'d>(tool: Node<'d>, see: &mut dyn FnMut(&'d str)) {
    if let Some(name) = tool.as_str() {
        return see(name);
    }
    let text = |name| tool.get(name).and_then(Node::as_str);
    let inside = |name| tool.get(name).and_then(|inner| inner.get("name")).and_then(Node::as_str);
    let names = [text("name"), inside("function"), inside("custom")];
    let mut is_named = false;
    for name in names.into_iter().flatten() {
        is_named = true;
        see(name);
    }
    if let Some(kind) = text("type").filter(|kind| !matches!(*kind, "function" | "custom")) {
        is_named = true;
        let plain = without_version(kind);
        // Types of Anthropic's tools are their names with a date behind.
        let is_its_name = names.contains(&Some(kind)) || is_dated(kind) && names.contains(&Some(plain));
        if !is_its_name {
            see(kind);
            if plain != kind && !names.contains(&Some(plain)) {
                see(plain);
            }
        }
    }
    let is_of_gemini = !is_named && text("type").is_none();
    for (key, value) in tool.entries() {
        match gemini_tool(key) {
            Some("functionDeclarations") => value.items().for_each(|function| {
                is_named = true;
                see(function.get("name").and_then(Node::as_str).unwrap_or_default());
            }),
            Some(listed) => {
                is_named = true;
                see(listed);
            }
            None if key == "tools" => {
                is_named = true;
                definitions(value, see);
            }
            None if is_of_gemini => {
                is_named = true;
                see(key);
            }
            None => {}
        }
    }
    if !is_named {
        see("");
    }
}

/// Whether it ends as Anthropic's types do: in `_` and the eight digits of a date.
fn is_dated(kind: &str) -> bool {
    kind.rsplit_once('_')
        .is_some_and(|(_, date)| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `bash` of `bash_20250124`, `web_search` of `web_search_preview_2025_03_11`, `computer` of `computer_use_preview`: what
/// the answer calls it.
fn without_version(kind: &str) -> &str {
    let dated = kind.trim_end_matches(|char: char| char == '_' || char.is_ascii_digit());
    let plain = if kind[dated.len()..].len() > 8 { dated } else { kind };
    let plain =
        plain.strip_suffix("_preview").map_or(plain, |plain| plain.strip_suffix("_use").unwrap_or(plain));
    if plain.is_empty() { kind } else { plain }
}

/// A name of a tool in an answer, or a piece of one.
pub(crate) struct Called<'d> {
    /// Which candidate, and which of its calls: [`WHOLE`](Self::WHOLE) where the API sends no call in pieces.
    pub(crate) slot: (u64, u64),
    pub(crate) name: &'d str,
    /// Whether it says itself that it is another call than the one before in its slot.
    pub(crate) begins: bool,
}

impl Called<'_> {
    pub(crate) const WHOLE: u64 = u64::MAX;
    /// The one call of a candidate of OpenAI's older answers.
    const FUNCTION_CALL: u64 = u64::MAX - 1;
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
    let name_of = |node: Node<'d>| node.get("name").and_then(Node::as_str);
    let whole = |name| Called { slot: (choice, Called::WHOLE), name, begins: false };
    let call = text("type").and_then(called_by_type);
    if let Some(kind) = call {
        let slot = (choice, number("index").unwrap_or(Called::WHOLE));
        see(Called { slot, name: text("name").unwrap_or(kind), begins: false });
    }
    for (key, value) in node.entries() {
        match key {
            "choices" | "candidates" => {
                for (n, item) in value.items().enumerate() {
                    below(item, item.get("index").and_then(Node::as_u64).unwrap_or(n as u64), see);
                }
            }
            "tool_calls" => {
                value.items().enumerate().for_each(|(n, item)| tool_call(item, n as u64, choice, see));
            }
            "function_call" | "functionCall" => name_of(value).into_iter().for_each(|name| see(whole(name))),
            "delta" => {
                if let Some(name) = value.get("function_call").and_then(name_of) {
                    see(Called { slot: (choice, Called::FUNCTION_CALL), name, begins: false });
                }
                below(value, choice, see);
            }
            "executableCode" | "executable_code" => see(whole("codeExecution")),
            "toolCall" | "tool_call" => {
                let kind = ["toolType", "tool_type"].iter().find_map(|name| value.get(name)?.as_str());
                match kind.or(name_of(value)) {
                    Some(kind) => see(whole(tool_of_type(kind))),
                    None => below(value, choice, see),
                }
            }
            "input" | "arguments" | "args" if call.is_some() => {}
            // What the APIs repeat of the request.
            "tools" | "tool_choice" => {}
            _ => below(value, choice, see),
        }
    }
}

/// A call of OpenAI's, or a piece of it. Where it has no index, its place stands for it, and an id begins another call.
fn tool_call<'d>(item: Node<'d>, place: u64, choice: u64, see: &mut dyn FnMut(Called<'d>)) {
    let index = item.get("index").and_then(Node::as_u64);
    let has_id = item.get("id").and_then(Node::as_str).is_some_and(|id| !id.is_empty());
    let inner = ["function", "custom"].iter().filter_map(|kind| item.get(kind)?.get("name"));
    for name in inner.chain(item.get("name")).filter_map(Node::as_str) {
        let slot = (choice, index.unwrap_or(place));
        see(Called { slot, name, begins: index.is_none() && has_id });
    }
}

/// The name under which Gemini's requests have what its answers call `GOOGLE_SEARCH_WEB` or `URL_CONTEXT`.
fn tool_of_type(kind: &str) -> &str {
    let lower = kind.to_ascii_lowercase();
    let mut begin = &*lower;
    loop {
        if let Some(listed) = gemini_tool(begin) {
            return listed;
        }
        match begin.rsplit_once('_') {
            Some((shorter, _)) => begin = shorter,
            None => return kind,
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
            (
                r#"{"tools":[{"type":"bash_20250124","name":"harmless"}]}"#,
                vec!["harmless", "bash_20250124", "bash"],
            ),
            (
                r#"{"tools":[{"functionDeclarations":[{"name":"a"},{"name":"b"}]},{"googleSearch":{}}]}"#,
                vec!["a", "b", "googleSearch"],
            ),
            (r#"{"tools":[{"type":"function"},{},7],"mcp_servers":[{"name":"s"}]}"#, vec!["", "", "", "mcp"]),
            (r#"{"messages":[{"tools":[{"name":"quoted"}]}],"tools":null}"#, vec![]),
            (
                r#"{"tools":[{"code_execution":{}},{"name":"a","codeExecution":{}},{"google_search":{}}]}"#,
                vec!["codeExecution", "a", "codeExecution", "googleSearch"],
            ),
            (
                r#"{"tools":[{"type":"function","function":{"name":"a"},"custom":{"name":"b"},"name":"c"}]}"#,
                vec!["c", "a", "b"],
            ),
            (r#"{"tools":[{"type":"bash_x","name":"bash"}]}"#, vec!["bash", "bash_x"]),
            (
                r#"{"tools":[{"type":"web_search_preview_2025_03_11"}]}"#,
                vec!["web_search_preview_2025_03_11", "web_search"],
            ),
            (r#"{"tools":[{"type":"computer_use_preview"}]}"#, vec!["computer_use_preview", "computer"]),
            (
                r#"{"tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"a"}]}]}"#,
                vec!["n", "namespace", "a"],
            ),
            (
                r#"{"input":[{"type":"additional_tools","tools":[{"type":"function","name":"a"}]}]}"#,
                vec!["a"],
            ),
            (r#"{"web_search_options":{}}"#, vec!["web_search"]),
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
            (
                r#"{"candidates":[{"content":{"parts":[{"executableCode":{"language":"PYTHON","code":"1"}}]}}]}"#,
                vec!["codeExecution"],
            ),
            (
                r#"{"candidates":[{"content":{"parts":[{"toolCall":{"toolType":"GOOGLE_SEARCH_WEB","args":{"name":"x"}}},{"toolCall":{"toolType":"URL_CONTEXT"}},{"toolCall":{"toolType":"NEW"}}]}}]}"#,
                vec!["googleSearch", "urlContext", "NEW"],
            ),
            (
                r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"a"},"custom":{"name":"b"}}]}}]}"#,
                vec!["a", "b"],
            ),
        ] {
            assert_eq!(names(text, true), expected, "{text}");
        }
    }
}
