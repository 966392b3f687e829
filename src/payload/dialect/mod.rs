//! Dialects: what the members of a request and of its answer mean.
//!
//! A [`Dialect`] reads a strictly parsed [`Document`] as one LLM API, yields the facts that the checks need, reads
//! usage and generated text from the answer, and speaks to the client in that API's own error shape.
//!
//! 1. A body that the API does not know is refused, with the pointer and what is expected there. Members are typed
//!    strictly: `"stream": "yes"` is not true, `"max_tokens": 0.5` is not a number of units.
//! 2. Every string of the document is a [`PromptPart`], whatever member it stands in, and so is every key that the
//!    API does not name. Excepted are only: the model, roles, and type names and identifiers that have the form of one
//!    (see [`Role`]). So no member, known or new, carries text around the scan.
//! 3. A member that some server would read as a known one because it ignores case (`"Stream"`) is refused.
//! 4. What only lowers the bill is not believed: of two output caps the larger one counts, of `n` and `best_of` too.
//! 5. Usage in the answer counts when it is whole, non-negative numbers; anything else was not reported.
//! 6. Every field of the API has a class, in one table ([`Dialect::fields`]); what no table names is refused, unless the
//!    route says otherwise. See [`fields`](super::fields).
//!
//! # Deployment caveat
//!
//! The facts name nodes of one document. After an edit, [read the new document again](Dialect::read_again);
//! [`Dialect::accept_by`] does so.
//!
//! # Example
//!
//! ```
//! use bytes::Bytes;
//! use portcullis::payload::dialect::{Dialect, OpenAiChat};
//! use portcullis::payload::json::Document;
//!
//! let body = br#"{"model": "small", "messages": [{"role": "user", "content": "Hello"}], "stream": true}"#;
//! let (document, facts) = OpenAiChat.accept(Document::parse(Bytes::from_static(body))?)?;
//! assert_eq!(facts.model.as_deref(), Some("small"));
//! assert_eq!(document.node(facts.parts[0].node).and_then(|node| node.as_str()), Some("Hello"));
//! // The gate needs the usage, whether the client asked for it or not.
//! assert!(!facts.usage_requested);
//! assert_eq!(document.at("/stream_options/include_usage").and_then(|node| node.as_bool()), Some(true));
//!
//! let refused = OpenAiChat.accept(Document::parse(Bytes::from_static(br#"{"model": "m", "messages": 1}"#))?);
//! assert_eq!(refused.unwrap_err().to_string(), "expected an array (at /messages)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accept;
mod answer;
mod anthropic;
mod any_json;
mod collect;
mod error;
mod facts;
mod gemini;
mod mcp;
mod ollama;
mod ollama_admin;
mod openai_chat;
mod openai_completions;
mod openai_embeddings;
mod openai_responses;
mod plain;
mod render;
mod request;
mod tables;
#[cfg(test)]
mod tests;
mod tgi;
mod words;

use std::fmt;

use bytes::Bytes;

use super::events::{AnswerEvent, AnswerFraming};
use super::fields::{FieldRules, FieldTable};
use super::json::{Document, Edit};
use crate::refusal::{Refusal, Rendered};

pub use answer::{AnswerFacts, Channel, EventFacts, OutputKind, OutputPart};
pub use anthropic::AnthropicMessages;
pub use any_json::AnyJson;
pub use error::{DialectError, DialectErrorKind};
pub use facts::{PayloadFacts, PromptPart, Role, Usage};
pub use gemini::Gemini;
pub use mcp::Mcp;
pub use ollama::{OllamaChat, OllamaGenerate};
pub use ollama_admin::OllamaAdmin;
pub use openai_chat::OpenAiChat;
pub use openai_completions::OpenAiCompletions;
pub use openai_embeddings::OpenAiEmbeddings;
pub use openai_responses::OpenAiResponses;
pub use plain::PlainGenerate;
pub(super) use tables::gemini_tool;
pub use tgi::TgiGenerate;

/// One LLM API: how its requests, answers and errors are written.
pub trait Dialect: fmt::Debug + Send + Sync + 'static {
    /// A stable name, for records and configuration.
    fn name(&self) -> &'static str;

    /// The class of every field of the API's requests. What the table does not name is unknown, and refused unless the
    /// route says otherwise; a dialect that knows no fields says so with an [open](FieldTable::open) table.
    fn fields(&self) -> &'static FieldTable;

    /// The action of a route with this dialect that names none: `admin` for what changes the server itself.
    fn action(&self) -> Option<&'static str> {
        None
    }

    /// Reads a request. What does not fit the API is an error that names the place and what is expected.
    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError>;

    /// What the gate itself needs changed in a request; most often nothing.
    fn prepare(&self, document: &Document, facts: &PayloadFacts) -> Vec<Edit> {
        let _ = (document, facts);
        Vec::new()
    }

    /// Adds what the path of the request says, for APIs that name the model, or the streaming, there. `path` is as it was
    /// sent, without a query.
    fn read_path(&self, path: &str, facts: &mut PayloadFacts) -> Result<(), DialectError> {
        let _ = (path, facts);
        Ok(())
    }

    /// The path of a request with another model in it, for APIs that name the model there; `None` where it cannot be named so.
    fn write_path_model(&self, path: &str, model: &str) -> Option<String> {
        let _ = (path, model);
        None
    }

    /// Whether fields of class [`Reference`](super::FieldClass::Reference) hold ids that answers of this API gave out, so that
    /// they can be sealed. Not so where they are names that the server's own things have, such as the URIs of MCP.
    fn gives_out_references(&self) -> bool {
        true
    }

    /// [`accept_by`](Self::accept_by) the strictest rules.
    fn accept(&self, document: Document) -> Result<(Document, PayloadFacts), DialectError> {
        self.accept_by(document, &FieldRules::default())
    }

    /// Reads a request, applies the `rules` to its fields, [prepares](Self::prepare) it, and yields the document to go on
    /// with and its facts. What the client asked for stays in the facts.
    fn accept_by(
        &self,
        document: Document,
        rules: &FieldRules,
    ) -> Result<(Document, PayloadFacts), DialectError> {
        accept::accept(self, document, rules)
    }

    /// Reads a request that was accepted as `before` and changed since.
    fn read_again(&self, document: &Document, before: &PayloadFacts) -> Result<PayloadFacts, DialectError> {
        accept::again(self, document, before)
    }

    /// Reads one event of the answer to `request`, and adds what it says to `so_far`.
    ///
    /// An event that is not what the API would send is an error: what was not understood was not checked.
    fn read_answer(
        &self,
        event: &AnswerEvent,
        request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError>;

    /// The body that tells a client of this API why its request was refused. The status is the refusal's.
    fn render_refusal(&self, refusal: &Refusal, request_id: &str) -> Rendered;

    /// The bytes that end an answer early in a way that a client of this API understands as an error.
    fn render_cut(&self, refusal: &Refusal, request_id: &str, framing: AnswerFraming) -> Bytes;
}
