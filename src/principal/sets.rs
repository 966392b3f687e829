use std::fmt;
use std::sync::Arc;

macro_rules! set {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone, Default, PartialEq, Eq, Hash)]
        pub struct $name(Arc<[Box<str>]>);

        impl $name {
            /// Whether the set holds `item`, compared byte for byte.
            pub fn contains(&self, item: &str) -> bool {
                self.0.binary_search_by(|held| (**held).cmp(item)).is_ok()
            }

            /// The items, sorted and each once.
            pub fn iter(&self) -> impl Iterator<Item = &str> {
                self.0.iter().map(|item| &**item)
            }

            /// The bytes that the set takes, if nobody shares it.
            pub(crate) fn own_text(&self) -> usize {
                match Arc::strong_count(&self.0) {
                    1 => self.0.iter().map(|item| 16 + item.len()).sum(),
                    _ => 0,
                }
            }

            /// Whether the set holds nothing.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// How many items the set holds.
            pub fn len(&self) -> usize {
                self.0.len()
            }
        }

        impl<T: Into<Box<str>>> FromIterator<T> for $name {
            fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
                let mut items: Vec<Box<str>> = items.into_iter().map(Into::into).collect();
                items.sort_unstable();
                items.dedup();
                Self(items.into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

set! {
    /// What the subject allowed the application to do: OAuth scopes (RFC 6749 §3.3), compared byte for byte.
    ScopeSet
}

set! {
    /// The roles that the issuer says the subject has.
    RoleSet
}

impl ScopeSet {
    /// Reads a `scope` claim: names separated by spaces (RFC 8693 §4.2).
    pub fn parse(scope: &str) -> Self {
        scope.split(' ').filter(|name| !name.is_empty()).collect()
    }
}
