//! The path from a leaf to a root, by RFC 5280 §6, as webpki walks it.

use super::provider::algorithms;
use super::strict::{check_list, check_root, may_sign_lists};
use super::{Pem, TrustError, TrustErrorKind, read};
use crate::clock::UnixTime;
use rustls::DistinguishedName;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime as PkiTime};
use std::cell::Cell;
use std::time::Duration;
use webpki::{
    CertRevocationList, EndEntityCert, Error, ExpirationPolicy, KeyUsage, OwnedCertRevocationList,
    RevocationCheckDepth, RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
    anchor_from_trusted_cert,
};
use x509_parser::asn1_rs::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

/// What a certificate is shown for (extended key usage, RFC 5280 §4.2.1.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Client,
    Server,
}

/// Certificates that are believed without another.
#[derive(Default)]
pub(super) struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    /// What webpki forgets of them, in the same order.
    facts: Vec<RootFacts>,
}

struct RootFacts {
    /// Its subject's name, in DER.
    name: Box<[u8]>,
    not_before: UnixTime,
    not_after: UnixTime,
    /// Why it vouches for nobody. It is no error to have it: another of the same file may be good.
    problem: Option<&'static str>,
    may_sign_lists: bool,
}

impl Roots {
    pub(super) fn load(sources: &[Pem]) -> Result<Self, TrustError> {
        let mut roots = Self::default();
        for source in sources {
            let read = Self::read(&source.certificates()?, |problem| source.error(problem))?;
            roots.anchors.extend(read.anchors);
            roots.facts.extend(read.facts);
        }
        Ok(roots)
    }

    pub(super) fn read(
        certificates: &[CertificateDer<'_>],
        error: impl Fn(String) -> TrustError,
    ) -> Result<Self, TrustError> {
        let mut roots = Self::default();
        for (certificate, number) in certificates.iter().zip(1..) {
            let anchor = anchor_from_trusted_cert(certificate)
                .map_err(|problem| error(format!("certificate {number} can be no root: {problem}")))?;
            roots.facts.push(RootFacts::read(certificate).map_err(|problem| error(problem.to_string()))?);
            roots.anchors.push(anchor.to_owned());
        }
        Ok(roots)
    }

    /// Whether no root of that name is forbidden to sign revocation lists.
    pub(super) fn may_sign_lists(&self, issuer: &[u8]) -> bool {
        self.facts.iter().all(|facts| &*facts.name != issuer || facts.may_sign_lists)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = DistinguishedName> {
        self.anchors.iter().map(|anchor| DistinguishedName::in_sequence(&anchor.subject))
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
        let time = PkiTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        let options = revocation.options(&lists);
        let unsound_root = Cell::new(None);
        let root_is_sound = |path: &VerifiedPath<'_>| {
            self.check_root(path.anchor(), now).map_err(|kind| {
                unsound_root.set(Some(kind));
                Error::UnknownIssuer
            })
        };
        let walked = leaf.verify_for_usage(
            algorithms().all,
            &self.anchors,
            intermediates,
            time,
            usage,
            options,
            Some(&root_is_sound),
        );
        match (walked.map(drop), unsound_root.take()) {
            (Ok(()), _) => {}
            (Err(_), Some(kind)) => return Err(kind.into()),
            (Err(error), None) => return Err(translate(error)),
        }
        match name {
            Some(name) => leaf.verify_is_valid_for_subject_name(name).map_err(translate),
            None => Ok(()),
        }
    }
}

impl Roots {
    /// A root may stand here more than once, as when it was renewed under the same name and key: one that holds is enough.
    fn check_root(&self, anchor: &TrustAnchor<'_>, now: UnixTime) -> Result<(), TrustErrorKind> {
        let is_this = |candidate: &TrustAnchor<'_>| {
            candidate.subject == anchor.subject
                && candidate.subject_public_key_info == anchor.subject_public_key_info
        };
        let same = self.anchors.iter().zip(&self.facts).filter(|(candidate, _)| is_this(candidate));
        let mut verdict = Err(TrustErrorKind::UnknownIssuer);
        for (_, facts) in same {
            verdict = facts.check(now);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }
}

impl RootFacts {
    fn read(der: &CertificateDer<'_>) -> Result<Self, TrustError> {
        let root = read(der, 0)?;
        let time = |time: i64| UnixTime::from_secs(u64::try_from(time).unwrap_or_default());
        Ok(Self {
            name: root.subject().as_raw().into(),
            not_before: time(root.validity().not_before.timestamp()),
            not_after: time(root.validity().not_after.timestamp()),
            problem: check_root(&root).err(),
            may_sign_lists: may_sign_lists(&root),
        })
    }

    fn check(&self, now: UnixTime) -> Result<(), TrustErrorKind> {
        match self.problem {
            Some(problem) => Err(TrustErrorKind::Path(problem.to_owned())),
            None if now < self.not_before => Err(TrustErrorKind::NotYetValid),
            None if now.as_secs() > self.not_after.as_secs() => Err(TrustErrorKind::Expired),
            None => Ok(()),
        }
    }
}

/// What was revoked, and how strictly that is taken.
#[derive(Default)]
pub(super) struct Revocation {
    lists: Box<[CertRevocationList<'static>]>,
    accept_stale: bool,
    accept_unlisted: bool,
}

impl Revocation {
    pub(super) fn load(
        sources: &[Pem],
        may_sign: impl Fn(&[u8]) -> bool,
        accept_stale: bool,
        accept_unlisted: bool,
    ) -> Result<Self, TrustError> {
        let mut lists = Vec::new();
        for source in sources {
            for (list, number) in source.revocation_lists()?.iter().zip(1..) {
                let unusable =
                    |problem: &str| source.error(format!("list {number} cannot be used: {problem}"));
                check_raw_list(list, &may_sign).map_err(unusable)?;
                let list =
                    OwnedCertRevocationList::from_der(list).map_err(|error| unusable(&error.to_string()))?;
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

fn check_raw_list(list: &[u8], may_sign: impl Fn(&[u8]) -> bool) -> Result<(), &'static str> {
    match CertificateRevocationList::from_der(list) {
        Ok((_, list)) if !may_sign(list.issuer().as_raw()) => {
            Err("its issuer's key may not sign revocation lists (RFC 5280 §6.3.3)")
        }
        Ok((_, list)) => check_list(&list),
        Err(_) => Err("it is no revocation list in DER"),
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
