use std::borrow::Cow;
use std::fmt::Write;

/// Text of others, fit for a log: what could end a line, drive a terminal or turn the direction of reading stands as an
/// escape (`\u{202e}`).
///
/// That is every control character (C0, DEL, C1), the separators of lines and paragraphs, and the controls of
/// bidirectional text (UAX #9 §2).
///
/// ```
/// assert_eq!(portcullis::refusal::escaped("alice\n2026 permitted"), "alice\\u{a}2026 permitted");
/// ```
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unruly) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unruly(c) {
            write!(out, "{}", c.escape_unicode()).expect("writing to a String does not fail");
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether a character may not stand in a log as it is.
pub(crate) fn is_unruly(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
