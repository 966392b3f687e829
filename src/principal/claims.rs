use std::fmt;
use std::sync::Arc;

/// Claims of the credential that policies name, beside those that the rest of a [`Principal`](super::Principal) is made of.
/// Only what some policy asks for is kept. Cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Claims(Option<Arc<Kept>>);

/// By pointer, sorted.
#[derive(PartialEq, Eq, Hash)]
struct Kept(Box<[(Arc<str>, ClaimValue)]>);

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
        let Kept(all) = self.0.as_deref()?;
        let place = all.binary_search_by(|(held, _)| (**held).cmp(pointer)).ok()?;
        Some(&all[place].1)
    }

    /// Every claim that is kept, by its pointer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ClaimValue)> {
        self.0.iter().flat_map(|kept| &kept.0).map(|(pointer, value)| (&**pointer, value))
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// These claims and one more, or another value for it.
    pub(crate) fn with(self, pointer: Arc<str>, value: ClaimValue) -> Self {
        let mut all: Vec<_> = self.0.iter().flat_map(|kept| kept.0.iter().cloned()).collect();
        all.retain(|(held, _)| *held != pointer);
        all.push((pointer, value));
        all.into_iter().collect()
    }

    /// The bytes that the claims take, if nobody shares them.
    pub(crate) fn own_text(&self) -> usize {
        match &self.0 {
            Some(kept) if Arc::strong_count(kept) == 1 => {
                32 + kept.0.iter().map(|(_, value)| 40 + value.own_text()).sum::<usize>()
            }
            _ => 0,
        }
    }
}

impl FromIterator<(Arc<str>, ClaimValue)> for Claims {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, ClaimValue)>>(claims: I) -> Self {
        let mut all: Vec<_> = claims.into_iter().collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        if all.is_empty() { Self::default() } else { Self(Some(Arc::new(Kept(all.into())))) }
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
