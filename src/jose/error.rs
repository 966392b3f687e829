use thiserror::Error;

/// Why a JWS, a JWK or a set of keys was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct JoseError {
    /// What was wrong.
    pub kind: JoseErrorKind,
}

impl From<JoseErrorKind> for JoseError {
    fn from(kind: JoseErrorKind) -> Self {
        Self { kind }
    }
}

/// What [`JoseError`] reports. The sentences are for operators: they name members and limits, and quote
/// nothing that the sender wrote except the names this crate knows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoseErrorKind {
    /// Longer than the bound.
    #[error("longer than {limit} bytes")]
    TooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// Not exactly header, payload and signature.
    #[error("not a compact JWS: three parts separated by dots are required")]
    Parts,
    /// Not base64url without padding, in its one canonical spelling (RFC 7515 §2).
    #[error("{what} is not canonical unpadded base64url")]
    Base64 {
        /// Which part or member.
        what: &'static str,
    },
    /// Not one strict JSON object: syntax, a duplicate member, or another type.
    #[error("{what} is not a strict JSON object: {reason}")]
    Json {
        /// Which document.
        what: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A required member is absent.
    #[error("member `{0}` is missing")]
    Missing(&'static str),
    /// A member has the wrong type or a value out of bounds.
    #[error("member `{0}` has the wrong type or an unacceptable value")]
    Malformed(&'static str),
    /// The `alg` is unknown here: `none`, HMAC, or something else unsupported.
    #[error("member `alg` names no algorithm that is accepted here")]
    Algorithm,
    /// A header parameter that changes the meaning of the JWS: `crit`, `b64`, `zip`.
    #[error("header parameter `{0}` is not supported and cannot be ignored")]
    Unsupported(&'static str),
    /// `typ` says it is something other than an access credential.
    #[error("header parameter `typ` does not name a JWT access credential")]
    Type,
    /// `cty` says that another JWT is inside.
    #[error("nested JWTs are not accepted")]
    Nested,
    /// The signature does not fit key and content.
    #[error("the signature does not verify")]
    Signature,
    /// The key cannot check this algorithm.
    #[error("the key is not for algorithm {0}")]
    WrongKey(super::Algorithm),
    /// No key of the set has this `kid`, or none fits the algorithm.
    #[error("no key of the set fits")]
    UnknownKey,
    /// More than one key of the set fits.
    #[error("more than one key of the set fits; give each key its own `kid`")]
    AmbiguousKey,
    /// The key type or curve is not supported.
    #[error("key type or curve is not supported")]
    KeyType,
    /// A symmetric key where only public keys belong.
    #[error("symmetric keys are not accepted")]
    SymmetricKey,
    /// A private key where only public keys belong: treat it as leaked.
    #[error("contains the private member `{0}`; publish public keys only and replace this key")]
    PrivateKey(&'static str),
    /// `use` or `key_ops` say the key is not for checking signatures.
    #[error("the key is not meant for checking signatures")]
    Purpose,
    /// The RSA modulus or exponent is out of bounds.
    #[error("RSA keys need 2048 to 4096 bits and an odd exponent of at least 65537")]
    RsaSize,
    /// The modulus shows the structure of CVE-2017-15361 (ROCA).
    #[error("the RSA modulus is of the kind that can be factored (ROCA, CVE-2017-15361)")]
    WeakRsa,
    /// The bytes are no valid key of their kind.
    #[error("the key material is invalid")]
    KeyMaterial,
    /// No usable key is in the set.
    #[error("the set holds no usable key")]
    NoUsableKey,
    /// Making a key or a signature failed.
    #[error("the cryptographic library refused to make the key or signature")]
    Signing,
}
