use super::entry::AuditEntry;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Where records are written. Runs on a thread of its own and may block it.
pub trait AuditSink: Send + 'static {
    /// Takes one record.
    ///
    /// # Errors
    /// When it could not be taken; it is offered again until it is.
    fn write(&mut self, entry: &AuditEntry) -> io::Result<()>;

    /// Makes sure that what was taken is where it belongs. Called when what waited has been taken.
    ///
    /// # Errors
    /// When it is not; called again until it is.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: FnMut(&AuditEntry) + Send + 'static> AuditSink for F {
    fn write(&mut self, entry: &AuditEntry) -> io::Result<()> {
        self(entry);
        Ok(())
    }
}

/// How much is gathered before it is written.
const BATCH: usize = 64 * 1024;

/// A file of JSON lines, one record each, as [`AuditEntry::write_line`] writes them.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
    waiting: Vec<u8>,
}

impl JsonLines {
    /// Appends to the file at `path`, which is made, readable by its owner only, when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("the audit file {} cannot be opened: {error}", path.display()),
            )
        })?;
        Ok(Self { file, waiting: Vec::new() })
    }

    fn write_out(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            // What was written is taken off at once, so that a failure half-way repeats nothing.
            let written = self.file.write(&self.waiting)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.waiting.drain(..written);
        }
        Ok(())
    }
}

impl AuditSink for JsonLines {
    fn write(&mut self, entry: &AuditEntry) -> io::Result<()> {
        if self.waiting.len() >= BATCH {
            self.write_out()?;
        }
        entry.append_line(&mut self.waiting)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_out()
    }
}
