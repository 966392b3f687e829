use http::{HeaderMap, HeaderName};

/// The headers in which proxies hand on certificates, taken out of every request at the edge. Only a layer that knows which
/// proxy to believe looks at them again.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardedCertificates(pub(crate) HeaderMap);

/// Beginnings of their names: RFC 9440, Envoy, Traefik, nginx as it is commonly set up, and clouds.
const FAMILIES: [&str; 9] = [
    "client-cert",
    "ssl-client-",
    "x-amzn-mtls-",
    "x-arr-clientcert",
    "x-client-cert",
    "x-forwarded-client-cert",
    "x-forwarded-tls-client-",
    "x-ssl-client-",
    "x-tls-client-",
];

/// Whether a header of that name says something about a client's certificate.
pub(super) fn tells_of_certificate(name: &str) -> bool {
    // Most names end here.
    matches!(name.as_bytes().first(), Some(b'c' | b's' | b'x'))
        && FAMILIES.iter().any(|family| name.starts_with(family))
}

impl ForwardedCertificates {
    /// Moves a header, all its values, out of `headers`.
    pub(super) fn take(&mut self, name: &HeaderName, headers: &mut HeaderMap) {
        let values: Vec<_> = headers.get_all(name).iter().cloned().collect();
        headers.remove(name);
        for value in values {
            self.0.append(name.clone(), value);
        }
    }
}
