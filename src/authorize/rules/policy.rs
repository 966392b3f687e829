use super::build::{RulePolicyBuilder, each};
use super::conditions::Node;
use super::evaluate::{Facts, Truth};
use super::index::Index;
use super::test::{Test, called};
use crate::authorize::{AccessRequest, Decided, Policy, Resource, Verdict};
use crate::exchange::RuleNames;
use crate::route::ResourceKind;
use std::fmt::Write;
use std::sync::Arc;

/// How many rules a refusal tells about; the log at DEBUG tells about all.
const TOLD: usize = 8;

/// A policy of typed rules; see the [module](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct RulePolicy(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    name: Arc<str>,
    forbids: Vec<Rule>,
    permits: Vec<Rule>,
    forbids_about: Index,
    permits_about: Index,
    /// The kinds of things that some rule speaks of.
    kinds: Vec<ResourceKind>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Arc<str>,
    /// The kind of thing that it speaks of; `None` when it speaks of all.
    pub(super) kind: Option<ResourceKind>,
    pub(super) condition: Node,
}

impl Rule {
    fn concerns(&self, resource: Option<&Resource<'_>>) -> bool {
        match (&self.kind, resource) {
            (None, _) => true,
            (Some(kind), Some(resource)) => *kind == resource.kind,
            (Some(_), None) => false,
        }
    }
}

impl RulePolicy {
    /// Begins a policy. Records and the posture call it by its name.
    pub fn builder(name: impl Into<Arc<str>>) -> RulePolicyBuilder {
        RulePolicyBuilder::new(name.into())
    }

    pub(super) fn new(
        name: Arc<str>,
        forbids: Vec<Rule>,
        permits: Vec<Rule>,
        kinds: Vec<ResourceKind>,
    ) -> Self {
        let (forbids_about, permits_about) = (Index::of(&forbids), Index::of(&permits));
        Self(Arc::new(Rules { name, forbids, permits, forbids_about, permits_about, kinds }))
    }

    /// What it says of a request: at once, since no rule of it waits for anything.
    pub fn evaluate(&self, request: &AccessRequest<'_>) -> Verdict {
        self.0.evaluate(request)
    }
}

/// What came of a pass through the rules.
#[derive(Default)]
struct Pass<'r> {
    forbidding: Option<&'r Rule>,
    failing: Option<(&'r Rule, Option<usize>)>,
    permitting: RuleNames,
    unmatched: Option<Option<usize>>,
}

impl Rules {
    fn evaluate(&self, request: &AccessRequest<'_>) -> Verdict {
        let pass = self.pass(request);
        if let Some(rule) = pass.forbidding {
            return Verdict::forbid().by(&rule.name).because(format!("rule {} forbids it", rule.name));
        }
        let thing = |place: Option<usize>| place.map(|place| &request.resources[place]);
        if let Some((rule, place)) = pass.failing {
            let facts = Facts { resource: thing(place), ..Facts::of(request) };
            let missing = rule.condition.missing(&facts).unwrap_or_default();
            return Verdict::error(format!("rule {}: {missing}", rule.name)).by(&rule.name);
        }
        match pass.unmatched {
            Some(place) => Verdict::no_match().because(self.tell_unmatched(request, thing(place))),
            None => Verdict::permit().by_all(pass.permitting),
        }
    }

    /// Looks at every rule that can speak, since one that cannot be evaluated refuses wherever it stands; allocates nothing as long
    /// as no more than four rules permit.
    fn pass(&self, request: &AccessRequest<'_>) -> Pass<'_> {
        let mut pass = Pass::default();
        let facts = Facts::of(request);
        for rule in self.forbids_about.blanket().map(|place| &self.forbids[place]) {
            match rule.condition.evaluate(&facts) {
                Truth::False => {}
                Truth::True | Truth::Withheld => pass.forbidding = pass.forbidding.or(Some(rule)),
                Truth::Unknown | Truth::Error => pass.failing = pass.failing.or(Some((rule, None))),
            }
        }
        let mut blanket = false;
        for rule in self.permits_about.blanket().map(|place| &self.permits[place]) {
            match rule.condition.evaluate(&facts) {
                Truth::False | Truth::Withheld => {}
                Truth::True if !blanket => {
                    blanket = true;
                    pass.permitting.push(&rule.name);
                }
                Truth::True => {}
                Truth::Unknown | Truth::Error => pass.failing = pass.failing.or(Some((rule, None))),
            }
        }
        let mut governed = false;
        for (place, resource) in request.resources.iter().enumerate() {
            if self.kinds.contains(&resource.kind) {
                governed = true;
                self.look_at(resource, place, blanket, facts, &mut pass);
            }
        }
        if !governed && !blanket {
            pass.unmatched = Some(None);
        }
        pass
    }

    fn look_at<'r, 'q, 'a>(
        &'r self,
        resource: &'q Resource<'a>,
        place: usize,
        blanket: bool,
        facts: Facts<'q, 'a>,
        pass: &mut Pass<'r>,
    ) {
        let facts = facts.with(resource);
        let here = Some(place);
        let forbids = self.forbids_about.about(&resource.kind, &resource.id);
        for rule in forbids.map(|place| &self.forbids[place]) {
            match rule.condition.evaluate(&facts) {
                Truth::False => {}
                Truth::True | Truth::Withheld => pass.forbidding = pass.forbidding.or(Some(rule)),
                Truth::Unknown | Truth::Error => pass.failing = pass.failing.or(Some((rule, here))),
            }
        }
        let mut permitted = blanket;
        let permits = self.permits_about.about(&resource.kind, &resource.id);
        for rule in permits.map(|place| &self.permits[place]) {
            match rule.condition.evaluate(&facts) {
                Truth::False | Truth::Withheld => {}
                Truth::True if !permitted => {
                    permitted = true;
                    pass.permitting.push(&rule.name);
                }
                Truth::True => {}
                Truth::Unknown | Truth::Error => pass.failing = pass.failing.or(Some((rule, here))),
            }
        }
        if !permitted {
            pass.unmatched = pass.unmatched.or(Some(here));
        }
    }

    fn tell_unmatched(&self, request: &AccessRequest<'_>, resource: Option<&Resource<'_>>) -> String {
        let mut text = format!("no rule of {} permits {}", self.name, called(resource));
        let reasons = self.reasons(request, resource);
        for reason in reasons.iter().take(TOLD) {
            write!(text, "; {reason}").expect("writing to a String does not fail");
        }
        if reasons.len() > TOLD {
            write!(text, "; and {} more", reasons.len() - TOLD).expect("writing to a String does not fail");
        }
        text
    }

    /// Why each rule that could permit this did not.
    fn reasons(&self, request: &AccessRequest<'_>, resource: Option<&Resource<'_>>) -> Vec<String> {
        let facts = Facts { resource, ..Facts::of(request) };
        let concerned = self.permits.iter().filter(|rule| rule.concerns(resource));
        let reason = |rule: &Rule| Some(format!("{} {}", rule.name, rule.condition.missing(&facts)?));
        concerned.filter_map(reason).collect()
    }

    /// A verdict that nothing in the body can change.
    fn evaluate_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        if request.environment.payload.is_some() {
            return Some(self.evaluate(request)).filter(|verdict| !verdict.permits());
        }
        let facts = Facts::of(request);
        for rule in self.forbids_about.blanket().map(|place| &self.forbids[place]) {
            if rule.condition.evaluate(&facts) == Truth::True {
                let cause = format!("rule {} forbids it", rule.name);
                return Some(Verdict::forbid().by(&rule.name).because(cause));
            }
        }
        let may_permit = |rule: &Rule| {
            matches!(rule.condition.evaluate(&facts), Truth::True | Truth::Unknown | Truth::Error)
        };
        match self.permits.iter().any(may_permit) {
            true => None,
            false => {
                let reasons: Vec<String> = self.early_reasons(&facts).take(TOLD).collect();
                let cause = format!("no rule of {} permits anything here; {}", self.name, reasons.join("; "));
                Some(Verdict::no_match().because(cause))
            }
        }
    }

    /// Why no rule can permit anything, whatever the body.
    fn early_reasons<'r>(&'r self, facts: &'r Facts<'r, '_>) -> impl Iterator<Item = String> + 'r {
        let reason = |rule: &Rule| Some(format!("{} {}", rule.name, rule.condition.missing(facts)?));
        self.permits.iter().filter_map(reason)
    }

    fn all(&self) -> impl Iterator<Item = &Rule> {
        self.forbids.iter().chain(&self.permits)
    }
}

impl Policy for RulePolicy {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        self.evaluate(request).into()
    }

    fn decide_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        self.0.evaluate_early(request)
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        self.0.kinds.contains(kind)
    }

    fn kinds(&self) -> Vec<ResourceKind> {
        self.0.kinds.clone()
    }

    fn claims(&self) -> Vec<Arc<str>> {
        let mut claims: Vec<Arc<str>> = Vec::new();
        for rule in self.0.all() {
            each(&rule.condition, &mut |test| {
                if let Test::Claim { pointer, .. } = test
                    && !claims.contains(pointer)
                {
                    claims.push(pointer.clone());
                }
            });
        }
        claims
    }

    fn who(&self, action: &str, route: &str) -> Vec<String> {
        let facts = Facts { action, route, request: None, resource: None };
        let possible = |rule: &&Rule| rule.condition.evaluate(&facts) != Truth::False;
        let line =
            |word: &'static str| move |rule: &Rule| format!("{word} {}: {}", rule.name, rule.condition);
        let forbids = self.0.forbids.iter().filter(possible).map(line("not"));
        self.0.permits.iter().filter(possible).map(line("by")).chain(forbids).collect()
    }

    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        if request.environment.payload.is_none() {
            let facts = Facts::of(request);
            return self.0.early_reasons(&facts).map(|reason| format!("the request: {reason}")).collect();
        }
        let things: Vec<Option<&Resource<'_>>> = match request.resources {
            [] => vec![None],
            all => all.iter().map(Some).collect(),
        };
        let governed = things.into_iter().filter(|thing| thing.is_none_or(|thing| self.governs(&thing.kind)));
        let lines = governed.flat_map(|thing| {
            let name = called(thing);
            self.0.reasons(request, thing).into_iter().map(move |reason| format!("{name}: {reason}"))
        });
        lines.collect()
    }

    fn describe(&self) -> String {
        let Rules { name, forbids, permits, .. } = &*self.0;
        let mut text = format!("{name}: {} rules", forbids.len() + permits.len());
        let mut line = |word: &str, rule: &Rule| {
            write!(text, "\n  {word} {}: {}", rule.name, rule.condition)
                .expect("writing to a String does not fail");
        };
        permits.iter().for_each(|rule| line("permit", rule));
        forbids.iter().for_each(|rule| line("forbid", rule));
        text
    }
}
