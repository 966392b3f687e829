//! Text Generation Inference's `/generate`, `/generate_stream` and `/`.

use super::{cost, model, neutral, prompt};
use crate::payload::fields::FieldTable;

pub(in crate::payload::dialect) static TGI_GENERATE: FieldTable = FieldTable::new(&[
    prompt(&["inputs"]),
    neutral(&["parameters"]).object(&TGI_PARAMETERS),
    neutral(&["stream"]),
]);

pub(in crate::payload::dialect) static TGI_PARAMETERS: FieldTable = FieldTable::new(&[
    cost(&["max_new_tokens"]),
    neutral(&["temperature", "top_k", "top_p", "typical_p", "do_sample", "seed", "truncate", "watermark"]),
    neutral(&["repetition_penalty", "frequency_penalty", "return_full_text"]),
    prompt(&["stop"]),
    cost(&["best_of"]).harmless(&["1"]),
    cost(&["details", "decoder_input_details"]).harmless(&["false"]),
    cost(&["top_n_tokens"]).harmless(&["0"]),
    prompt(&["grammar"]).object(&GRAMMAR),
    model(&["adapter_id"]),
]);

static GRAMMAR: FieldTable = FieldTable::new(&[neutral(&["type"]), prompt(&["value"]).free()]);
