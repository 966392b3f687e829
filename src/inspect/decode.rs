//! Decoding of runs that hide text: base64, hexadecimal, binary digits, percent signs, character references,
//! escapes and Unicode tags. One level, and only what decodes to readable text.

use std::ops::Range;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// The shortest run of base64 or hexadecimal digits that is looked at.
const SHORTEST: usize = 20;

/// Runs of base64 or hexadecimal digits in `text`. Finds every run of at least 31 bytes; shorter ones by luck.
pub(super) fn encoded_runs(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut runs: Vec<Range<usize>> = Vec::new();
    // A run of 31 digits holds one whole aligned block of 16; ordinary words hold none.
    for (index, block) in bytes.as_chunks::<16>().0.iter().enumerate() {
        let at = index * 16;
        // Two questions, the cheap one first: prose has a space in next to every block.
        if block.iter().fold(false, |spaced, &byte| spaced | (byte <= b' '))
            || block.iter().fold(false, |strange, &byte| strange | !is_digit(byte))
            || runs.last().is_some_and(|run| run.end > at)
        {
            continue;
        }
        let start = at - bytes[..at].iter().rev().take_while(|&&byte| is_digit(byte)).count();
        let mut end = at + bytes[at..].iter().take_while(|&&byte| is_digit(byte)).count();
        // Lines of one long run, as mail and PEM break them.
        while end - start >= 60 {
            let gap = bytes[end..].iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
            let line = bytes[end + gap..].iter().take_while(|&&byte| is_digit(byte)).count();
            if !(1..=2).contains(&gap) || line < 4 {
                break;
            }
            end += gap + line;
        }
        if end - start >= SHORTEST {
            runs.push(start..end);
        }
    }
    runs
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The text that a run of base64 or hexadecimal digits stands for, if it is text.
pub(super) fn decode_run(run: &str) -> Option<String> {
    let digits: Vec<u8> = run
        .bytes()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    let hexadecimal = digits.strip_prefix(b"0x").unwrap_or(&digits);
    if hexadecimal.len().is_multiple_of(2) && hexadecimal.iter().all(u8::is_ascii_hexdigit) {
        return readable(hexadecimal.chunks_exact(2).map(|pair| hex(pair[0]) << 4 | hex(pair[1])).collect());
    }
    // Most long runs are no text at all, which their first bytes tell.
    let head = STANDARD.decode(&digits[..digits.len().min(24) / 4 * 4]).ok()?;
    if !looks_readable(&head) {
        return None;
    }
    let whole = if digits.len() % 4 == 1 { &digits[..digits.len() - 1] } else { &digits[..] };
    readable(STANDARD.decode(whole).ok()?)
}

/// The text of `01101001`-style octets in `text`, with where they stand.
pub(super) fn decode_binary(text: &str) -> Option<(String, Range<usize>)> {
    let mut out = Vec::new();
    let mut span: Option<Range<usize>> = None;
    for (word, start) in words(text) {
        for (index, octet) in word.as_bytes().chunks(8).enumerate() {
            if octet.len() == 8 && octet.iter().all(|digit| matches!(digit, b'0' | b'1')) {
                out.push(octet.iter().fold(0, |value, digit| value << 1 | (digit - b'0')));
                let at = start + index * 8;
                span = Some(span.map_or(at, |held| held.start)..at + 8);
            }
        }
    }
    Some((readable(out)?, span?))
}

fn words(text: &str) -> impl Iterator<Item = (&str, usize)> {
    let start = text.as_ptr().addr();
    text.split(|ch: char| !ch.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(move |word| (word, word.as_ptr().addr() - start))
}

/// `text` with percent signs, character references and `\u`/`\x` escapes replaced by what they stand for.
pub(super) fn unescape(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut changed = false;
    while at < bytes.len() {
        let step = match bytes[at] {
            b'%' => percent(&bytes[at..]).map(|byte| (3, Escaped::Byte(byte))),
            b'&' => reference(&text[at..]),
            b'\\' => escape(&bytes[at..]),
            _ => None,
        };
        match step {
            Some((length, Escaped::Byte(byte))) => {
                out.push(byte);
                at += length;
                changed = true;
            }
            Some((length, Escaped::Char(ch))) => {
                out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                changed = true;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    changed.then(|| String::from_utf8_lossy(&out).into_owned())
}

enum Escaped {
    Byte(u8),
    Char(char),
}

fn percent(bytes: &[u8]) -> Option<u8> {
    match bytes {
        [_, high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            Some(hex(*high) << 4 | hex(*low))
        }
        _ => None,
    }
}

fn reference(text: &str) -> Option<(usize, Escaped)> {
    const NAMED: [(&str, char); 8] = [
        ("&lt;", '<'),
        ("&gt;", '>'),
        ("&amp;", '&'),
        ("&quot;", '"'),
        ("&apos;", '\''),
        ("&nbsp;", ' '),
        ("&Tab;", '\t'),
        ("&NewLine;", '\n'),
    ];
    if let Some((name, ch)) = NAMED.iter().find(|(name, _)| text.starts_with(name)) {
        return Some((name.len(), Escaped::Char(*ch)));
    }
    let digits = text.strip_prefix("&#")?;
    let (digits, radix) = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    let length = digits.bytes().take(8).take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let ch = char::from_u32(u32::from_str_radix(&digits[..length], radix).ok()?)?;
    let semicolon = usize::from(digits[length..].starts_with(';'));
    Some((text.len() - digits.len() + length + semicolon, Escaped::Char(ch)))
}

fn escape(bytes: &[u8]) -> Option<(usize, Escaped)> {
    let length = match bytes.get(1)? {
        b'x' => 2,
        b'u' => 4,
        _ => return None,
    };
    let digits = bytes.get(2..2 + length)?;
    let value = digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_hexdigit().then(|| value << 4 | u32::from(hex(*digit))))?;
    Some((2 + length, Escaped::Char(char::from_u32(value)?)))
}

/// The first byte of every tag.
const TAG_LEAD: u8 = 0xF3;

/// What Unicode tags in `text` spell, with where they stand; flags of regions are left alone.
pub(super) fn decode_tags(text: &str) -> Option<(String, Range<usize>)> {
    memchr::memchr(TAG_LEAD, text.as_bytes())?;
    let mut out = String::new();
    let mut span: Option<Range<usize>> = None;
    let mut flag = false;
    for (at, ch) in text.char_indices() {
        match ch {
            '\u{1F3F4}' => flag = true,
            '\u{E0020}'..='\u{E007E}' if !flag => {
                let plain = u8::try_from(ch as u32 - 0xE0000).expect("tags mirror ASCII");
                out.push(char::from(plain));
                span = Some(span.map_or(at, |held| held.start)..at + ch.len_utf8());
            }
            '\u{E0020}'..='\u{E007E}' => {}
            _ => flag = false,
        }
    }
    Some((out, span?))
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    (text.len() >= 8 && looks_readable(text.as_bytes())).then_some(text)
}

/// Whether next to all of it is what people type.
fn looks_readable(bytes: &[u8]) -> bool {
    let odd = bytes
        .iter()
        .filter(|&&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f)
        .count();
    let high = bytes.iter().filter(|byte| !byte.is_ascii()).count();
    odd == 0 && (high == 0 || std::str::from_utf8(bytes).is_ok_and(|_| true) || high * 8 < bytes.len())
}
