//! Policies in Cedar: loaded or refused as a whole, sliced without a difference, enforced by a gate.

#![allow(clippy::unwrap_used, reason = "these are tests; clippy knows only the functions that are marked so")]

mod early;
mod files;
mod forbids;
mod gate;
mod remembered;
mod slices;
mod withheld;

use portcullis::authorize::cedar::{CedarPolicy, ENTITIES, POLICIES, SCHEMA};
use portcullis::authorize::{AccessRequest, Decided, Device, Environment, Policy, Resource, Verdict};
use portcullis::clock::UnixTime;
use portcullis::principal::{AuthenticationMethod, Credential, Principal, PrincipalBuilder, Subject};

/// Wednesday, 2027-01-20, 10:00 in UTC.
const WEDNESDAY: u64 = 1_800_439_200;

fn house() -> CedarPolicy {
    let builder = CedarPolicy::builder("house").attribute("department", "/department").groups("/groups");
    builder.text(POLICIES, SCHEMA, ENTITIES).unwrap()
}

fn subject(name: &str) -> PrincipalBuilder {
    let subject = Subject::new("https://issuer.test", name);
    Principal::builder(subject, Credential::new(AuthenticationMethod::Asserted))
}

fn now(decided: Decided) -> Verdict {
    match decided {
        Decided::Now(verdict) => verdict,
        Decided::Later(_) => panic!("Cedar decides at once"),
    }
}

/// What the policy says of one model, from a managed device on a working day.
fn asks(policy: &CedarPolicy, who: &Principal, model: &str) -> Verdict {
    let managed = Device::new(true, "claim");
    let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).device(&managed);
    let things = [Resource::model(model)];
    let request = AccessRequest::new(who, "generate", "/generate", environment).touching(&things);
    now(policy.decide(&request))
}
