//! Gemini.

use bytes::Bytes;

use super::collect::{Collector, position};
use super::request::RequestReader;
use super::tables::{GEMINI, GEMINI_CONFIG, GEMINI_CONTENT, GEMINI_PART};
use super::{
    AnswerFacts, Channel, Dialect, DialectError, DialectErrorKind, EventFacts, OutputKind, PayloadFacts,
    Role, Usage, render,
};
use crate::payload::events::{AnswerEvent, AnswerFraming};
use crate::payload::fields::FieldTable;
use crate::payload::json::{Document, Kind, Node};
use crate::refusal::{Refusal, Rendered};

/// Google's [`generateContent` and `streamGenerateContent`](https://ai.google.dev/api/generate-content).
///
/// | fact | from |
/// |---|---|
/// | model | the last segment of the path: `…/models/{model}:generateContent` |
/// | parts | `contents[]` under their role, calls as [`Role::ToolCall`], their results as [`Role::Tool`]; `systemInstruction` as [`Role::System`]; `tools` and schemas as [`Role::ToolDefinition`]; all other members as [`Role::Other`] |
/// | output cap | `generationConfig.maxOutputTokens` |
/// | candidates | `generationConfig.candidateCount` |
/// | stream | the path: `…:streamGenerateContent` |
/// | output | `candidates[].content.parts[]`; parts that are a `thought` as reasoning |
/// | usage | `usageMetadata`: input is `promptTokenCount` and `toolUsePromptTokenCount`, output `candidatesTokenCount` and `thoughtsTokenCount`; in a stream, of the events with a `finishReason` |
/// | end | a `finishReason` |
///
/// Names may be written with underscores, as Google's servers take them; both spellings of one field are refused. A route is
/// `/v1beta/models/{call}`; other methods than the two (`countTokens`, `:batch…`) are refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gemini;

impl Dialect for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn fields(&self) -> &'static FieldTable {
        &GEMINI
    }

    fn read_path(&self, path: &str, facts: &mut PayloadFacts) -> Result<(), DialectError> {
        let expected = "a path that ends in {model}:generateContent or {model}:streamGenerateContent";
        let refused = || DialectError::top(DialectErrorKind::Expected(expected));
        let (model, method) =
            path.rsplit('/').next().and_then(|call| call.split_once(':')).ok_or_else(refused)?;
        if !is_model(model) {
            return Err(refused());
        }
        match method {
            "generateContent" => {}
            "streamGenerateContent" => facts.stream = true,
            _ => return Err(refused()),
        }
        facts.model = Some(model.into());
        Ok(())
    }

    fn write_path_model(&self, path: &str, model: &str) -> Option<String> {
        let (before, call) = path.rsplit_once('/')?;
        let (_, method) = call.split_once(':')?;
        is_model(model).then(|| format!("{before}/{model}:{method}"))
    }

    fn read_request(&self, document: &Document) -> Result<PayloadFacts, DialectError> {
        let (mut reader, root) = RequestReader::new(document)?;
        let mut contents = false;
        for (key, value) in root.members() {
            match named(key) {
                "contents" => {
                    if reader.array(value)?.is_empty() {
                        return reader.fail(DialectErrorKind::Expected("at least one content"), value);
                    }
                    for content in value.items() {
                        read_content(&mut reader, content, Role::User)?;
                    }
                    contents = true;
                }
                "systemInstruction" if !value.is_null() => read_content(&mut reader, value, Role::System)?,
                "generationConfig" if !value.is_null() => read_config(&mut reader, value)?,
                "tools" => reader.tools(value)?,
                _ => reader.other(Role::Other, key, value, &GEMINI)?,
            }
        }
        reader.need("contents", contents)?;
        reader.facts.usage_requested = true;
        Ok(reader.facts)
    }

    fn read_answer(
        &self,
        event: &AnswerEvent,
        _request: &PayloadFacts,
        so_far: &mut AnswerFacts,
    ) -> Result<EventFacts, DialectError> {
        let Some((mut collector, root)) = Collector::new(event)? else {
            return Collector::without_json(event, so_far);
        };
        let whole = event.framing() == AnswerFraming::Json;
        // Without `alt=sse`, a stream is one array of what would be its events.
        let chunks = root.items().chain((root.kind() != Kind::Array).then_some(root));
        for chunk in chunks {
            read_chunk(&mut collector, chunk);
        }
        collector.facts.finished |= whole;
        if !collector.facts.finished {
            // What is counted before the end is not the whole.
            collector.facts.usage = None;
        }
        Ok(collector.finish(so_far))
    }

    fn render_refusal(&self, refusal: &Refusal, _request_id: &str) -> Rendered {
        render::google(refusal)
    }

    fn render_cut(&self, refusal: &Refusal, _request_id: &str, framing: AnswerFraming) -> Bytes {
        render::cut(framing, "", refusal, &render::google(refusal).body)
    }
}

const OTHER: Channel = Channel { choice: 0, kind: OutputKind::Other, index: 0 };

/// Whether a path can name such a model.
fn is_model(model: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !model.is_empty() && model.len() <= 256 && model.bytes().all(plain)
}

/// A name as the reference spells it.
fn named(key: Node<'_>) -> &str {
    let name = key.as_str().unwrap_or_default();
    match name {
        "system_instruction" => "systemInstruction",
        "generation_config" => "generationConfig",
        "max_output_tokens" => "maxOutputTokens",
        "candidate_count" => "candidateCount",
        "response_schema" => "responseSchema",
        "response_json_schema" => "responseJsonSchema",
        "function_call" => "functionCall",
        "executable_code" => "executableCode",
        "tool_call" => "toolCall",
        "function_response" => "functionResponse",
        "code_execution_result" => "codeExecutionResult",
        "tool_response" => "toolResponse",
        _ => name,
    }
}

fn read_content<'d>(
    reader: &mut RequestReader<'d>,
    content: Node<'d>,
    otherwise: Role,
) -> Result<(), DialectError> {
    let role = match reader.object(content)?.get("role").filter(|role| !role.is_null()) {
        None => otherwise,
        Some(role) => match reader.string(role)? {
            "user" | "system" => otherwise,
            "model" => Role::Assistant,
            "function" | "tool" => Role::Tool,
            _ => return reader.fail(DialectErrorKind::Expected("one of user, model, function"), role),
        },
    };
    for (key, value) in content.members() {
        match named(key) {
            "role" => {}
            "parts" => {
                for part in reader.array(value)?.items() {
                    for (key, value) in reader.object(part)?.members() {
                        let role = match named(key) {
                            "functionCall" | "executableCode" | "toolCall" => Role::ToolCall,
                            "functionResponse" | "codeExecutionResult" | "toolResponse" => Role::Tool,
                            _ => role,
                        };
                        reader.other(role, key, value, &GEMINI_PART)?;
                    }
                }
            }
            _ => reader.other(role, key, value, &GEMINI_CONTENT)?,
        }
    }
    Ok(())
}

fn read_config<'d>(reader: &mut RequestReader<'d>, config: Node<'d>) -> Result<(), DialectError> {
    for (key, value) in reader.object(config)?.members() {
        match named(key) {
            "maxOutputTokens" => reader.cap(value)?,
            "candidateCount" => reader.candidates(value)?,
            "responseSchema" | "responseJsonSchema" => reader.all(Role::ToolDefinition, value),
            _ => reader.other(Role::Other, key, value, &GEMINI_CONFIG)?,
        }
    }
    Ok(())
}

fn read_chunk(collector: &mut Collector, chunk: Node<'_>) {
    for (key, value) in collector.members(OTHER, chunk) {
        match key {
            "candidates" => {
                for (n, candidate) in collector.elements(OTHER, value).enumerate() {
                    read_candidate(collector, candidate, n);
                }
            }
            "usageMetadata" => {
                collector.facts.usage = read_usage(value);
                collector.facts.input = collector.facts.usage.map(|usage| usage.input);
                collector.tag(value);
            }
            "promptFeedback" => {
                collector.facts.finished |= value.get("blockReason").is_some();
                collector.all(Channel { kind: OutputKind::Refusal, ..OTHER }, value);
            }
            "error" => collector.error(value),
            "modelVersion" | "responseId" | "createTime" => collector.tag(value),
            _ => collector.other(OTHER, key, value),
        }
    }
}

fn read_candidate(collector: &mut Collector, candidate: Node<'_>, n: usize) {
    let choice = position(candidate.get("index"), n);
    let channel = |kind| Channel { choice, kind, index: 0 };
    for (key, value) in collector.members(channel(OutputKind::Other), candidate) {
        match key {
            "content" => {
                for (key, value) in collector.members(channel(OutputKind::Text), value) {
                    match key {
                        "role" => collector.tag(value),
                        "parts" => {
                            for part in collector.elements(channel(OutputKind::Text), value) {
                                let kind = part_kind(part);
                                for (key, value) in collector.members(channel(kind), part) {
                                    match key {
                                        // Ciphertext of what was thought.
                                        "thoughtSignature" => collector.all(channel(OutputKind::Echo), value),
                                        _ => collector.other(channel(kind), key, value),
                                    }
                                }
                            }
                        }
                        _ => collector.other(channel(OutputKind::Other), key, value),
                    }
                }
            }
            "finishReason" => {
                collector.facts.finished |= !value.is_null();
                collector.tag(value);
            }
            "logprobsResult" => collector.all(channel(OutputKind::Logprobs), value),
            "safetyRatings" => collector.tag(value),
            _ => collector.other(channel(OutputKind::Other), key, value),
        }
    }
}

fn part_kind(part: Node<'_>) -> OutputKind {
    if part.get("thought").and_then(Node::as_bool) == Some(true) {
        OutputKind::Reasoning
    } else if ["functionCall", "executableCode", "toolCall"].iter().any(|name| part.get(name).is_some()) {
        OutputKind::ToolCall
    } else if part.get("text").is_some() {
        OutputKind::Text
    } else {
        OutputKind::Other
    }
}

/// The units so far; a count that is not there is none, but for the prompt's.
fn read_usage(usage: Node<'_>) -> Option<Usage> {
    let count = |name| match usage.get(name) {
        Some(units) if !units.is_null() => units.as_u64(),
        _ => Some(0),
    };
    let input = usage.get("promptTokenCount")?.as_u64()?.saturating_add(count("toolUsePromptTokenCount")?);
    let output = count("candidatesTokenCount")?.saturating_add(count("thoughtsTokenCount")?);
    Some(Usage { input, output })
}
