use crate::inspect::sweep::{Hit, Sweep};

/// Every place of every literal, found the slow way.
fn slowly(literals: &[&str], text: &str) -> Vec<(u32, usize, usize)> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for (number, literal) in (0u32..).zip(literals) {
        for start in 0..lower.len() {
            if lower.as_bytes()[start..].starts_with(literal.to_ascii_lowercase().as_bytes()) {
                found.push((number, start, start + literal.len()));
            }
        }
    }
    found.sort_unstable();
    found
}

fn swept(literals: &[&str], text: &str) -> Vec<(u32, usize, usize)> {
    let mut found = Vec::new();
    let sweep = Sweep::new(literals).unwrap();
    sweep.run(text, |Hit { literal, start, end }| found.push((literal, start, end)));
    found.sort_unstable();
    found
}

/// Text out of few letters, so that literals stand everywhere and overlap. xorshift, seeded.
fn text_of(alphabet: &[&str], length: usize, mut seed: u64) -> String {
    let mut text = String::new();
    while text.len() < length {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        text.push_str(alphabet[usize::try_from(seed % alphabet.len() as u64).unwrap()]);
    }
    text
}

#[test]
fn every_literal_is_met_once_wherever_it_stands() {
    let literals = ["ab", "abab", "b a", "aab", "bbbbbbb", "a b a b a b"];
    for length in 0..400 {
        let text = text_of(&["a", "b", " ", "A", "B"], length, 88_172_645_463_325_252 + length as u64);
        assert_eq!(swept(&literals, &text), slowly(&literals, &text), "in {text:?}");
    }
}

#[test]
fn literals_beyond_ascii_are_met_in_text_beyond_ascii() {
    let literals = ["忽略", "ab", "бы", "b忽"];
    for length in 0..200 {
        let text = text_of(&["a", "b", "忽", "略", "бы", "ы"], length, 362_436_069 + length as u64);
        assert_eq!(swept(&literals, &text), slowly(&literals, &text), "in {text:?}");
    }
}

#[test]
fn a_literal_is_met_at_every_offset_of_a_long_text() {
    for offset in 0..600 {
        let text = format!("{}needle{}", ".".repeat(offset), ".".repeat(600 - offset));
        assert_eq!(swept(&["needle", "hay"], &text), [(0, offset, offset + 6)]);
    }
}
