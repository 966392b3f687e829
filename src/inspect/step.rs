use http::request;

use super::inspection::Inspection;
use super::seams;
use super::text::Provenance;
use crate::exchange::{Check, Exchange, InspectionFacts, RequestPayload, Step, StepId};
use crate::payload::{Coverage, Findings, Node, Role};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::BodyKind;

pub(super) struct Inspect {
    pub(super) inspection: Inspection,
}

impl Step for Inspect {
    fn id(&self) -> StepId {
        StepId::Inspect
    }

    fn check(&self, _parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let mut coverage = self.inspection.coverage();
        let mut findings = Findings::new();
        let read = match (exchange.payload(), exchange.route().map(|route| route.body())) {
            (Some(payload), _) => self.read(&payload, &mut findings, &mut coverage),
            (None, Some(BodyKind::None | BodyKind::Opaque(_))) => return Check::Skip,
            (None, _) => Err(Refusal::stacked_wrongly("InspectLayer", "ReadPayloadLayer")),
        };
        let decision = read.and_then(|()| self.judge(&findings));
        exchange.record(|record| record.inspection = Some(InspectionFacts { coverage, findings }));
        decision.into()
    }
}

impl Inspect {
    fn read(
        &self,
        payload: &RequestPayload,
        findings: &mut Findings,
        coverage: &mut Coverage,
    ) -> Result<(), Refusal> {
        let RequestPayload { document, facts } = payload;
        for part in &facts.parts {
            let unreadable = |why: String| Refusal::new(RefusalKind::Unavailable, UNREADABLE).cause(why);
            let Some(text) = document.node(part.node).and_then(Node::as_str) else {
                return Err(unreadable(format!(
                    "{} is a prompt part and no string",
                    document.place(part.node)
                )));
            };
            self.inspection
                .read(text, provenance(part.role), || document.place(part.node), findings, coverage)
                .map_err(|error| unreadable(error.to_string()).at(document.place(part.node)))?;
        }
        seams::read(&self.inspection, document, &facts.parts, findings);
        Ok(())
    }

    /// Refuses because of the first finding that blocks. The rule stays between us and the record: who is told
    /// which words were found only has to change those.
    fn judge(&self, findings: &Findings) -> Result<(), Refusal> {
        let Some(finding) = findings.iter().find(|finding| self.inspection.blocks(finding)) else {
            return Ok(());
        };
        let cause = format!(
            "{} ({}) at bytes {}..{}, {} findings in all",
            finding.category,
            finding.severity.as_str(),
            finding.span.start,
            finding.span.end,
            findings.len() + findings.dropped()
        );
        Err(Refusal::new(RefusalKind::ContentBlocked, "this content is refused by the policy of the service")
            .at(&*finding.pointer)
            .rule(finding.rule.clone())
            .cause(cause))
    }
}

const UNREADABLE: &str = "the content cannot be inspected now";

/// Where a part comes from, as far as its role tells. Whatever the client tells of earlier turns is its own word.
pub(super) fn provenance(role: Role) -> Provenance {
    match role {
        Role::System | Role::Developer | Role::ToolDefinition => Provenance::Instructions,
        Role::Tool => Provenance::Document,
        Role::User | Role::Assistant | Role::ToolCall | Role::Other => Provenance::Conversation,
    }
}
