//! The circumstances of a request, as Cedar's context.

use super::model::both;
use super::reads::Reads;
use crate::authorize::AccessRequest;
use crate::payload::Findings;
use cedar_policy::{Context, RestrictedExpression as Value};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The circumstances that some policy reads, found when it is loaded. They are made anew for each request.
#[derive(Debug)]
pub(super) struct Circumstances(Vec<(&'static str, Make)>);

/// Makes one of them; `Ok(None)` where it is not there.
type Make = fn(&Sight<'_>) -> Result<Option<Value>, String>;

struct Sight<'a> {
    request: &'a AccessRequest<'a>,
    zone: &'a TimeZone,
}

const ALL: [(&str, Make); 16] = [
    ("time", |sight| Ok(Some(Value::new_long(sight.seconds())))),
    ("weekday", |sight| Ok(Some(Value::new_long(sight.local()?.weekday().to_monday_one_offset().into())))),
    ("minute", |sight| {
        let local = sight.local()?;
        Ok(Some(Value::new_long(i64::from(local.hour()) * 60 + i64::from(local.minute()))))
    }),
    ("route", |sight| Ok(Some(text(sight.request.route)))),
    ("client", |sight| {
        Ok(sight.request.environment.client.map(|client| Value::new_ip(client.ip().to_string())))
    }),
    ("managed", |sight| {
        let device = sight.request.environment.device;
        Ok(Some(Value::new_bool(device.is_some_and(|device| device.managed))))
    }),
    ("device", |sight| {
        Ok(sight.request.environment.device.and_then(|device| device.id.as_deref()).map(text))
    }),
    ("plan", |sight| Ok(sight.request.environment.plan.map(text))),
    ("workload", |sight| Ok(sight.request.principal.workload().map(|machine| text(machine.id().as_str())))),
    ("actors", |sight| {
        let actors = sight.request.principal.actors().iter();
        Ok(Some(Value::new_set(actors.map(|actor| text(&both(actor.issuer(), actor.id()))))))
    }),
    ("bytes", |sight| Ok(Some(long(sight.payload().bytes)))),
    ("output_cap", |sight| Ok(sight.payload().output_cap.map(long))),
    // Without the next three, a policy that reads them cannot be evaluated, which refuses.
    ("tools", |sight| Ok(sight.payload().has_tools.map(Value::new_bool))),
    ("streamed", |sight| Ok(sight.payload().is_streamed.map(Value::new_bool))),
    ("privileged", |sight| {
        let names = sight.payload().privileged;
        Ok(names.map(|names| Value::new_set(names.iter().map(|name| text(name)))))
    }),
    // What nobody has inspected holds who knows what: a policy that asks is not told that there is nothing.
    ("findings", |sight| {
        let payload = sight.payload();
        let found = |findings: &Findings| findings.len() + findings.dropped();
        let findings = payload.findings.map(found).or((payload.bytes == 0).then_some(0));
        Ok(findings.map(|findings| long(findings as u64)))
    }),
];

impl Circumstances {
    pub(super) fn read_by(reads: &Reads) -> Self {
        Self(ALL.into_iter().filter(|(name, _)| reads.any(name)).collect())
    }

    pub(super) fn of(&self, request: &AccessRequest<'_>, zone: &TimeZone) -> Result<Context, String> {
        let sight = Sight { request, zone };
        let mut all = Vec::with_capacity(self.0.len());
        for (name, make) in &self.0 {
            if let Some(value) = make(&sight)? {
                all.push(((*name).to_owned(), value));
            }
        }
        Context::from_pairs(all).map_err(|error| error.to_string())
    }
}

impl Sight<'_> {
    fn seconds(&self) -> i64 {
        i64::try_from(self.request.environment.time.as_secs()).unwrap_or(i64::MAX)
    }

    fn local(&self) -> Result<Zoned, String> {
        let moment = Timestamp::from_second(self.seconds()).map_err(|error| error.to_string())?;
        Ok(moment.to_zoned(self.zone.clone()))
    }

    fn payload(&self) -> crate::authorize::PayloadSummary<'_> {
        self.request.environment.payload.unwrap_or_default()
    }
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

/// Numbers beyond what Cedar holds are the largest that it does.
fn long(number: u64) -> Value {
    Value::new_long(i64::try_from(number).unwrap_or(i64::MAX))
}
