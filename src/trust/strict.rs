//! What RFC 5280 asks of certificates and webpki does not look at, as far as it matters to who is believed.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_PKCS1_RSAENCRYPTION,
    OID_SIG_ED25519,
};
use x509_parser::public_key::PublicKey;
use x509_parser::revocation_list::CertificateRevocationList;

/// RFC 5280 §4.1.2.2.
const MAX_SERIAL: usize = 20;
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

type Verdict = Result<(), &'static str>;

/// A leaf has a key that can be relied on, and nothing that only authorities have.
pub(super) fn check_leaf(leaf: &X509Certificate<'_>) -> Verdict {
    check_serial(leaf)?;
    check_key(leaf)?;
    if matches!(leaf.name_constraints(), Err(_) | Ok(Some(_))) {
        return Err("it constrains names, as only authorities may (RFC 5280 §4.2.1.10)");
    }
    match leaf.key_usage() {
        Ok(Some(usage)) if usage.value.key_cert_sign() => {
            return Err("its key may sign certificates, and it is no authority (RFC 5280 §4.2.1.9)");
        }
        Ok(_) => {}
        Err(_) => return Err("its key usage cannot be read"),
    }
    let names = leaf.subject_alternative_name();
    if has_no_subject(leaf) && matches!(names, Ok(Some(names)) if !names.critical) {
        return Err("its only names are not critical (RFC 5280 §4.2.1.6)");
    }
    Ok(())
}

/// An authority above a leaf has a name and a serial number, by which it can be revoked.
pub(super) fn check_authority(authority: &X509Certificate<'_>) -> Verdict {
    check_serial(authority)?;
    if has_no_subject(authority) {
        return Err("an authority without a name (RFC 5280 §4.1.2.6)");
    }
    Ok(())
}

/// A root is an authority by its own word, and asks for nothing that is not understood.
pub(super) fn check_root(root: &X509Certificate<'_>) -> Verdict {
    if has_no_subject(root) {
        return Err("the root has no name (RFC 5280 §4.1.2.6)");
    }
    match root.basic_constraints() {
        Ok(Some(basic)) if basic.value.ca && basic.critical => {}
        _ => return Err("the root does not say, critically, that it is an authority (RFC 5280 §4.2.1.9)"),
    }
    match root.key_usage() {
        Ok(Some(usage)) if !usage.value.key_cert_sign() => {
            return Err("the root's key may not sign certificates (RFC 5280 §4.2.1.3)");
        }
        Ok(_) => {}
        Err(_) => return Err("the root's key usage cannot be read"),
    }
    let unknown =
        |parsed: &ParsedExtension<'_>| matches!(parsed, ParsedExtension::UnsupportedExtension { .. });
    if root.iter_extensions().any(|extension| extension.critical && unknown(extension.parsed_extension())) {
        return Err("the root has a critical extension that is not understood (RFC 5280 §4.2)");
    }
    Ok(())
}

/// A revocation list can be told from older ones.
pub(super) fn check_list(list: &CertificateRevocationList<'_>) -> Verdict {
    let mut numbers = list
        .extensions()
        .iter()
        .filter(|extension| matches!(extension.parsed_extension(), ParsedExtension::CRLNumber(_)));
    match (numbers.next(), numbers.next()) {
        (Some(number), None) if !number.critical => Ok(()),
        (Some(_), _) => Err("its number is critical, or there twice (RFC 5280 §5.2.3)"),
        (None, _) => Err("it has no number (RFC 5280 §5.2.3)"),
    }
}

/// Whether a root's key may sign revocation lists (RFC 5280 §6.3.3 (f)).
pub(super) fn may_sign_lists(root: &X509Certificate<'_>) -> bool {
    matches!(root.key_usage(), Ok(usage) if usage.as_ref().is_none_or(|usage| usage.value.crl_sign()))
}

fn check_serial(certificate: &X509Certificate<'_>) -> Verdict {
    let serial = certificate.raw_serial();
    let negative = serial.first().is_none_or(|first| first & 0x80 != 0);
    if negative || serial.len() > MAX_SERIAL || serial.iter().all(|byte| *byte == 0) {
        return Err("its serial number is not one of 1 to 20 bytes above zero (RFC 5280 §4.1.2.2)");
    }
    Ok(())
}

/// The kinds of keys that handshakes are signed with here.
fn check_key(leaf: &X509Certificate<'_>) -> Verdict {
    let key = leaf.public_key();
    let algorithm = &key.algorithm;
    if algorithm.algorithm == OID_SIG_ED25519 {
        return Ok(());
    }
    if algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
        let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        let known = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
        return if curve.is_some_and(|curve| known.contains(&curve)) {
            Ok(())
        } else {
            Err("its key is not on P-256, P-384 or P-521")
        };
    }
    match key.parsed() {
        Ok(PublicKey::RSA(rsa))
            if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION && RSA_BITS.contains(&rsa.key_size()) =>
        {
            Ok(())
        }
        _ => Err("its key is neither on a NIST curve, nor Ed25519, nor RSA of 2048 to 8192 bits"),
    }
}

fn has_no_subject(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().iter_rdn().next().is_none()
}
