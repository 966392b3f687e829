use std::fmt;
use std::sync::Arc;

/// The names of the rules that made a decision, each once, in the order in which they spoke. Up to four need no memory of
/// their own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RuleNames {
    first: [Option<Arc<str>>; 4],
    more: Vec<Arc<str>>,
}

impl RuleNames {
    /// Adds a name, unless it is there.
    pub fn push(&mut self, name: &Arc<str>) {
        if self.iter().any(|held| held == &**name) {
            return;
        }
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(name.clone()),
            None => self.more.push(name.clone()),
        }
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.shared().map(|name| &**name)
    }

    /// The names, to keep.
    pub(crate) fn shared(&self) -> impl Iterator<Item = &Arc<str>> {
        self.first.iter().flatten().chain(&self.more)
    }

    /// Whether no rule spoke.
    pub fn is_empty(&self) -> bool {
        self.first[0].is_none()
    }
}

impl fmt::Debug for RuleNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<&'a Arc<str>> for RuleNames {
    fn from_iter<I: IntoIterator<Item = &'a Arc<str>>>(names: I) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.push(name));
        all
    }
}

/// What the policies said of a request.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PolicyFacts {
    /// The rules that made the decision.
    pub rules: RuleNames,
    /// What policies said that are only tried out.
    pub shadows: Vec<ShadowFacts>,
}

/// What a policy said that is only tried out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShadowFacts {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Its verdict as one word: `permit`, `forbid`, `no_match` or `error`.
    pub verdict: &'static str,
    /// Whether the policies in force decided otherwise.
    pub differs: bool,
    /// The rules that made it.
    pub rules: RuleNames,
    /// Why it would refuse.
    pub cause: Option<Arc<str>>,
}

impl ShadowFacts {
    pub(crate) fn new(
        policy: Arc<str>,
        verdict: &'static str,
        differs: bool,
        rules: RuleNames,
        cause: Option<Arc<str>>,
    ) -> Self {
        Self { policy, verdict, differs, rules, cause }
    }
}
