//! The forms in which proxies hand on a client's certificate, read strictly: one certificate, said in one way.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use thiserror::Error;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");
const XFCC: HeaderName = HeaderName::from_static("x-forwarded-client-cert");

/// More than any chain in use takes.
const MAX_BYTES: usize = 64 * 1024;
const MAX_CERTIFICATES: usize = 10;
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The form in which a proxy hands on the certificate of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateHeader(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Rfc9440,
    Envoy,
    EscapedPem(HeaderName),
}

/// A header that does not hold exactly one certificate, or chain, in its form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateHeaderError {
    /// There is no such header: the client has shown the proxy no certificate.
    #[error("the proxy handed on no certificate")]
    Absent,
    /// It stands there more than once, or holds more than one client.
    #[error("the proxy handed on more than one certificate of a client")]
    Several,
    /// It is not what its form says.
    #[error("the certificate that the proxy handed on cannot be read: {0}")]
    Malformed(&'static str),
}

use CertificateHeaderError::{Absent, Malformed, Several};

impl CertificateHeader {
    /// `Client-Cert`, and `Client-Cert-Chain` if the proxy sends it (RFC 9440).
    pub fn rfc9440() -> Self {
        Self(Form::Rfc9440)
    }

    /// Envoy's `X-Forwarded-Client-Cert`, with `Cert` or `Chain` in it. Let Envoy set it
    /// (`forward_client_cert_details: SANITIZE_SET`), not append: two clients in one header are refused.
    pub fn envoy() -> Self {
        Self(Form::Envoy)
    }

    /// One certificate as PEM with percent encoding, as nginx has it in `$ssl_client_escaped_cert`, in the header `name`; commonly
    /// `ssl-client-cert`. It brings no intermediates: the roots must hold those that sign clients.
    pub fn escaped_pem(name: HeaderName) -> Self {
        Self(Form::EscapedPem(name))
    }

    /// Reads the chain, in DER, the leaf first. Nothing in it is verified.
    ///
    /// # Errors
    /// When there is none, more than one, or one that cannot be read.
    pub fn read(&self, headers: &HeaderMap) -> Result<Vec<Vec<u8>>, CertificateHeaderError> {
        match &self.0 {
            Form::Rfc9440 => rfc9440(headers),
            Form::Envoy => xfcc(only(headers, &XFCC)?.to_str().map_err(|_| Malformed("not ASCII"))?),
            Form::EscapedPem(name) => {
                let value = only(headers, name)?.as_bytes();
                // nginx sends the header empty where the client has shown nothing.
                if value.is_empty() {
                    return Err(Absent);
                }
                match &pem(&unescaped(value)?)?[..] {
                    [one] => Ok(vec![one.clone()]),
                    _ => Err(Several),
                }
            }
        }
    }

    /// The name of a header of one's own choice.
    pub(super) fn custom(&self) -> Option<HeaderName> {
        match &self.0 {
            Form::EscapedPem(name) => Some(name.clone()),
            Form::Rfc9440 | Form::Envoy => None,
        }
    }

    /// The values that are read, for one hash over all of them.
    pub(super) fn values<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h [u8]> {
        let names = match &self.0 {
            Form::Rfc9440 => [Some(CLIENT_CERT), Some(CLIENT_CERT_CHAIN)],
            Form::Envoy => [Some(XFCC), None],
            Form::EscapedPem(name) => [Some(name.clone()), None],
        };
        names.into_iter().flatten().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes)
    }
}

impl fmt::Display for CertificateHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Rfc9440 => f.write_str("Client-Cert (RFC 9440)"),
            Form::Envoy => f.write_str("X-Forwarded-Client-Cert"),
            Form::EscapedPem(name) => write!(f, "escaped PEM in {name}"),
        }
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<&'h HeaderValue, CertificateHeaderError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(Absent)?;
    if values.next().is_some() {
        return Err(Several);
    }
    if value.len() > MAX_BYTES {
        return Err(Malformed("it is too long"));
    }
    Ok(value)
}

/// RFC 9440 §2.2, §2.3: an item that is a byte sequence, and a list of such, which may be parted over several lines.
fn rfc9440(headers: &HeaderMap) -> Result<Vec<Vec<u8>>, CertificateHeaderError> {
    let leaf = only(headers, &CLIENT_CERT)?.as_bytes().trim_ascii();
    if leaf.contains(&b',') {
        return Err(Several);
    }
    let mut chain = vec![byte_sequence(leaf)?];
    for line in headers.get_all(CLIENT_CERT_CHAIN) {
        for member in line.as_bytes().split(|byte| *byte == b',') {
            if chain.len() == MAX_CERTIFICATES {
                return Err(Malformed("the chain is too long"));
            }
            chain.push(byte_sequence(member.trim_ascii())?);
        }
    }
    Ok(chain)
}

/// RFC 9651 §3.3.5, without parameters, which RFC 9440 gives none.
fn byte_sequence(text: &[u8]) -> Result<Vec<u8>, CertificateHeaderError> {
    let base64 = text.strip_prefix(b":").and_then(|rest| rest.strip_suffix(b":"));
    let base64 = base64.filter(|base64| !base64.is_empty() && base64.len() <= MAX_BYTES);
    let base64 = base64.ok_or(Malformed("a byte sequence stands between colons"))?;
    STANDARD.decode(base64).map_err(|_| Malformed("a byte sequence is not base64"))
}

/// One element of Envoy's header: `Hash=…;Cert="…";Subject="…"`. A second element would be another client.
fn xfcc(value: &str) -> Result<Vec<Vec<u8>>, CertificateHeaderError> {
    let (mut cert, mut chain) = (None, None);
    let mut rest = value;
    loop {
        let (key, after) = rest.split_once('=').ok_or(Malformed("an element is key=value"))?;
        let (text, after) = xfcc_value(after)?;
        let place = match key.trim_ascii() {
            key if key.eq_ignore_ascii_case("cert") => Some(&mut cert),
            key if key.eq_ignore_ascii_case("chain") => Some(&mut chain),
            key if key.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !key.is_empty() => None,
            _ => return Err(Malformed("a key is not a word")),
        };
        if place.is_some_and(|place| place.replace(text).is_some()) {
            return Err(Several);
        }
        match after.as_bytes().first() {
            None => break,
            Some(b';') => rest = &after[1..],
            Some(b',') => return Err(Several),
            Some(_) => return Err(Malformed("something follows a quoted value")),
        }
    }
    let certificates = |text: String| pem(&unescaped(text.as_bytes())?);
    match (cert.map(certificates).transpose()?, chain.map(certificates).transpose()?) {
        (None, None) => Err(Absent),
        (Some(cert), None) if cert.len() == 1 => Ok(cert),
        (None, Some(chain)) => Ok(chain),
        (Some(cert), Some(chain)) if cert.len() == 1 && cert.first() == chain.first() => Ok(chain),
        _ => Err(Malformed("Cert is not one certificate, or not the first of Chain")),
    }
}

/// A value, quoted with `\` before a quote in it or ending at a separator, and what follows it.
fn xfcc_value(text: &str) -> Result<(String, &str), CertificateHeaderError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        if text[..end].contains(['"', '=']) {
            return Err(Malformed("a value with = or a quote is not quoted"));
        }
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next().ok_or(Malformed("a quoted value does not end"))?.1),
            c => value.push(c),
        }
    }
    Err(Malformed("a quoted value does not end"))
}

fn unescaped(text: &[u8]) -> Result<String, CertificateHeaderError> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else {
                    return Err(Malformed("a % begins no escape"));
                };
                u8::try_from(high << 4 | low).expect("two hexadecimal digits make a byte")
            }
            byte => *byte,
        });
    }
    String::from_utf8(plain).map_err(|_| Malformed("what is escaped is not text"))
}

/// Certificates in PEM (RFC 7468 §5) and nothing else but white space between them.
fn pem(text: &str) -> Result<Vec<Vec<u8>>, CertificateHeaderError> {
    let mut certificates = Vec::new();
    let mut rest = text.trim_ascii();
    while !rest.is_empty() {
        if certificates.len() == MAX_CERTIFICATES {
            return Err(Malformed("the chain is too long"));
        }
        let after = rest.strip_prefix(BEGIN).ok_or(Malformed("a certificate in PEM is expected"))?;
        let (base64, after) = after.split_once(END).ok_or(Malformed("a certificate in PEM does not end"))?;
        let base64: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        certificates.push(STANDARD.decode(base64).map_err(|_| Malformed("a certificate is not base64"))?);
        rest = after.trim_ascii_start();
    }
    if certificates.is_empty() { Err(Absent) } else { Ok(certificates) }
}
