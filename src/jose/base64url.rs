//! Unpadded base64url as RFC 7515 §2 has it, one spelling per value: padding, white space, foreign
//! characters and non-zero trailing bits are refused, so two different strings never decode alike.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Decodes into a buffer of fixed size and returns the part that was filled.
pub(crate) fn decode_slice<'b>(text: &[u8], out: &'b mut [u8]) -> Option<&'b [u8]> {
    let length = URL_SAFE_NO_PAD.decode_slice(text, out).ok()?;
    Some(&out[..length])
}

/// Decodes into a vector of its own.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Appends the encoding of `bytes`.
pub(crate) fn encode_into(bytes: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// The encoding of `bytes`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
