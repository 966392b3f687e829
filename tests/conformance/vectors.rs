//! Where the vectors are, and what came of them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;

/// How many vectors of one reason are printed by name.
const NAMED: usize = 20;

/// The folder of vectors.
pub(crate) struct Vectors(PathBuf);

impl Vectors {
    /// Finds it, or says in one line how to get it.
    pub(crate) fn find() -> Result<Self, String> {
        let folder = match std::env::var_os("PORTCULLIS_VECTORS") {
            Some(folder) => PathBuf::from(folder),
            None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors"),
        };
        if folder.join("jose").is_dir() {
            return Ok(Self(folder));
        }
        let folder = folder.display();
        Err(format!(
            "no test vectors in {folder}: set PORTCULLIS_VECTORS to a folder of them, as tests/conformance/main.rs lists"
        ))
    }

    /// A packed JSON document.
    pub(crate) fn json(&self, name: &str) -> Value {
        let file = File::open(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        serde_json::from_reader(GzDecoder::new(file)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The files of a packed archive by path, without a leading `./`.
    pub(crate) fn archive(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let file = File::open(self.0.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(GzDecoder::new(file)).entries().expect("the archive can be read") {
            let mut entry = entry.expect("the archive can be read");
            let path = entry.path().expect("a path is text").to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("the archive can be read");
            files.insert(path.trim_start_matches("./").to_owned(), bytes);
        }
        files
    }
}

/// What came of a family.
#[derive(Default)]
pub(crate) struct Report {
    held: usize,
    broken: Vec<String>,
    named: BTreeMap<String, Vec<String>>,
}

impl Report {
    /// Counts a vector that is read as its authors say, or breaks the family.
    pub(crate) fn check(&mut self, holds: bool, which: impl FnOnce() -> String) {
        if holds {
            self.held += 1;
        } else {
            self.broken.push(which());
        }
    }

    /// Names a vector that is read otherwise, or not at all, for a reason of our own.
    pub(crate) fn name(&mut self, reason: impl Into<String>, which: impl Into<String>) {
        self.named.entry(reason.into()).or_default().push(which.into());
    }

    /// Tells what came of it; yields how many vectors are broken.
    pub(crate) fn print(&self, sentence: &str) -> usize {
        let verdict = if self.broken.is_empty() && self.held > 0 { "holds" } else { "BROKEN" };
        println!("\n{verdict}: {sentence} ({} vectors)", self.held);
        for (reason, which) in &self.named {
            let more = if which.len() > NAMED { ", …" } else { "" };
            println!("  {} {reason}: {}{more}", which.len(), which[..which.len().min(NAMED)].join(", "));
        }
        self.broken.iter().for_each(|which| println!("  BROKEN {which}"));
        self.broken.len().max(usize::from(self.held == 0))
    }
}
