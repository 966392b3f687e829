//! Text to tape, without recursion.

use std::collections::HashSet;

use super::JsonLimits;
use super::error::{JsonError, JsonErrorKind, push_key_bounded};
use super::scan::{escape, number, plain_run, skip_space};
use super::tape::{Entry, Tag, Tape};

/// Objects with more members than this find duplicate keys by hashing, the others by comparing.
const COMPARE_LIMIT: usize = 24;
/// No reservation ahead of what was read goes beyond this many nodes: 1 KiB, which allocators hand out fast.
const RESERVE_LIMIT: usize = 64;

/// Reads one document.
pub(super) fn parse(text: &str, limits: JsonLimits) -> Result<Tape, JsonError> {
    let expected = (text.len() / 8).min(RESERVE_LIMIT);
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        limits,
        tape: Tape { nodes: Vec::with_capacity(expected), unescaped: String::new() },
        open: Vec::with_capacity(8),
        keys: Vec::with_capacity(16),
    };
    match parser.document() {
        Ok(()) => {
            // A document is kept until its handler has ended, and counted by its length.
            parser.tape.nodes.shrink_to(RESERVE_LIMIT);
            parser.tape.unescaped.shrink_to_fit();
            Ok(parser.tape)
        }
        Err((kind, offset)) => Err(JsonError::new(kind, offset, parser.pointer())),
    }
}

type Fault = (JsonErrorKind, usize);

struct Parser<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    limits: JsonLimits,
    tape: Tape,
    open: Vec<Frame>,
    /// The keys of all open objects, innermost last.
    keys: Vec<KeyMark>,
}

/// An array or object whose end was not yet seen.
struct Frame {
    node: u32,
    count: u32,
    first_key: u32,
    object: bool,
    /// Whether the parser stands inside a child: the last key's value, or element `count`.
    inside: bool,
}

/// A key, and a cheap summary of its text that differs for most pairs of keys.
#[derive(Clone, Copy)]
struct KeyMark {
    node: u32,
    summary: u32,
}

impl KeyMark {
    fn new(node: usize, text: &str) -> Self {
        let bytes = text.as_bytes();
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let last = byte(bytes.len().wrapping_sub(1));
        let summary = u32::from_le_bytes([bytes.len() as u8, byte(0), byte(bytes.len() / 2), last]);
        Self { node: node as u32, summary }
    }
}

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Fault> {
        self.at = skip_space(self.bytes, 0);
        if self.at == self.bytes.len() {
            return Err((JsonErrorKind::Empty, 0));
        }
        loop {
            let opened = self.value()?;
            if opened && !self.first_child()? {
                continue;
            }
            if !self.next_child()? {
                break;
            }
        }
        self.at = skip_space(self.bytes, self.at);
        if self.at == self.bytes.len() { Ok(()) } else { Err((JsonErrorKind::TrailingBytes, self.at)) }
    }

    /// Reads a scalar, or the opening of a container (then true).
    fn value(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        match self.bytes.get(start) {
            Some(b'"') => self.string(Tag::String, Tag::EscapedString)?,
            Some(b'{') => {
                self.open(Tag::Object)?;
                return Ok(true);
            }
            Some(b'[') => {
                self.open(Tag::Array)?;
                return Ok(true);
            }
            Some(b'-' | b'0'..=b'9') => {
                let (end, integer) = number(self.bytes, start)?;
                let tag = if integer { Tag::Integer } else { Tag::Fraction };
                self.push(Entry::new(tag, start, end, 0, 0))?;
                self.at = end;
            }
            Some(b't') => self.literal("true", Tag::True)?,
            Some(b'f') => self.literal("false", Tag::False)?,
            Some(b'n') => self.literal("null", Tag::Null)?,
            Some(_) => return Err((JsonErrorKind::Expected("a JSON value"), start)),
            None => return Err((JsonErrorKind::UnexpectedEnd, start)),
        }
        Ok(false)
    }

    /// After an opening bracket: steps to the first child, or closes the empty container (then true).
    fn first_child(&mut self) -> Result<bool, Fault> {
        self.at = skip_space(self.bytes, self.at);
        let object = self.open.last().is_some_and(|frame| frame.object);
        if self.bytes.get(self.at) == Some(if object { &b'}' } else { &b']' }) {
            self.close()?;
            return Ok(true);
        }
        self.enter(object)?;
        Ok(false)
    }

    /// After a value: closes what ends here and steps to the next child; false when the document is over.
    fn next_child(&mut self) -> Result<bool, Fault> {
        loop {
            let Some(frame) = self.open.last_mut() else { return Ok(false) };
            frame.count += 1;
            frame.inside = false;
            let object = frame.object;
            self.at = skip_space(self.bytes, self.at);
            match (self.bytes.get(self.at), object) {
                (Some(b','), _) => {
                    self.at = skip_space(self.bytes, self.at + 1);
                    self.enter(object)?;
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close()?,
                (None, _) => return Err((JsonErrorKind::UnexpectedEnd, self.at)),
                (_, true) => return Err((JsonErrorKind::Expected("',' or '}'"), self.at)),
                (_, false) => return Err((JsonErrorKind::Expected("',' or ']'"), self.at)),
            }
        }
    }

    /// Stands before a child: reads an object's key and colon.
    fn enter(&mut self, object: bool) -> Result<(), Fault> {
        if object {
            match self.bytes.get(self.at) {
                Some(b'"') => {}
                None => return Err((JsonErrorKind::UnexpectedEnd, self.at)),
                Some(_) => return Err((JsonErrorKind::Expected("a key in double quotes"), self.at)),
            }
            let node = self.tape.nodes.len();
            self.string(Tag::Key, Tag::EscapedKey)?;
            let mark = KeyMark::new(node, self.key(node as u32));
            self.keys.push(mark);
            self.at = skip_space(self.bytes, self.at);
            match self.bytes.get(self.at) {
                Some(b':') => self.at = skip_space(self.bytes, self.at + 1),
                None => return Err((JsonErrorKind::UnexpectedEnd, self.at)),
                Some(_) => return Err((JsonErrorKind::Expected("':' after the key"), self.at)),
            }
        }
        if let Some(frame) = self.open.last_mut() {
            frame.inside = true;
        }
        Ok(())
    }

    fn open(&mut self, tag: Tag) -> Result<(), Fault> {
        if self.open.len() >= self.limits.depth {
            return Err((JsonErrorKind::TooDeep(self.limits.depth), self.at));
        }
        self.open.push(Frame {
            node: self.tape.nodes.len() as u32,
            count: 0,
            first_key: self.keys.len() as u32,
            object: tag == Tag::Object,
            inside: false,
        });
        self.push(Entry::new(tag, self.at, self.at, 0, 0))?;
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let Some(frame) = self.open.last() else { return Ok(()) };
        let (node, count, first_key) = (frame.node as usize, frame.count as usize, frame.first_key as usize);
        let object = frame.object;
        if object && count > 1 {
            self.refuse_duplicates(first_key)?;
        }
        let tag = if object { Tag::Object } else { Tag::Array };
        let start = self.tape.nodes[node].start as usize;
        self.tape.nodes[node] = Entry::new(tag, start, self.at, self.tape.nodes.len(), count);
        self.keys.truncate(first_key);
        self.open.pop();
        Ok(())
    }

    fn refuse_duplicates(&mut self, first_key: usize) -> Result<(), Fault> {
        let keys = &self.keys[first_key..];
        let double = if keys.len() <= COMPARE_LIMIT {
            keys.iter().enumerate().find_map(|(n, key)| {
                let same = |other: &KeyMark| {
                    other.summary == key.summary && self.key(other.node) == self.key(key.node)
                };
                keys[..n].iter().any(same).then_some(n)
            })
        } else {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.iter().position(|key| !seen.insert(self.key(key.node)))
        };
        let Some(double) = double else { return Ok(()) };
        let offset = self.tape.nodes[keys[double].node as usize].start as usize;
        // The error's pointer ends at the last key, which shall be the double one.
        self.keys.truncate(first_key + double + 1);
        if let Some(frame) = self.open.last_mut() {
            frame.inside = true;
        }
        Err((JsonErrorKind::DuplicateKey, offset))
    }

    fn literal(&mut self, word: &'static str, tag: Tag) -> Result<(), Fault> {
        let rest = &self.bytes[self.at..];
        if !rest.starts_with(word.as_bytes()) {
            let cut_off = word.as_bytes().starts_with(rest);
            let kind =
                if cut_off { JsonErrorKind::UnexpectedEnd } else { JsonErrorKind::Expected("a JSON value") };
            return Err((kind, if cut_off { self.bytes.len() } else { self.at }));
        }
        let end = self.at + word.len();
        self.push(Entry::new(tag, self.at, end, 0, 0))?;
        self.at = end;
        Ok(())
    }

    fn string(&mut self, plain: Tag, escaped: Tag) -> Result<(), Fault> {
        let start = self.at;
        let stop = plain_run(self.bytes, start + 1);
        if self.bytes.get(stop) == Some(&b'"') {
            self.at = stop + 1;
            return self.push(Entry::new(plain, start, self.at, 0, 0));
        }
        let text_start = self.tape.unescaped.len();
        let (mut from, mut stop) = (start + 1, stop);
        loop {
            match self.bytes.get(stop) {
                None => return Err((JsonErrorKind::UnexpectedEnd, stop)),
                Some(b'"') => break,
                Some(b'\\') => {
                    self.tape.unescaped.push_str(&self.text[from..stop]);
                    let (character, end) = escape(self.bytes, stop)?;
                    self.tape.unescaped.push(character);
                    from = end;
                    stop = plain_run(self.bytes, end);
                }
                Some(_) => return Err((JsonErrorKind::ControlCharacter, stop)),
            }
        }
        self.tape.unescaped.push_str(&self.text[from..stop]);
        self.at = stop + 1;
        let length = self.tape.unescaped.len() - text_start;
        self.push(Entry::new(escaped, start, self.at, text_start, length))
    }

    #[inline]
    fn push(&mut self, entry: Entry) -> Result<(), Fault> {
        if self.tape.nodes.len() >= self.limits.nodes {
            return Err((JsonErrorKind::TooManyNodes(self.limits.nodes), entry.start as usize));
        }
        self.tape.nodes.push(entry);
        Ok(())
    }

    fn key(&self, node: u32) -> &str {
        let entry = self.tape.nodes[node as usize];
        if entry.tag() == Tag::EscapedKey {
            &self.tape.unescaped[entry.link as usize..entry.link as usize + entry.count()]
        } else {
            &self.text[entry.start as usize + 1..entry.end as usize - 1]
        }
    }

    /// The innermost value the parser stands in.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for (n, frame) in self.open.iter().enumerate().filter(|(_, frame)| frame.inside) {
            if frame.object {
                let end = self.open.get(n + 1).map_or(self.keys.len(), |inner| inner.first_key as usize);
                if let Some(key) = end.checked_sub(1).and_then(|last| self.keys.get(last)) {
                    push_key_bounded(&mut pointer, self.key(key.node));
                }
            } else {
                push_key_bounded(&mut pointer, &frame.count.to_string());
            }
        }
        pointer
    }
}
