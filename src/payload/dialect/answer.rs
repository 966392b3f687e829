//! What a dialect finds in an answer.

use super::Usage;
use crate::payload::json::NodeId;

/// What is known of an answer so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerFacts {
    /// The usage that the server reported; the largest numbers, where it reported more than once.
    pub usage: Option<Usage>,
    /// The input units that the server reported, which some do before the output is known.
    pub input: Option<u64>,
    /// The bytes of all generated strings so far, each counted once.
    pub output_bytes: u64,
    /// The answer said that it is over.
    pub finished: bool,
    /// The answer said that it failed.
    pub failed: bool,
    /// The answer goes by unread, so that nothing tells what was used.
    pub unread: bool,
}

impl AnswerFacts {
    /// Adds what one event says.
    pub(super) fn add(&mut self, event: &EventFacts) {
        if let Some(input) = event.input {
            self.input = Some(self.input.unwrap_or(0).max(input));
        }
        if let Some(usage) = event.usage {
            let before = self.usage.unwrap_or_default();
            self.usage =
                Some(Usage { input: before.input.max(usage.input), output: before.output.max(usage.output) });
        }
        self.output_bytes = self.output_bytes.saturating_add(event.output_bytes);
        self.finished |= event.finished;
        self.failed |= event.failed;
    }
}

/// What one event of an answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFacts {
    /// Every string that the client may take for output, in the event's document.
    pub outputs: Vec<OutputPart>,
    /// The bytes of generated strings that no event before had.
    pub output_bytes: u64,
    /// The usage so far, where the event reports it whole.
    pub usage: Option<Usage>,
    /// The input units, where the event reports them.
    pub input: Option<u64>,
    /// The answer is over.
    pub finished: bool,
    /// The answer failed.
    pub failed: bool,
    /// The event carries usage and nothing else: it is hidden from clients that did not ask for it.
    pub usage_only: bool,
}

/// A string of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputPart {
    /// What it continues.
    pub channel: Channel,
    /// The string is whole in itself, or repeats what was streamed; otherwise it goes on where the last one of its
    /// channel ended.
    pub complete: bool,
    /// The string, in the event's document.
    pub node: NodeId,
}

/// One text of an answer that is streamed in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel {
    /// Which candidate, or which output item.
    pub choice: u32,
    /// What sort of text.
    pub kind: OutputKind,
    /// Which of several within the candidate, as for tool calls and content blocks.
    pub index: u32,
}

/// What sort of text an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OutputKind {
    /// What the model says.
    Text,
    /// What the model thinks.
    Reasoning,
    /// Why the model does not answer.
    Refusal,
    /// The name and the arguments of a tool call.
    ToolCall,
    /// Generated again as single units, with their probabilities. Not counted as output.
    Logprobs,
    /// What the API repeats of the request, and errors. Not counted as output.
    Echo,
    /// Everything else.
    Other,
}
