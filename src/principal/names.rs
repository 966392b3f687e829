use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a verified name.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self::new(name)
            }
        }
    };
}

name! {
    /// The OAuth client through which the subject asks (`azp`, or `client_id` of RFC 8693 §4.3).
    Application
}

name! {
    /// The customer that the subject belongs to.
    TenantId
}

name! {
    /// The tier whose limits apply: `free`, `paid`, `enterprise`.
    PlanName
}

/// The user: an identifier that is unique only together with the issuer that gave it (RFC 7519 §4.1.2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    issuer: Arc<str>,
    id: Arc<str>,
}

impl Subject {
    /// The user whom `issuer` calls `id`.
    pub fn new(issuer: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self { issuer: issuer.into(), id: id.into() }
    }

    /// Who vouches for the identifier (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The identifier (`sub`), unique at its issuer.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.id, self.issuer)
    }
}

/// One party that acts for the subject (RFC 8693 §4.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(Subject);

impl Actor {
    /// The actor whom `issuer` calls `id`.
    pub fn new(issuer: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self(Subject::new(issuer, id))
    }

    /// Who vouches for the identifier.
    pub fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// The identifier, unique at its issuer.
    pub fn id(&self) -> &str {
        self.0.id()
    }

    /// Whether it is that subject.
    pub fn is(&self, subject: &Subject) -> bool {
        self.0 == *subject
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.id(), self.issuer())
    }
}

/// Who acts for the subject, the current actor first (RFC 8693 §4.1). Empty when the subject asks for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActorChain(Arc<[Actor]>);

impl ActorChain {
    /// The chain, the current actor first.
    pub fn new(actors: impl Into<Arc<[Actor]>>) -> Self {
        Self(actors.into())
    }

    /// The party that presented the credential, if it is not the subject itself.
    pub fn current(&self) -> Option<&Actor> {
        self.0.first()
    }

    /// All actors, the current one first.
    pub fn iter(&self) -> impl Iterator<Item = &Actor> {
        self.0.iter()
    }

    /// Whether the subject asks for itself.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many stand behind one another.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The first party that comes again further in, the subject among them: none acts for itself.
    pub fn repeated(&self, subject: Option<&Subject>) -> Option<&Actor> {
        let again = |(n, actor): &(usize, &Actor)| {
            self.0[n + 1..].contains(actor) || subject.is_some_and(|subject| actor.is(subject))
        };
        self.0.iter().enumerate().find(again).map(|(_, actor)| actor)
    }
}
