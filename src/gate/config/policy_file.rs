//! The shape of `[policy]`.

use super::machines::DeviceState;
use super::value::{Count, Size, Text};
use crate::authorize::rules::Weekday;
use crate::payload::{Category, Severity};
use crate::principal::{ClaimValue, Network, WorkloadPattern};
use http::HeaderName;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PolicySection {
    #[serde(default)]
    pub(super) rules: Vec<Spanned<RuleSection>>,
    #[serde(default)]
    pub(super) shadow: Vec<Spanned<RuleSection>>,
    #[serde(default)]
    pub(super) roles: BTreeMap<Spanned<String>, Spanned<RightsSection>>,
    /// The models of each plan.
    #[serde(default)]
    pub(super) plans: BTreeMap<Spanned<String>, Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) zones: BTreeMap<Spanned<String>, Spanned<ZoneSection>>,
    /// Lists of addresses, by name.
    #[serde(default)]
    pub(super) address_files: BTreeMap<String, Spanned<String>>,
    pub(super) devices: Option<DevicesSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RuleSection {
    pub(super) name: Spanned<String>,
    pub(super) permit: Option<Spanned<ConditionSection>>,
    pub(super) forbid: Option<Spanned<ConditionSection>>,
}

/// What a role may do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct RightsSection {
    pub(super) actions: Option<Vec<String>>,
    pub(super) models: Option<Vec<String>>,
    pub(super) tools: Option<Vec<String>>,
    pub(super) datasets: Option<Vec<String>>,
    pub(super) parts: Option<Vec<String>>,
}

/// Which machines reach which routes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ZoneSection {
    pub(super) paths: Spanned<Vec<String>>,
    pub(super) workloads: Vec<Text<WorkloadPattern>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct DevicesSection {
    #[serde(default)]
    pub(super) managed_certificates: Vec<Text<WorkloadPattern>>,
    pub(super) managed_claim: Option<Spanned<ManagedClaimSection>>,
    pub(super) proxy_header: Option<ProxyHeaderSection>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ManagedClaimSection {
    pub(super) pointer: String,
    #[serde(default)]
    pub(super) value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ProxyHeaderSection {
    pub(super) name: Text<HeaderName>,
    pub(super) networks: Vec<Text<Network>>,
}

/// What must be so: everything that is written. Of a list, one must be so, but of `scopes` and `all` each.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ConditionSection {
    pub(super) always: Option<bool>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) roles: Option<Vec<String>>,
    pub(super) plans: Option<Vec<String>>,
    pub(super) tenants: Option<Vec<String>>,
    pub(super) applications: Option<Vec<String>>,
    pub(super) subjects: Option<Vec<PartySection>>,
    pub(super) actors: Option<Vec<PartySection>>,
    pub(super) acting_for: Option<Vec<PartySection>>,
    pub(super) delegated: Option<bool>,
    pub(super) workloads: Option<Vec<Text<WorkloadPattern>>>,
    #[serde(default)]
    pub(super) claims: BTreeMap<String, ClaimSection>,
    pub(super) device: Option<Text<DeviceState>>,
    pub(super) hours: Option<HoursSection>,
    pub(super) networks: Option<Vec<Text<Network>>>,
    pub(super) addresses: Option<Vec<Spanned<String>>>,
    pub(super) reputation: Option<ReputationSection>,
    pub(super) actions: Option<Vec<String>>,
    pub(super) paths: Option<Vec<String>>,
    pub(super) models: Option<Vec<String>>,
    pub(super) tools: Option<Vec<String>>,
    pub(super) datasets: Option<Vec<String>>,
    pub(super) parts: Option<Vec<String>>,
    #[serde(default)]
    pub(super) resources: BTreeMap<String, Vec<String>>,
    pub(super) max_output: Option<Count<u64>>,
    pub(super) max_bytes: Option<Size>,
    pub(super) offers_tools: Option<bool>,
    pub(super) privileged: Option<Vec<String>>,
    pub(super) finding: Option<FindingSection>,
    pub(super) any: Option<Vec<ConditionSection>>,
    pub(super) all: Option<Vec<ConditionSection>>,
    pub(super) not: Option<Box<ConditionSection>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PartySection {
    pub(super) issuer: String,
    pub(super) id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct HoursSection {
    pub(super) zone: String,
    pub(super) days: Option<Vec<Text<Weekday>>>,
    pub(super) from: String,
    pub(super) to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ReputationSection {
    pub(super) addresses: Spanned<String>,
    pub(super) at_least: Count<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct FindingSection {
    pub(super) category: Text<Category>,
    pub(super) least: Option<Text<Severity>>,
}

/// What is asked of a claim: a value that it is, a list of which it is one, or a table.
pub(super) enum ClaimSection {
    Is(ClaimValue),
    OneOf(Vec<ClaimValue>),
    Table(ClaimTable),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ClaimTable {
    pub(super) has: Option<Value>,
    pub(super) at_least: Option<i64>,
    pub(super) at_most: Option<i64>,
    pub(super) exists: Option<bool>,
}

/// A value that a claim may have.
pub(super) struct Value(pub(super) ClaimValue);

impl Default for Value {
    fn default() -> Self {
        Self(true.into())
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number or a boolean")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value(flag.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value(text.into()))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ClaimVisitor;

impl<'de> Visitor<'de> for ClaimVisitor {
    type Value = ClaimSection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list of values, or a table with has, at_least, at_most or exists")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<ClaimSection, E> {
        Ok(ClaimSection::Is(flag.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<ClaimSection, E> {
        Ok(ClaimSection::Is(number.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ClaimSection, E> {
        Ok(ClaimSection::Is(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, values: A) -> Result<ClaimSection, A::Error> {
        let values = Vec::<Value>::deserialize(SeqAccessDeserializer::new(values))?;
        Ok(ClaimSection::OneOf(values.into_iter().map(|value| value.0).collect()))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<ClaimSection, A::Error> {
        ClaimTable::deserialize(MapAccessDeserializer::new(table)).map(ClaimSection::Table)
    }
}

impl<'de> Deserialize<'de> for ClaimSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ClaimVisitor)
    }
}
