//! The tools with which dialects read requests.

use super::tables::{MESSAGE, STREAM_OPTIONS};
use super::words::{for_each_text, is_labelled, miscased};
use super::{DialectError, DialectErrorKind, PayloadFacts, PromptPart, Role};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Kind, Node};

/// No model has a longer name, in bytes; the name goes into records and policies.
const MODEL_LIMIT: usize = 256;

/// A request half read.
pub(super) struct RequestReader<'d> {
    document: &'d Document,
    roles: Roles,
    messages: &'static FieldTable,
    pub(super) facts: PayloadFacts,
}

/// Which roles a message may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Roles {
    All,
    UserAndAssistant,
}

impl<'d> RequestReader<'d> {
    /// Begins to read a request, which is an object in every dialect.
    pub(super) fn new(document: &'d Document) -> Result<(Self, Node<'d>), DialectError> {
        let reader = Self { document, roles: Roles::All, messages: &MESSAGE, facts: PayloadFacts::new() };
        let root = reader.object(document.root())?;
        Ok((reader, root))
    }

    /// Lets messages have these fields.
    pub(super) fn with_messages(self, messages: &'static FieldTable) -> Self {
        Self { messages, ..self }
    }

    /// Lets messages have these roles only.
    pub(super) fn with_roles(self, roles: Roles) -> Self {
        Self { roles, ..self }
    }

    pub(super) fn fail<T>(&self, kind: DialectErrorKind, node: Node<'_>) -> Result<T, DialectError> {
        Err(DialectError::at(kind, self.document, node))
    }

    fn expected<T>(&self, what: &'static str, node: Node<'_>) -> Result<T, DialectError> {
        self.fail(DialectErrorKind::Expected(what), node)
    }

    pub(super) fn object(&self, node: Node<'d>) -> Result<Node<'d>, DialectError> {
        if node.kind() == Kind::Object { Ok(node) } else { self.expected("an object", node) }
    }

    pub(super) fn array(&self, node: Node<'d>) -> Result<Node<'d>, DialectError> {
        if node.kind() == Kind::Array { Ok(node) } else { self.expected("an array", node) }
    }

    pub(super) fn string(&self, node: Node<'d>) -> Result<&'d str, DialectError> {
        node.as_str().map_or_else(|| self.expected("a string", node), Ok)
    }

    /// A boolean; `null` is as if it were not there.
    pub(super) fn flag(&self, node: Node<'d>) -> Result<Option<bool>, DialectError> {
        match node.as_bool() {
            None if !node.is_null() => self.expected("a boolean", node),
            flag => Ok(flag),
        }
    }

    /// A number of units or candidates: a whole number above 0. `null` is as if it were not there.
    pub(super) fn count(&self, node: Node<'d>) -> Result<Option<u64>, DialectError> {
        match node.as_u64().filter(|count| *count > 0) {
            None if !node.is_null() => self.expected("a whole number above 0", node),
            count => Ok(count),
        }
    }

    /// An output cap. Of several the largest counts, since which one the server heeds is not known.
    pub(super) fn cap(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        let cap = self.count(node)?;
        self.facts.output_cap = self.facts.output_cap.max(cap);
        Ok(())
    }

    /// A number of candidates; the largest counts.
    pub(super) fn candidates(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        if let Some(candidates) = self.count(node)? {
            self.facts.candidates = self.facts.candidates.max(candidates);
        }
        Ok(())
    }

    pub(super) fn stream(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        if let Some(stream) = self.flag(node)? {
            self.facts.stream = stream;
        }
        Ok(())
    }

    /// How a stream of OpenAI's is to be; `null` is as if it were not there.
    pub(super) fn stream_options(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        if node.is_null() {
            return Ok(());
        }
        for (option, set) in self.object(node)?.members() {
            match option.as_str().unwrap_or_default() {
                "include_usage" => self.facts.usage_requested = self.flag(set)? == Some(true),
                _ => self.other(Role::Other, option, set, &STREAM_OPTIONS)?,
            }
        }
        Ok(())
    }

    /// One prompt, or several in an array; yields how many.
    pub(super) fn prompts(&mut self, node: Node<'d>) -> Result<u64, DialectError> {
        match node.kind() {
            Kind::String => {
                self.part(Role::User, node);
                return Ok(1);
            }
            Kind::Array if !node.is_empty() => {}
            _ => return self.expected("a string or an array of strings", node),
        }
        for prompt in node.items() {
            if prompt.kind() == Kind::Number || prompt.kind() == Kind::Array {
                let why = "a prompt in the model's units cannot be checked; send text";
                return self.fail(DialectErrorKind::Unreadable(why), prompt);
            }
            self.string(prompt)?;
            self.part(Role::User, prompt);
        }
        Ok(node.len() as u64)
    }

    pub(super) fn model(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        let model = self.string(node)?;
        if model.is_empty() || model.len() > MODEL_LIMIT {
            return self.expected("the name of a model", node);
        }
        self.facts.model = Some(model.into());
        self.facts.model_node = Some(node.id());
        Ok(())
    }

    pub(super) fn need_model(&self) -> Result<(), DialectError> {
        self.need("model", self.facts.model.is_some())
    }

    pub(super) fn need(&self, member: &'static str, there: bool) -> Result<(), DialectError> {
        if there { Ok(()) } else { Err(DialectError::top(DialectErrorKind::Missing(member))) }
    }

    /// Tool definitions, in an array; `null` is as if they were not there.
    pub(super) fn tools(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        if !node.is_null() {
            self.facts.tools |= !self.array(node)?.is_empty();
            self.all(Role::ToolDefinition, node);
        }
        Ok(())
    }

    /// A member that the dialect has no use for: its strings are parts, its name too, and it may not differ from a
    /// known name in case only.
    pub(super) fn other(
        &mut self,
        role: Role,
        key: Node<'d>,
        value: Node<'d>,
        known: &FieldTable,
    ) -> Result<(), DialectError> {
        let name = key.as_str().unwrap_or_default();
        if !known.names().any(|listed| listed == name) {
            if let Some(meant) = miscased(name, known) {
                return self.fail(DialectErrorKind::Miscased(meant), key);
            }
            self.part(role, key);
        }
        self.member(role, key, value);
        Ok(())
    }

    /// The strings of a member's value. A label that stands directly under the member's name is none.
    pub(super) fn member(&mut self, role: Role, key: Node<'d>, value: Node<'d>) {
        if !is_labelled(key, value) {
            self.all(role, value);
        }
    }

    /// Everything that says something in and below `node`.
    pub(super) fn all(&mut self, role: Role, node: Node<'d>) {
        for_each_text(node, |text| self.part(role, text));
    }

    pub(super) fn part(&mut self, role: Role, node: Node<'d>) {
        self.facts.parts.push(PromptPart { role, node: node.id() });
        self.facts.prompt_bytes += node.raw().len().saturating_sub(2) as u64;
    }

    /// Messages in an array, each an object with a role.
    pub(super) fn messages(&mut self, node: Node<'d>) -> Result<(), DialectError> {
        if self.array(node)?.is_empty() {
            return self.expected("at least one message", node);
        }
        for message in node.items() {
            self.message(message)?;
        }
        Ok(())
    }

    pub(super) fn message(&mut self, message: Node<'d>) -> Result<(), DialectError> {
        let Some(role) = self.object(message)?.get("role") else {
            return self.fail(DialectErrorKind::Missing("role"), message);
        };
        let role = self.role(role)?;
        for (key, value) in message.members() {
            match key.as_str().unwrap_or_default() {
                "role" => {}
                "content" => self.content(role, value)?,
                "tool_calls" => {
                    if !value.is_null() {
                        self.array(value)?;
                    }
                    self.all(Role::ToolCall, value);
                }
                "function_call" => self.all(Role::ToolCall, value),
                _ => self.other(role, key, value, self.messages)?,
            }
        }
        Ok(())
    }

    fn role(&self, node: Node<'d>) -> Result<Role, DialectError> {
        match self.string(node)? {
            "user" => Ok(Role::User),
            "assistant" => Ok(Role::Assistant),
            _ if self.roles == Roles::UserAndAssistant => self.expected("one of user, assistant", node),
            "system" => Ok(Role::System),
            "developer" => Ok(Role::Developer),
            "tool" | "function" => Ok(Role::Tool),
            _ => self.expected("one of system, developer, user, assistant, tool, function", node),
        }
    }

    /// The content of a message: a string, blocks, or nothing.
    pub(super) fn content(&mut self, role: Role, node: Node<'d>) -> Result<(), DialectError> {
        match node.kind() {
            Kind::Null => {}
            Kind::String => self.part(role, node),
            Kind::Array => {
                for block in node.items() {
                    self.block(role, block)?;
                }
            }
            _ => return self.expected("a string or an array of content blocks", node),
        }
        Ok(())
    }

    fn block(&mut self, role: Role, block: Node<'d>) -> Result<(), DialectError> {
        let Some(kind) = self.object(block)?.get("type") else {
            return self.fail(DialectErrorKind::Missing("type"), block);
        };
        let kind = self.string(kind)?;
        if let Some(text) = block.get("text").filter(|text| kind == "text" && text.as_str().is_none()) {
            return self.expected("a string", text);
        }
        self.all(block_role(role, kind), block);
        Ok(())
    }
}

/// Who speaks in a content block of that type within a message of that role.
pub(super) fn block_role(role: Role, kind: &str) -> Role {
    match kind {
        _ if kind.ends_with("tool_result") || kind.ends_with("_output") => Role::Tool,
        _ if kind.ends_with("tool_use") || kind.ends_with("_call") => Role::ToolCall,
        _ => role,
    }
}
