//! WHAT is asked and answered: strict JSON, the events of an answer, and the dialects that give both a meaning.
//!
//! - [`json`] reads a body once, strictly, and keeps its bytes;
//! - [`events`] cuts an answer into events while it comes in;
//! - [`fields`] gives every field of a request a class, and says what becomes of those that have none;
//! - [`stored_ids`] finds in an answer what it calls stored things by;
//! - [`dialect`] says what the members of both mean: prompt, caps, usage, output, errors.
//!
//! There is no I/O here. Reading bodies within bounds, and showing answers to observers, is the work of the layers.

pub mod dialect;
pub mod events;
pub mod fields;
mod findings;
pub mod json;
mod references;
pub(crate) mod tools;

pub use dialect::{
    AnswerFacts, AnthropicMessages, AnyJson, Channel, Dialect, DialectError, EventFacts, Gemini, Mcp,
    OllamaAdmin, OllamaChat, OllamaGenerate, OpenAiChat, OpenAiCompletions, OpenAiEmbeddings,
    OpenAiResponses, OutputKind, OutputPart, PayloadFacts, PlainGenerate, PromptPart, Role, TgiGenerate,
    Usage,
};
pub use events::{AnswerEvent, AnswerFraming, EventError, EventLimits, EventReader};
pub use fields::{
    Field, FieldClass, FieldRow, FieldRule, FieldRules, FieldTable, UnknownFields, UrlError, UrlPolicy,
    UrlPolicyError,
};
pub use findings::{Category, Coverage, Finding, Findings, Severity};
pub use json::{Document, Edit, JsonError, JsonLimits, Node, NodeId};
pub use references::stored_ids;
