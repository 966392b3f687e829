use std::fmt;

use bytes::Bytes;

use super::{Algorithm, JoseError, JoseErrorKind, PublicKey, base64url, json};
use crate::payload::json::{Document, Kind};

/// The longest compact JWS that is read, in bytes.
pub const MAX_JWS: usize = 8 * 1024;

/// The longest signature there can be: RSA of 4096 bits.
const MAX_SIGNATURE: usize = 512;

/// A compact JWS (RFC 7515 §7.1), read but not yet verified.
///
/// Nothing in it may be believed before [`verify`](Self::verify) has said so; what is readable before serves
/// to find the key. Keys that the header itself offers (`jwk`, `jku`, `x5u`, `x5c`) are never looked at, but for `jwk` by
/// [`parse_proof`](Self::parse_proof).
pub struct Jws<'a> {
    signed: &'a [u8],
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    typ: JwsType,
    payload: Bytes,
    signature: [u8; MAX_SIGNATURE],
    signature_length: usize,
}

/// What the `typ` header parameter says (RFC 7515 §4.1.9), compared without regard to case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwsType {
    /// There is none.
    Absent,
    /// `JWT`, or `application/jwt`.
    Jwt,
    /// `at+jwt`, or `application/at+jwt`: an access credential (RFC 9068 §2.1).
    AccessJwt,
    /// `logout+jwt`, or `application/logout+jwt`: a login session has ended (OpenID Connect Back-Channel Logout §2.4).
    LogoutJwt,
    /// `dpop+jwt`, or `application/dpop+jwt`: a proof that its sender holds a key (RFC 9449 §4.2).
    DpopProof,
    /// Anything else.
    Other,
}

impl<'a> Jws<'a> {
    /// Reads a compact JWS strictly.
    ///
    /// # Errors
    /// Everything in [`JoseErrorKind`] that concerns form: length, parts, base64url, a header that is no strict
    /// JSON object, an `alg` not accepted here, `crit`, `b64`, `zip`, a nested JWT.
    pub fn parse(compact: &'a str) -> Result<Self, JoseError> {
        Self::read(compact).map(|(jws, _)| jws)
    }

    /// Reads a compact JWS that brings the key of its sender along in `jwk` (RFC 7515 §4.1.3), as proofs of possession do.
    /// The key says nothing by itself: whoever calls this must know by its thumbprint whose it has to be.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and as [`PublicKey::from_jwk`] for a `jwk` that is missing, private or unusable.
    pub fn parse_proof(compact: &'a str) -> Result<(Self, PublicKey), JoseError> {
        let (jws, header) = Self::read(compact)?;
        let key = header.root().get("jwk").ok_or(JoseErrorKind::Missing("jwk"))?;
        if key.kind() != Kind::Object {
            return Err(JoseErrorKind::Malformed("jwk").into());
        }
        let key = super::jwk::read_node(key)?;
        if !key.permits(jws.algorithm) {
            return Err(JoseErrorKind::WrongKey(jws.algorithm).into());
        }
        Ok((jws, key))
    }

    fn read(compact: &'a str) -> Result<(Self, Document), JoseError> {
        if compact.len() > MAX_JWS {
            return Err(JoseErrorKind::TooLong { limit: MAX_JWS }.into());
        }
        let mut dots = memchr::memchr_iter(b'.', compact.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(JoseErrorKind::Parts.into());
        };
        let bytes = compact.as_bytes();
        let document = json::object(decode(&bytes[..first], "header")?, "header")?;
        let Header { algorithm, kid, typ } = Header::read(&document)?;
        let payload = decode(&bytes[first + 1..second], "payload")?;
        let mut signature = [0; MAX_SIGNATURE];
        let signature_length = base64url::decode_slice(&bytes[second + 1..], &mut signature)
            .ok_or(JoseErrorKind::Base64 { what: "signature" })?
            .len();
        let jws =
            Self { signed: &bytes[..second], algorithm, kid, typ, payload, signature, signature_length };
        Ok((jws, document))
    }

    /// The algorithm that the header asks for. It counts only where the key permits it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The `kid`: a name inside one issuer's key set, nothing more.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// What `typ` says.
    pub fn typ(&self) -> JwsType {
        self.typ
    }

    /// The payload, not to be believed yet.
    pub fn unverified_payload(&self) -> &Bytes {
        &self.payload
    }

    /// Checks the signature with `key` and yields the payload.
    ///
    /// # Errors
    /// [`WrongKey`](JoseErrorKind::WrongKey) when the key is not for the algorithm,
    /// [`Signature`](JoseErrorKind::Signature) when the signature does not fit.
    pub fn verify(&self, key: &PublicKey) -> Result<&Bytes, JoseError> {
        key.verify(self.algorithm, self.signed, &self.signature[..self.signature_length])?;
        Ok(&self.payload)
    }
}

fn decode(text: &[u8], what: &'static str) -> Result<Bytes, JoseError> {
    Ok(base64url::decode(text).ok_or(JoseErrorKind::Base64 { what })?.into())
}

/// The parameters of a protected header that mean something here.
struct Header {
    algorithm: Algorithm,
    kid: Option<Box<str>>,
    typ: JwsType,
}

impl Header {
    fn read(document: &Document) -> Result<Self, JoseError> {
        let (mut algorithm, mut kid, mut typ) = (None, None, JwsType::Absent);
        for (name, value) in document.root().entries() {
            let text = |name| value.as_str().ok_or(JoseErrorKind::Malformed(name));
            match name {
                "alg" => {
                    algorithm = Some(Algorithm::from_name(text("alg")?).ok_or(JoseErrorKind::Algorithm)?);
                }
                "kid" => kid = Some(text("kid")?.into()),
                "typ" => typ = JwsType::read(text("typ")?),
                "cty" if is_media_type(text("cty")?, "jwt") => return Err(JoseErrorKind::Nested.into()),
                // RFC 7515 §4.1.11: what is not understood must not be ignored. These change what is signed, or how.
                "crit" => return Err(JoseErrorKind::Unsupported("crit").into()),
                "b64" => return Err(JoseErrorKind::Unsupported("b64").into()),
                "zip" => return Err(JoseErrorKind::Unsupported("zip").into()),
                _ => {}
            }
        }
        Ok(Self { algorithm: algorithm.ok_or(JoseErrorKind::Missing("alg"))?, kid, typ })
    }
}

impl JwsType {
    fn read(typ: &str) -> Self {
        match typ {
            _ if is_media_type(typ, "jwt") => Self::Jwt,
            _ if is_media_type(typ, "at+jwt") => Self::AccessJwt,
            _ if is_media_type(typ, "logout+jwt") => Self::LogoutJwt,
            _ if is_media_type(typ, "dpop+jwt") => Self::DpopProof,
            _ => Self::Other,
        }
    }
}

/// RFC 7515 §4.1.9: `application/` may be left out; media types have no case.
fn is_media_type(value: &str, name: &str) -> bool {
    const PREFIX: &str = "application/";
    let value = match value.get(..PREFIX.len()) {
        Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &value[PREFIX.len()..],
        _ => value,
    };
    value.eq_ignore_ascii_case(name)
}

/// Shows the header's facts, neither payload nor signature: together they are the credential.
impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .field("typ", &self.typ)
            .finish_non_exhaustive()
    }
}
