//! What a gate is put together from, and what the posture says of it.

use super::GateBuilder;
use super::posture::Control;
use crate::audit::AuditLog;
use crate::exchange::StepId;
use crate::inspect::Inspection;
use crate::limit::{FloodQuota, Limits};
use crate::principal::Revocations;
use crate::route::RouteTable;
use std::time::Duration;

impl GateBuilder {
    fn certificates(&self) -> Option<String> {
        #[cfg(feature = "tls")]
        return self.peers.as_ref().map(ToString::to_string);
        #[cfg(not(feature = "tls"))]
        return None;
    }
}

/// What a gate is put together from.
pub(super) struct Parts {
    pub(super) routes: RouteTable,
    pub(super) audit: Option<AuditLog>,
    pub(super) flood: Option<FloodQuota>,
    pub(super) limits: Option<Limits>,
    pub(super) inspection: Option<Inspection>,
    pub(super) revocations: Revocations,
    pub(super) watch: Option<Duration>,
}

impl Parts {
    pub(super) fn controls(&self, builder: &GateBuilder) -> Vec<Control> {
        let issuers: Vec<String> = builder.issuers.iter().map(ToString::to_string).collect();
        let metadata = builder.resource.as_ref().map(|resource| {
            format!("\nclients are led to {} by {}", resource.resource(), resource.metadata_url())
        });
        let metadata = metadata.unwrap_or_default();
        let plans = self.limits.as_ref().map(|limits| limits.plans().to_string());
        let body = (builder.max_body_bytes, builder.max_body_time.as_secs_f64());
        let detail = |step| match step {
            StepId::Audit => {
                self.audit.as_ref().map(|log| format!("every request; when full: {:?}", log.when_full()))
            }
            StepId::Route => {
                let hosts = builder.edge.hosts().map(|hosts| hosts.collect::<Vec<_>>().join(", "));
                let hosts = hosts.unwrap_or_else(|| "any host (from loopback, loopback's own)".to_owned());
                let plaintext = match builder.plaintext || builder.edge.takes_plaintext() {
                    true => {
                        "\nPLAINTEXT IS TAKEN FROM EVERYWHERE: whoever is on the way reads and changes it"
                    }
                    false => "\nencrypted, but for this machine's own callers",
                };
                Some(format!(
                    "{} routes, for {hosts}; everything else is refused{plaintext}",
                    self.routes.routes().len()
                ))
            }
            StepId::Flood => self.flood.map(|quota| format!("from one address {quota}")),
            StepId::Peer => builder.certificates(),
            StepId::Authenticate => {
                Some(builder.credentials.describe(&issuers, builder.api_key_header) + &metadata)
            }
            StepId::Watch => self.watch.map(|grace| match grace {
                Duration::ZERO => "expired or revoked credentials end their answers".to_owned(),
                grace => format!(
                    "revoked credentials end their answers, expired ones {} s later",
                    grace.as_secs_f64()
                ),
            }),
            StepId::Requests => plans.clone(),
            StepId::Usage => plans.is_some().then(|| "by the same plans".to_owned()),
            StepId::Authorize => Some("the scopes that the route names".to_owned()),
            StepId::Policy => (!builder.policies.is_empty()).then(|| builder.policies.to_string()),
            StepId::Read => Some(format!("strict JSON, at most {} bytes in {} s", body.0, body.1)),
            StepId::Models | StepId::Protect => builder.rules.describe(step),
            StepId::Inspect => self.inspection.as_ref().map(ToString::to_string),
        };
        let control = |step| match builder.observed_until {
            Some(_) => Control::new(step, detail(step)).observed(),
            None => Control::new(step, detail(step)),
        };
        StepId::ALL.map(control).into()
    }
}
