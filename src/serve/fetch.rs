//! The certificate of this service for what it fetches.

use crate::fetch::HttpsClientBuilder;
use crate::trust::{Identity, Shown};
use std::sync::Arc;

impl HttpsClientBuilder {
    /// Shows this certificate to servers that ask for one (RFC 8705 §2), as it is at each handshake: a client that is built once shows the
    /// renewed one after its files changed (feature `tls`). Connections that are open go on with the one before.
    pub fn identity(self, identity: Identity) -> Self {
        self.client_certificate_of(Arc::new(Shown(identity)))
    }
}
