//! What answers and refusals tell a client about its limits.
//!
//! - `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, as OpenAI's clients read them: of each measure the limit
//!   with the least left; `reset` is the time until it is full again, such as `6m0s`.
//! - `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers), one member per limit. The draft's
//!   registry has no unit for usage; `qu="tokens"` says that it is not requests.
//!
//! Limits that callers share with strangers (those per plan, per application and per workload) are not told: what is left of them
//! would tell one customer how much the others use. A client that meets one learns when to come again, like everybody.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::limits::{PreparedLimit, PreparedPlan};
use super::rule::{Dimension, Limit, Measure};
use crate::clock::nanos;
use crate::exchange::LimitLevel;

const OURS: [&str; 2] = ["ratelimit", "ratelimit-policy"];
const RATELIMIT: HeaderName = HeaderName::from_static(OURS[0]);
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static(OURS[1]);

/// Names under which handlers and providers behind them tell about limits that are not ours.
const LOOK_ALIKES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "x-rate-limit-"];

/// The largest integer of a structured field (RFC 9651 §3.3.1).
const LARGEST: u64 = 999_999_999_999_999;

/// What the tightest limit of requests, and of usage, has at most.
static LIMITS: [HeaderName; 2] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-limit-tokens"),
];

/// What else is told: of all limits, then of the tightest of requests, and of usage.
static LINES: [HeaderName; 5] = [
    RATELIMIT,
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Takes away what others say about limits.
pub(super) fn remove_look_alikes(headers: &mut HeaderMap) {
    let is_look_alike = |name: &HeaderName| {
        let name = name.as_str();
        OURS.contains(&name) || LOOK_ALIKES.iter().any(|start| name.starts_with(start))
    };
    if headers.keys().any(is_look_alike) {
        let names: Vec<HeaderName> = headers.keys().filter(|name| is_look_alike(name)).cloned().collect();
        for name in names {
            headers.remove(name);
        }
    }
}

/// Says how the limits of `plan` stand.
pub(super) fn write(headers: &mut HeaderMap, plan: &PreparedPlan, levels: &[LimitLevel]) {
    // eight of ours and the answer's own: grown once
    headers.reserve(8);
    if let Some(policy) = &plan.policy {
        headers.insert(RATELIMIT_POLICY, policy.clone());
    }
    let mut text = String::with_capacity(64 * levels.len());
    let mut tightest = [None::<(&PreparedLimit, &LimitLevel)>; 2];
    for limit in plan.limits.iter().filter(|limit| is_told(&limit.limit)) {
        let Some(level) = levels.iter().find(|level| level.limit == limit.name) else { continue };
        let left = left(level).min(LARGEST);
        let wait = if left == 0 { level.until_next } else { level.until_full };
        text.push_str(if text.is_empty() { "\"" } else { ", \"" });
        text.push_str(&limit.name);
        text.push_str("\";r=");
        push_number(&mut text, left);
        text.push_str(";t=");
        push_number(&mut text, whole_seconds(wait).min(LARGEST));
        let known = &mut tightest[usize::from(limit.limit.measure() == Measure::Usage)];
        if known.is_none_or(|(_, known)| tightness(level) < tightness(known)) {
            *known = Some((limit, level));
        }
    }
    let mut ends = [text.len(); LINES.len()];
    for (measure, found) in tightest.into_iter().enumerate() {
        if let Some((limit, level)) = found {
            headers.insert(&LIMITS[measure], limit.capacity.clone());
            push_number(&mut text, left(level));
        }
        ends[1 + 2 * measure] = text.len();
        if let Some((_, level)) = found {
            write_duration(&mut text, level.until_full);
        }
        ends[2 + 2 * measure] = text.len();
    }
    // One buffer, which all the values share.
    let text = Bytes::from(text);
    let mut start = 0;
    for (name, end) in LINES.iter().zip(ends) {
        if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end))
            && start < end
        {
            headers.insert(name, value);
        }
        start = end;
    }
}

/// Of two limits, the one with less left; if both have as much, the one that takes longer to be full.
fn tightness(level: &LimitLevel) -> impl Ord {
    (level.left, std::cmp::Reverse(level.until_full))
}

fn push_number(text: &mut String, number: u64) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// The `RateLimit-Policy` of a plan: `"requests-per-minute";q=20;w=60`.
pub(super) fn policy(limits: &[PreparedLimit]) -> Option<HeaderValue> {
    let mut text = String::new();
    for PreparedLimit { limit, name, .. } in limits.iter().filter(|l| is_told(&l.limit)) {
        let comma = if text.is_empty() { "" } else { ", " };
        let (quota, window) = (limit.capacity().min(LARGEST), limit.period().seconds());
        let unit = match limit.measure() {
            Measure::Requests => "",
            Measure::Usage => ";qu=\"tokens\"",
        };
        let _ = write!(text, "{comma}\"{name}\";q={quota}{unit};w={window}");
    }
    HeaderValue::from_str(&text).ok().filter(|value| !value.is_empty())
}

/// `20 requests per minute`, for sentences.
pub(super) fn words(limit: &Limit) -> String {
    let unit = match limit.measure() {
        Measure::Requests => "requests",
        Measure::Usage => "units",
    };
    let whose = match limit.dimension() {
        Dimension::Subject => String::new(),
        other => format!(" for each {}", other.as_str()),
    };
    if is_told(limit) {
        format!("{} {unit} per {}{whose}", limit.capacity(), limit.period().as_str())
    } else {
        format!("{unit} per {}{whose}", limit.period().as_str())
    }
}

/// Rounded up: a client that comes back at the second it was told is not refused again.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

/// Whether callers may know how the limit stands: not when they share it with strangers.
fn is_told(limit: &Limit) -> bool {
    !matches!(
        limit.dimension(),
        Dimension::Plan | Dimension::Application | Dimension::Workload | Dimension::Actor
    )
}

fn left(level: &LimitLevel) -> u64 {
    u64::try_from(level.left).unwrap_or(0)
}

/// As OpenAI writes durations: `0s`, `120ms`, `17s`, `6m0s`, `1h0m5s`; rounded up.
fn write_duration(text: &mut String, duration: Duration) {
    let millis = nanos(duration).div_ceil(1_000_000);
    let seconds = whole_seconds(duration);
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut write = |number: u64, unit| {
        push_number(text, number);
        text.push_str(unit);
    };
    if (1..=999).contains(&millis) {
        return write(millis, "ms");
    }
    if hours > 0 {
        write(hours, "h");
    }
    if hours > 0 || minutes > 0 {
        write(minutes, "m");
    }
    write(rest, "s");
}

#[cfg(test)]
pub(super) fn duration_text(duration: Duration) -> String {
    let mut text = String::new();
    write_duration(&mut text, duration);
    text
}
