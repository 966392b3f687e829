//! The fields of each API and their classes, as data, written down from the published references.
//!
//! A name is listed once for each object that has it; where an API distinguishes objects by their `type`, one table holds
//! the fields of them all.

mod anthropic;
mod gemini;
mod mcp;
mod ollama;
mod openai_chat;
mod openai_responses;
mod openai_text;
mod plain;
mod tgi;

use crate::payload::fields::{FieldClass, FieldRule, FieldTable};

pub(super) use anthropic::ANTHROPIC_MESSAGES;
pub(in crate::payload) use gemini::gemini_tool;
pub(super) use gemini::{
    CONTENT as GEMINI_CONTENT, GEMINI, GENERATION_CONFIG as GEMINI_CONFIG, PART as GEMINI_PART,
};
pub(super) use mcp::{MCP, PARAMS as MCP_PARAMS};
pub(super) use ollama::{OLLAMA_ADMIN, OLLAMA_CHAT, OLLAMA_GENERATE, OLLAMA_MESSAGE, OLLAMA_OPTIONS};
pub(super) use openai_chat::{MESSAGE, OPENAI_CHAT, STREAM_OPTIONS};
pub(super) use openai_responses::OPENAI_RESPONSES;
pub(super) use openai_text::{OPENAI_COMPLETIONS, OPENAI_EMBEDDINGS};
pub(super) use plain::PLAIN_GENERATE;
pub(super) use tgi::{TGI_GENERATE, TGI_PARAMETERS};

/// Any JSON: no field is known, so none is unknown.
pub(super) static ANY_JSON: FieldTable = FieldTable::open(&[]);

type FieldNames = &'static [&'static str];

const fn neutral(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Neutral, names)
}

const fn prompt(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Prompt, names)
}

const fn cost(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Cost, names)
}

const fn privileged(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Privileged, names)
}

const fn reference(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Reference, names)
}

const fn url(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Url, names)
}

const fn identity(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Identity, names)
}

const fn model(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Model, names)
}

const fn credential(names: FieldNames) -> FieldRule {
    FieldRule::new(FieldClass::Credential, names)
}
