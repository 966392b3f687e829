use crate::clock::UnixTime;
use crate::exchange::StepId;
use crate::payload::{UnknownFields, UrlPolicy};
use crate::principal::WorkloadPattern;
use crate::route::{Access, BodyKind, OpaqueBody, Route};
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;

/// What a gate enforces, and what it does not: print it at start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Posture {
    /// The name of this configuration: a hash of everything that is set, without keys and other secrets. The same stands in
    /// the field `config` of every record, so that it is known by which settings a request was judged.
    pub generation: Arc<str>,
    /// Until when the gate only observes, and refuses nothing.
    pub observed_until: Option<UnixTime>,
    /// Every control, in the order in which a request meets them.
    pub controls: Vec<Control>,
    /// Every way in.
    pub routes: Arc<[Arc<Route>]>,
    /// For each way in, which rules of the policies may let somebody use it, a line for each.
    pub who: Arc<[Vec<String>]>,
    /// Whether parts for tests are compiled in.
    pub testing: bool,
}

/// One control of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Control {
    /// Which control.
    pub step: StepId,
    /// Whether it is enforced.
    pub enforcement: Enforcement,
    /// What it is set to.
    pub detail: String,
}

/// Whether a control is enforced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Enforcement {
    /// It refuses.
    Enforced,
    /// It is evaluated and recorded, and refuses only once `danger_observe` has ended.
    Observed,
    /// A `danger_` method left it out, or, for certificates, models, references and policies, nobody set it up.
    Off,
}

impl Control {
    pub(super) fn new(step: StepId, detail: Option<String>) -> Self {
        match detail {
            Some(detail) => Self { step, enforcement: Enforcement::Enforced, detail },
            // No `danger_` method: a gate of users has another way to know them.
            None if step == StepId::Peer => {
                let detail = "nobody is asked for a client certificate".to_owned();
                Self { step, enforcement: Enforcement::Off, detail }
            }
            None if step == StepId::Models => {
                let detail = "models go by whatever name they are called".to_owned();
                Self { step, enforcement: Enforcement::Off, detail }
            }
            None if step == StepId::Protect => {
                let detail = "references go as they are, and callers name their caches".to_owned();
                Self { step, enforcement: Enforcement::Off, detail }
            }
            None if step == StepId::Policy => {
                let detail = "none; the scopes of the routes alone decide".to_owned();
                Self { step, enforcement: Enforcement::Off, detail }
            }
            None => Self { step, enforcement: Enforcement::Off, detail: "NOT ENFORCED".to_owned() },
        }
    }

    /// The same control of a gate that only observes. The audit log is none: what it refuses could not be recorded.
    pub(super) fn observed(mut self) -> Self {
        if self.is_enforced() && self.step != StepId::Audit {
            self.enforcement = Enforcement::Observed;
        }
        self
    }

    pub(super) fn is_off(&self) -> bool {
        self.enforcement == Enforcement::Off
    }

    /// Whether it refuses.
    pub fn is_enforced(&self) -> bool {
        self.enforcement == Enforcement::Enforced
    }
}

impl Posture {
    /// Whether that control is enforced.
    pub fn enforces(&self, step: StepId) -> bool {
        self.controls.iter().any(|control| control.step == step && control.is_enforced())
    }

    /// The routes that everybody may use.
    pub fn open_routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route).filter(|route| *route.access() == Access::Open)
    }
}

impl fmt::Display for Posture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "posture of configuration {}", self.generation)?;
        if let Some(until) = self.observed_until {
            writeln!(f, "  OBSERVES ONLY: NOTHING IS REFUSED UNTIL {}", rfc3339(until))?;
        }
        for control in &self.controls {
            let mut name = control.step.as_str();
            for line in control.detail.lines() {
                writeln!(f, "  {name:<14}{line}")?;
                name = "";
            }
        }
        writeln!(f, "routes")?;
        for (n, route) in self.routes.iter().enumerate() {
            let access = match route.access() {
                Access::Open => "OPEN to everybody".to_owned(),
                Access::Machines => "machines, by certificate alone".to_owned(),
                Access::Scopes(scopes) if route.is_subject_optional() => {
                    format!("scope {}, or a machine by certificate alone", scopes.join(" "))
                }
                Access::Scopes(scopes) => format!("scope {}", scopes.join(" ")),
                Access::Policy => "by policy".to_owned(),
                Access::Undecided => "refuses everybody".to_owned(),
            };
            let body = match route.body() {
                BodyKind::None => "no body",
                BodyKind::Json(dialect) => dialect.name(),
                BodyKind::Opaque(body) if body.is_signed() => "signed form",
                BodyKind::Opaque(_) => "UNREAD",
            };
            let (method, pattern, action) =
                (route.method().as_str(), route.pattern(), route.action_name().as_str());
            writeln!(f, "  {method:<7}{pattern:<27} {action:<12}{body:<20}{access}{}", Weaker(route))?;
            for line in self.who.get(n).into_iter().flatten() {
                writeln!(f, "         {line}")?;
            }
        }
        write!(f, "  everything else is refused")?;
        if self.testing {
            write!(f, "\nthe feature `testing` is compiled in: leave it out of a release")?;
        }
        Ok(())
    }
}

/// In what a route differs from others: fewer who may enter, or more that goes through.
struct Weaker<'a>(&'a Route);

impl fmt::Display for Weaker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(route) = self;
        let rules = route.field_rules();
        if let Some(patterns) = route.workload_patterns() {
            let patterns: Vec<&str> = patterns.iter().map(WorkloadPattern::as_str).collect();
            write!(f, "; from {} only", patterns.join(", "))?;
        }
        if !route.acr_values().is_empty() {
            write!(f, "; acr {}", route.acr_values().join(" or "))?;
        }
        if let Some(age) = route.max_login_age() {
            write!(f, "; login at most {} s old", age.as_secs())?;
        }
        if route.is_certificate_optional() {
            f.write_str("; WITHOUT A CERTIFICATE, TOO")?;
        }
        if let BodyKind::Opaque(body) = route.body()
            && !body.is_signed()
        {
            write!(f, "; BODIES UNREAD: {}", Unread(body))?;
        }
        if let Some(answer) = route.opaque_answer() {
            write!(f, "; ANSWERS UNREAD: {}", Unread(answer))?;
        }
        if rules.unknown != UnknownFields::Refuse {
            write!(f, "; unknown fields: {}", rules.unknown.as_str())?;
        }
        if rules.urls != UrlPolicy::none() {
            write!(f, "; URLs: {}", rules.urls)?;
        }
        if !route.references().is_empty() {
            let places: Vec<String> = route.references().iter().map(ToString::to_string).collect();
            write!(f, "; references: {}", places.join(", "))?;
        }
        if route.has_unsealed_references() {
            f.write_str("; REFERENCES UNSEALED")?;
        }
        if rules.danger_credentials {
            f.write_str("; CREDENTIALS IN BODIES")?;
        }
        match route.observed_until() {
            Some(until) => write!(f, "; OBSERVED ONLY, NOTHING IS REFUSED UNTIL {}", rfc3339(until)),
            None => Ok(()),
        }
    }
}

struct Unread<'a>(&'a OpaqueBody);

impl fmt::Display for Unread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types: Vec<&str> = self.0.types().collect();
        write!(f, "{}, at most {} bytes", types.join(", "), self.0.max_bytes())
    }
}

fn rfc3339(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "the end of time".to_owned(), |moment| moment.to_string())
}
