use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};

use super::{Algorithm, AlgorithmSet, JoseError, JoseErrorKind, KeyFamily, Thumbprint, roca};

/// A public key for checking signatures: of one family, for the algorithms its JWK allows.
///
/// It is parsed once, here; checking a signature afterwards costs the bare cryptography.
pub struct PublicKey {
    kid: Option<Box<str>>,
    family: KeyFamily,
    thumbprint: Thumbprint,
    /// Its bytes, for all that remember by which key a credential was signed.
    shared_thumbprint: Arc<[u8; 32]>,
    /// One parsed key per permitted algorithm: the library binds a parsed key to padding and digest.
    checks: Vec<(Algorithm, ParsedPublicKey)>,
}

impl PublicKey {
    /// Reads one JWK (RFC 7517): the JSON of one public key.
    ///
    /// # Errors
    /// As [`KeySet::from_jwks`](super::KeySet::from_jwks) reports them for the keys it skips.
    pub fn from_jwk(jwk: &[u8]) -> Result<Self, JoseError> {
        super::jwk::read(jwk)
    }

    pub(super) fn new(
        kid: Option<Box<str>>,
        material: &Material,
        permitted: AlgorithmSet,
    ) -> Result<Self, JoseError> {
        let mut checks = Vec::new();
        for algorithm in permitted.iter().filter(|algorithm| algorithm.family() == material.family()) {
            checks.push((algorithm, material.parse(algorithm)?));
        }
        if checks.is_empty() {
            return Err(JoseErrorKind::Algorithm.into());
        }
        let thumbprint = material.thumbprint();
        let shared_thumbprint = Arc::new(*thumbprint.as_bytes());
        Ok(Self { kid, family: material.family(), thumbprint, shared_thumbprint, checks })
    }

    /// The `kid`, when the JWK has one. It names the key inside one issuer's set and nowhere else.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The kind of key.
    pub fn family(&self) -> KeyFamily {
        self.family
    }

    /// The algorithms this key may check: the one its `alg` names, else all of its family.
    pub fn algorithms(&self) -> AlgorithmSet {
        self.checks.iter().map(|(algorithm, _)| *algorithm).collect()
    }

    /// Whether this key may check `algorithm`.
    pub fn permits(&self, algorithm: Algorithm) -> bool {
        self.checks.iter().any(|(permitted, _)| *permitted == algorithm)
    }

    /// The RFC 7638 thumbprint, which identifies the key material.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    pub(crate) fn shared_thumbprint(&self) -> &Arc<[u8; 32]> {
        &self.shared_thumbprint
    }

    /// Checks `signature` over `content`.
    ///
    /// # Errors
    /// [`WrongKey`](JoseErrorKind::WrongKey) when the key is not for `algorithm`,
    /// [`Signature`](JoseErrorKind::Signature) when the signature does not fit.
    pub fn verify(&self, algorithm: Algorithm, content: &[u8], signature: &[u8]) -> Result<(), JoseError> {
        let (_, key) = self
            .checks
            .iter()
            .find(|(permitted, _)| *permitted == algorithm)
            .ok_or(JoseErrorKind::WrongKey(algorithm))?;
        key.verify_sig(content, signature).map_err(|_| JoseErrorKind::Signature.into())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("kid", &self.kid)
            .field("family", &self.family)
            .field("algorithms", &self.algorithms())
            .field("thumbprint", &self.thumbprint)
            .finish()
    }
}

/// The numbers of a public key, lengths and ranges checked.
pub(super) enum Material {
    Ed25519([u8; 32]),
    Ec { family: KeyFamily, x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

impl Material {
    pub(super) fn ed25519(x: &[u8]) -> Result<Self, JoseError> {
        Ok(Self::Ed25519(x.try_into().map_err(|_| JoseErrorKind::KeyMaterial)?))
    }

    pub(super) fn p256(x: Vec<u8>, y: Vec<u8>) -> Result<Self, JoseError> {
        Self::ec(KeyFamily::P256, 32, x, y)
    }

    pub(super) fn p384(x: Vec<u8>, y: Vec<u8>) -> Result<Self, JoseError> {
        Self::ec(KeyFamily::P384, 48, x, y)
    }

    fn ec(family: KeyFamily, length: usize, x: Vec<u8>, y: Vec<u8>) -> Result<Self, JoseError> {
        if x.len() != length || y.len() != length {
            return Err(JoseErrorKind::KeyMaterial.into());
        }
        Ok(Self::Ec { family, x, y })
    }

    pub(super) fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JoseError> {
        let (Some(&first), Some(&first_of_e)) = (n.first(), e.first()) else {
            return Err(JoseErrorKind::KeyMaterial.into());
        };
        // RFC 7518 §6.3.1: the shortest big-endian form.
        if first == 0 || first_of_e == 0 {
            return Err(JoseErrorKind::KeyMaterial.into());
        }
        // NIST SP 800-56B wants e > 2^16; the library takes at most 33 bits.
        let exponent =
            if e.len() <= 5 { e.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte)) } else { 0 };
        let bits = n.len().saturating_mul(8) - first.leading_zeros() as usize;
        if !(2048..=4096).contains(&bits) || exponent < 65537 || exponent % 2 == 0 {
            return Err(JoseErrorKind::RsaSize.into());
        }
        if roca::is_weak(&n) {
            return Err(JoseErrorKind::WeakRsa.into());
        }
        Ok(Self::Rsa { n, e })
    }

    pub(super) fn family(&self) -> KeyFamily {
        match self {
            Self::Ed25519(_) => KeyFamily::Ed25519,
            Self::Ec { family, .. } => *family,
            Self::Rsa { .. } => KeyFamily::Rsa,
        }
    }

    fn parse(&self, algorithm: Algorithm) -> Result<ParsedPublicKey, JoseError> {
        let parsed = match self {
            Self::Ed25519(x) => ParsedPublicKey::new(&ED25519, x),
            Self::Ec { family, x, y } => {
                let mut point = Vec::with_capacity(1 + x.len() + y.len());
                point.push(4);
                point.extend_from_slice(x);
                point.extend_from_slice(y);
                match family {
                    KeyFamily::P384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
                    _ => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
                }
            }
            Self::Rsa { n, e } => {
                let parameters = rsa_parameters(algorithm).ok_or(JoseErrorKind::WrongKey(algorithm))?;
                RsaPublicKeyComponents { n, e }.to_parsed_public_key(parameters)
            }
        };
        parsed.map_err(|_| JoseErrorKind::KeyMaterial.into())
    }

    fn thumbprint(&self) -> Thumbprint {
        match self {
            Self::Ed25519(x) => Thumbprint::okp("Ed25519", x),
            Self::Ec { family: KeyFamily::P384, x, y } => Thumbprint::ec("P-384", x, y),
            Self::Ec { x, y, .. } => Thumbprint::ec("P-256", x, y),
            Self::Rsa { n, e } => Thumbprint::rsa(n, e),
        }
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
        Algorithm::EdDsa | Algorithm::Es256 | Algorithm::Es384 => return None,
    })
}
