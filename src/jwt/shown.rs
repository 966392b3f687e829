use std::borrow::Cow;
use std::fmt;

use http::{Method, request};
use secrecy::{ExposeSecret, SecretString};

use super::bearer::{self, Found, Scheme, Unfound};
use super::dpop::DPOP;
use crate::exchange::original_path;

/// The credential of a request, and what proves that its sender may bear it.
pub(super) struct Shown<'a> {
    credential: Text<'a>,
    pub(super) scheme: Scheme,
    pub(super) proof: ShownProof<'a>,
    pub(super) method: Method,
    pub(super) path: Cow<'a, str>,
}

/// What stands in `DPoP`.
#[derive(Clone)]
pub(super) enum ShownProof<'a> {
    Absent,
    One(Cow<'a, str>),
    /// More than one, or one that is joined of several.
    Several,
    /// Not visible ASCII.
    Malformed,
}

enum Text<'a> {
    Borrowed(&'a str),
    Owned(SecretString),
}

impl<'a> Shown<'a> {
    pub(super) fn of(parts: &'a request::Parts, api_key_header: bool, dpop: bool) -> Result<Self, Unfound> {
        let Found { credential, scheme } = bearer::find(parts, api_key_header, dpop)?;
        let mut proofs = parts.headers.get_all(DPOP).iter();
        let proof = match (proofs.next(), proofs.next()) {
            (None, _) => ShownProof::Absent,
            (Some(_), Some(_)) => ShownProof::Several,
            (Some(proof), None) => match proof.to_str() {
                Ok(proof) if proof.contains(',') => ShownProof::Several,
                Ok(proof) => ShownProof::One(proof.into()),
                Err(_) => ShownProof::Malformed,
            },
        };
        Ok(Self {
            credential: Text::Borrowed(credential),
            scheme,
            proof,
            method: parts.method.clone(),
            path: original_path(parts).into(),
        })
    }

    pub(super) fn credential(&self) -> &str {
        match &self.credential {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text.expose_secret(),
        }
    }

    /// The same, for a decision that outlives the request's head.
    pub(super) fn keep(&self) -> Shown<'static> {
        Shown {
            credential: Text::Owned(self.credential().into()),
            scheme: self.scheme,
            proof: match &self.proof {
                ShownProof::One(proof) => ShownProof::One(proof.to_string().into()),
                ShownProof::Absent => ShownProof::Absent,
                ShownProof::Several => ShownProof::Several,
                ShownProof::Malformed => ShownProof::Malformed,
            },
            method: self.method.clone(),
            path: self.path.to_string().into(),
        }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}
