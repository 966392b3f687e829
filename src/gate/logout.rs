//! The endpoint by which issuers end sessions, behind the gate's own controls.

use super::{GateBuilder, GateError, GateErrorKind};
use crate::jwt::logout::BackChannelLogout;

impl GateBuilder {
    /// Takes the logouts that issuers send (OpenID Connect Back-Channel Logout 1.0). The gate opens their path, counts and records
    /// whoever knocks there, and uses the list of revocations that they go into. Its
    /// [router](BackChannelLogout::router) is still to be merged into the one that the gate protects.
    pub fn back_channel_logout(mut self, logout: BackChannelLogout) -> Self {
        self.credentials.logout = Some(logout);
        self
    }

    pub(super) fn open_logout(&mut self) -> Result<(), GateError> {
        let Some(logout) = &self.credentials.logout else { return Ok(()) };
        let list = self.revocations.get_or_insert_with(|| logout.revocations().clone());
        if !list.is_same(logout.revocations()) {
            return Err(GateErrorKind::TwoRevocations.into());
        }
        self.routes.push(logout.route());
        Ok(())
    }
}
