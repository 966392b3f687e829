//! One JWK (RFC 7517, RFC 7518 §6, RFC 8037) to one [`PublicKey`].

use bytes::Bytes;

use super::key::Material;
use super::{Algorithm, AlgorithmSet, JoseError, JoseErrorKind, PublicKey, base64url, json};
use crate::payload::json::{Kind, Node};

/// Members that exist only in private keys.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

pub(super) fn read(bytes: &[u8]) -> Result<PublicKey, JoseError> {
    let document = json::object(Bytes::copy_from_slice(bytes), "JWK")?;
    read_node(document.root())
}

pub(super) fn read_node(jwk: Node<'_>) -> Result<PublicKey, JoseError> {
    let kty = json::text(jwk, "kty")?.ok_or(JoseErrorKind::Missing("kty"))?;
    if kty == "oct" {
        return Err(JoseErrorKind::SymmetricKey.into());
    }
    if let Some(name) = PRIVATE.into_iter().find(|name| jwk.get(name).is_some()) {
        return Err(JoseErrorKind::PrivateKey(name).into());
    }
    check_purpose(jwk)?;
    let material = match (kty, json::text(jwk, "crv")?) {
        ("OKP", Some("Ed25519")) => Material::ed25519(&number(jwk, "x")?),
        ("EC", Some("P-256")) => Material::p256(number(jwk, "x")?, number(jwk, "y")?),
        ("EC", Some("P-384")) => Material::p384(number(jwk, "x")?, number(jwk, "y")?),
        ("RSA", _) => Material::rsa(number(jwk, "n")?, number(jwk, "e")?),
        _ => Err(JoseErrorKind::KeyType.into()),
    }?;
    let permitted = match json::text(jwk, "alg")? {
        None => AlgorithmSet::of_family(material.family()),
        Some(name) => AlgorithmSet::from_iter([Algorithm::from_name(name).ok_or(JoseErrorKind::Algorithm)?]),
    };
    PublicKey::new(json::text(jwk, "kid")?.map(Into::into), &material, permitted)
}

/// RFC 7517 §4.2, §4.3: a key may say what it is for, and then it is for nothing else.
fn check_purpose(jwk: Node<'_>) -> Result<(), JoseError> {
    if json::text(jwk, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(JoseErrorKind::Purpose.into());
    }
    let Some(operations) = jwk.get("key_ops") else { return Ok(()) };
    if operations.kind() != Kind::Array {
        return Err(JoseErrorKind::Malformed("key_ops").into());
    }
    if operations.items().any(|operation| operation.as_str() == Some("verify")) {
        Ok(())
    } else {
        Err(JoseErrorKind::Purpose.into())
    }
}

fn number(jwk: Node<'_>, name: &'static str) -> Result<Vec<u8>, JoseError> {
    let text = json::text(jwk, name)?.ok_or(JoseErrorKind::Missing(name))?;
    base64url::decode(text.as_bytes()).ok_or_else(|| JoseErrorKind::Base64 { what: name }.into())
}
