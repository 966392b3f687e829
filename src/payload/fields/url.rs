//! Which URLs may stand in a body.
//!
//! Servers disagree on odd URLs: on user names, back slashes, white space, percent signs and full-width letters in hosts, on
//! numbers that are addresses. So there is no parser here that repairs what it reads; there is one plain form, which every
//! server reads alike, and all else is refused.

use std::fmt;

/// The longest URL that is looked at, in bytes.
const LENGTH_LIMIT: usize = 8192;

/// The hosts from which a server may fetch what a body names by URL. The default allows none.
///
/// Allowed is `https://host/…` with a host of the list: by name, in ASCII, without user name, and without a port or with
/// 443. Refused whatever the list says: plain HTTP and other schemes, addresses in any notation, names of the machine
/// itself and of private networks. `data:` URLs hold their content and name no host: they are allowed, and counted.
///
/// ```
/// use portcullis::payload::UrlPolicy;
///
/// let urls = UrlPolicy::none().host("images.example.com")?.hosts_under("cdn.example.net")?;
/// assert!(urls.check("https://images.example.com/cat.png").is_ok());
/// assert!(urls.check("https://eu.cdn.example.net/cat.png").is_ok());
/// assert!(urls.check("https://169.254.169.254/latest/meta-data").is_err());
/// assert!(urls.check("https://images.example.com@127.0.0.1/").is_err());
/// # Ok::<(), portcullis::payload::UrlPolicyError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlPolicy {
    hosts: Vec<Box<str>>,
    under: Vec<Box<str>>,
    any: bool,
}

/// Why a URL is not let through. The message repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not `https://` (nor `data:`).
    #[error("a URL must begin with https://")]
    Scheme,
    /// The host is written in a way that servers read differently, or there is none.
    #[error("a URL must be plain: https://host/path, with a host by name, in ASCII, without user name")]
    Form,
    /// The host is an address, in whatever notation.
    #[error("a URL must name its host, not give an address")]
    Address,
    /// The host is a name of the machine itself or of a private network.
    #[error("a URL must name a public host")]
    Private,
    /// Another port than 443.
    #[error("a URL must use the port 443")]
    Port,
    /// The host is not on the list.
    #[error("the host of this URL is not allowed here")]
    Host,
    /// Longer than 8192 bytes.
    #[error("a URL must not be longer than 8192 bytes")]
    Length,
}

/// A host that no list can hold: not a plain, public name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` cannot be allowed: {why}")]
pub struct UrlPolicyError {
    host: String,
    why: UrlError,
}

/// What a URL that is let through holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::payload) enum Content {
    /// Something to be fetched.
    Elsewhere,
    /// So many bytes, as they are encoded.
    Inline(usize),
}

impl UrlPolicy {
    /// No host at all; only `data:`.
    pub fn none() -> Self {
        Self::default()
    }

    /// Allows this host.
    ///
    /// # Errors
    /// When it is no plain, public name: lower case, ASCII (write `xn--…` for others), with a dot in it.
    pub fn host(mut self, host: impl Into<Box<str>>) -> Result<Self, UrlPolicyError> {
        self.hosts.push(listed(host.into())?);
        Ok(self)
    }

    /// Allows every host whose name ends in a dot and `domain`; not `domain` itself. Whoever may give out names there may
    /// let them resolve to any address.
    ///
    /// # Errors
    /// As for [`host`](Self::host).
    pub fn hosts_under(mut self, domain: impl Into<Box<str>>) -> Result<Self, UrlPolicyError> {
        self.under.push(listed(domain.into())?);
        Ok(self)
    }

    /// Allows every host that has a public name. A name may resolve to a private address all the same: whoever fetches must
    /// check that.
    #[must_use]
    pub fn danger_any_public_name(self) -> Self {
        Self { any: true, ..self }
    }

    /// Whether a URL may stand in a body.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, url: &str) -> Result<(), UrlError> {
        self.admit(url).map(|_| ())
    }

    /// [`check`](Self::check), and what the URL holds.
    pub(in crate::payload) fn admit(&self, url: &str) -> Result<Content, UrlError> {
        if let Some(content) = after_scheme(url, "data:") {
            return Ok(Content::Inline(content.len()));
        }
        if url.len() > LENGTH_LIMIT {
            return Err(UrlError::Length);
        }
        let rest = after_scheme(url, "https://").ok_or(UrlError::Scheme)?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
            return Err(UrlError::Form);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) =
            authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
        if authority.starts_with('[') {
            return Err(UrlError::Address);
        }
        if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(UrlError::Form);
        }
        let host = host.to_ascii_lowercase();
        check_name(&host)?;
        if port.is_some_and(|port| port != "443") {
            return Err(UrlError::Port);
        }
        let is_under = |domain: &str| host.strip_suffix(domain).is_some_and(|start| start.ends_with('.'));
        let allowed = self.any
            || self.hosts.iter().any(|allowed| **allowed == host)
            || self.under.iter().any(|domain| is_under(domain));
        if allowed { Ok(Content::Elsewhere) } else { Err(UrlError::Host) }
    }
}

/// Short, for postures: `none`, `images.example.com, *.example.net`, `any public name`.
impl fmt::Display for UrlPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str("any public name");
        }
        let under = self.under.iter().map(|domain| format!("*.{domain}"));
        let all: Vec<_> = self.hosts.iter().map(ToString::to_string).chain(under).collect();
        f.write_str(if all.is_empty() { "none" } else { "" })?;
        f.write_str(&all.join(", "))
    }
}

fn listed(host: Box<str>) -> Result<Box<str>, UrlPolicyError> {
    let refused = |why| UrlPolicyError { host: host.to_string(), why };
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(refused(UrlError::Form));
    }
    check_name(&host).map_err(refused)?;
    Ok(host)
}

fn after_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let (start, rest) = url.split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// A name in lower case that is no address for any resolver, and none of a private network.
fn check_name(host: &str) -> Result<(), UrlError> {
    let is_plain = |label: &str| {
        let inside =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(inside) && !label.starts_with('-')
    };
    if host.len() > 253 || !host.split('.').all(is_plain) {
        return Err(UrlError::Form);
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    // The rule of the URL standard for "ends in a number": decimal, octal and hexadecimal, in one to four pieces.
    if last.as_bytes()[0].is_ascii_digit() {
        return Err(UrlError::Address);
    }
    // `home.arpa` (RFC 8375), `test`, `invalid`, `localhost` (RFC 6761), `local` (RFC 6762), `internal` (ICANN, 2024).
    const PRIVATE: &[&str] = &[
        "localhost",
        "local",
        "internal",
        "intranet",
        "lan",
        "home",
        "corp",
        "private",
        "arpa",
        "test",
        "invalid",
    ];
    // Names of public zones that stand for an address written into them: `10.0.0.1.nip.io`.
    const REBINDING: &[&str] = &["nip.io", "sslip.io", "xip.io", "localtest.me", "lvh.me"];
    let ends = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|start| start.is_empty() || start.ends_with('.'))
    };
    if last == host || PRIVATE.contains(&last) || REBINDING.iter().any(|domain| ends(domain)) {
        return Err(UrlError::Private);
    }
    Ok(())
}
