//! What the command line says.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

pub(crate) const HELP: &str = "\
An LLM endpoint behind a gate, with everything it needs inside: try it with curl.

Usage: cargo run --example generate [-- OPTIONS]

Options:
  --listen ADDRESS   where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
  --config FILE      builds the gate from TOML; examples/generate.toml explains every key
  --audit FILE       where records are appended [default: audit.jsonl, or what --config says]
  --credentials      prints the credentials as one line of JSON, for programs
  --help             prints this
";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Serve(Arguments),
    Help,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) listen: SocketAddr,
    pub(crate) config: Option<PathBuf>,
    audit: Option<PathBuf>,
    pub(crate) credentials: bool,
}

impl Arguments {
    /// Where records go; `None` when that is for the configuration to say.
    pub(crate) fn audit_file(&self) -> Option<&Path> {
        let default = self.config.is_none().then_some(Path::new("audit.jsonl"));
        self.audit.as_deref().or(default)
    }
}

impl Command {
    /// Reads what follows the program's name. An error is a sentence for the person who wrote it.
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let mut arguments = Arguments { listen, config: None, audit: None, credentials: false };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let text = word.to_string_lossy().into_owned();
            // Both `--listen ADDRESS` and `--listen=ADDRESS`.
            let (name, joined) = match text.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (text.as_str(), None),
            };
            let mut value = |what: &str| {
                joined.clone().or_else(|| words.next()).ok_or_else(|| format!("{name} needs {what} after it"))
            };
            match name {
                "--listen" => arguments.listen = address(&value("an address")?)?,
                "--config" => arguments.config = Some(value("a file")?.into()),
                "--audit" => arguments.audit = Some(value("a file")?.into()),
                "--credentials" if joined.is_none() => arguments.credentials = true,
                "--help" | "-h" if joined.is_none() => return Ok(Self::Help),
                _ => return Err(format!("unknown argument {text:?}")),
            }
        }
        Ok(Self::Serve(arguments))
    }
}

fn address(value: &OsString) -> Result<SocketAddr, String> {
    let text = value.to_string_lossy();
    text.parse()
        .map_err(|_| format!("--listen {text:?}: write an IP address and a port, such as 127.0.0.1:8080"))
}
