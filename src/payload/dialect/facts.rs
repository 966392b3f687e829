//! What a dialect finds in a request.

use crate::payload::fields::{Field, FieldClass};
use crate::payload::json::NodeId;
use std::sync::Arc;

/// Who speaks in a part of a prompt.
///
/// Strings that are no part: the model; `role`; the value of `type` and the like where it is one of the names the APIs
/// know; the value of `id` and the like where it has the form of an identifier (letters, digits and `-_.:/`, one word
/// at most).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The operator's instructions.
    System,
    /// The operator's instructions, in newer OpenAI requests.
    Developer,
    /// The user.
    User,
    /// What the model is said to have answered. Sent by the client, so not to be trusted.
    Assistant,
    /// The result of a tool call.
    Tool,
    /// What tools there are: names, descriptions, schemas.
    ToolDefinition,
    /// A tool call that the model is said to have made.
    ToolCall,
    /// Everything else, among it what no API names.
    Other,
}

/// A string of the request that may reach the model: a value, or a key the API does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptPart {
    /// Who speaks.
    pub role: Role,
    /// The string, in the document that was read.
    pub node: NodeId,
}

/// What a request asks for. Facts come from the body: they may narrow a right, never widen it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadFacts {
    /// The model asked for.
    pub model: Option<Arc<str>>,
    /// Where the model is named.
    pub model_node: Option<NodeId>,
    /// Every string that may reach the model, in the order they were read.
    pub parts: Vec<PromptPart>,
    /// The bytes of all parts as written in the source, for the estimate of the input.
    pub prompt_bytes: u64,
    /// The largest number of output units that one candidate may have, where the request says so.
    pub output_cap: Option<u64>,
    /// How many answers are generated and paid for, at least 1.
    pub candidates: u64,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether tools are offered to the model.
    pub tools: bool,
    /// Whether the client itself asked for the usage of a stream. Otherwise the event that only carries it is for the
    /// gate alone.
    pub usage_requested: bool,
    /// The fields that are neither neutral nor prompt, in the order of the source, as [`Dialect::accept_by`] found them.
    ///
    /// [`Dialect::accept_by`]: super::Dialect::accept_by
    pub fields: Vec<Field>,
    /// The bytes of `data:` URLs, as they are encoded: content that came with the request.
    pub inline_bytes: u64,
    /// What is asked for, where one address serves several things: the method of a JSON-RPC request.
    pub operation: Option<String>,
    /// The tool that is called by name (MCP).
    pub tool: Option<String>,
    /// The resource that is read by URI (MCP).
    pub resource: Option<String>,
}

impl PayloadFacts {
    /// The facts of a request that says nothing.
    pub fn new() -> Self {
        Self {
            model: None,
            model_node: None,
            parts: Vec::new(),
            prompt_bytes: 0,
            output_cap: None,
            candidates: 1,
            stream: false,
            tools: false,
            usage_requested: false,
            fields: Vec::new(),
            inline_bytes: 0,
            operation: None,
            tool: None,
            resource: None,
        }
    }

    /// How many bytes of memory the lists of parts and fields take.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.parts) + size_of_val(&*self.fields)
    }

    /// The fields of a class. A policy on models reads all of class [`Model`](FieldClass::Model): some APIs take fallbacks.
    pub fn fields_of(&self, class: FieldClass) -> impl Iterator<Item = NodeId> {
        self.fields.iter().filter(move |field| field.class == class).map(|field| field.node)
    }
}

impl Default for PayloadFacts {
    fn default() -> Self {
        Self::new()
    }
}

/// How much of a model a request used, in the model's units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Units read, cached ones included.
    pub input: u64,
    /// Units generated, over all candidates, reasoning included.
    pub output: u64,
}
