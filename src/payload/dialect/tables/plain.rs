//! A plain `/generate`.

use super::openai_chat::{MESSAGE, TOOL};
use super::{cost, identity, model, neutral, prompt};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static PLAIN_GENERATE: FieldTable = FieldTable::new(&[
    model(&["model"]),
    prompt(&["prompt", "inputs", "suffix", "system", "stop"]),
    cost(&["max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"]),
    neutral(&["stream", "temperature", "top_p", "top_k", "seed"]),
    cost(&["n", "best_of", "num_return_sequences"]).harmless(&["1"]),
    neutral(&["parameters"]).object(&PARAMETERS),
    prompt(&["messages"]).list(&MESSAGE),
    prompt(&["tools"]).list(&TOOL),
    identity(&["user"]),
    neutral(&["metadata"]).free(),
]);

static PARAMETERS: FieldTable = FieldTable::new(&[
    cost(&["max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens", "num_predict"]),
    neutral(&["stream", "temperature", "top_p", "top_k", "seed"]),
    prompt(&["stop"]),
    cost(&["n", "best_of", "num_return_sequences"]).harmless(&["1"]),
    neutral(&["do_sample", "repetition_penalty", "frequency_penalty", "presence_penalty"]),
]);
