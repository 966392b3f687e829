//! Values of the sections that name machines, people and rules, written as text.

use super::file::{HeaderForm, PersonName};
use super::value::{FromText, choose, clip};
use crate::authorize::rules::Weekday;
use crate::payload::{Category, Severity};
use crate::principal::{SpiffeIdError, TrustDomain, WorkloadPattern};
use http::HeaderName;

impl FromText for TrustDomain {
    const WHAT: &'static str = "a trust domain";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: SpiffeIdError| error.to_string())
    }
}

impl FromText for WorkloadPattern {
    const WHAT: &'static str = "a pattern for workloads";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: SpiffeIdError| error.to_string())
    }
}

impl FromText for HeaderForm {
    const WHAT: &'static str = "a form in which proxies hand on certificates";

    fn from_text(text: &str) -> Result<Self, String> {
        let all = [
            ("client-cert", Self::Rfc9440),
            ("x-forwarded-client-cert", Self::Envoy),
            ("escaped-pem", Self::EscapedPem),
        ];
        choose(text, Self::WHAT, all)
    }
}

impl FromText for PersonName {
    const WHAT: &'static str = "a name that certificates of people have";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [("email", Self::Email), ("upn", Self::Upn)])
    }
}

impl FromText for HeaderName {
    const WHAT: &'static str = "the name of a header";

    fn from_text(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("{:?} is not the name of a header", clip(text)))
    }
}

/// What is known of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceState {
    Managed,
    Known,
}

impl FromText for DeviceState {
    const WHAT: &'static str = "what is known of a device";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [("managed", Self::Managed), ("known", Self::Known)])
    }
}

impl FromText for Weekday {
    const WHAT: &'static str = "a day";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, Self::ALL.map(|day| (day.as_str(), day)))
    }
}

impl FromText for Category {
    const WHAT: &'static str = "a category of findings";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, Self::ALL.map(|category| (category.as_str(), category)))
    }
}

impl FromText for Severity {
    const WHAT: &'static str = "a severity";

    fn from_text(text: &str) -> Result<Self, String> {
        choose(text, Self::WHAT, [Self::Medium, Self::High].map(|severity| (severity.as_str(), severity)))
    }
}
