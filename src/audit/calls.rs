use super::json::Name;
use crate::exchange::{Price, Record};
use crate::refusal::Refusal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Writes the calls that were made further on, if there were any.
pub(super) fn write<M: SerializeMap>(map: &mut M, record: &Record) -> Result<(), M::Error> {
    if !record.calls.is_empty() {
        map.serialize_entry(&Name("calls"), &Calls(record))?;
    }
    if record.calls_beyond > 0 {
        map.serialize_entry(&Name("more_calls"), &record.calls_beyond)?;
    }
    Ok(())
}

struct Calls<'a>(&'a Record);

impl Serialize for Calls<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            hop: &'a str,
            credential: Option<&'static str>,
            model: Option<&'a str>,
            status: Option<u16>,
            reason: Option<&'static str>,
            cause: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            currency: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cost: Option<f64>,
        }
        let Self(record) = self;
        serializer.collect_seq(record.calls.iter().map(|call| Row {
            hop: &call.hop,
            credential: call.credential,
            model: call.model.as_deref(),
            status: call.status.map(|status| status.as_u16()),
            reason: call.refusal.as_ref().map(|refusal| refusal.kind().code()),
            cause: call.refusal.as_ref().and_then(Refusal::private_cause),
            currency: call.price.as_ref().map(Price::currency),
            cost: call.cost(record).map(|billionths| billionths as f64 / 1e9),
        }))
    }
}
