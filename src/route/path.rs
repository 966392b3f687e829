use thiserror::Error;

/// A path that two components could read as two different ones.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the path holds {0}, which can be read in more than one way")]
pub struct OddPath(&'static str);

/// Refuses spellings that routers, proxies and file systems are known to resolve differently (RFC 3986 §6.2.2).
///
/// Answers whether it holds an escaped slash, which a route may allow.
pub(super) fn check(path: &str) -> Result<Slashes, OddPath> {
    let mut slashes = Slashes::Plain;
    let bytes = path.as_bytes();
    // RFC 3986 §3.3 has no others; some servers decode them, some escape them, and a log shows what they spell.
    if !bytes.iter().all(u8::is_ascii_graphic) {
        return Err(OddPath("a character outside of visible ASCII"));
    }
    let mut at = 0;
    while let Some(found) = bytes[at..].iter().position(|&b| matches!(b, b'%' | b'/' | b';' | b'\\' | 0)) {
        at += found;
        match bytes[at] {
            b'%' if bytes[at..].len() >= 3 && bytes[at..at + 3].eq_ignore_ascii_case(b"%2f") => {
                slashes = Slashes::Escaped;
            }
            b'%' => escape(&bytes[at..])?,
            b'/' => segment(&bytes[at + 1..])?,
            b';' => return Err(OddPath("a path parameter (;)")),
            b'\\' => return Err(OddPath("a backslash")),
            _ => return Err(OddPath("a NUL")),
        }
        at += 1;
    }
    Ok(slashes)
}

/// Whether a path holds an escaped slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slashes {
    Plain,
    Escaped,
}

impl Slashes {
    /// Refuses an escaped slash.
    pub(super) fn refuse(self) -> Result<(), OddPath> {
        match self {
            Self::Plain => Ok(()),
            Self::Escaped => Err(OddPath("an escaped slash")),
        }
    }
}

fn escape(bytes: &[u8]) -> Result<(), OddPath> {
    let digit = |at: usize| bytes.get(at).and_then(|&b| (b as char).to_digit(16));
    let (Some(high), Some(low)) = (digit(1), digit(2)) else {
        return Err(OddPath("a % that begins no escape"));
    };
    match high << 4 | low {
        0x2e => Err(OddPath("an escaped dot")),
        0x5c => Err(OddPath("an escaped backslash")),
        0x3b => Err(OddPath("an escaped semicolon")),
        0x25 => Err(OddPath("an escaped percent sign")),
        code if code < 0x20 || code == 0x7f => Err(OddPath("an escaped control character")),
        _ => Ok(()),
    }
}

fn segment(rest: &[u8]) -> Result<(), OddPath> {
    match rest {
        [b'/', ..] => Err(OddPath("an empty segment (//)")),
        [b'.'] | [b'.', b'/', ..] | [b'.', b'.'] | [b'.', b'.', b'/', ..] => Err(OddPath("a dot segment")),
        _ => Ok(()),
    }
}
