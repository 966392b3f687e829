//! What a decision point is told of the circumstances.

use super::evaluation::TIME;
use crate::authorize::AccessRequest;
use crate::principal::ClaimValue;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// The member of the context that says how large the body is.
pub(super) const BYTES: &str = "bytes";

pub(super) fn context(request: &AccessRequest<'_>) -> Map<String, Value> {
    let environment = &request.environment;
    let mut all = Map::new();
    let mut add = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    let seconds = i64::try_from(environment.time.as_secs()).unwrap_or(i64::MAX);
    if let Ok(moment) = Timestamp::from_second(seconds) {
        add(TIME, moment.to_string().into());
    }
    add("route", request.route.into());
    add("managed", environment.device.is_some_and(|device| device.managed).into());
    if let Some(client) = environment.client {
        add("client", client.ip().to_string().into());
    }
    if let Some(id) = environment.device.and_then(|device| device.id.as_deref()) {
        add("device", id.into());
    }
    if let Some(plan) = environment.plan {
        add("plan", plan.into());
    }
    if let Some(workload) = request.principal.workload() {
        add("workload", workload.id().as_str().into());
    }
    if let Some(payload) = environment.payload {
        add(BYTES, payload.bytes.into());
        // What is not known of an opaque body is left out.
        payload.has_tools.into_iter().for_each(|tools| add("tools", tools.into()));
        payload.is_streamed.into_iter().for_each(|streamed| add("streamed", streamed.into()));
        payload.privileged.into_iter().for_each(|names| add("privileged", names.into()));
        if let Some(cap) = payload.output_cap {
            add("output_cap", cap.into());
        }
        if let Some(findings) = payload.findings {
            add("findings", (findings.len() + findings.dropped()).into());
        }
    }
    all
}

/// The next power of two, from 1024 on; nothing stays nothing.
pub(super) fn rounded(bytes: u64) -> u64 {
    match bytes {
        0 => 0,
        bytes => bytes.max(1024).checked_next_power_of_two().unwrap_or(u64::MAX),
    }
}

pub(super) fn value_of(claim: &ClaimValue) -> Option<Value> {
    Some(match claim {
        ClaimValue::Text(text) => (**text).into(),
        ClaimValue::Number(number) => (*number).into(),
        ClaimValue::Flag(flag) => (*flag).into(),
        ClaimValue::List(items) => items.iter().filter_map(value_of).collect(),
        _ => return None,
    })
}
