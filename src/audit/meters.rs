//! The record as metrics, for whatever recorder the host installs. Labels come from the route table and from fixed
//! words, never from the caller, so that their number is bounded.

use super::entry::AuditEntry;

pub(super) fn count(entry: &AuditEntry) {
    let route = entry.pattern().unwrap_or("none").to_owned();
    let decision = entry.decision();
    let reason = entry.reason().unwrap_or("none");
    metrics::counter!("portcullis_requests_total", "route" => route.clone(), "decision" => decision, "reason" => reason)
        .increment(1);
    metrics::histogram!("portcullis_request_duration_seconds", "route" => route.clone(), "decision" => decision)
        .record(entry.duration().as_secs_f64());
    if let Some(usage) = &entry.record.usage {
        metrics::counter!("portcullis_usage_reserved_units_total", "route" => route.clone())
            .increment(usage.reserved);
        metrics::counter!("portcullis_usage_settled_units_total", "route" => route)
            .increment(usage.settled.unwrap_or_default());
    }
}
