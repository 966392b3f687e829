use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// No model has a longer name, in bytes.
const LONGEST: usize = 256;

/// One model, and what it may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    name: Box<str>,
    aliases: Vec<Box<str>>,
    prefixes: Vec<Box<str>>,
}

impl Model {
    /// The model that the server knows by this name.
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self { name: name.into(), aliases: Vec::new(), prefixes: Vec::new() }
    }

    /// Another name for it.
    pub fn alias(mut self, alias: impl Into<Box<str>>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Models made of it, whose names begin so: `ft:gpt-4o-mini:acme:`. Each is a model of its own: it keeps its name, which begins as
    /// it is spelt here and goes on as it is called, since servers tell `ft:…:9qAbC` from `ft:…:9qabc`. A rule on one of them holds
    /// however it is spelt if that one is listed by its name, beside the prefix.
    pub fn fine_tunes(mut self, prefix: impl Into<Box<str>>) -> Self {
        self.prefixes.push(prefix.into());
        self
    }
}

/// The models that there are. Cheap to clone.
#[derive(Clone)]
pub struct ModelCatalog(Arc<Names>);

struct Names {
    models: Box<[Model]>,
    /// Every name in lower case, and the one that counts.
    names: HashMap<Box<str>, Arc<str>>,
    /// Every prefix in lower case and as it is spelt, the longest first.
    prefixes: Box<[(Box<str>, Box<str>)]>,
}

impl ModelCatalog {
    /// A catalog of these models.
    ///
    /// # Errors
    /// When there is none, a name cannot be one, or two models are called alike.
    pub fn new(models: impl IntoIterator<Item = Model>) -> Result<Self, ModelError> {
        let models: Box<[Model]> = models.into_iter().collect();
        if models.is_empty() {
            return Err(ModelErrorKind::None.into());
        }
        let mut names: HashMap<Box<str>, Arc<str>> = HashMap::new();
        let mut prefixes: Vec<(Box<str>, Box<str>)> = Vec::new();
        for model in &models {
            let canonical: Arc<str> = (&*model.name).into();
            for name in std::iter::once(&model.name).chain(&model.aliases) {
                let folded = fold(name);
                check(plain(&folded)).and_then(|()| check(name))?;
                if let Some(other) = names.insert(plain(&folded).into(), canonical.clone())
                    && other != canonical
                {
                    return Err(ModelErrorKind::Twice(name.clone()).into());
                }
            }
            for prefix in &model.prefixes {
                check(prefix)?;
                let folded = fold(prefix);
                if prefixes.iter().any(|(other, _)| *other == folded) {
                    return Err(ModelErrorKind::Twice(prefix.clone()).into());
                }
                prefixes.push((folded, prefix.clone()));
            }
        }
        prefixes.sort_by_key(|(folded, _)| std::cmp::Reverse(folded.len()));
        Ok(Self(Arc::new(Names { models, names, prefixes: prefixes.into() })))
    }

    /// The one name of what is called so; `None` when no such model is listed.
    pub fn name_of(&self, called: &str) -> Option<Arc<str>> {
        if called.len() > LONGEST || called.contains("..") {
            return None;
        }
        let folded = match called.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(called.to_ascii_lowercase()),
            false => Cow::Borrowed(called),
        };
        let folded = plain(&folded);
        if let Some(name) = self.0.names.get(folded) {
            return Some(name.clone());
        }
        let (prefix, spelt) = self.0.prefixes.iter().find(|(prefix, _)| folded.starts_with(&**prefix))?;
        // What means nothing was cut off at both ends; the rest of the name stays as it was written.
        let begins = if starts_with_path(called) { PATH.len() } else { 0 };
        let own = called.get(begins + prefix.len()..begins + folded.len())?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@/".contains(&byte);
        (!own.is_empty() && own.bytes().all(is_plain)).then(|| format!("{spelt}{own}").into())
    }

    /// The names of all models that are listed by name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.models.iter().map(|model| &*model.name)
    }
}

const PATH: &str = "models/";
const LATEST: &str = ":latest";

fn starts_with_path(name: &str) -> bool {
    name.get(..PATH.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(PATH))
}

/// A name, in lower case, without what means nothing.
fn plain(folded: &str) -> &str {
    let name = folded.strip_prefix(PATH).unwrap_or(folded);
    name.strip_suffix(LATEST).unwrap_or(name)
}

fn fold(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}

fn check(name: &str) -> Result<(), ModelError> {
    let is_visible = (1..=LONGEST).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
    // Model names become paths, of files and of URLs.
    let is_good = is_visible && !name.contains("..");
    if is_good { Ok(()) } else { Err(ModelErrorKind::Name(name.into()).into()) }
}

impl fmt::Debug for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ModelCatalog").field(&self.0.models).finish()
    }
}

impl fmt::Display for ModelCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by one name: {}; no others", self.names().collect::<Vec<_>>().join(", "))
    }
}

/// A catalog that cannot be used. Says which name, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ModelError {
    /// What is wrong.
    pub kind: ModelErrorKind,
}

/// What is wrong with a catalog.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModelErrorKind {
    /// No model is listed.
    #[error("lists no model; name at least one, or leave the catalog out")]
    None,
    /// A name that no model can have.
    #[error("{0:?} is no name of a model; write 1 to 256 visible ASCII characters, no two dots in a row")]
    Name(Box<str>),
    /// Two models are called alike.
    #[error("two models are called {0:?}, upper and lower case being the same; give the name to one of them")]
    Twice(Box<str>),
}

impl From<ModelErrorKind> for ModelError {
    fn from(kind: ModelErrorKind) -> Self {
        Self { kind }
    }
}
