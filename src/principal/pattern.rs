use super::spiffe::is_path_byte;
use super::{SpiffeId, SpiffeIdError, TrustDomain, Workload, WorkloadId};
use std::fmt;
use std::str::FromStr;

/// Which machines are meant, by name.
///
/// | pattern | machines |
/// |---|---|
/// | `spiffe://prod.example/ns/chat/sa/gateway` | that one |
/// | `spiffe://prod.example/ns/*/sa/gateway` | with any one segment there |
/// | `spiffe://prod.example/ns/chat/**` | with one segment or more behind it |
/// | `spiffe://prod.example/**` | every machine of the trust domain |
/// | `dns:db.example` | that DNS name, of a certificate without a SPIFFE ID |
/// | `dns:*.db.example` | with any one label there |
/// | `uri:https://db.example/` | that URI, byte for byte |
///
/// ```
/// use portcullis::principal::WorkloadPattern;
///
/// let gateways: WorkloadPattern = "spiffe://prod.example/ns/*/sa/gateway".parse()?;
/// assert!("spiffe://prod.example".parse::<WorkloadPattern>().is_err());
/// # let _ = gateways;
/// # Ok::<(), portcullis::principal::SpiffeIdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkloadPattern {
    text: Box<str>,
    names: Names,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Names {
    Spiffe { trust_domain: TrustDomain, segments: Box<[Segment]>, open: bool },
    Dns { name: Box<str>, any_label: bool },
    Uri(Box<str>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Segment {
    Named(Box<str>),
    Any,
}

impl WorkloadPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is none of the above.
    pub fn parse(text: &str) -> Result<Self, SpiffeIdError> {
        let error = |problem| SpiffeIdError::new(text, problem);
        let names = if let Some(rest) = text.strip_prefix("spiffe://") {
            spiffe(rest).map_err(error)?
        } else if let Some(name) = text.strip_prefix("dns:") {
            dns(name).ok_or_else(|| error("write a DNS name, such as dns:db.example or dns:*.db.example"))?
        } else if let Some(uri) = text.strip_prefix("uri:") {
            let sound = uri.contains(':') && uri.bytes().all(|byte| byte.is_ascii_graphic());
            if !sound || uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe:")) {
                return Err(error(
                    "write a whole URI, such as uri:https://db.example/; a SPIFFE ID stands alone",
                ));
            }
            Names::Uri(uri.into())
        } else {
            return Err(error("a pattern begins with spiffe://, dns: or uri:"));
        };
        Ok(Self { text: text.into(), names })
    }

    /// Every machine of a trust domain.
    pub fn of_trust_domain(trust_domain: TrustDomain) -> Self {
        let text = format!("spiffe://{trust_domain}/**").into();
        Self { text, names: Names::Spiffe { trust_domain, segments: Box::default(), open: true } }
    }

    /// Whether this machine is meant.
    pub fn matches(&self, workload: &Workload) -> bool {
        match (&self.names, workload.id()) {
            (Names::Spiffe { trust_domain, segments, open }, WorkloadId::Spiffe(id)) => {
                id.trust_domain() == trust_domain && segments_match(segments, *open, id)
            }
            (Names::Dns { name, any_label }, WorkloadId::Dns(_)) => {
                workload.certificate().dns_names().any(|held| match any_label {
                    true => held.split_once('.').is_some_and(|(label, rest)| label != "*" && rest == &**name),
                    false => held == &**name,
                })
            }
            (Names::Uri(uri), WorkloadId::Uri(_)) => workload.certificate().uris().any(|held| held == &**uri),
            _ => false,
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for WorkloadPattern {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        Self::parse(text)
    }
}

impl From<SpiffeId> for WorkloadPattern {
    /// The one machine of that name. For the ID of a trust domain itself, which names no machine, no machine at all.
    fn from(id: SpiffeId) -> Self {
        let segments = id.path().split('/').skip(1).map(|segment| Segment::Named(segment.into())).collect();
        let names = Names::Spiffe { trust_domain: id.trust_domain().clone(), segments, open: false };
        Self { text: id.as_str().into(), names }
    }
}

impl fmt::Display for WorkloadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn spiffe(rest: &str) -> Result<Names, &'static str> {
    let (domain, path) = rest.split_once('/').unwrap_or((rest, ""));
    let trust_domain = TrustDomain::parse(domain)
        .map_err(|_| "a trust domain holds only lower-case letters, digits, dots, dashes and underscores")?;
    if path.is_empty() {
        return Err("say which workloads: a path, or /** for all of the trust domain");
    }
    let mut segments = Vec::new();
    let mut open = false;
    for segment in path.split('/') {
        if open {
            return Err("** stands at the end only");
        }
        match segment {
            "**" => open = true,
            "*" => segments.push(Segment::Any),
            "" | "." | ".." => {
                return Err("a path has no empty segment, no trailing slash, and no segment . or ..");
            }
            _ if segment.bytes().all(is_path_byte) => segments.push(Segment::Named(segment.into())),
            _ => {
                return Err(
                    "a segment is a name of letters, digits, dots, dashes and underscores, or * alone",
                );
            }
        }
    }
    Ok(Names::Spiffe { trust_domain, segments: segments.into(), open })
}

fn dns(name: &str) -> Option<Names> {
    let (name, any_label) = match name.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let sound = name.split('.').all(label);
    sound.then(|| Names::Dns { name: name.to_ascii_lowercase().into(), any_label })
}

fn segments_match(segments: &[Segment], open: bool, id: &SpiffeId) -> bool {
    let mut held = id.path().split('/').skip(1);
    for segment in segments {
        let Some(held) = held.next() else { return false };
        if matches!(segment, Segment::Named(name) if **name != *held) {
            return false;
        }
    }
    // An ID without a path names the trust domain, not a machine of it.
    held.next().is_some() == open
}
