use super::WorkloadId;
use crate::clock::UnixTime;
use std::fmt;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::{num::NonZeroU64, sync::atomic::AtomicU64, sync::atomic::Ordering};

/// The certificate that the other end of a connection has shown, and has proved to hold the key of, after its chain was
/// verified. Read once per connection. Cheap to clone.
///
/// Nothing outside of this crate can make one, so that who has one knows that it was verified.
#[derive(Clone)]
pub struct PeerCertificate(Arc<Shared>);

struct Shared {
    facts: CertificateFacts,
    /// Under which rules it was found to be good, or zero.
    #[cfg(feature = "tls")]
    passed: AtomicU64,
}

/// What is read of a chain. Only who has verified it makes a [`PeerCertificate`] of it.
#[derive(Clone)]
pub(crate) struct CertificateFacts {
    /// The certificates in DER, the leaf first.
    pub(crate) chain: Box<[Box<[u8]>]>,
    /// The SHA-256 of the leaf's DER.
    pub(crate) fingerprint: [u8; 32],
    /// The same as text, shared by every credential that is made of it.
    pub(crate) fingerprint_text: Arc<str>,
    /// The serial number's bytes, without leading zeros.
    pub(crate) serial: Box<[u8]>,
    /// The issuer's name, in DER.
    pub(crate) issuer: Box<[u8]>,
    /// The issuer's name, for people.
    pub(crate) issuer_name: Box<str>,
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
    pub(crate) names: AlternativeNames,
    /// What the names come to, if they name a machine.
    pub(crate) workload: Option<WorkloadId>,
}

/// The subject alternative names of a certificate (RFC 5280 §4.2.1.6), by type.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlternativeNames {
    pub(crate) uris: Box<[Box<str>]>,
    /// In lower case.
    pub(crate) dns: Box<[Box<str>]>,
    pub(crate) emails: Box<[Box<str>]>,
    pub(crate) upns: Box<[Box<str>]>,
}

impl PeerCertificate {
    /// Wraps the facts of a chain that was verified.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only the feature `tls` verifies chains"))]
    pub(crate) fn verified(facts: CertificateFacts) -> Self {
        Self(Arc::new(Shared {
            facts,
            #[cfg(feature = "tls")]
            passed: AtomicU64::new(0),
        }))
    }

    /// Whether it was found to be good under these rules, named by who applies them: a look at many lists is spared.
    #[cfg(feature = "tls")]
    pub(crate) fn has_passed(&self, rules: NonZeroU64) -> bool {
        self.0.passed.load(Ordering::Relaxed) == rules.get()
    }

    /// Remembers that it was.
    #[cfg(feature = "tls")]
    pub(crate) fn note_passed(&self, rules: NonZeroU64) {
        self.0.passed.store(rules.get(), Ordering::Relaxed);
    }

    /// The SHA-256 of the certificate's DER: `x5t#S256` (RFC 8705 §3.1) before it is base64url.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.0.facts.fingerprint
    }

    /// The same, in lower-case hexadecimal digits.
    pub fn fingerprint_text(&self) -> &str {
        &self.0.facts.fingerprint_text
    }

    pub(super) fn shared_fingerprint_text(&self) -> Arc<str> {
        self.0.facts.fingerprint_text.clone()
    }

    /// The serial number, as bytes without leading zeros (RFC 5280 §4.1.2.2). Unique only together with the issuer.
    pub fn serial(&self) -> &[u8] {
        &self.0.facts.serial
    }

    /// The issuer's distinguished name, in DER.
    pub fn issuer(&self) -> &[u8] {
        &self.0.facts.issuer
    }

    /// The issuer's distinguished name, for people to read: never compare it.
    pub fn issuer_name(&self) -> &str {
        &self.0.facts.issuer_name
    }

    /// From when on it holds.
    pub fn not_before(&self) -> UnixTime {
        self.0.facts.not_before
    }

    /// The last second at which it holds.
    pub fn not_after(&self) -> UnixTime {
        self.0.facts.not_after
    }

    /// The URIs that it names.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.0.facts.names.uris.iter().map(|name| &**name)
    }

    /// The DNS names that it names, in lower case.
    pub fn dns_names(&self) -> impl Iterator<Item = &str> {
        self.0.facts.names.dns.iter().map(|name| &**name)
    }

    /// The mail addresses that it names (`rfc822Name`).
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.0.facts.names.emails.iter().map(|name| &**name)
    }

    /// The user principal names that it names (Microsoft's `otherName` 1.3.6.1.4.1.311.20.2.3), as smart cards carry them.
    pub fn upns(&self) -> impl Iterator<Item = &str> {
        self.0.facts.names.upns.iter().map(|name| &**name)
    }

    /// The certificates as they came, in DER, the leaf first.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.0.facts.chain.iter().map(|certificate| &**certificate)
    }

    /// The machine that it names, if it names one.
    pub fn workload(&self) -> Option<&WorkloadId> {
        self.0.facts.workload.as_ref()
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate")
            .field("workload", &self.0.facts.workload)
            .field("fingerprint", &Hex(&self.0.facts.fingerprint))
            .field("serial", &Hex(&self.0.facts.serial))
            .field("issuer", &self.0.facts.issuer_name)
            .field("not_after", &self.0.facts.not_after.as_secs())
            .finish_non_exhaustive()
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
