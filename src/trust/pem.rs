use super::{TrustError, TrustErrorKind};
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretSlice};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::{fmt, str};

/// The largest file, in bytes. Revocation lists of large authorities have some megabytes.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// Where certificates, keys or revocation lists stand as PEM (RFC 7468): a file, which is read again when it changes, or text.
///
/// A plain path converts into the file at that path.
#[derive(Clone)]
pub struct Pem(Source);

#[derive(Clone)]
enum Source {
    File(PathBuf),
    Text(SecretSlice<u8>),
}

impl Pem {
    /// The file at `path`.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Source::File(path.into()))
    }

    /// The PEM itself.
    pub fn text(pem: impl Into<String>) -> Self {
        Self(Source::Text(pem.into().into_bytes().into()))
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Source::File(path) => Some(path),
            Source::Text(_) => None,
        }
    }

    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TrustError> {
        self.sections("certificate", "-----BEGIN CERTIFICATE-----", |kind, der| {
            (kind == SectionKind::Certificate).then(|| der.into())
        })
    }

    pub(super) fn revocation_lists(&self) -> Result<Vec<CertificateRevocationListDer<'static>>, TrustError> {
        self.sections("revocation list", "-----BEGIN X509 CRL-----", |kind, der| {
            (kind == SectionKind::Crl).then(|| der.into())
        })
    }

    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TrustError> {
        let keys = self.sections("private key", "-----BEGIN PRIVATE KEY-----", PrivateKeyDer::from_pem)?;
        let mut keys = keys.into_iter();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(self.error("it holds more than one private key")),
        }
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> TrustError {
        TrustErrorKind::Load { what: self.to_string(), problem: problem.into() }.into()
    }

    /// The sections that `take` takes; others, such as the certificate beside a key, are passed over.
    fn sections<T>(
        &self,
        what: &str,
        begin: &str,
        take: impl Fn(SectionKind, Vec<u8>) -> Option<T>,
    ) -> Result<Vec<T>, TrustError> {
        let bytes = self.read()?;
        let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes.expose_secret());
        let mut found = Vec::new();
        for section in sections {
            // The parser's own words may repeat what it read.
            let (kind, der) = section.map_err(|error| self.error(unreadable(&error)))?;
            found.extend(take(kind, der));
        }
        if found.is_empty() {
            return Err(self.error(format!("it holds no {what}: \"{begin}\" is expected in it")));
        }
        Ok(found)
    }

    fn read(&self) -> Result<SecretSlice<u8>, TrustError> {
        let path = match &self.0 {
            Source::File(path) => path,
            Source::Text(text) => return Ok(text.clone()),
        };
        if path.as_os_str().as_encoded_bytes().starts_with(b"-----BEGIN") {
            let problem = "give PEM itself as Pem::text(…); a plain string is the path of a file";
            return Err(TrustErrorKind::Build(problem.to_owned()).into());
        }
        let unreadable = |error: std::io::Error| self.error(error.to_string());
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(self.error(format!("it has more than {MAX_FILE} bytes")));
        }
        Ok(bytes.into())
    }
}

impl From<&str> for Pem {
    fn from(path: &str) -> Self {
        Self::file(path)
    }
}

impl From<String> for Pem {
    fn from(path: String) -> Self {
        Self::file(path)
    }
}

impl From<&Path> for Pem {
    fn from(path: &Path) -> Self {
        Self::file(path)
    }
}

impl From<PathBuf> for Pem {
    fn from(path: PathBuf) -> Self {
        Self::file(path)
    }
}

impl From<&PathBuf> for Pem {
    fn from(path: &PathBuf) -> Self {
        Self::file(path)
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::File(path) => fmt::Display::fmt(&path.display(), f),
            Source::Text(_) => f.write_str("the PEM text"),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn unreadable(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("the end of a section is missing: {}", str::from_utf8(end_marker).unwrap_or_default())
        }
        pem::Error::Base64Decode(_) => "a section is not base64".to_owned(),
        _ => "it is not PEM".to_owned(),
    }
}
