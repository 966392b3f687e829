use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// The longest SPIFFE ID, in bytes (SPIFFE ID §2.3).
const MAX_ID: usize = 2048;
/// The longest name of a trust domain, in bytes (SPIFFE ID §2.3).
const MAX_TRUST_DOMAIN: usize = 255;
const SCHEME: &str = "spiffe://";

/// The name of a workload: `spiffe://prod.example/ns/chat/sa/gateway` (SPIFFE ID §2). Cheap to clone.
///
/// Read strictly: one spelling for one name, so that byte for byte is how names are compared.
///
/// ```
/// use portcullis::principal::SpiffeId;
///
/// let id: SpiffeId = "spiffe://prod.example/ns/chat/sa/gateway".parse()?;
/// assert_eq!(id.trust_domain().as_str(), "prod.example");
/// assert_eq!(id.path(), "/ns/chat/sa/gateway");
/// # Ok::<(), portcullis::principal::SpiffeIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    text: Arc<str>,
    trust_domain: TrustDomain,
}

impl SpiffeId {
    /// Reads an ID by SPIFFE ID §2: scheme and trust domain in lower case; no user, port, query, fragment or percent
    /// encoding; no empty, `.` or `..` segment and no trailing slash in the path; at most 2048 bytes.
    ///
    /// # Errors
    /// Says which of the rules is broken.
    pub fn parse(text: &str) -> Result<Self, SpiffeIdError> {
        let error = |problem| SpiffeIdError::new(text, problem);
        if text.len() > MAX_ID {
            return Err(error("a SPIFFE ID has at most 2048 bytes"));
        }
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| error("a SPIFFE ID begins with spiffe://"))?;
        let (domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        check_trust_domain(domain).map_err(error)?;
        check_path(path).map_err(error)?;
        Ok(Self { text: text.into(), trust_domain: TrustDomain(domain.into()) })
    }

    /// The trust domain that the workload belongs to.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path, with its leading slash; empty for the ID of a trust domain itself.
    pub fn path(&self) -> &str {
        &self.text[SCHEME.len() + self.trust_domain.0.len()..]
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        Self::parse(text)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// The name of a trust domain: `prod.example` (SPIFFE ID §2.1). Its roots vouch for the IDs in it and for no others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// Reads a name: 1 to 255 of `[a-z0-9.-_]`.
    ///
    /// # Errors
    /// When it is anything else; a whole ID, for example.
    pub fn parse(name: &str) -> Result<Self, SpiffeIdError> {
        check_trust_domain(name).map_err(|problem| SpiffeIdError::new(name, problem))?;
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(name: &str) -> Result<Self, SpiffeIdError> {
        Self::parse(name)
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Text that is no SPIFFE ID, or no name of a trust domain.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:?}: {problem}")]
#[non_exhaustive]
pub struct SpiffeIdError {
    text: String,
    problem: &'static str,
}

impl SpiffeIdError {
    pub(super) fn new(text: &str, problem: &'static str) -> Self {
        Self { text: text.chars().take(128).collect(), problem }
    }
}

/// Whether a byte may stand in a segment of a path (SPIFFE ID §2.2).
pub(super) fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn check_trust_domain(name: &str) -> Result<(), &'static str> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() {
        return Err("the trust domain is missing");
    }
    if name.len() > MAX_TRUST_DOMAIN {
        return Err("a trust domain has at most 255 bytes");
    }
    if !name.bytes().all(allowed) {
        return Err("a trust domain holds only lower-case letters, digits, dots, dashes and underscores");
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Ok(());
    }
    for segment in path[1..].split('/') {
        match segment {
            "" => return Err("a path has no empty segment and no trailing slash"),
            "." | ".." => return Err("a path has no segment . or .."),
            _ if !segment.bytes().all(is_path_byte) => {
                return Err("a path holds only letters, digits, dots, dashes and underscores");
            }
            _ => {}
        }
    }
    Ok(())
}
