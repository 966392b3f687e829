//! `JSONTestSuite`: y is accepted, n is refused, i is up to the parser and listed with what ours does.

use bytes::Bytes;
use portcullis::payload::json::{Document, JsonError, JsonErrorKind};

use crate::vectors::{Report, Vectors};

pub(crate) fn suite(vectors: &Vectors, report: &mut Report) {
    for (path, bytes) in vectors.archive("http/json_test_suite.tar.gz") {
        let Some((folder, name)) = path.rsplit_once('/').filter(|(_, name)| name.ends_with(".json")) else {
            continue;
        };
        let read = Document::parse(Bytes::from(bytes.clone()));
        let kind = read.as_ref().err().map(JsonError::kind);
        match (folder.ends_with("test_parsing"), name.split('_').next()) {
            (true, Some("y")) if kind == Some(JsonErrorKind::DuplicateKey) => {
                report.name("valid, refused since a key stands there twice", name);
            }
            (true, Some("y")) => {
                let ours =
                    read.as_ref().ok().and_then(|document| document.deserialize::<serde_json::Value>().ok());
                let theirs = serde_json::from_slice(&bytes).ok();
                report.check(ours.is_some() && ours == theirs, || format!("{name}: {kind:?}"));
            }
            (true, Some("n")) => report.check(read.is_err(), || format!("{name} was accepted")),
            (true, _) => report.name(undecided("left to the parser", kind), name),
            (false, _) => report.name(undecided("read in many ways by others", kind), name),
        }
    }
}

fn undecided(what: &str, kind: Option<JsonErrorKind>) -> String {
    match kind {
        None => format!("{what}, accepted"),
        Some(kind) => format!("{what}, refused since {kind}"),
    }
}
