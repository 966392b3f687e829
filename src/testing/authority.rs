use super::certificate::{Certificate, CertificateBuilder, ascii, since_1970};
use crate::clock::{SharedClock, SystemClock, UnixTime};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate authority with a P-256 key of its own, made when it is made: a root, or an intermediate below one.
///
/// ```
/// use portcullis::testing::CertificateAuthority;
///
/// let root = CertificateAuthority::new("prod.example");
/// let issuing = root.intermediate("issuing");
/// let gateway = issuing.spiffe("spiffe://prod.example/gateway").issue();
/// issuing.revoke(&gateway);
/// assert_eq!(gateway.chain().len(), 2);
/// assert!(root.pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// assert!(issuing.crl().starts_with("-----BEGIN X509 CRL-----"));
/// ```
pub struct CertificateAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// What stands between this authority's certificate, which is the first, and the root, which is not in it.
    intermediates: Vec<Vec<u8>>,
    intermediates_pem: String,
    clock: SharedClock,
    revocations: Mutex<Revocations>,
}

#[derive(Default)]
struct Revocations {
    serials: Vec<(Box<[u8]>, UnixTime)>,
    /// How many lists were made: each has a number of its own (RFC 5280 §5.2.3).
    lists: u64,
}

impl CertificateAuthority {
    /// A root called `name`, on the machine's clock, good for ten years from yesterday.
    pub fn new(name: &str) -> Self {
        Self::with_clock(name, SystemClock::shared())
    }

    /// The same, on a clock of your choice.
    pub fn with_clock(name: &str, clock: SharedClock) -> Self {
        let key = new_key();
        let issuer = CertifiedIssuer::self_signed(parameters(name, &clock), key);
        let issuer = issuer.expect("a fresh key signs its own certificate");
        let (intermediates, intermediates_pem) = (Vec::new(), String::new());
        Self { issuer, intermediates, intermediates_pem, clock, revocations: Mutex::default() }
    }

    /// An authority below this one, called `name`. Its leaves bring its certificate along.
    pub fn intermediate(&self, name: &str) -> Self {
        let issuer = CertifiedIssuer::signed_by(parameters(name, &self.clock), new_key(), &self.issuer);
        let issuer = issuer.expect("an authority signs an authority");
        let mut intermediates = vec![issuer.der().to_vec()];
        intermediates.extend(self.intermediates.iter().cloned());
        let intermediates_pem = issuer.pem() + &self.intermediates_pem;
        let clock = self.clock.clone();
        Self { issuer, intermediates, intermediates_pem, clock, revocations: Mutex::default() }
    }

    /// This authority's certificate, as PEM: what a service that trusts it is given.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// This authority's certificate, as DER.
    pub fn der(&self) -> &[u8] {
        self.issuer.der()
    }

    /// Begins a certificate for a workload: an X.509-SVID with this SPIFFE ID, for clients and servers.
    ///
    /// # Panics
    /// When `id` is not ASCII. It is not checked otherwise, so that a wrong one can be had.
    pub fn spiffe(&self, id: &str) -> CertificateBuilder<'_> {
        CertificateBuilder::new(self, "workload").uri(id)
    }

    /// Begins a certificate for a host, for clients and servers.
    ///
    /// # Panics
    /// When `name` is not ASCII.
    pub fn dns(&self, name: &str) -> CertificateBuilder<'_> {
        CertificateBuilder::new(self, name).san(SanType::DnsName(ascii(name)))
    }

    /// Begins a certificate for a person, for clients only. An address is still to be named.
    pub fn person(&self, name: &str) -> CertificateBuilder<'_> {
        CertificateBuilder::new(self, name).client_only()
    }

    /// Revokes a certificate of this authority, or that of an authority below it: the next [`crl`](Self::crl) has it.
    pub fn revoke(&self, certificate: &Certificate) {
        self.revoke_serial(certificate.serial());
    }

    /// Revokes whatever this authority issued under that serial number.
    pub fn revoke_serial(&self, serial: &[u8]) {
        let now = self.clock.now();
        self.revocations().serials.push((serial.into(), now));
    }

    /// The list of what was revoked so far, as PEM, good for a day.
    pub fn crl(&self) -> String {
        self.crl_for(DAY)
    }

    /// The same, with the time within which the next one is promised (`nextUpdate`).
    pub fn crl_for(&self, lifetime: Duration) -> String {
        let now = self.clock.now();
        let ends = now.saturating_add(lifetime.max(Duration::from_secs(1)));
        let mut revocations = self.revocations();
        revocations.lists += 1;
        let revoked = |(serial, time): &(Box<[u8]>, UnixTime)| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: date_time_ymd(1970, 1, 1) + since_1970(*time),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(now),
            next_update: date_time_ymd(1970, 1, 1) + since_1970(ends),
            crl_number: SerialNumber::from(revocations.lists),
            issuing_distribution_point: None,
            revoked_certs: revocations.serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuer).expect("an authority signs its own list");
        list.pem().expect("a list that was just made can be written")
    }

    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// The certificate made of `parameters` for `key`, and what leads from it to the root, leaf first: as DER and as PEM.
    pub(super) fn sign(&self, parameters: &CertificateParams, key: &KeyPair) -> (Vec<Vec<u8>>, String) {
        let leaf = parameters.signed_by(key, &self.issuer).expect("an authority signs what is well formed");
        let mut chain = vec![leaf.der().to_vec()];
        chain.extend(self.intermediates.iter().cloned());
        (chain, leaf.pem() + &self.intermediates_pem)
    }

    fn revocations(&self) -> MutexGuard<'_, Revocations> {
        self.revocations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAuthority")
            .field("below", &self.intermediates.len())
            .finish_non_exhaustive()
    }
}

pub(super) fn new_key() -> KeyPair {
    KeyPair::generate().expect("the system gives random numbers")
}

fn parameters(name: &str, clock: &SharedClock) -> CertificateParams {
    let now = clock.now();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.use_authority_key_identifier_extension = true;
    let begins = since_1970(now).saturating_sub(DAY);
    parameters.not_before = date_time_ymd(1970, 1, 1) + begins;
    parameters.not_after = date_time_ymd(1970, 1, 1) + since_1970(now.saturating_add(3_650 * DAY));
    parameters
}
