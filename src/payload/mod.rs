//! WHAT is asked and answered: strict JSON, the events of an answer, and the dialects that give both a meaning.

pub mod events;
pub mod json;
