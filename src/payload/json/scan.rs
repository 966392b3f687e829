//! The byte loops: runs of plain string bytes, white space, the grammar of numbers, escapes.

use memchr::memchr2;

use super::error::JsonErrorKind;

const ONES: u64 = u64::MAX / 255;
const HIGHS: u64 = ONES << 7;
/// Strings shorter than this never reach `memchr`, whose set-up costs more than they do.
const NEAR: usize = 64;

/// Where the run of plain string bytes that begins at `from` stops: at a quote, a backslash, a control character
/// or the end.
pub(super) fn plain_run(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let stop = stops(u64::from_le_bytes(*word));
        if stop != 0 {
            return at + stop.trailing_zeros() as usize / 8;
        }
        at += 8;
        if at - from >= NEAR {
            return long_run(bytes, at);
        }
    }
    bytes[at..].iter().position(|byte| is_stop(*byte)).map_or(bytes.len(), |n| at + n)
}

fn long_run(bytes: &[u8], from: usize) -> usize {
    let end = memchr2(b'"', b'\\', &bytes[from..]).map_or(bytes.len(), |n| from + n);
    let mut at = from;
    for chunk in bytes[from..end].chunks(64) {
        // A minimum over a chunk compiles to vector instructions; a search with an early exit does not.
        if chunk.iter().fold(u8::MAX, |low, byte| low.min(*byte)) < b' ' {
            return at + chunk.iter().position(|byte| *byte < b' ').unwrap_or(0);
        }
        at += chunk.len();
    }
    end
}

fn is_stop(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < b' '
}

/// Sets the high bit of every byte of `word` that stops a run. Bits above the lowest one set may be wrong
/// (subtraction borrows upwards), the lowest never is.
fn stops(word: u64) -> u64 {
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (zero(word ^ (ONES * b'"' as u64)) | zero(word ^ (ONES * b'\\' as u64)) | control) & HIGHS
}

/// The first byte from `at` on that is not JSON white space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Reads one number; yields where it ends and whether it is an integer without fraction and exponent.
pub(super) fn number(bytes: &[u8], from: usize) -> Result<(usize, bool), (JsonErrorKind, usize)> {
    let digits = |mut at: usize| {
        let first = at;
        while matches!(bytes.get(at), Some(b'0'..=b'9')) {
            at += 1;
        }
        if at == first { Err((malformed(bytes, at), at)) } else { Ok(at) }
    };
    let mut at = from;
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = if bytes.get(at) == Some(&b'0') { at + 1 } else { digits(at)? };
    let mut integer = true;
    if bytes.get(at) == Some(&b'.') {
        integer = false;
        at = digits(at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        integer = false;
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(at)?;
    }
    match bytes.get(at) {
        Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-' | b'_') => {
            Err((JsonErrorKind::InvalidNumber, at))
        }
        _ => Ok((at, integer)),
    }
}

fn malformed(bytes: &[u8], at: usize) -> JsonErrorKind {
    if at >= bytes.len() { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::InvalidNumber }
}

/// Resolves the escape whose backslash stands at `at`; yields its character and where it ends.
pub(super) fn escape(bytes: &[u8], at: usize) -> Result<(char, usize), (JsonErrorKind, usize)> {
    let plain = |character| Ok((character, at + 2));
    match bytes.get(at + 1) {
        None => Err((JsonErrorKind::UnexpectedEnd, bytes.len())),
        Some(b'"') => plain('"'),
        Some(b'\\') => plain('\\'),
        Some(b'/') => plain('/'),
        Some(b'b') => plain('\u{8}'),
        Some(b'f') => plain('\u{c}'),
        Some(b'n') => plain('\n'),
        Some(b'r') => plain('\r'),
        Some(b't') => plain('\t'),
        Some(b'u') => {
            let unit = hex4(bytes, at)?;
            if let Some(character) = char::from_u32(unit) {
                return Ok((character, at + 6));
            }
            let lone = (JsonErrorKind::LoneSurrogate, at);
            let followed = bytes.get(at + 6) == Some(&b'\\') && bytes.get(at + 7) == Some(&b'u');
            if unit >= 0xDC00 || !followed {
                return Err(lone);
            }
            let low = hex4(bytes, at + 6)?;
            if !(0xDC00..0xE000).contains(&low) {
                return Err(lone);
            }
            let joined = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            Ok((char::from_u32(joined).ok_or(lone)?, at + 12))
        }
        Some(_) => Err((JsonErrorKind::InvalidEscape, at)),
    }
}

/// The code unit of the `\uXXXX` whose backslash stands at `at`.
fn hex4(bytes: &[u8], at: usize) -> Result<u32, (JsonErrorKind, usize)> {
    let Some(digits) = bytes.get(at + 2..at + 6) else {
        return Err((JsonErrorKind::InvalidEscape, at));
    };
    digits.iter().try_fold(0, |unit, digit| {
        (*digit as char).to_digit(16).map(|n| unit << 4 | n).ok_or((JsonErrorKind::InvalidEscape, at))
    })
}
