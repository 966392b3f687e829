use std::borrow::Cow;
use std::fmt;

/// A kind of thing that a request touches, in the words of policies and records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ResourceKind {
    /// A model, by the name that the request gives.
    Model,
    /// What the handler retrieves from: a collection, an index.
    Dataset,
    /// The way in, by the pattern of its path.
    Route,
    /// A tool, by its name: one that the request offers to the model, that it calls itself, or that the model calls.
    Tool,
    /// A part of a prompt that instructs the model, by its role: `system` or `developer`.
    Part,
    /// A kind of your own.
    Custom(Cow<'static, str>),
}

impl ResourceKind {
    /// The kind of that name: one of the known ones, else one of your own.
    pub fn from_name(name: &str) -> Self {
        match name {
            "model" => Self::Model,
            "dataset" => Self::Dataset,
            "route" => Self::Route,
            "tool" => Self::Tool,
            "part" => Self::Part,
            other => Self::Custom(other.to_owned().into()),
        }
    }

    /// The kind as one word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Route => "route",
            Self::Tool => "tool",
            Self::Part => "part",
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for ResourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a request names a thing that it touches, beside what its dialect knows of. See
/// [`Route::resource`](super::Route::resource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePlace {
    pub(super) kind: ResourceKind,
    pub(super) place: Place,
}

/// A place of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The segment of the path that has this name in the route's pattern: `collection` of `/v1/collections/{collection}`.
    Path(Box<str>),
    /// Every parameter of the query with this name.
    Query(Box<str>),
    /// The string, or the strings of the array, at this pointer (RFC 6901) into the body.
    Pointer(Box<str>),
}

impl ResourcePlace {
    /// What kind of thing it names.
    pub fn kind(&self) -> &ResourceKind {
        &self.kind
    }

    /// Where.
    pub fn place(&self) -> &Place {
        &self.place
    }
}
