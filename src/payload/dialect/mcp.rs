//! The Model Context Protocol.

use bytes::Bytes;

use super::collect::Collector;
use super::request::RequestReader;
use super::tables::{MCP, MCP_PARAMS};
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Kind, Node};
use crate::refusal::{Refusal, Rendered};

/// The [Model Context Protocol](https://modelcontextprotocol.io/specification) over HTTP: one JSON-RPC message in each
/// request.
///
/// | fact | from |
/// |---|---|
/// | operation | `method`; `response` for an answer to what the server asked |
/// | tool | `params.name` of `tools/call` |
/// | resource | `params.uri` of `resources/read`, `resources/subscribe` and `resources/unsubscribe` |
/// | parts | `params` as [`Role::ToolCall`]; `result` and `error` as [`Role::Tool`] |
/// | output cap | always 0: tools report no units |
/// | output | `result`; what else the server sends, as other text |
/// | usage | none |
/// | end | the event with `result` or `error` and an `id` |
///
/// Batches are refused: one decision, one request. So are methods that no version of the protocol has. A resource whose URI
/// is a URL of the web is of class URL: which hosts a route allows, it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mcp;

/// What clients may call, and tell, in the versions of the protocol from 2024-11-05 to 2026-07-28.
const METHODS: &[&str] = &[
    "initialize",
    "ping",
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tasks/cancel",
    "subscriptions/listen",
    "notifications/initialized",
    "notifications/cancelled",
    "notifications/progress",
    "notifications/roots/list_changed",
    "notifications/tasks/status",
];

impl Dialect for Mcp {
    fn name(&self) -> &'static str {
        "mcp"
    }

    fn fields(&self) -> &'static FieldTable {
        &MCP
    }

    fn action(&self) -> Option<&'static str> {
        Some("mcp")
    }

    /// URIs are names that the server gives to its own things.
    fn gives_out_references(&self) -> bool {
        false
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        if document.root().kind() == Kind::Array {
            return Err(DialectError::top(DialectErrorKind::Unreadable("send one message, not a batch")));
        }
        let (mut reader, root) = RequestReader::new(document)?;
        if root.get("jsonrpc").and_then(Node::as_str) != Some("2.0") {
            let version = root.get("jsonrpc").unwrap_or(root);
            return reader.fail(DialectErrorKind::Expected("`jsonrpc` with \"2.0\""), version);
        }
        let method = root.get("method").map(|method| reader.string(method)).transpose()?;
        match method {
            Some(name) if METHODS.contains(&name) => reader.facts.operation = Some(name.to_owned()),
            Some(_) => {
                let method = root.get("method").unwrap_or(root);
                return reader.fail(DialectErrorKind::Expected("a method of the protocol"), method);
            }
            None => {
                reader.need("method", root.get("result").is_some() || root.get("error").is_some())?;
                reader.facts.operation = Some("response".to_owned());
            }
        }
        for (key, value) in root.members() {
            match key.as_str().unwrap_or_default() {
                "jsonrpc" | "method" => {}
                "params" if !value.is_null() => {
                    for (key, value) in reader.object(value)?.members() {
                        reader.other(Role::ToolCall, key, value, &MCP_PARAMS)?;
                    }
                }
                "result" | "error" => reader.all(Role::Tool, value),
                _ => reader.other(Role::Other, key, value, &MCP)?,
            }
        }
        let params = root.get("params");
        let param = |name: &'static str| -> Result<String, DialectError> {
            match params.and_then(|params| params.get(name)) {
                Some(value) => reader.string(value).map(str::to_owned),
                None => Err(DialectError::top(DialectErrorKind::Missing(name))),
            }
        };
        let (tool, resource) = match method {
            Some("tools/call") => (Some(param("name")?), None),
            Some("resources/read" | "resources/subscribe" | "resources/unsubscribe") => {
                (None, Some(param("uri")?))
            }
            _ => (None, None),
        };
        reader.facts.tools = tool.is_some();
        (reader.facts.tool, reader.facts.resource) = (tool, resource);
        reader.facts.output_cap = Some(0);
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        let Some((mut collector, root)) = Collector::object(event)? else {
            return Collector::without_json(event, so_far);
        };
        collector.complete = true;
        let channel = |kind| Channel { choice: 0, kind, index: 0 };
        for (key, value) in root.entries() {
            match key {
                "result" => collector.all(channel(OutputKind::Text), value),
                "error" => collector.error(value),
                "jsonrpc" | "id" | "method" => collector.tag(value),
                _ => collector.other(channel(OutputKind::Other), key, value),
            }
        }
        let answers = root.get("result").is_some() || root.get("error").is_some();
        collector.facts.finished =
            event.framing() == AnswerFraming::Json || answers && root.get("id").is_some();
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered {
        render::json_rpc(refusal, request_id)
    }

    fn render_cut(&self, refusal: &Refusal, request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "message", refusal, &render::json_rpc(refusal, request_id).body)
    }
}
