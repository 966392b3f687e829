//! The rules of the strict JSON reader, one sentence each.

mod deserialize;
mod differential;
mod edit;
mod strict;

use bytes::Bytes;

use super::{Document, JsonError, JsonErrorKind};

fn parse(source: impl AsRef<[u8]>) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(source.as_ref()))
}

fn refused(source: impl AsRef<[u8]>) -> (JsonErrorKind, usize, String) {
    let error = parse(source).expect_err("the source breaks a rule");
    (error.kind(), error.offset(), error.pointer().to_owned())
}
