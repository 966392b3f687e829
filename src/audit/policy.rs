use super::json::Name;
use crate::exchange::{PolicyFacts, RuleNames, ShadowFacts};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// What the policies said, as it stands in a record.
pub(super) struct Policy<'a>(pub(super) &'a PolicyFacts);

impl Serialize for Policy<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let PolicyFacts { rules, shadows, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(&Name("rules"), &Names(rules))?;
        if !shadows.is_empty() {
            map.serialize_entry(&Name("shadows"), &Shadows(shadows))?;
        }
        map.end()
    }
}

struct Names<'a>(&'a RuleNames);

impl Serialize for Names<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

struct Shadows<'a>(&'a [ShadowFacts]);

impl Serialize for Shadows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            policy: &'a str,
            verdict: &'a str,
            differs: bool,
            rules: Names<'a>,
            cause: Option<&'a str>,
        }
        serializer.collect_seq(self.0.iter().map(|shadow| Row {
            policy: &shadow.policy,
            verdict: shadow.verdict,
            differs: shadow.differs,
            rules: Names(&shadow.rules),
            cause: shadow.cause.as_deref(),
        }))
    }
}
