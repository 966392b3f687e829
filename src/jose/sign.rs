use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice};
use serde::Serialize;

use super::key::Material;
use super::{Algorithm, AlgorithmSet, JoseError, JoseErrorKind, PublicKey, Thumbprint, base64url};

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";

/// A private key that signs compact JWS: Ed25519 (`EdDSA`) or P-256 (`ES256`).
///
/// Its `kid` is the RFC 7638 thumbprint unless [`with_kid`](Self::with_kid) names another. `Debug` shows only the public half.
pub struct SigningKey {
    kid: String,
    thumbprint: Thumbprint,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl SigningKey {
    /// Makes a new Ed25519 key from the system's randomness.
    ///
    /// # Errors
    /// [`Signing`](JoseErrorKind::Signing) when the system gives no randomness.
    pub fn generate_ed25519() -> Result<Self, JoseError> {
        Self::new(Pair::Ed25519(Ed25519KeyPair::generate().map_err(|_| JoseErrorKind::Signing)?))
    }

    /// Makes a new P-256 key from the system's randomness.
    ///
    /// # Errors
    /// [`Signing`](JoseErrorKind::Signing) when the system gives no randomness.
    pub fn generate_p256() -> Result<Self, JoseError> {
        let pair =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| JoseErrorKind::Signing)?;
        Self::new(Pair::P256(pair))
    }

    /// Reads an Ed25519 or P-256 private key from its PKCS#8 document (DER, RFC 5958).
    ///
    /// # Errors
    /// [`KeyMaterial`](JoseErrorKind::KeyMaterial) when it is neither.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, JoseError> {
        let pair = Ed25519KeyPair::from_pkcs8(der)
            .map(Pair::Ed25519)
            .or_else(|_| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Pair::P256))
            .map_err(|_| JoseErrorKind::KeyMaterial)?;
        Self::new(pair)
    }

    /// Reads the same from PEM (RFC 7468 §10): one section `PRIVATE KEY`, as `openssl genpkey` writes it. Text around it is passed
    /// over.
    ///
    /// # Errors
    /// [`KeyMaterial`](JoseErrorKind::KeyMaterial) when there is none, more than one, or it is no such key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, JoseError> {
        let der = section(pem).ok_or(JoseErrorKind::KeyMaterial)?;
        Self::from_pkcs8(der.expose_secret())
    }

    fn new(pair: Pair) -> Result<Self, JoseError> {
        let key = PublicKey::new(None, &pair.material()?, AlgorithmSet::all())?;
        let thumbprint = *key.thumbprint();
        Ok(Self { kid: thumbprint.to_string(), thumbprint, pair })
    }

    /// Names the key otherwise than by its thumbprint.
    pub fn with_kid(mut self, kid: impl Into<String>) -> Self {
        self.kid = kid.into();
        self
    }

    /// The `kid` written into every header.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// What this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Ed25519(_) => Algorithm::EdDsa,
            Pair::P256(_) => Algorithm::Es256,
        }
    }

    /// The RFC 7638 thumbprint of the public half.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The public half as a JWK (RFC 7517), with `kid`, `use` and `alg`.
    pub fn public_jwk(&self) -> String {
        let kid = &self.kid;
        let value = match &self.pair {
            Pair::Ed25519(pair) => serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": self.algorithm().name(),
                "x": base64url::encode(pair.public_key().as_ref()),
            }),
            Pair::P256(pair) => {
                let (x, y) = coordinates(pair);
                serde_json::json!({
                    "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": self.algorithm().name(),
                    "x": base64url::encode(x), "y": base64url::encode(y),
                })
            }
        };
        value.to_string()
    }

    /// A JWK set with the public half of this key alone, as an issuer publishes it.
    pub fn public_jwks(&self) -> String {
        format!(r#"{{"keys":[{}]}}"#, self.public_jwk())
    }

    /// Signs `claims` as a JWT with `typ`, `alg` and `kid` in its header.
    ///
    /// # Errors
    /// [`Json`](JoseErrorKind::Json) when the claims cannot be written as JSON,
    /// [`Signing`](JoseErrorKind::Signing) when the library refuses.
    pub fn sign_jwt<C: Serialize + ?Sized>(&self, typ: &str, claims: &C) -> Result<String, JoseError> {
        let header = serde_json::json!({ "alg": self.algorithm().name(), "typ": typ, "kid": self.kid });
        let claims = serde_json::to_vec(claims)
            .map_err(|error| JoseErrorKind::Json { what: "claims", reason: error.to_string() })?;
        self.sign_compact(header.to_string().as_bytes(), &claims)
    }

    /// Signs `payload` under the protected header `header`, both taken as they are (RFC 7515 §3.1).
    ///
    /// # Errors
    /// [`Signing`](JoseErrorKind::Signing) when the library refuses.
    pub fn sign_compact(&self, header: &[u8], payload: &[u8]) -> Result<String, JoseError> {
        let mut jws = String::with_capacity((header.len() + payload.len()) * 4 / 3 + 96);
        base64url::encode_into(header, &mut jws);
        jws.push('.');
        base64url::encode_into(payload, &mut jws);
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(jws.as_bytes()),
            Pair::P256(pair) => pair.sign(&SystemRandom::new(), jws.as_bytes()),
        }
        .map_err(|_| JoseErrorKind::Signing)?;
        jws.push('.');
        base64url::encode_into(signature.as_ref(), &mut jws);
        Ok(jws)
    }
}

impl Pair {
    fn material(&self) -> Result<Material, JoseError> {
        match self {
            Self::Ed25519(pair) => Material::ed25519(pair.public_key().as_ref()),
            Self::P256(pair) => {
                let (x, y) = coordinates(pair);
                Material::p256(x.to_vec(), y.to_vec())
            }
        }
    }
}

/// The one section of PEM that holds a key in PKCS #8.
fn section(pem: &str) -> Option<SecretSlice<u8>> {
    const END: &str = "-----END PRIVATE KEY-----";
    let (_, rest) = pem.split_once(PEM_BEGIN)?;
    let (body, rest) = rest.split_once(END)?;
    if rest.contains(PEM_BEGIN) {
        return None;
    }
    let text: SecretSlice<u8> =
        body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect::<Vec<_>>().into();
    STANDARD.decode(text.expose_secret()).ok().map(SecretSlice::from)
}

/// The library gives the point uncompressed: 4, x, y.
fn coordinates(pair: &EcdsaKeyPair) -> (&[u8], &[u8]) {
    pair.public_key().as_ref()[1..].split_at(32)
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm())
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}
