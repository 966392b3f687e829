use super::CedarFiles;
use super::askers::{Asker, Askers, Scene, Who};
use super::context::Circumstances;
use super::model::Shape;
use super::slices::Asked;
use super::store::{CedarStore, Given, Ruling};
use crate::authorize::telling::check_claims;
use crate::authorize::{AccessRequest, Decided, Policy, Resource, Verdict};
use crate::exchange::RuleNames;
use crate::principal::Principal;
use crate::route::ResourceKind;
use cedar_policy::{Context, EntityUid, Request};
use std::sync::Arc;

/// The policies as they were when a request came: what is loaded meanwhile decides on the next one.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: Arc<str>,
    pub(super) shape: Arc<Shape>,
    pub(super) files: Option<Arc<CedarFiles>>,
    pub(super) current: Arc<Current>,
}

/// What was read, and what was worked out from it since.
#[derive(Debug)]
pub(super) struct Current {
    store: CedarStore,
    circumstances: Circumstances,
    askers: Askers,
}

impl Current {
    pub(super) fn new(store: CedarStore) -> Self {
        let circumstances = Circumstances::read_by(store.reads());
        Self { store, circumstances, askers: Askers::default() }
    }

    #[cfg(test)]
    pub(super) fn questions_kept(&self) -> usize {
        self.askers.questions_kept()
    }
}

/// A request without what it asks about.
struct Asking<'a> {
    current: &'a Current,
    shape: &'a Shape,
    asker: Arc<Asker>,
    /// What the principal is remembered by; `None` where a source is asked about it, which may say something else each time.
    number: Option<u64>,
    action: EntityUid,
    context: Context,
}

impl Loaded {
    fn judge(&self, request: &AccessRequest<'_>) -> Result<Verdict, String> {
        let things = request.resources.iter().filter(|thing| self.governs(&thing.kind));
        let route = Resource::new(ResourceKind::Route, request.route);
        if let Err(verdict) = check_claims(request.principal, self.shape.pointers(self.store().reads())) {
            return Ok(verdict);
        }
        let asking = self.asking(request)?;
        let mut permitted = RuleNames::default();
        let mut is_permitted = false;
        for thing in things {
            let asked = if is_permitted { Asked::Again } else { Asked::First };
            let ruling = asking.about(thing, asked)?;
            if !ruling.permitted {
                return Ok(refused(thing, &ruling));
            }
            ruling.policies.iter().for_each(|rule| permitted.push(rule));
            is_permitted = true;
        }
        // Beside other things the way in needs no permit of its own. It can be forbidden all the same.
        if !is_permitted {
            let ruling = asking.about(&route, Asked::First)?;
            if !ruling.permitted {
                return Ok(refused(&route, &ruling));
            }
            ruling.policies.iter().for_each(|rule| permitted.push(rule));
        } else if self.governs(&ResourceKind::Route) && asking.may_be_refused(&route) {
            let ruling = asking.about(&route, Asked::Again)?;
            if !ruling.permitted && !ruling.policies.is_empty() {
                return Ok(refused(&route, &ruling));
            }
        }
        Ok(permitted.shared().fold(Verdict::permit(), Verdict::by))
    }

    fn asking(&self, request: &AccessRequest<'_>) -> Result<Asking<'_>, String> {
        let (current, shape) = (&*self.current, &*self.shape);
        let (number, asker) = self.asker(request.principal)?;
        let context = current.circumstances.of(request, &shape.zone)?;
        Ok(Asking { current, shape, asker, number, action: shape.action(request.action), context })
    }

    fn asker(&self, principal: &Principal) -> Result<(Option<u64>, Arc<Asker>), String> {
        let make = |who: &Who| self.shape.principal(who, &self.current.store);
        let who = Who::of(principal);
        if self.shape.source.is_some() {
            return Ok((None, Arc::new(make(&who)?)));
        }
        let (number, asker) = self.current.askers.find(who, make)?;
        Ok((Some(number), asker))
    }

    /// Refuses where no permit has a scope that takes this principal and this action.
    fn judge_early(&self, request: &AccessRequest<'_>) -> Result<Option<Verdict>, String> {
        // A source would be asked twice.
        if self.shape.source.is_some() {
            return Ok(None);
        }
        if let Err(verdict) = check_claims(request.principal, self.shape.pointers(self.store().reads())) {
            return Ok(Some(verdict));
        }
        let (_, asker) = self.asker(request.principal)?;
        if self.store().slices().may_permit(&asker.seen, &self.shape.action(request.action)) {
            return Ok(None);
        }
        let cause =
            format!("no Cedar policy permits {} to this principal, whatever the thing", request.action);
        Ok(Some(Verdict::no_match().because(cause)))
    }

    fn store(&self) -> &CedarStore {
        &self.current.store
    }
}

impl Asking<'_> {
    /// Whether a policy may forbid a thing, or fail, that has not been asked about another one.
    fn may_be_refused(&self, thing: &Resource<'_>) -> bool {
        let store = &self.current.store;
        let (Some(_), Some(resource)) = (self.number, self.shape.resource(thing)) else { return true };
        let seen = store.see(&resource, &self.asker.given);
        store.slices().may_refuse_again(&self.asker.seen, &self.action, &seen)
    }

    /// What the policies say of one thing; what cannot be evaluated is an error.
    fn about(&self, thing: &Resource<'_>, asked_before: Asked) -> Result<Ruling, String> {
        let resource =
            self.shape.resource(thing).ok_or_else(|| format!("no entity can be made of {thing}"))?;
        let Self { current, asker, action, .. } = self;
        let (name, context) = (asker.name.clone(), self.context.clone());
        let asked = Request::new(name, action.clone(), resource.clone(), context, None)
            .map_err(|error| error.to_string())?;
        let ruling = match self.number {
            Some(number) => {
                let thing = current.store.tell_apart(&resource, &asker.given);
                let question = (number, asked_before, action.clone(), thing);
                let scene = current.askers.scene(question, || {
                    let Asker { given, seen, reach, .. } = &**asker;
                    let (slice, reached) =
                        current.store.choose(asked_before, seen, reach, action, &resource, given);
                    let gather = |reached: &[usize]| current.store.gather(reached, given);
                    let entities = current.askers.entities(number, reached, gather)?;
                    Ok(Scene { slice, entities })
                })?;
                current.store.evaluate(&asked, &scene.slice, &scene.entities)
            }
            None => {
                let known = self.shape.ask(&resource)?.into_iter();
                let known = known.filter(|one| one.entity.uid() != asker.name);
                let given: Vec<Given> = asker.given.iter().cloned().chain(known).collect();
                current.store.decide(&asked, &given)
            }
        };
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

    fn decide_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        self.judge_early(request).unwrap_or_else(|error| Some(Verdict::error(error)))
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        self.shape.types.of(kind).is_some_and(|wanted| self.store().has_type(&wanted))
    }

    fn claims(&self) -> Vec<Arc<str>> {
        self.shape.claims()
    }

    fn who(&self, action: &str, _: &str) -> Vec<String> {
        self.store().slices().who(&self.shape.action(action))
    }

    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        let name = &self.name;
        let line = match self.judge(request) {
            Ok(verdict) if verdict.permits() => format!("{name}: Cedar permits it"),
            Ok(verdict) => format!(
                "{name}: {} (of {} policies, none else has a scope that fits and conditions that hold)",
                verdict.cause().map_or("refused", |cause| cause),
                self.store().count()
            ),
            Err(error) => format!("{name}: Cedar could not decide: {error}"),
        };
        vec![line]
    }

    fn describe(&self) -> String {
        let Self { name, shape, files, current: _ } = self;
        let store = self.store();
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
