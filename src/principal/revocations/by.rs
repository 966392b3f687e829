use std::fmt;

/// By what something was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokedBy {
    /// A certificate, by its fingerprint.
    Fingerprint,
    /// A certificate, by its issuer and serial number.
    Serial,
    /// A certificate, by the SPIFFE ID that it names.
    SpiffeId,
    /// A credential, by its identifier (`jti`).
    Identifier,
    /// A credential, by the login session that it came from (`sid`).
    Session,
    /// A credential, by its subject.
    Subject,
    /// A credential, because a party that acts for the subject is revoked.
    Actor,
    /// A credential, by the moment before which its subject was issued it.
    SubjectBefore,
    /// A credential, by the moment before which its issuer issued it.
    IssuerBefore,
    /// A credential, by the key that signed it.
    Key,
    /// A credential, because the one that it was exchanged for is revoked.
    Root,
    /// A credential that had ended already: the calendar was set back since.
    Past,
}

impl fmt::Display for RevokedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fingerprint => "its fingerprint",
            Self::Serial => "its issuer and serial number",
            Self::SpiffeId => "its SPIFFE ID",
            Self::Identifier => "its identifier (jti)",
            Self::Session => "its session (sid)",
            Self::Subject => "its subject (sub)",
            Self::Actor => "one of its actors (act)",
            Self::SubjectBefore => "its subject and when it was issued (iat)",
            Self::IssuerBefore => "its issuer and when it was issued (iat)",
            Self::Key => "the key that signed it",
            Self::Root => "the credential that it was exchanged for",
            Self::Past => "its end (exp), which had come before the clock was set back",
        })
    }
}
