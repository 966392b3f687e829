/// The kind of credential that a [`Principal`](super::Principal) was known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticationMethod {
    /// A JWT whose signature and claims were checked.
    Jwt,
    /// A certificate whose key the other end of the connection holds.
    Certificate,
    /// An opaque credential that its issuer was asked about.
    Introspection,
    /// A static key, of which only the SHA-256 is known: the weakest kind.
    ApiKey,
    /// The host application vouches for the principal.
    Host,
    /// A test said so; exists only in requests made by the `testing` feature.
    Asserted,
}

impl AuthenticationMethod {
    /// The method as one lower-case word, for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Certificate => "certificate",
            Self::Introspection => "introspection",
            Self::ApiKey => "api_key",
            Self::Host => "host",
            Self::Asserted => "asserted",
        }
    }
}
