//! Disguises of a whole text: leet, spelled-out letters, reversal, rot13, binary digits, escapes.
//!
//! Undoing one means another copy and another pass, so it is done only where the first pass met a literal that gives
//! the disguise away: a tell-tale word as it looks in that disguise. The tell-tales ride along in the one automaton.

use super::normalise::Shifts;

/// A way to hide words from a scanner and not from a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Disguise {
    Leet,
    Spelled,
    Reversed,
    Rot13,
    Binary,
    Escaped,
}

impl Disguise {
    pub(super) const ALL: [Self; 6] =
        [Self::Leet, Self::Spelled, Self::Reversed, Self::Rot13, Self::Binary, Self::Escaped];

    pub(super) fn bit(self) -> u8 {
        1 << self as u8
    }

    /// The literals that give it away.
    pub(super) fn tell_tales(self) -> Vec<String> {
        let whole = WORDS.iter().map(|word| (*word).to_owned());
        match self {
            Self::Leet => STEMS.iter().flat_map(|stem| leet_forms(stem)).collect(),
            Self::Spelled => STEMS.iter().flat_map(|stem| spelled_forms(stem)).collect(),
            Self::Reversed => whole.map(|word| word.chars().rev().collect()).collect(),
            Self::Rot13 => whole.map(|word| rot13(&word)).collect(),
            // `e`, `o`, `r`, `s`: no prose goes far without one of them.
            Self::Binary => ["01100101", "01101111", "01110010", "01110011"].map(str::to_owned).into(),
            Self::Escaped => {
                ["%20", "%6", "%7", "&#", "&nbsp;", "&lt;", "\\u00", "\\x6", "\\x7"].map(str::to_owned).into()
            }
        }
    }
}

/// Words that an attack can hardly do without; their beginnings for disguises that change letters.
const WORDS: [&str; 9] = [
    "ignore",
    "previous",
    "instructions",
    "system prompt",
    "disregard",
    "password",
    "override",
    "jailbreak",
    "restrictions",
];
const STEMS: [&str; 11] =
    ["ignor", "previ", "instr", "syste", "promp", "disre", "overr", "passw", "restr", "unres", "jailb"];

/// Every way to write `stem` with at least one letter replaced.
fn leet_forms(stem: &str) -> Vec<String> {
    let mut forms = vec![String::new()];
    for letter in stem.chars() {
        let ways: &[char] = match letter {
            'a' => &['a', '4', '@'],
            'e' => &['e', '3'],
            'i' => &['i', '1', '!'],
            'o' => &['o', '0'],
            's' => &['s', '5', '$'],
            't' => &['t', '7'],
            _ => &[],
        };
        let kept = [letter];
        let ways = if ways.is_empty() { &kept[..] } else { ways };
        forms = forms.iter().flat_map(|form| ways.iter().map(move |way| format!("{form}{way}"))).collect();
    }
    forms.retain(|form| form != stem);
    forms
}

fn spelled_forms(stem: &str) -> Vec<String> {
    [" ", ".", "-", "_", "*", "/", "|", "\\", "\\ \\", ","]
        .iter()
        .map(|mark| stem.chars().take(4).map(String::from).collect::<Vec<_>>().join(mark))
        .collect()
}

/// `text` with leet in words turned into letters; every byte keeps its place.
pub(super) fn unleet(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let part_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'$' | b'!' | b'|');
    let mut at = 0;
    while at < bytes.len() {
        let end = at + bytes[at..].iter().take_while(|byte| part_of_word(byte)).count();
        if end == at {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let word = &bytes[at..end];
        let letters = word.iter().any(u8::is_ascii_alphabetic);
        out.extend(word.iter().enumerate().map(|(index, &byte)| match byte {
            _ if !letters => byte,
            // An exclamation mark at the end of a word is one.
            b'!' if index + 1 == word.len() => byte,
            b'0' => b'o',
            b'1' | b'!' | b'|' => b'i',
            b'3' => b'e',
            b'4' | b'@' => b'a',
            b'5' | b'$' => b's',
            b'7' => b't',
            other => other,
        }));
        at = end;
    }
    String::from_utf8(out).expect("ASCII was replaced by ASCII")
}

/// `text` with letters that stand alone put together: `i g n o r e`, `i.g.n.o.r.e`, `\i\g\n\o\r\e`.
///
/// The marks between the first two letters of a stretch are those inside words; any others part words.
pub(super) fn unspell(text: &str) -> (String, Shifts) {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let letter = |index: usize| chars.get(index).is_some_and(|(_, ch)| ch.is_alphanumeric());
    let alone = |index: usize| letter(index) && !letter(index + 1) && (index == 0 || !letter(index - 1));
    let next_alone =
        |index: usize| (index + 2..index + 6).find(|&next| letter(next)).filter(|&next| alone(next));
    let mut out = String::with_capacity(text.len());
    let mut shifts = Shifts::default();
    let mut index = 0;
    while index < chars.len() {
        shifts.mark(out.len(), chars[index].0);
        out.push(chars[index].1);
        let mut inside = None;
        while alone(index)
            && let Some(next) = next_alone(index)
        {
            let marks = chars[index + 1..next].iter().map(|(_, ch)| *ch);
            let inside = inside.get_or_insert_with(|| marks.clone().collect::<Vec<_>>());
            if !marks.eq(inside.iter().copied()) {
                shifts.mark(out.len(), chars[index + 1].0);
                out.push(' ');
            }
            shifts.mark(out.len(), chars[next].0);
            out.push(chars[next].1);
            index = next;
        }
        index += 1;
    }
    shifts.mark(out.len(), text.len());
    (out, shifts)
}

/// `text` backwards.
pub(super) fn reverse(text: &str) -> String {
    text.chars().rev().collect()
}

/// `text` with its ASCII letters turned by thirteen; every byte keeps its place.
pub(super) fn rot13(text: &str) -> String {
    text.chars()
        .map(|ch| match ch {
            'a'..='m' | 'A'..='M' => char::from(ch as u8 + 13),
            'n'..='z' | 'N'..='Z' => char::from(ch as u8 - 13),
            other => other,
        })
        .collect()
}
