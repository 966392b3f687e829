//! The strict JSON that headers, claims and keys are read with: the crate's one parser, within small bounds.

use bytes::Bytes;

use super::{JoseError, JoseErrorKind};
use crate::payload::json::{Document, JsonLimits, Kind, Node};

/// Reads `bytes` as one JSON object. A name that appears twice in any object is refused (RFC 7515 §4, RFC 7519 §4 leave
/// the choice between that and the last one; two readers of one credential must not differ).
pub(crate) fn object(bytes: Bytes, what: &'static str) -> Result<Document, JoseError> {
    let limits = JsonLimits::default().with_depth(16);
    let document = Document::parse_with(bytes, limits)
        // Without its pointer: an answer may repeat a credential in a key.
        .map_err(|error| {
            let reason = format!("{} (byte {})", error.kind(), error.offset());
            JoseErrorKind::Json { what, reason }
        })?;
    if document.root().kind() == Kind::Object {
        Ok(document)
    } else {
        Err(JoseErrorKind::Json { what, reason: "it is another type".into() }.into())
    }
}

/// The string member `name`, if there is such a member.
pub(crate) fn text<'d>(object: Node<'d>, name: &'static str) -> Result<Option<&'d str>, JoseError> {
    match object.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or_else(|| JoseErrorKind::Malformed(name).into()),
    }
}
