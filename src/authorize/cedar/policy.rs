use super::model::{Shape, Types, type_of, zone};
use super::store::CedarStore;
use super::{CedarError, CedarErrorKind, EntitySource};
use crate::authorize::telling::check_claims;
use crate::authorize::{AccessRequest, Decided, Policy, Resource, Verdict};
use crate::exchange::RuleNames;
use crate::route::ResourceKind;
use arc_swap::ArcSwap;
use cedar_policy::Request;
use jiff::tz::TimeZone;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where policies, schema and entities stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CedarFiles {
    policies: PathBuf,
    schema: PathBuf,
    entities: Option<PathBuf>,
}

impl CedarFiles {
    /// Policies in Cedar's syntax, and the schema in that of its schemas.
    pub fn new(policies: impl Into<PathBuf>, schema: impl Into<PathBuf>) -> Self {
        Self { policies: policies.into(), schema: schema.into(), entities: None }
    }

    /// Entities, in Cedar's JSON.
    pub fn entities(mut self, file: impl Into<PathBuf>) -> Self {
        self.entities = Some(file.into());
        self
    }

    fn read(&self) -> Result<CedarStore, CedarError> {
        let text = |path: &Path| {
            fs::read_to_string(path).map_err(|error| {
                let (path, problem) = (path.to_owned(), error.to_string());
                CedarError::from(CedarErrorKind::Unreadable { path, problem })
            })
        };
        let entities = self.entities.as_deref().map_or_else(|| Ok("[]".to_owned()), text)?;
        CedarStore::parse(&text(&self.policies)?, &text(&self.schema)?, &entities)
    }
}

/// A [`Policy`] in Cedar; see the [module](super). Cheap to clone; clones share what was loaded.
#[derive(Clone)]
pub struct CedarPolicy(Arc<Inner>);

struct Inner {
    name: Box<str>,
    shape: Shape,
    files: Option<CedarFiles>,
    store: ArcSwap<CedarStore>,
}

/// Builds a [`CedarPolicy`].
#[derive(Clone, Debug)]
pub struct CedarPolicyBuilder {
    name: Box<str>,
    zone: String,
    shape: Shape,
}

impl CedarPolicy {
    /// A policy that records and the posture call so.
    pub fn builder(name: impl Into<Box<str>>) -> CedarPolicyBuilder {
        let (attributes, groups, source, types) = (Vec::new(), None, None, Types::new());
        let shape = Shape { zone: TimeZone::UTC, attributes, groups, source, types };
        CedarPolicyBuilder { name: name.into(), zone: "UTC".to_owned(), shape }
    }

    /// Reads the files again. Requests that are being decided go by what they began with.
    ///
    /// # Errors
    /// When the files cannot be used, or there are none: then the old policies stay in force.
    pub fn reload(&self) -> Result<(), CedarError> {
        let Some(files) = &self.0.files else { return Err(CedarErrorKind::NoFiles.into()) };
        self.0.store.store(Arc::new(files.read()?));
        Ok(())
    }
}

impl CedarPolicyBuilder {
    /// Gives `User` this attribute: the claim at that pointer (RFC 6901). It is missing where the credential has none.
    pub fn attribute(mut self, name: impl Into<String>, pointer: impl Into<Arc<str>>) -> Self {
        self.shape.attributes.push((name.into(), pointer.into()));
        self
    }

    /// Puts each `User` into the groups that the claim at this pointer names: a string, or a list of them.
    pub fn groups(mut self, pointer: impl Into<Arc<str>>) -> Self {
        self.shape.groups = Some(pointer.into());
        self
    }

    /// The time zone of `weekday` and `minute`, by its IANA name; UTC when not called.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = name.into();
        self
    }

    /// Asks this source, too, about each principal and each thing.
    pub fn entity_source(mut self, source: impl EntitySource) -> Self {
        self.shape.source = Some(Arc::new(source));
        self
    }

    /// The policy of these files.
    ///
    /// # Errors
    /// When one cannot be read or used, or no zone has the name.
    pub fn files(self, files: CedarFiles) -> Result<CedarPolicy, CedarError> {
        let store = files.read()?;
        self.build(store, Some(files))
    }

    /// The policy of these texts, for programs that keep them elsewhere.
    ///
    /// # Errors
    /// As [`files`](Self::files).
    pub fn text(self, policies: &str, schema: &str, entities: &str) -> Result<CedarPolicy, CedarError> {
        let store = CedarStore::parse(policies, schema, entities)?;
        self.build(store, None)
    }

    fn build(mut self, store: CedarStore, files: Option<CedarFiles>) -> Result<CedarPolicy, CedarError> {
        self.shape.zone = zone(&self.zone)?;
        let store = ArcSwap::from_pointee(store);
        Ok(CedarPolicy(Arc::new(Inner { name: self.name, shape: self.shape, files, store })))
    }
}

impl Inner {
    fn judge(&self, request: &AccessRequest<'_>) -> Result<Verdict, String> {
        let store = self.store.load();
        if let Err(verdict) = check_claims(request.principal, self.shape.pointers(store.reads())) {
            return Ok(verdict);
        }
        let things: Vec<&Resource<'_>> =
            request.resources.iter().filter(|thing| governs(&store, &thing.kind)).collect();
        let route = Resource::new(ResourceKind::Route, request.route);
        let things = if things.is_empty() { vec![&route] } else { things };
        let action = self.shape.action(request);
        let context = self.shape.context(request, store.reads())?;
        let principal = self.shape.principal(request.principal, &store)?;
        let mut permitted = RuleNames::default();
        for thing in things {
            let Some(resource) = self.shape.resource(thing) else {
                return Err(format!("no entity can be made of {thing}"));
            };
            let mut given = principal.clone();
            let known = self.shape.ask(&resource)?;
            given.extend(known.into_iter().filter(|one| one.entity.uid() != principal[0].entity.uid()));
            let who = principal[0].entity.uid();
            let asked = Request::new(who, action.clone(), resource, context.clone(), None);
            let ruling = store.decide(&asked.map_err(|error| error.to_string())?, &given);
            if !ruling.errors.is_empty() {
                return Err(ruling.errors.join("; "));
            }
            let by = ruling.policies.iter();
            if !ruling.permitted {
                let verdict = match ruling.policies.is_empty() {
                    true => Verdict::no_match().because(format!("no Cedar policy permits {thing}")),
                    false => Verdict::forbid().because(format!("a Cedar policy forbids {thing}")),
                };
                return Ok(by.fold(verdict, Verdict::by));
            }
            by.for_each(|rule| permitted.push(rule));
        }
        Ok(permitted.shared().fold(Verdict::permit(), Verdict::by))
    }
}

fn governs(store: &CedarStore, kind: &ResourceKind) -> bool {
    let wanted = type_of(kind);
    wanted.is_some_and(|wanted| store.has_type(&wanted))
}

impl Policy for CedarPolicy {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        self.0.judge(request).unwrap_or_else(Verdict::error).into()
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        governs(&self.0.store.load(), kind)
    }

    fn claims(&self) -> Vec<Arc<str>> {
        let attributes = self.0.shape.attributes.iter().map(|(_, pointer)| pointer);
        attributes.chain(&self.0.shape.groups).cloned().collect()
    }

    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        let name = &self.0.name;
        let line = match self.0.judge(request) {
            Ok(verdict) if verdict.permits() => format!("{name}: Cedar permits it"),
            Ok(verdict) => format!(
                "{name}: {} (of {} policies, none else has a scope that fits and conditions that hold)",
                verdict.cause().map_or("refused", |cause| cause),
                self.0.store.load().count()
            ),
            Err(error) => format!("{name}: Cedar could not decide: {error}"),
        };
        vec![line]
    }

    fn describe(&self) -> String {
        let Inner { name, files, store, .. } = &*self.0;
        let from = match files {
            Some(files) => format!("of {}", files.policies.display()),
            None => "of the program's own".to_owned(),
        };
        format!("{name}: {} Cedar policies {from}", store.load().count())
    }
}

impl fmt::Debug for CedarPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CedarPolicy")
            .field("name", &self.0.name)
            .field("files", &self.0.files)
            .finish_non_exhaustive()
    }
}
