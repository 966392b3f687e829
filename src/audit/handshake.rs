use super::entry::AuditEntry;
use super::log::{AuditLog, Place};
use crate::exchange::{Context, End, Ran, Record, StepId};
use crate::principal::ClientAddress;
use crate::refusal::Refusal;
use http::Method;
use std::net::IpAddr;

impl AuditLog {
    /// Counts a handshake that failed, by address and kind of failure, in the lane of requests without an identity: the
    /// refusal's rule is the kind, its cause says more.
    pub(crate) fn note_handshake(&self, context: &Context, address: IpAddr, refusal: Refusal) {
        let client = ClientAddress::new(address);
        let entry = AuditEntry {
            time: context.clock().now(),
            request_id: context.ids().next(),
            client_request_id: None,
            client: Some(client),
            route: None,
            principal: None,
            end: End::Refused,
            refusal: Some(refusal),
            record: Record::new(Method::default(), [Ran::NotReached; StepId::COUNT]),
            config: None,
            aggregate: None,
            dropped_so_far: 0,
        };
        self.fold(Place::None, entry, Some(client.prefix()), context.clock());
    }
}
