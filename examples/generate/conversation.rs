//! Messages as OpenAI and Anthropic both write them.

use serde::Deserialize;

#[derive(Deserialize)]
pub(crate) struct Message {
    content: Option<Content>,
}

/// A text, or blocks of which some are texts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Deserialize)]
pub(crate) struct Block {
    text: Option<String>,
}

impl Content {
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, blocks) = match self {
            Self::Text(text) => (Some(text.as_str()), &[][..]),
            Self::Blocks(blocks) => (None, blocks.as_slice()),
        };
        text.into_iter().chain(blocks.iter().filter_map(|block| block.text.as_deref()))
    }
}

/// All the words of a conversation, one message a line.
pub(crate) fn prompt(messages: &[Message]) -> String {
    let texts = messages.iter().filter_map(|message| message.content.as_ref()).flat_map(Content::texts);
    texts.collect::<Vec<_>>().join("\n")
}
