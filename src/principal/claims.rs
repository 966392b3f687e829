use std::fmt;
use std::sync::Arc;

/// Claims of the credential that policies name, beside those that the rest of a [`Principal`](super::Principal) is made of.
/// Only what some policy asks for is kept. Cheap to clone.
///
/// That there is no value can have three reasons: the credential has no such claim, an actor lacks it so that it
/// [is withheld](Self::is_withheld), or nobody [looked for it](Self::is_unread).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Claims {
    kept: Option<Arc<Kept>>,
    /// Whether the credential may have others, which nobody looked for.
    partial: bool,
}

/// By pointer, sorted.
#[derive(PartialEq, Eq, Hash)]
struct Kept(Box<[(Arc<str>, Held)]>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Held {
    Value(ClaimValue),
    Absent,
    Withheld,
}

/// The value of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClaimValue {
    /// A string.
    Text(Arc<str>),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// An array of strings, whole numbers and booleans.
    List(Arc<[ClaimValue]>),
    /// Something else: an object, a fraction. It is there, and equals nothing.
    Other,
}

impl Claims {
    /// The value of the claim at this pointer (RFC 6901).
    pub fn get(&self, pointer: &str) -> Option<&ClaimValue> {
        match self.find(pointer)? {
            Held::Value(value) => Some(value),
            Held::Absent | Held::Withheld => None,
        }
    }

    /// Whether nobody looked for this claim, so that the credential may have it all the same. Claims of JWTs and of introspection are looked
    /// for when a policy of the gate reads them, or by [`keep_claims`](crate::jwt::VerifyJwtLayerBuilder::keep_claims); principals that a host
    /// makes itself have the claims that it gives them, and no others.
    pub fn is_unread(&self, pointer: &str) -> bool {
        self.partial && self.find(pointer).is_none()
    }

    /// Whether the credential has this claim, and it does not count because an actor lacks it; see
    /// [`ActorRule::claims`](super::ActorRule::claims).
    pub fn is_withheld(&self, pointer: &str) -> bool {
        matches!(self.find(pointer), Some(Held::Withheld))
    }

    /// Every claim that is kept, by its pointer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.all().filter_map(|(pointer, held)| match held {
            Held::Value(value) => Some((&**pointer, value)),
            Held::Absent | Held::Withheld => None,
        })
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Those that were looked for in a credential, with what was found.
    pub(crate) fn read(found: impl IntoIterator<Item = (Arc<str>, Option<ClaimValue>)>) -> Self {
        let held = |value: Option<ClaimValue>| value.map_or(Held::Absent, Held::Value);
        Self::of(found.into_iter().map(|(pointer, value)| (pointer, held(value))).collect(), true)
    }

    /// The same claims, of which these do not count.
    pub(super) fn withholding(&self, pointers: &[&str]) -> Self {
        let held = |(pointer, held): &(Arc<str>, Held)| match pointers.contains(&&**pointer) {
            true => (pointer.clone(), Held::Withheld),
            false => (pointer.clone(), held.clone()),
        };
        Self::of(self.all().map(held).collect(), self.partial)
    }

    /// These claims and one more, or another value for it.
    pub(crate) fn with(self, pointer: Arc<str>, value: ClaimValue) -> Self {
        let mut all: Vec<_> = self.all().cloned().collect();
        all.retain(|(held, _)| *held != pointer);
        all.push((pointer, Held::Value(value)));
        Self::of(all, self.partial)
    }

    /// The bytes that the claims take, if nobody shares them.
    pub(crate) fn own_text(&self) -> usize {
        let text = |held: &Held| match held {
            Held::Value(value) => value.own_text(),
            Held::Absent | Held::Withheld => 0,
        };
        match &self.kept {
            Some(kept) if Arc::strong_count(kept) == 1 => {
                32 + kept.0.iter().map(|(_, held)| 40 + text(held)).sum::<usize>()
            }
            _ => 0,
        }
    }

    fn of(mut all: Vec<(Arc<str>, Held)>, partial: bool) -> Self {
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self { kept: (!all.is_empty()).then(|| Arc::new(Kept(all.into()))), partial }
    }

    fn find(&self, pointer: &str) -> Option<&Held> {
        let Kept(all) = self.kept.as_deref()?;
        let place = all.binary_search_by(|(held, _)| (**held).cmp(pointer)).ok()?;
        Some(&all[place].1)
    }

    fn all(&self) -> impl Iterator<Item = &(Arc<str>, Held)> {
        self.kept.iter().flat_map(|kept| &kept.0)
    }
}

impl FromIterator<(Arc<str>, ClaimValue)> for Claims {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, ClaimValue)>>(claims: I) -> Self {
        Self::of(claims.into_iter().map(|(pointer, value)| (pointer, Held::Value(value))).collect(), false)
    }
}

/// The pointers alone: a claim may be a secret.
impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(pointer, _)| pointer)).finish()
    }
}

impl ClaimValue {
    /// The value as text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn own_text(&self) -> usize {
        match self {
            Self::Text(text) => 16 + text.len(),
            Self::List(items) => 16 + items.iter().map(|item| 24 + item.own_text()).sum::<usize>(),
            Self::Number(_) | Self::Flag(_) | Self::Other => 0,
        }
    }
}

impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::List(items) => {
                f.write_str("[")?;
                for (n, item) in items.iter().enumerate() {
                    if n > 0 {
                        f.write_str(", ")?;
                    }
                    fmt::Display::fmt(item, f)?;
                }
                f.write_str("]")
            }
            Self::Other => f.write_str("a value of another kind"),
        }
    }
}

impl From<&str> for ClaimValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for ClaimValue {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for ClaimValue {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for ClaimValue {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl<V: Into<ClaimValue>> FromIterator<V> for ClaimValue {
    /// A list of these.
    fn from_iter<I: IntoIterator<Item = V>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
