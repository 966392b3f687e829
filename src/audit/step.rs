use super::log::AuditLog;
use super::observer::RecordAnswer;
use crate::exchange::{Check, Exchange, Stage, Step, StepId};
use crate::refusal::{Refusal, RefusalKind};
use http::request;

pub(super) struct Audit {
    pub(super) log: AuditLog,
}

impl Step for Audit {
    fn id(&self) -> StepId {
        StepId::Audit
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let Ok(slot) = self.log.reserve() else {
            tracing::warn!(
                request_id = exchange.request_id(),
                path = parts.uri.path(),
                "refused: the audit log takes no more records"
            );
            return Check::Refuse(
                Refusal::new(RefusalKind::Unavailable, "the service cannot take this request now")
                    .cause("the audit log takes no more records")
                    .retry_after(std::time::Duration::from_secs(1)),
            );
        };
        exchange.observe(Stage::Audit, RecordAnswer { log: self.log.clone(), slot }).into()
    }
}
