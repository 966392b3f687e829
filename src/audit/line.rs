use super::entry::AuditEntry;
use super::json::Json;
use crate::refusal::is_unruly;
use serde::Serialize;
use serde_json::ser::Formatter;
use std::io::{self, Write};

impl AuditEntry {
    /// Writes the record as one line of JSON. Whatever could end the line, drive a terminal or turn the direction of
    /// reading stands as an escape of JSON's own (`\u202e`), so that a program reads the text as it was.
    ///
    /// # Errors
    /// When `to` cannot be written.
    pub fn write_line(&self, mut to: impl Write) -> io::Result<()> {
        let mut line = Vec::with_capacity(1024);
        self.append_line(&mut line)?;
        to.write_all(&line)
    }

    pub(super) fn append_line(&self, to: &mut Vec<u8>) -> io::Result<()> {
        self.serialize(Json::to(to))?;
        to.push(b'\n');
        Ok(())
    }
}

/// JSON in one line, see [`AuditEntry::write_line`].
pub(super) struct Line;

impl Formatter for Line {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_unruly(*c)) {
            let (before, from) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            write!(writer, "\\u{:04x}", u32::from(c))?;
            rest = &from[c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}
