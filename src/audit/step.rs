use super::log::{AuditLog, Place};
use super::observer::RecordAnswer;
use crate::exchange::{Check, Exchange, Stage, Step, StepId};
use crate::refusal::{Refusal, RefusalKind};
use http::request;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct Audit {
    pub(super) log: AuditLog,
    pub(super) config: Option<Arc<str>>,
}

impl Step for Audit {
    fn id(&self) -> StepId {
        StepId::Audit
    }

    fn check(&self, _parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let place = self.log.reserve();
        let is_full = matches!(place, Place::None);
        let record = RecordAnswer { log: self.log.clone(), place, config: self.config.clone() };
        match exchange.observe(Stage::Audit, record) {
            Ok(()) if is_full => Check::Refuse(
                Refusal::new(RefusalKind::Unavailable, "the service cannot take this request now")
                    .cause("the audit log takes no more records")
                    .retry_after(Duration::from_secs(1)),
            ),
            observed => observed.into(),
        }
    }
}
