/// A body, of a request or of an answer, that is bounded and handed on unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpaqueBody {
    types: Box<[Box<str>]>,
    max_bytes: usize,
    signed: bool,
}

impl OpaqueBody {
    pub(super) fn new<M: AsRef<str>>(types: impl IntoIterator<Item = M>, max_bytes: usize) -> Self {
        let types =
            types.into_iter().map(|media| media.as_ref().trim().to_ascii_lowercase().into()).collect();
        Self { types, max_bytes, signed: false }
    }

    /// One that whoever answers believes only by its signature.
    pub(super) fn signed(media: &str, max_bytes: usize) -> Self {
        Self { signed: true, ..Self::new([media], max_bytes) }
    }

    /// The media types that it may have, without parameters.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(|media| &**media)
    }

    /// The most bytes that it may have.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether a body of this `Content-Type` is one of them; parameters say nothing.
    pub fn takes(&self, content_type: &str) -> bool {
        let media = content_type.split(';').next().unwrap_or_default().trim();
        self.types().any(|taken| taken.eq_ignore_ascii_case(media))
    }

    /// Whether whoever answers believes it only by its signature, as a logout of an issuer.
    pub fn is_signed(&self) -> bool {
        self.signed
    }

    /// Whether it lets anything through at all.
    pub(super) fn is_empty(&self) -> bool {
        self.max_bytes == 0 || self.types.is_empty()
    }
}
