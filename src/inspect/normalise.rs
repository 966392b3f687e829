//! The normalised view: what a model reads where a byte-wise scanner is blind.
//!
//! Compatibility forms (fullwidth, mathematical, circled and enclosed letters) become plain ones, accents of Latin
//! letters go, invisible characters go, letters of other scripts that look like Latin ones become Latin where a
//! word mixes the scripts. Text that has none of these is not copied; Han, kana, Hangul, Arabic and Indic text
//! passes as it is, so nobody pays for writing their own language.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_compatible;

use super::confusable::look_alike;

/// Where the bytes of a derived text came from: at each point the distance between the two changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Shifts(Vec<(usize, usize)>);

impl Shifts {
    /// From `here` on in the derived text, bytes come from `there` on in the original.
    pub(super) fn mark(&mut self, here: usize, there: usize) {
        match self.0.last_mut() {
            Some(last) if there - last.1 == here - last.0 => {}
            Some(last) if last.0 == here => last.1 = there,
            _ => self.0.push((here, there)),
        }
    }

    /// The place in the original of a place in the derived text.
    pub(super) fn origin(&self, here: usize) -> usize {
        let next = self.0.partition_point(|mark| mark.0 <= here);
        let Some(mark) = next.checked_sub(1).map(|index| self.0[index]) else { return here };
        let exact = mark.1 + (here - mark.0);
        self.0.get(next).map_or(exact, |after| exact.min(after.1))
    }
}

/// The normalised form of `text` and where it came from; `None` when it would be the same.
pub(super) fn normalise(text: &str) -> Option<(String, Shifts)> {
    let needs = Needs::of(text)?;
    let mut out = String::with_capacity(text.len());
    let mut shifts = Shifts::default();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let plain = plain_prefix(&bytes[at..]);
        if plain > 0 {
            shifts.mark(out.len(), at);
            out.push_str(&text[at..at + plain]);
            at += plain;
            continue;
        }
        let ch = text[at..].chars().next().expect("`at` stands on a character, and the text goes on");
        shifts.mark(out.len(), at);
        if composes(ch) {
            let run = text[at..].find(|c| !composes(c)).unwrap_or(text.len() - at);
            out.extend(text[at..at + run].nfc());
            at += run;
            continue;
        }
        push(&mut out, ch, &needs);
        at += ch.len_utf8();
    }
    shifts.mark(out.len(), text.len());
    Some((out, shifts))
}

/// What was met in a text that makes it worth a normalised view.
struct Needs {
    mixed: bool,
}

impl Needs {
    fn of(text: &str) -> Option<Self> {
        if text.is_ascii() {
            return None;
        }
        let (mut any, mut mixed, mut last_capital) = (false, false, false);
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let plain = plain_prefix(&bytes[at..]);
            if plain > 0 {
                at += plain;
                last_capital = false;
                continue;
            }
            let ch = text[at..].chars().next().expect("`at` stands on a character, and the text goes on");
            let after = at + ch.len_utf8();
            match class(ch as u32) {
                Class::Plain => {}
                Class::Folds => any = true,
                Class::OtherScript => {
                    let touches_latin = (at > 0 && bytes[at - 1].is_ascii_alphabetic())
                        || bytes.get(after).is_some_and(u8::is_ascii_alphabetic);
                    mixed |= touches_latin && look_alike(ch).is_some();
                    let capital = ch.is_uppercase();
                    any |= capital && last_capital;
                    last_capital = capital;
                }
            }
            at = after;
        }
        (any || mixed).then_some(Self { mixed })
    }
}

/// How many bytes at the start certainly stay as they are.
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        match *rest {
            [lead, second, _, ..] if lead & 0xF0 == 0xE0 => {
                if !PLAIN[usize::from(lead & 15) << 6 | usize::from(second & 63)] {
                    return at;
                }
                at += 3;
            }
            [lead, ..] if lead.is_ascii() => {
                at += rest.chunks_exact(16).take_while(|block| block.is_ascii()).count() * 16;
                at += bytes[at..].iter().take_while(|byte| byte.is_ascii()).count();
            }
            _ => return at,
        }
    }
}

/// For the first two bytes of three: whether all 64 characters that begin so stay as they are. Han, kana and Hangul
/// are passed by this alone.
static PLAIN: [bool; 1024] = {
    let mut plain = [true; 1024];
    let mut ch = 0x800;
    while ch < 0x10000 {
        if !matches!(class(ch), Class::Plain) {
            plain[(ch >> 6) as usize] = false;
        }
        ch += 1;
    }
    plain
};

enum Class {
    /// Stays as it is.
    Plain,
    /// Becomes something else, or goes.
    Folds,
    /// Greek, Cyrillic and their like: folded only where words mix scripts.
    OtherScript,
}

const fn class(ch: u32) -> Class {
    match ch {
        0x00AD | 0x00C0..=0x00D6 | 0x00D8..=0x00F6 | 0x00F8..=0x036F => Class::Folds,
        0x0370..=0x058F | 0x13A0..=0x13FF => Class::OtherScript,
        0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x1100..=0x11FF => Class::Folds,
        0x1AB0..=0x1AFF | 0x1D00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF | 0xAB30..=0xAB6F => {
            Class::Folds
        }
        0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x20D0..=0x20FF => Class::Folds,
        0x2102 | 0x210A..=0x2115 | 0x2118..=0x211D | 0x2124 | 0x2128..=0x2139 | 0x2460..=0x24FF => {
            Class::Folds
        }
        0x3164 | 0x3200..=0x33FF | 0xFB00..=0xFB06 | 0xFE00..=0xFE2F | 0xFEFF => Class::Folds,
        0xFF10..=0xFF19 | 0xFF21..=0xFF3A | 0xFF41..=0xFF5A | 0xFF61..=0xFFEF => Class::Folds,
        0x1D400..=0x1D7FF | 0x1F100..=0x1F1FF | 0xE0000..=0xE0FFF => Class::Folds,
        _ => Class::Plain,
    }
}

/// Jamo: the only characters here that have to be put together.
fn composes(ch: char) -> bool {
    matches!(ch as u32, 0x1100..=0x115E | 0x1161..=0x11FF)
}

fn push(out: &mut String, ch: char, needs: &Needs) {
    match ch as u32 {
        // Invisible: soft hyphen, joiners, marks of direction, variation selectors, tags, fillers.
        0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F => {}
        0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0 => {}
        0xE0000..=0xE0FFF => {}
        // Marks that sit on a letter.
        0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F => {}
        0x00A0 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => out.push(' '),
        // Regional indicators, squared and negative letters spell words.
        number @ (0x1F1E6..=0x1F1FF | 0x1F130..=0x1F149 | 0x1F150..=0x1F169 | 0x1F170..=0x1F189) => {
            let first = match number {
                0x1F1E6.. => 0x1F1E6,
                0x1F170.. => 0x1F170,
                0x1F150.. => 0x1F150,
                _ => 0x1F130,
            };
            out.push(char::from(b'a' + u8::try_from(number - first).expect("26 letters")));
        }
        0x0370..=0x058F | 0x13A0..=0x13FF => match look_alike(ch) {
            Some(latin) if needs.mixed => out.push(latin),
            _ => out.extend(ch.to_lowercase()),
        },
        _ if matches!(class(ch as u32), Class::Plain) => out.push(ch),
        _ => decompose_compatible(ch, |part| match part as u32 {
            0x0300..=0x036F => {}
            _ => match look_alike(part) {
                Some(latin) if !matches!(class(part as u32), Class::OtherScript) || needs.mixed => {
                    out.push(latin);
                }
                _ => out.push(part),
            },
        }),
    }
}
