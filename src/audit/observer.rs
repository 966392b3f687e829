use super::entry::AuditEntry;
use super::log::{AuditLog, Place};
use crate::exchange::{AnswerObserver, End, Exchange};
use crate::payload::AnswerFacts;
use crate::principal::ClientAddress;
use crate::route::Access;
use std::sync::Arc;

/// Writes the record when the exchange is over.
pub(super) struct RecordAnswer {
    pub(super) log: AuditLog,
    pub(super) place: Place,
    pub(super) config: Option<Arc<str>>,
}

impl AnswerObserver for RecordAnswer {
    fn end(self: Box<Self>, end: End, _facts: &AnswerFacts, exchange: &Exchange) {
        let entry = AuditEntry::of(exchange, end, self.config);
        #[cfg(feature = "metrics")]
        super::meters::count(&entry);
        if is_anybody(exchange, &entry) {
            let prefix = exchange.client().map(ClientAddress::prefix);
            self.log.fold(self.place, entry, prefix, exchange.clock());
        } else {
            self.log.write(self.place, entry);
        }
    }
}

/// Whether anybody could have sent this request, as often as they like: it was refused before it was known who asks, or
/// would have been if it were not only observed, or the route is open. A request that carries an identity never is, nor is the
/// logout of an issuer.
fn is_anybody(exchange: &Exchange, entry: &AuditEntry) -> bool {
    let is_open = exchange.route().is_some_and(|route| *route.access() == Access::Open);
    let is_refused = entry.refusal.is_some() || !entry.record.would_refuse.is_empty();
    let is_known =
        entry.principal.is_some() || exchange.workload().is_some() || entry.record.logout.is_some();
    !is_known && (is_open || is_refused)
}
