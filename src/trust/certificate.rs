use super::strict::{check_authority, check_leaf};
use super::{Pem, TrustError, TrustErrorKind};
use crate::clock::UnixTime;
use crate::principal::{AlternativeNames, CertificateFacts, Hex, SpiffeId, WorkloadId};
use crate::refusal::escaped;
use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::asn1_rs::{Any, Class, FromDer, Utf8String};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::time::ASN1Time;

/// Chains in use have two or three.
const MAX_CHAIN: usize = 10;
/// The longest name of a person or a host, in bytes.
const MAX_NAME: usize = 255;
const MAX_URI: usize = 2048;
/// The most names of a client: each is looked at when rules are asked.
const MAX_NAMES: usize = 128;
/// The most names of a server, which are looked at once. Those of large providers have hundreds.
const MAX_SERVER_NAMES: usize = 2_048;
const MAX_ISSUER_NAME: usize = 256;
/// Microsoft's user principal name, an `otherName`.
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";

/// Reads a chain, the leaf first. Nothing in it is verified here, and nothing in it makes this panic.
pub(crate) fn read_chain<C: AsRef<[u8]>>(chain: &[C]) -> Result<CertificateFacts, TrustError> {
    read_bounded(chain, MAX_NAMES)
}

/// The same, with as many names as a server may have.
pub(super) fn read_server_chain<C: AsRef<[u8]>>(chain: &[C]) -> Result<CertificateFacts, TrustError> {
    read_bounded(chain, MAX_SERVER_NAMES)
}

fn read_bounded<C: AsRef<[u8]>>(chain: &[C], max_names: usize) -> Result<CertificateFacts, TrustError> {
    if chain.len() > MAX_CHAIN {
        return Err(TrustErrorKind::TooLong { limit: MAX_CHAIN }.into());
    }
    let (first, intermediates) = chain.split_first().ok_or(TrustErrorKind::Empty)?;
    let leaf = read(first.as_ref(), 0)?;
    for (intermediate, position) in intermediates.iter().zip(1..) {
        check_intermediate(&read(intermediate.as_ref(), position)?, position)?;
    }
    if leaf.is_ca() {
        return Err(TrustErrorKind::Usage("it is the certificate of an authority").into());
    }
    check_leaf(&leaf).map_err(TrustErrorKind::Usage)?;
    let names = names(&leaf, max_names)?;
    let workload = workload(&names)?;
    if matches!(workload, Some(WorkloadId::Spiffe(_))) {
        check_svid_usage(&leaf)?;
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest(&SHA256, first.as_ref()).as_ref());
    Ok(CertificateFacts {
        chain: chain.iter().map(|certificate| certificate.as_ref().into()).collect(),
        fingerprint,
        fingerprint_text: Hex(&fingerprint).to_string().into(),
        serial: serial(leaf.raw_serial()).into(),
        issuer: leaf.issuer().as_raw().into(),
        issuer_name: printed(&leaf.issuer().to_string()),
        not_before: time(leaf.validity().not_before),
        not_after: time(leaf.validity().not_after),
        names,
        workload,
    })
}

/// The subject names, in DER, of authorities: what the certificates that they sign have as issuer.
pub(crate) fn issuer_names(authorities: &Pem) -> Result<Vec<Box<[u8]>>, TrustError> {
    let names = authorities.certificates()?.into_iter().zip(0..).map(|(certificate, position)| {
        let authority = read(&certificate, position)?;
        if !authority.is_ca() {
            return Err(authorities.error("it holds a certificate that is not an authority's"));
        }
        Ok(authority.subject().as_raw().into())
    });
    names.collect()
}

pub(super) fn read(der: &[u8], position: usize) -> Result<X509Certificate<'_>, TrustError> {
    let malformed = |problem| TrustError::from(TrustErrorKind::Malformed { position, problem });
    let (rest, certificate) =
        X509Certificate::from_der(der).map_err(|_| malformed("it is no X.509 certificate in DER"))?;
    if !rest.is_empty() {
        return Err(malformed("bytes follow the certificate"));
    }
    certificate.extensions_map().map_err(|_| malformed("an extension stands in it twice"))?;
    let unread = |extension: &ParsedExtension<'_>| matches!(extension, ParsedExtension::ParseError { .. });
    if certificate.iter_extensions().any(|extension| unread(extension.parsed_extension())) {
        return Err(malformed("an extension is not what its type says"));
    }
    Ok(certificate)
}

/// RFC 5280 §6.1.4 (k) and (n): whoever signs certificates is an authority, and its key may sign certificates.
fn check_intermediate(certificate: &X509Certificate<'_>, position: usize) -> Result<(), TrustError> {
    let malformed = |problem| TrustError::from(TrustErrorKind::Malformed { position, problem });
    check_authority(certificate).map_err(malformed)?;
    if !certificate.is_ca() {
        return Err(malformed("it stands where an authority must, and is none"));
    }
    match certificate.key_usage() {
        Ok(Some(usage)) if !usage.value.key_cert_sign() => {
            Err(malformed("its key may not sign certificates"))
        }
        Ok(_) => Ok(()),
        Err(_) => Err(malformed("its key usage cannot be read")),
    }
}

/// X.509-SVID §4.3: a leaf signs handshakes, and neither certificates nor CRLs.
fn check_svid_usage(leaf: &X509Certificate<'_>) -> Result<(), TrustError> {
    let problem = match leaf.key_usage() {
        Ok(Some(usage)) if usage.value.key_cert_sign() || usage.value.crl_sign() => {
            "its key may sign certificates or CRLs"
        }
        Ok(Some(usage)) if usage.value.digital_signature() => return Ok(()),
        _ => "its key usage does not hold digitalSignature",
    };
    Err(TrustErrorKind::Usage(problem).into())
}

fn names(leaf: &X509Certificate<'_>, most: usize) -> Result<AlternativeNames, TrustError> {
    let unsound = |what: &str| TrustError::from(TrustErrorKind::Names(what.to_owned()));
    let extension = leaf.subject_alternative_name().map_err(|_| unsound("the extension cannot be read"))?;
    let Some(extension) = extension else { return Ok(AlternativeNames::default()) };
    let general_names = &extension.value.general_names;
    if general_names.len() > most {
        return Err(unsound(&format!("there are more than {most}")));
    }
    let (mut uris, mut dns, mut emails, mut upns) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for name in general_names {
        match name {
            GeneralName::URI(uri) if is_visible(uri, MAX_URI) => uris.push((*uri).into()),
            GeneralName::URI(_) => return Err(unsound("a URI is empty, too long or not visible ASCII")),
            GeneralName::DNSName(name) if is_dns_name(name) => dns.push(name.to_ascii_lowercase().into()),
            GeneralName::DNSName(_) => return Err(unsound("a DNS name is none")),
            GeneralName::RFC822Name(mail) if is_visible(mail, MAX_NAME) && mail.contains('@') => {
                emails.push((*mail).into());
            }
            GeneralName::RFC822Name(_) => return Err(unsound("a mail address is none")),
            GeneralName::OtherName(oid, value) if oid.to_id_string() == UPN => {
                upns.push(upn(value).ok_or_else(|| unsound("a user principal name is none"))?);
            }
            GeneralName::Invalid(..) => return Err(unsound("one cannot be read")),
            _ => {}
        }
    }
    Ok(AlternativeNames { uris: uris.into(), dns: dns.into(), emails: emails.into(), upns: upns.into() })
}

/// The machine that the names come to. A leaf whose URI tries to be a SPIFFE ID has no other identity.
fn workload(names: &AlternativeNames) -> Result<Option<WorkloadId>, TrustError> {
    let is_spiffe = |uri: &str| uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:"));
    if let Some(uri) = names.uris.iter().find(|uri| is_spiffe(uri)) {
        if names.uris.len() > 1 {
            let problem = "a SPIFFE ID stands beside another URI";
            return Err(TrustErrorKind::Names(problem.to_owned()).into());
        }
        let id = SpiffeId::parse(uri).map_err(|error| TrustErrorKind::Names(error.to_string()))?;
        if id.path().is_empty() {
            let problem = "the SPIFFE ID is that of a trust domain: a workload's has a path";
            return Err(TrustErrorKind::Names(problem.to_owned()).into());
        }
        return Ok(Some(WorkloadId::Spiffe(id)));
    }
    // A wildcard names no one machine.
    let host = names.dns.iter().find(|name| !name.starts_with('*'));
    Ok(host
        .map(|name| WorkloadId::Dns((&**name).into()))
        .or_else(|| names.uris.first().map(|uri| WorkloadId::Uri((&**uri).into()))))
}

/// `[0] EXPLICIT UTF8String`, as it stands after the type of an `otherName`.
fn upn(value: &[u8]) -> Option<Box<str>> {
    let (rest, tagged) = Any::from_der(value).ok()?;
    if !rest.is_empty() || tagged.class() != Class::ContextSpecific || tagged.tag().0 != 0 {
        return None;
    }
    let (rest, text) = Utf8String::from_der(tagged.data).ok()?;
    let text = text.string();
    let sound = rest.is_empty()
        && !text.is_empty()
        && text.len() <= MAX_NAME
        && !text.contains(crate::refusal::is_unruly);
    sound.then(|| text.into())
}

fn is_visible(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Labels of letters, digits, dashes and underscores; the first may be a wildcard (RFC 6125 §6.4.3).
fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_NAME && name.strip_prefix("*.").unwrap_or(name).split('.').all(label)
}

/// DER puts a zero before a number whose first bit is set.
fn serial(raw: &[u8]) -> &[u8] {
    let zeros = raw.iter().take_while(|byte| **byte == 0).count();
    &raw[zeros.min(raw.len().saturating_sub(1))..]
}

fn printed(name: &str) -> Box<str> {
    escaped(name).chars().take(MAX_ISSUER_NAME).collect()
}

fn time(time: ASN1Time) -> UnixTime {
    UnixTime::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
}
