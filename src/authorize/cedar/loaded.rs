use super::CedarFiles;
use super::model::{Shape, type_of};
use super::store::{CedarStore, Given, Ruling};
use crate::authorize::telling::check_claims;
use crate::authorize::{AccessRequest, Decided, Policy, Resource, Verdict};
use crate::exchange::RuleNames;
use crate::route::ResourceKind;
use cedar_policy::{Context, EntityUid, Request};
use std::sync::Arc;

/// The policies as they were when a request came: what is loaded meanwhile decides on the next one.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: Arc<str>,
    pub(super) shape: Arc<Shape>,
    pub(super) files: Option<Arc<CedarFiles>>,
    pub(super) store: Arc<CedarStore>,
}

/// A request without what it asks about.
struct Asking<'a> {
    store: &'a CedarStore,
    shape: &'a Shape,
    /// The principal first.
    given: Vec<Given>,
    who: EntityUid,
    action: EntityUid,
    context: Context,
}

impl Loaded {
    fn judge(&self, request: &AccessRequest<'_>) -> Result<Verdict, String> {
        let things = request.resources.iter().filter(|thing| self.governs(&thing.kind));
        let route = Resource::new(ResourceKind::Route, request.route);
        if let Err(verdict) = check_claims(request.principal, self.shape.pointers(self.store.reads())) {
            return Ok(verdict);
        }
        let asking = self.asking(request)?;
        let mut permitted = RuleNames::default();
        let mut is_permitted = false;
        for thing in things {
            let ruling = asking.about(thing)?;
            if !ruling.permitted {
                return Ok(refused(thing, &ruling));
            }
            ruling.policies.iter().for_each(|rule| permitted.push(rule));
            is_permitted = true;
        }
        // Beside other things the way in needs no permit of its own. It can be forbidden all the same.
        if !is_permitted || self.governs(&ResourceKind::Route) {
            let ruling = asking.about(&route)?;
            let is_forbidden = !ruling.permitted && !ruling.policies.is_empty();
            if is_forbidden || !ruling.permitted && !is_permitted {
                return Ok(refused(&route, &ruling));
            }
            if ruling.permitted && !is_permitted {
                ruling.policies.iter().for_each(|rule| permitted.push(rule));
            }
        }
        Ok(permitted.shared().fold(Verdict::permit(), Verdict::by))
    }

    fn asking(&self, request: &AccessRequest<'_>) -> Result<Asking<'_>, String> {
        let (store, shape) = (&*self.store, &*self.shape);
        let given = shape.principal(request.principal, store)?;
        let who = given[0].entity.uid();
        let context = shape.context(request, store.reads())?;
        Ok(Asking { store, shape, given, who, action: shape.action(request), context })
    }
}

impl Asking<'_> {
    /// What the policies say of one thing; what cannot be evaluated is an error.
    fn about(&self, thing: &Resource<'_>) -> Result<Ruling, String> {
        let resource =
            self.shape.resource(thing).ok_or_else(|| format!("no entity can be made of {thing}"))?;
        let mut given = self.given.clone();
        let known = self.shape.ask(&resource)?;
        given.extend(known.into_iter().filter(|one| one.entity.uid() != self.who));
        let asked = Request::new(self.who.clone(), self.action.clone(), resource, self.context.clone(), None);
        let ruling = self.store.decide(&asked.map_err(|error| error.to_string())?, &given);
        if ruling.errors.is_empty() { Ok(ruling) } else { Err(ruling.errors.join("; ")) }
    }
}

fn refused(thing: &Resource<'_>, ruling: &Ruling) -> Verdict {
    let verdict = match ruling.policies.is_empty() {
        true => Verdict::no_match().because(format!("no Cedar policy permits {thing}")),
        false => Verdict::forbid().because(format!("a Cedar policy forbids {thing}")),
    };
    ruling.policies.iter().fold(verdict, Verdict::by)
}

impl Policy for Loaded {
    fn name(&self) -> &str {
        &self.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        self.judge(request).unwrap_or_else(Verdict::error).into()
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        type_of(kind).is_some_and(|wanted| self.store.has_type(&wanted))
    }

    fn claims(&self) -> Vec<Arc<str>> {
        self.shape.claims()
    }

    fn who(&self, action: &str, _: &str) -> Vec<String> {
        self.store.who(&self.shape.action_called(action))
    }

    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        let name = &self.name;
        let line = match self.judge(request) {
            Ok(verdict) if verdict.permits() => format!("{name}: Cedar permits it"),
            Ok(verdict) => format!(
                "{name}: {} (of {} policies, none else has a scope that fits and conditions that hold)",
                verdict.cause().map_or("refused", |cause| cause),
                self.store.count()
            ),
            Err(error) => format!("{name}: Cedar could not decide: {error}"),
        };
        vec![line]
    }

    fn describe(&self) -> String {
        let Self { name, shape, files, store } = self;
        let from = match files {
            Some(files) => format!("of {}", files.policies.display()),
            None => "of the program's own".to_owned(),
        };
        format!(
            "{name}: {} Cedar policies {from}; {shape}; SHA-256 of policies, schema and entities {}",
            store.count(),
            store.fingerprint()
        )
    }
}
