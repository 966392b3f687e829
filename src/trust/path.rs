//! The path from a leaf to a root, by RFC 5280 §6, as webpki walks it.

use super::provider::algorithms;
use super::{Pem, TrustError, TrustErrorKind};
use crate::clock::UnixTime;
use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime as PkiTime};
use std::time::Duration;
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
    anchor_from_trusted_cert,
};

/// What a certificate is shown for (extended key usage, RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Client,
    Server,
}

/// Certificates that are believed without another.
pub(super) struct Roots(Box<[TrustAnchor<'static>]>);

impl Roots {
    pub(super) fn load(sources: &[Pem]) -> Result<Self, TrustError> {
        let mut anchors = Vec::new();
        for source in sources {
            for (certificate, number) in source.certificates()?.iter().zip(1..) {
                let anchor = anchor_from_trusted_cert(certificate)
                    .map_err(|error| source.error(format!("certificate {number} can be no root: {error}")))?;
                anchors.push(anchor.to_owned());
            }
        }
        Ok(Self(anchors.into()))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = DistinguishedName> {
        self.0.iter().map(|anchor| DistinguishedName::in_sequence(&anchor.subject))
    }

    pub(super) fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
        purpose: Purpose,
        revocation: &Revocation,
        name: Option<&ServerName<'_>>,
    ) -> Result<(), TrustError> {
        let (leaf, intermediates) = chain.split_first().ok_or(TrustErrorKind::Empty)?;
        let leaf = EndEntityCert::try_from(leaf).map_err(translate)?;
        let lists: Vec<&CertRevocationList<'_>> = revocation.lists.iter().collect();
        let usage = match purpose {
            Purpose::Client => KeyUsage::client_auth(),
            Purpose::Server => KeyUsage::server_auth(),
        };
        let now = PkiTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        let options = revocation.options(&lists);
        leaf.verify_for_usage(algorithms().all, &self.0, intermediates, now, usage, options, None)
            .map_err(translate)?;
        match name {
            Some(name) => leaf.verify_is_valid_for_subject_name(name).map_err(translate),
            None => Ok(()),
        }
    }
}

/// What was revoked, and how strictly that is taken.
pub(super) struct Revocation {
    lists: Box<[CertRevocationList<'static>]>,
    accept_stale: bool,
    accept_unlisted: bool,
}

impl Revocation {
    pub(super) fn load(
        sources: &[Pem],
        accept_stale: bool,
        accept_unlisted: bool,
    ) -> Result<Self, TrustError> {
        let mut lists = Vec::new();
        for source in sources {
            for (list, number) in source.revocation_lists()?.iter().zip(1..) {
                let list = OwnedCertRevocationList::from_der(list)
                    .map_err(|error| source.error(format!("list {number} cannot be used: {error}")))?;
                lists.push(CertRevocationList::from(list));
            }
        }
        Ok(Self { lists: lists.into(), accept_stale, accept_unlisted })
    }

    /// `None` without lists.
    fn options<'a>(&self, lists: &'a [&'a CertRevocationList<'a>]) -> Option<RevocationOptions<'a>> {
        let options = RevocationOptionsBuilder::new(lists).ok()?;
        let status =
            if self.accept_unlisted { UnknownStatusPolicy::Allow } else { UnknownStatusPolicy::Deny };
        let expiration = if self.accept_stale { ExpirationPolicy::Ignore } else { ExpirationPolicy::Enforce };
        Some(
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(status)
                .with_expiration_policy(expiration)
                .build(),
        )
    }
}

fn translate(error: Error) -> TrustError {
    let kind = match error {
        Error::CertExpired { .. } => TrustErrorKind::Expired,
        Error::CertNotValidYet { .. } => TrustErrorKind::NotYetValid,
        Error::CertRevoked => TrustErrorKind::Revoked,
        Error::CrlExpired { .. } => TrustErrorKind::RevocationStale,
        Error::UnknownRevocationStatus => TrustErrorKind::RevocationUnknown,
        Error::UnknownIssuer => TrustErrorKind::UnknownIssuer,
        Error::InvalidSignatureForPublicKey => TrustErrorKind::Signature,
        Error::RequiredEkuNotFoundContext(_) => TrustErrorKind::Usage("its extended key usage is another"),
        Error::CertNotValidForName(_) => TrustErrorKind::NotPinned("called otherwise".to_owned()),
        other => TrustErrorKind::Path(other.to_string()),
    };
    kind.into()
}
