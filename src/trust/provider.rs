use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use std::sync::{Arc, LazyLock};

/// The cryptography of every handshake here, as a value: what a host installs for its process changes nothing here, and
/// nothing is installed for it.
///
/// Keys are agreed on by X25519MLKEM768 where the other end can, so that what is recorded today cannot be read by a quantum
/// computer later.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    Arc::new(provider)
});

pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// The algorithms by which certificates and handshakes are signed.
pub(super) fn algorithms() -> &'static WebPkiSupportedAlgorithms {
    &PROVIDER.signature_verification_algorithms
}
