use super::entry::AuditEntry;
use super::log::{AuditLog, Slot};
use crate::exchange::{AnswerObserver, End, Exchange};
use crate::payload::AnswerFacts;

/// Writes the record when the exchange is over.
pub(super) struct RecordAnswer {
    pub(super) log: AuditLog,
    pub(super) slot: Option<Slot>,
}

impl AnswerObserver for RecordAnswer {
    fn end(self: Box<Self>, end: End, _facts: &AnswerFacts, exchange: &Exchange) {
        let entry = AuditEntry::of(exchange, end);
        entry.trace();
        #[cfg(feature = "metrics")]
        super::meters::count(&entry);
        if let Some(slot) = self.slot {
            self.log.write(slot, entry);
        }
    }
}
