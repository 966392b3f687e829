//! Starts the examples.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

/// The example, until it is dropped.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// What it printed before it was ready.
    pub(crate) said: Vec<String>,
    /// Where its records and its events go.
    pub(crate) folder: PathBuf,
}

impl Server {
    /// Starts the example for the test called `name`.
    pub(crate) fn start(name: &str) -> Self {
        Self::start_with(name, &[])
    }

    pub(crate) fn start_with(name: &str, arguments: &[&str]) -> Self {
        let folder = scratch(name);
        let events = File::create(folder.join("events.txt")).unwrap();
        let mut child = example()
            .args(["--listen", "127.0.0.1:0", "--credentials", "--audit"])
            .arg(folder.join("audit.jsonl"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(events)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut said: Vec<String> = Vec::new();
        while said.last().is_none_or(|line| line != "Ctrl-C stops it") {
            let mut line = String::new();
            let read = stdout.read_line(&mut line).unwrap();
            let events = || std::fs::read_to_string(folder.join("events.txt")).unwrap();
            assert!(read > 0, "the example ended before it was ready: {}", events());
            said.push(line.trim_end().to_owned());
        }
        Self { child, stdout, said, folder }
    }

    /// What follows `prefix` on the line that begins with it.
    fn line(&self, prefix: &str) -> &str {
        let found = self.said.iter().find_map(|line| line.strip_prefix(prefix));
        found.unwrap_or_else(|| panic!("no line begins with {prefix:?}: {:#?}", self.said))
    }

    pub(crate) fn url(&self) -> &str {
        self.line("listening on ")
    }

    pub(crate) fn credentials(&self) -> &str {
        self.said.iter().find(|line| line.starts_with('{')).expect("--credentials prints them as JSON")
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, Vec<serde_json::Value>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("every record is in the audit file"), "{rest:?}");
        let records = std::fs::read_to_string(self.folder.join("audit.jsonl")).unwrap();
        (status, records.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when it has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn example() -> Command {
    program("generate")
}

/// An example's program, next to the folder that this test's program is in.
pub(crate) fn program(name: &str) -> Command {
    let this = std::env::current_exe().unwrap();
    let folder = this.ancestors().nth(2).expect("tests are built into …/deps").join("examples");
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(program.exists(), "{} is missing: run cargo build --examples", program.display());
    Command::new(program)
}

/// An empty folder for the test called `name`.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A copy of `examples/generate.toml` with an audit file in the folder for the test called `name`.
pub(crate) fn documented(name: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/generate.toml"))
        .unwrap();
    assert!(text.contains("\"../audit.jsonl\""));
    let folder = scratch(&format!("{name}-copy"));
    let copy = folder.join("gate.toml");
    std::fs::write(&copy, text.replace("\"../audit.jsonl\"", "\"records.jsonl\"")).unwrap();
    copy.to_str().unwrap().to_owned()
}
