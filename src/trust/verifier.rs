//! What rustls asks in a handshake. The answers are those of [`TrustBundles`].

use super::bundles::{Bundles, Pinned};
use super::path::Purpose;
use super::provider::algorithms;
use super::{Recent, TrustBundles, TrustError, TrustErrorKind};
use crate::clock::UnixTime;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime as PkiTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};
use std::sync::Arc;

/// That the other end holds the key of its certificate is checked in one way, whichever end that is.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, certificate, signature, algorithms())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, certificate, signature, algorithms())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            algorithms().supported_schemes()
        }
    };
}

/// Verifies clients.
#[derive(Debug)]
pub(crate) struct VerifyClient {
    bundles: TrustBundles,
    hints: Box<[DistinguishedName]>,
    mandatory: bool,
    recent: Arc<Recent>,
}

impl VerifyClient {
    /// Believes `bundles` as they are when a client comes; tells it of the roots that `current` has.
    pub(crate) fn new(
        bundles: TrustBundles,
        current: &Bundles,
        mandatory: bool,
        recent: Arc<Recent>,
    ) -> Self {
        Self { bundles, hints: current.hints(), mandatory, recent }
    }
}

impl ClientCertVerifier for VerifyClient {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: PkiTime,
    ) -> Result<ClientCertVerified, Error> {
        let (chain, now, bundles) = (chain(end_entity, intermediates), time(now), self.bundles.current());
        match self.recent.find(&chain) {
            Some(known) => bundles.verify_again(&known, now).map_err(refuse)?,
            None => {
                let verified = bundles.verify(&chain, now, Purpose::Client).map_err(refuse)?;
                self.recent.keep(&chain, verified);
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}

/// Verifies servers.
#[derive(Debug)]
pub(crate) struct VerifyServer {
    pub(crate) bundles: TrustBundles,
    pub(crate) pinned: Pinned,
}

impl ServerCertVerifier for VerifyServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: PkiTime,
    ) -> Result<ServerCertVerified, Error> {
        // Nobody accepts connections here who could look at the files.
        self.bundles.look();
        let chain = chain(end_entity, intermediates);
        let verified = self.bundles.current().verify_server(&chain, &self.pinned, server_name, time(now));
        verified.map(|_| ServerCertVerified::assertion()).map_err(refuse)
    }

    signatures!();
}

/// Why a certificate was not believed, if that is why a handshake failed.
pub(crate) fn trust_error(error: &Error) -> Option<TrustError> {
    let Error::InvalidCertificate(error) = error else { return None };
    let kind = match error {
        CertificateError::Expired => TrustErrorKind::Expired,
        CertificateError::NotValidYet => TrustErrorKind::NotYetValid,
        CertificateError::Revoked => TrustErrorKind::Revoked,
        CertificateError::ExpiredRevocationList => TrustErrorKind::RevocationStale,
        CertificateError::UnknownRevocationStatus => TrustErrorKind::RevocationUnknown,
        CertificateError::UnknownIssuer => TrustErrorKind::UnknownIssuer,
        CertificateError::BadSignature => TrustErrorKind::Signature,
        CertificateError::Other(OtherError(inner)) => return inner.downcast_ref().cloned(),
        other => TrustErrorKind::Path(other.to_string()),
    };
    Some(kind.into())
}

fn chain<'a>(end_entity: &'a CertificateDer<'a>, intermediates: &'a [CertificateDer<'a>]) -> Vec<&'a [u8]> {
    std::iter::once(end_entity).chain(intermediates).map(|certificate| &**certificate).collect()
}

fn time(now: PkiTime) -> UnixTime {
    UnixTime::from_secs(now.as_secs())
}

/// In words of rustls, which sends the fitting alert.
fn refuse(error: TrustError) -> Error {
    Error::InvalidCertificate(match error.kind {
        TrustErrorKind::Expired => CertificateError::Expired,
        TrustErrorKind::NotYetValid => CertificateError::NotValidYet,
        TrustErrorKind::Revoked => CertificateError::Revoked,
        TrustErrorKind::RevocationStale => CertificateError::ExpiredRevocationList,
        TrustErrorKind::RevocationUnknown => CertificateError::UnknownRevocationStatus,
        TrustErrorKind::UnknownIssuer => CertificateError::UnknownIssuer,
        TrustErrorKind::Signature => CertificateError::BadSignature,
        _ => CertificateError::Other(OtherError(Arc::new(error))),
    })
}
