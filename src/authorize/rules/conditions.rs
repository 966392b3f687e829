use super::hours::{Hours, Weekday};
use super::test::{ClaimTest, Names, Test};
use crate::authorize::AddressList;
use crate::payload::{Category, Severity};
use crate::principal::{ClaimValue, Network, WorkloadPattern};
use crate::route::ResourceKind;
use std::ops::{Not, Range};
use std::sync::Arc;

/// What must be so for a rule to speak. `Display` writes it in words.
#[derive(Clone, Debug)]
pub struct Condition(pub(super) Node);

#[derive(Clone, Debug)]
pub(super) enum Node {
    Test(Test),
    All(Box<[Node]>),
    Any(Box<[Node]>),
    Not(Box<Node>),
}

impl Condition {
    /// This and the other.
    pub fn and(self, other: Self) -> Self {
        let mut all = match self.0 {
            Node::All(all) => all.into_vec(),
            node => vec![node],
        };
        all.push(other.0);
        Self(Node::All(all.into()))
    }

    /// This or the other.
    pub fn or(self, other: Self) -> Self {
        let mut any = match self.0 {
            Node::Any(any) => any.into_vec(),
            node => vec![node],
        };
        any.push(other.0);
        Self(Node::Any(any.into()))
    }

    /// All of these; true for none.
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::All(conditions.into_iter().map(|condition| condition.0).collect()))
    }

    /// One of these at least; false for none.
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self(Node::Any(conditions.into_iter().map(|condition| condition.0).collect()))
    }
}

impl Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        Self(Node::Not(Box::new(self.0)))
    }
}

fn test(test: Test) -> Condition {
    Condition(Node::Test(test))
}

/// The opposite. `!condition` is the same.
pub fn not(condition: Condition) -> Condition {
    !condition
}

/// Whatever the request.
pub fn always() -> Condition {
    Condition(Node::All(Box::default()))
}

/// The credential holds this scope, letter for letter.
pub fn scope(scope: impl Into<Box<str>>) -> Condition {
    test(Test::Scope(scope.into()))
}

/// The subject has this role.
pub fn role(role: impl Into<Box<str>>) -> Condition {
    test(Test::Role(role.into()))
}

/// The caller is on this plan: the one whose limits apply.
pub fn plan(plan: impl Into<Box<str>>) -> Condition {
    test(Test::Plan(plan.into()))
}

/// The subject belongs to this tenant.
pub fn tenant(tenant: impl Into<Box<str>>) -> Condition {
    test(Test::Tenant(tenant.into()))
}

/// The subject asks through this OAuth client.
pub fn application(client: impl Into<Box<str>>) -> Condition {
    test(Test::Application(client.into()))
}

/// The user is the one whom this issuer calls so.
pub fn subject(issuer: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Condition {
    test(Test::Subject { issuer: issuer.into(), id: id.into() })
}

/// Somebody acts for the subject (RFC 8693 §4.1).
pub fn delegated() -> Condition {
    test(Test::Delegated)
}

/// Somebody acts for the user whom this issuer calls so.
pub fn acting_for(issuer: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Condition {
    test(Test::ActingFor { issuer: issuer.into(), id: id.into() })
}

/// The current actor is the one whom this issuer calls so.
pub fn actor(issuer: impl Into<Box<str>>, id: impl Into<Box<str>>) -> Condition {
    test(Test::Actor { issuer: issuer.into(), id: id.into() })
}

/// The machine that calls is one that this pattern means.
pub fn workload(pattern: WorkloadPattern) -> Condition {
    test(Test::Workload(pattern))
}

/// The request's action is this one.
pub fn action(action: impl Into<Box<str>>) -> Condition {
    test(Test::Action(action.into()))
}

/// The request's route has this pattern, as the route was declared.
pub fn route(pattern: impl Into<Box<str>>) -> Condition {
    test(Test::Route(pattern.into()))
}

/// The request came from one of these networks. Where clients have no address, it cannot be evaluated.
pub fn network(networks: impl IntoIterator<Item = Network>) -> Condition {
    listed(&AddressList::of(networks))
}

/// The request came from an address that is on the list.
pub fn listed(list: &AddressList) -> Condition {
    test(Test::Reputation { list: list.clone(), least: 0 })
}

/// The request came from an address to which the list gives this score at least, from 1 to 100.
pub fn reputation_at_least(list: &AddressList, least: u8) -> Condition {
    test(match least {
        1..=100 => Test::Reputation { list: list.clone(), least },
        _ => Test::Invalid("a score is from 1 to 100".to_owned()),
    })
}

/// The model is one of these. `*` at the end of a name stands for whatever follows, and the empty name for the handler's
/// choice. Of a thing whose name has segments `.` or `..`, `\\`, or one of `%2e`, `%2f` and `%5c`, nobody can tell where it ends:
/// against a beginning it cannot be evaluated, and is refused.
pub fn model_in<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Condition {
    resource_in(ResourceKind::Model, names)
}

/// The tool is one of these; as [`model_in`].
pub fn tool_in<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Condition {
    resource_in(ResourceKind::Tool, names)
}

/// The dataset is this one; as [`model_in`].
pub fn dataset(name: impl Into<Box<str>>) -> Condition {
    resource_in(ResourceKind::Dataset, [name])
}

/// The part of the prompt is of this role: `system` or `developer`.
pub fn part(role: impl Into<Box<str>>) -> Condition {
    resource_in(ResourceKind::Part, [role])
}

/// The thing of this kind is one of these; as [`model_in`].
pub fn resource_in<N: Into<Box<str>>>(kind: ResourceKind, names: impl IntoIterator<Item = N>) -> Condition {
    test(Test::Resource { kind, names: Names::new(names) })
}

/// The request asks for at most so many units of output, over all answers. False when it sets no limit itself.
pub fn output_cap_at_most(units: u64) -> Condition {
    test(Test::OutputCap(units))
}

/// The body has at most so many bytes.
pub fn payload_at_most(bytes: u64) -> Condition {
    test(Test::PayloadBytes(bytes))
}

/// The request offers tools to the model. Of an opaque body it cannot be evaluated.
pub fn offers_tools() -> Condition {
    test(Test::OffersTools)
}

/// The request has a field of class [`Privileged`](crate::payload::FieldClass::Privileged) that is called one of these in the
/// API's documentation: `store`, `service_tier`, `codeExecution`; `type` for the type of a tool that the server runs itself. `*` at the
/// end of a name stands for whatever follows. Of an opaque body it cannot be evaluated.
pub fn privileged_in<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Condition {
    test(Test::Privileged(Names::new(names)))
}

/// Inspection saw something of this category, at this severity or above. Where nothing was inspected, it cannot be
/// evaluated.
pub fn finding(category: Category, least: Severity) -> Condition {
    test(Test::Finding { category, least })
}

/// It is one of these days, between these times of the day, in that time zone (`Europe/Berlin`). The second time is not
/// within; when it is earlier than the first, the hours reach into the next day.
pub fn business_hours(zone: &str, days: impl IntoIterator<Item = Weekday>, hours: Range<&str>) -> Condition {
    test(match Hours::new(zone, days, hours.start, hours.end) {
        Ok(hours) => Test::Hours(Arc::new(hours)),
        Err(problem) => Test::Invalid(problem),
    })
}

/// Monday to Friday.
pub fn weekdays() -> [Weekday; 5] {
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday]
}

/// The claim at this pointer (RFC 6901) into the credential: `/department`.
pub fn claim(pointer: impl Into<Arc<str>>) -> Claim {
    Claim(pointer.into())
}

/// A claim, of which a condition is still to be made.
#[derive(Clone, Debug)]
#[must_use = "say what of it: .is(…), .one_of(…), .has(…)"]
pub struct Claim(Arc<str>);

impl Claim {
    /// It is there, and not `null`.
    pub fn exists(self) -> Condition {
        self.test(ClaimTest::Exists)
    }

    /// It has this value. A value of another type is another value.
    pub fn is(self, value: impl Into<ClaimValue>) -> Condition {
        self.test(ClaimTest::OneOf([value.into()].into()))
    }

    /// It has one of these values.
    pub fn one_of<V: Into<ClaimValue>>(self, values: impl IntoIterator<Item = V>) -> Condition {
        self.test(ClaimTest::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// It is a list that holds this value, or this value alone.
    pub fn has(self, value: impl Into<ClaimValue>) -> Condition {
        self.test(ClaimTest::Has(value.into()))
    }

    /// It is a whole number, and not less than this. When it is there and no whole number, it cannot be evaluated.
    pub fn at_least(self, number: i64) -> Condition {
        self.test(ClaimTest::AtLeast(number))
    }

    /// It is a whole number, and not more than this. When it is there and no whole number, it cannot be evaluated.
    pub fn at_most(self, number: i64) -> Condition {
        self.test(ClaimTest::AtMost(number))
    }

    fn test(self, claim: ClaimTest) -> Condition {
        test(Test::Claim { pointer: self.0, claim })
    }
}

/// The device that the request was sent from.
pub fn device() -> DeviceCondition {
    DeviceCondition(())
}

/// A device, of which a condition is still to be made.
#[derive(Clone, Copy, Debug)]
#[must_use = "say what of it: .managed(), .known()"]
pub struct DeviceCondition(());

impl DeviceCondition {
    /// A source that counts says that the organisation manages it. See [`DeviceRules`](crate::authorize::DeviceRules).
    pub fn managed(self) -> Condition {
        test(Test::DeviceManaged)
    }

    /// A source that counts says something of it.
    pub fn known(self) -> Condition {
        test(Test::DeviceKnown)
    }
}
