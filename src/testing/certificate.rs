use super::authority::{CertificateAuthority, new_key};
use crate::clock::UnixTime;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    SerialNumber, date_time_ymd,
};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

/// The object identifier of a user principal name (`id-ms-san-sc-logon-upn`, 1.3.6.1.4.1.311.20.2.3).
const UPN: [u64; 10] = [1, 3, 6, 1, 4, 1, 311, 20, 2, 3];

/// A certificate that is being written, good for an hour from now.
#[derive(Debug)]
pub struct CertificateBuilder<'a> {
    authority: &'a CertificateAuthority,
    parameters: CertificateParams,
    not_before: UnixTime,
    lifetime: Duration,
}

impl<'a> CertificateBuilder<'a> {
    pub(super) fn new(authority: &'a CertificateAuthority, name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let not_before = authority.clock().now();
        Self { authority, parameters, not_before, lifetime: Duration::from_secs(60 * 60) }
    }

    /// Adds a URI to the alternative names.
    ///
    /// # Panics
    /// When it is not ASCII; so do the other names.
    pub fn uri(self, uri: &str) -> Self {
        let uri = ascii(uri);
        self.san(SanType::URI(uri))
    }

    /// Adds a host to the alternative names.
    pub fn dns_name(self, name: &str) -> Self {
        let name = ascii(name);
        self.san(SanType::DnsName(name))
    }

    /// Adds an address to the alternative names.
    pub fn ip(self, address: IpAddr) -> Self {
        self.san(SanType::IpAddress(address))
    }

    /// Adds a mail address to the alternative names.
    pub fn email(self, address: &str) -> Self {
        let address = ascii(address);
        self.san(SanType::Rfc822Name(address))
    }

    /// Adds a user principal name to the alternative names.
    pub fn upn(self, name: &str) -> Self {
        self.san(SanType::OtherName((UPN.to_vec(), name.into())))
    }

    /// How long it is good for.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// From when on it is good.
    pub fn not_before(mut self, time: UnixTime) -> Self {
        self.not_before = time;
        self
    }

    /// Good for clients only (extended key usage, RFC 5280 §4.2.1.12).
    pub fn client_only(mut self) -> Self {
        self.parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self
    }

    /// Good for servers only.
    pub fn server_only(mut self) -> Self {
        self.parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self
    }

    /// The certificate, with a key of its own.
    pub fn issue(mut self) -> Certificate {
        let serial = new_serial();
        // Said, as SPIRE says it: some ask for it (X.509-SVID §4.1).
        self.parameters.is_ca = IsCa::ExplicitNoCa;
        self.parameters.serial_number = Some(SerialNumber::from_slice(&serial));
        self.parameters.not_before = date_time_ymd(1970, 1, 1) + since_1970(self.not_before);
        let ends = self.not_before.saturating_add(self.lifetime);
        self.parameters.not_after = date_time_ymd(1970, 1, 1) + since_1970(ends);
        let key = new_key();
        let (chain, chain_pem) = self.authority.sign(&self.parameters, &key);
        Certificate { chain, chain_pem, serial, key: key.serialize_der(), key_pem: key.serialize_pem() }
    }

    pub(super) fn san(mut self, name: SanType) -> Self {
        self.parameters.subject_alt_names.push(name);
        self
    }
}

/// A certificate, the chain that leads to its root, and its private key.
#[derive(Clone)]
pub struct Certificate {
    chain: Vec<Vec<u8>>,
    chain_pem: String,
    serial: [u8; 16],
    key: Vec<u8>,
    key_pem: String,
}

impl Certificate {
    /// The certificate and the intermediates above it, as DER, without the root.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The same, as PEM.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The private key, as PKCS #8 (RFC 5958) in DER.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The same, as PEM.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }

    /// The serial number, big-endian.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Writes `name.pem` (the chain) and `name.key` into `folder`, each by renaming a complete file over it, and gives back
    /// where they are.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn write(&self, folder: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let files = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        replace(&files.1, &self.key_pem)?;
        replace(&files.0, &self.chain_pem)?;
        Ok(files)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain.len()).finish_non_exhaustive()
    }
}

pub(super) fn ascii(text: &str) -> Ia5String {
    Ia5String::try_from(text).expect("names in certificates are ASCII")
}

/// Sixteen random bytes, positive and not shortened when written as a number (RFC 5280 §4.1.2.2).
fn new_serial() -> [u8; 16] {
    let mut serial = [0; 16];
    aws_lc_rs::rand::fill(&mut serial).expect("the system gives random numbers");
    serial[0] = serial[0] & 0x3f | 0x40;
    serial
}

/// How long after 1970 a moment is, as certificates count it: whole seconds, until the end of the year 9999.
pub(super) fn since_1970(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs().min(253_402_300_799))
}

/// Writes a complete file and renames it over the one that is there, so that nobody reads half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let written = path.with_extension("new");
    fs::write(&written, text)?;
    fs::rename(written, path)
}
