//! The parts of the scanner, one by one; what a whole stack does stands in `tests/inspection.rs`.

mod disguises;
mod rules;
mod sweeping;
