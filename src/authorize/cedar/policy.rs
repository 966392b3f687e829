use super::loaded::{Current, Loaded};
use super::model::{Shape, Types, zone};
use super::store::CedarStore;
use super::{CedarError, CedarErrorKind, EntitySource};
use crate::authorize::{AccessRequest, Decided, Policy, Verdict};
use crate::route::ResourceKind;
use arc_swap::ArcSwap;
use jiff::tz::TimeZone;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where policies, schema and entities stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CedarFiles {
    pub(super) policies: PathBuf,
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
    name: Arc<str>,
    shape: Arc<Shape>,
    files: Option<Arc<CedarFiles>>,
    current: ArcSwap<Current>,
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
        self.0.current.store(Arc::new(Current::new(files.read()?)));
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
        let (name, shape, files) = (self.name.into(), Arc::new(self.shape), files.map(Arc::new));
        let current = ArcSwap::from_pointee(Current::new(store));
        Ok(CedarPolicy(Arc::new(Inner { name, shape, files, current })))
    }
}

impl CedarPolicy {
    pub(super) fn loaded(&self) -> Loaded {
        let Inner { name, shape, files, current } = &*self.0;
        let (name, shape, files) = (name.clone(), shape.clone(), files.clone());
        Loaded { name, shape, files, current: current.load_full() }
    }
}

impl Policy for CedarPolicy {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        self.loaded().decide(request)
    }

    fn decide_early(&self, request: &AccessRequest<'_>) -> Option<Verdict> {
        self.loaded().decide_early(request)
    }

    fn as_of_now(&self) -> Option<Arc<dyn Policy>> {
        Some(Arc::new(self.loaded()))
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        self.loaded().governs(kind)
    }

    fn claims(&self) -> Vec<Arc<str>> {
        self.0.shape.claims()
    }

    fn who(&self, action: &str, route: &str) -> Vec<String> {
        self.loaded().who(action, route)
    }

    fn explain(&self, request: &AccessRequest<'_>) -> Vec<String> {
        self.loaded().explain(request)
    }

    fn describe(&self) -> String {
        self.loaded().describe()
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
