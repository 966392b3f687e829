use super::{FetchError, FetchErrorKind};
use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;

/// By which roots servers are verified.
#[derive(Clone, Debug)]
pub(super) enum Roots {
    System,
    Pem(Vec<String>),
    /// No server is verified, since none is asked over TLS.
    None,
}

/// What is shown to a server that asks for a certificate.
#[derive(Clone, Debug)]
pub(super) enum ClientCertificate {
    /// In PEM.
    Fixed { chain: String, key: SecretString },
    /// Asked on each handshake.
    #[cfg(feature = "tls")]
    Current(Arc<dyn rustls::client::ResolvesClientCert>),
}

pub(super) fn config(
    roots: &Roots,
    identity: Option<&ClientCertificate>,
) -> Result<ClientConfig, FetchError> {
    let store = match roots {
        Roots::System => system()?,
        Roots::Pem(all) => from_pem(all)?,
        Roots::None => RootCertStore::empty(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| setting("build", format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(store);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        #[cfg(feature = "tls")]
        Some(ClientCertificate::Current(resolver)) => builder.with_client_cert_resolver(resolver.clone()),
        Some(ClientCertificate::Fixed { chain, key }) => {
            let (chain, key) = read_identity(chain, key)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                setting("client_certificate_pem", format!("key and certificate do not fit: {error}"))
            })?
        }
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// A value of our own: what a host installs for its process changes nothing here. Keys are agreed on by X25519MLKEM768 where the
/// server can, so that what is recorded today cannot be read by a quantum computer later.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    provider
}

fn system() -> Result<RootCertStore, FetchError> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    let (taken, _) = store.add_parsable_certificates(found.certs);
    if taken == 0 {
        let problem =
            "this system has no roots: install the package ca-certificates, or name roots of your own";
        return Err(setting("roots_pem", problem.to_owned()));
    }
    Ok(store)
}

fn from_pem(all: &[String]) -> Result<RootCertStore, FetchError> {
    let unusable = |problem: String| setting("roots_pem", problem);
    let mut store = RootCertStore::empty();
    for pem in all {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| unusable(format!("it is no PEM: {error}")))?;
        if certificates.is_empty() {
            return Err(unusable(
                "it holds no certificate; begin with -----BEGIN CERTIFICATE-----".to_owned(),
            ));
        }
        for certificate in certificates {
            store.add(certificate).map_err(|error| unusable(format!("a root cannot be used: {error}")))?;
        }
    }
    Ok(store)
}

type ReadIdentity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn read_identity(chain: &str, key: &SecretString) -> Result<ReadIdentity, FetchError> {
    let unusable = |problem: &str| setting("client_certificate_pem", problem.to_owned());
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| unusable("the chain is no PEM"))?;
    if chain.is_empty() {
        return Err(unusable("the chain holds no certificate"));
    }
    // What the parser says could repeat a part of the key.
    let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
    Ok((chain, key.map_err(|_| unusable("the key is no private key in PEM"))?))
}

pub(super) fn setting(field: &'static str, problem: String) -> FetchError {
    FetchErrorKind::Setting { field, problem }.into()
}
