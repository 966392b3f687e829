//! `POST /v1/completions` and `POST /v1/embeddings`.

use super::openai_chat::STREAM_OPTIONS;
use super::{cost, identity, model, neutral, prompt};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static OPENAI_COMPLETIONS: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["prompt", "suffix", "stop"]),
    cost(&["max_tokens"]),
    neutral(&["stream", "temperature", "top_p", "seed", "frequency_penalty", "presence_penalty"]),
    neutral(&["stream_options"]).object(&STREAM_OPTIONS),
    cost(&["n", "best_of"]).harmless(&["1"]),
    cost(&["logprobs"]).harmless(&["0"]),
    cost(&["echo"]).harmless(&["false"]),
    neutral(&["logit_bias"]).free(),
    identity(&["user", "cache_salt"]),
]);

pub(in crate::payload::dialect) static OPENAI_EMBEDDINGS: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["input"]),
    neutral(&["dimensions", "encoding_format"]),
    identity(&["user"]),
]);
