use crate::clock::UnixTime;
use crate::exchange::StepId;
use crate::principal::WorkloadPattern;
use crate::route::{Access, BodyKind, Route};
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
    /// A `danger_` method left it out, or, for certificates, nobody set it up.
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
        for route in self.routes.iter() {
            let access = match route.access() {
                Access::Open => "OPEN to everybody".to_owned(),
                Access::Machines => "machines, by certificate alone".to_owned(),
                Access::Scopes(scopes) => format!("scope {}", scopes.join(" ")),
                Access::Undecided => "refuses everybody".to_owned(),
            };
            let workloads = match route.workload_patterns() {
                Some(patterns) => {
                    let patterns: Vec<&str> = patterns.iter().map(WorkloadPattern::as_str).collect();
                    format!("; from {} only", patterns.join(", "))
                }
                None => String::new(),
            };
            let workloads = match route.is_certificate_optional() {
                true => "; WITHOUT A CERTIFICATE, TOO".to_owned(),
                false => workloads,
            };
            let observed = match route.observed_until() {
                Some(until) => format!("; OBSERVED ONLY, NOTHING IS REFUSED UNTIL {}", rfc3339(until)),
                None => String::new(),
            };
            let body = match route.body() {
                BodyKind::None => "no body",
                BodyKind::Json(dialect) => dialect.name(),
                BodyKind::Opaque(_) => "UNREAD",
            };
            let (method, pattern, action) =
                (route.method().as_str(), route.pattern(), route.action_name().as_str());
            writeln!(f, "  {method:<7}{pattern:<28}{action:<12}{body:<20}{access}{workloads}{observed}")?;
        }
        write!(f, "  everything else is refused")?;
        if self.testing {
            write!(f, "\nthe feature `testing` is compiled in: leave it out of a release")?;
        }
        Ok(())
    }
}

fn rfc3339(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "the end of time".to_owned(), |moment| moment.to_string())
}
