use super::circumstances::Circumstances;
use super::device::UNDECIDED;
use super::observer::WatchTools;
use super::permit::Asked;
use super::set::{FORBIDDEN, Judged, is_refusal_of_rights, settle, settled};
use super::{Policies, Verdict};
use crate::exchange::{Check, Exchange, Later, Permit, Stage, Step, StepId};
use crate::refusal::{Refusal, RefusalKind};
use crate::route::ResourceKind;
use http::request;
use std::sync::Arc;

pub(super) const LAYER: &str = "EnforcePolicyLayer";

/// Asks the policies about everything that a request touches.
pub(super) struct EnforcePolicy {
    pub(super) policies: Policies,
}

impl Step for EnforcePolicy {
    fn id(&self) -> StepId {
        StepId::Policy
    }

    fn check(&self, parts: &mut request::Parts, exchange: &Exchange) -> Check {
        let mut policies = self.policies.as_of_now();
        let circumstances = match Circumstances::gather(parts, exchange, &policies, LAYER, true) {
            Ok(Some(circumstances)) => Arc::new(circumstances),
            Ok(None) => return Check::Skip,
            Err(refusal) => return Check::Refuse(refusal),
        };
        if !exchange.has_permit(Permit::RouteAsked) {
            return Check::Refuse(Refusal::stacked_wrongly(LAYER, "AuthorizeLayer"));
        }
        exchange.note_permit(Permit::PolicyAsked);
        parts.extensions.insert(Asked::new(policies.clone().into_owned(), circumstances.clone()));
        let (judged, tried) = {
            let resources = match circumstances.resources_in_force(&mut policies) {
                Ok(resources) => resources,
                Err(refusal) => return Check::Refuse(refusal),
            };
            let request = circumstances.request(&resources);
            (policies.judge(&request), policies.try_out(&request))
        };
        match (judged, settled(tried)) {
            (Judged::Now(verdict), Ok(tried)) => conclude(&policies, circumstances, &verdict, tried).into(),
            (judged, tried) => {
                let policies = policies.into_owned();
                Check::Later(Later::new(async move {
                    let verdict = judged.verdict().await;
                    let tried = match tried {
                        Ok(tried) => tried,
                        Err(tried) => settle(tried).await,
                    };
                    conclude(&policies, circumstances, &verdict, tried)
                }))
            }
        }
    }
}

/// Records what was said, and lets the request pass or refuses it.
fn conclude(
    policies: &Policies,
    circumstances: Arc<Circumstances>,
    verdict: &Verdict,
    tried: Vec<Verdict>,
) -> Result<(), Refusal> {
    let exchange = circumstances.exchange().clone();
    let facts = policies.facts(verdict, tried);
    exchange.record(|record| record.policy = Some(Box::new(facts)));
    if !verdict.permits() {
        circumstances.tell_why(policies);
        return Err(refusal(verdict));
    }
    let looking = policies.looking_at(&ResourceKind::Tool);
    if !looking.is_empty() {
        exchange.observe(Stage::Authorize, WatchTools::new(looking, circumstances))?;
    }
    exchange.note_permit(Permit::Policy);
    Ok(())
}

/// The refusal that a verdict comes to. The caller learns nothing of the rules.
pub(super) fn refusal(verdict: &Verdict) -> Refusal {
    let refusal = match is_refusal_of_rights(verdict.effect()) {
        true => Refusal::new(RefusalKind::Forbidden, FORBIDDEN),
        false => Refusal::new(RefusalKind::Unavailable, UNDECIDED),
    };
    let rule = verdict.rules().iter().next().unwrap_or(verdict.effect().as_str());
    let refusal = refusal.rule(format!("policy:{rule}"));
    match verdict.cause() {
        Some(cause) => refusal.cause(cause.to_string()),
        None => refusal.cause("the policy does not permit it"),
    }
}
