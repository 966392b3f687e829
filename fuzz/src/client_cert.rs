//! What proxies hand on of certificates, and the names of machines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis::peer::CertificateHeader;
use portcullis::principal::{SpiffeId, TrustDomain, WorkloadPattern};

use crate::{choose, seed};

const NGINX: HeaderName = HeaderName::from_static("ssl-client-cert");

pub fn check(data: &[u8]) {
    let Some((choice, input)) = choose(data, 4) else { return };
    match choice {
        0 => rfc9440(input),
        1 => one_header(&CertificateHeader::envoy(), "x-forwarded-client-cert", input),
        2 => one_header(&CertificateHeader::escaped_pem(NGINX), "ssl-client-cert", input),
        _ => {
            if let Ok(text) = std::str::from_utf8(input) {
                names(text);
            }
        }
    }
}

/// The first line is the certificate, the others are the chain.
fn rfc9440(input: &[u8]) {
    let mut headers = HeaderMap::new();
    for (number, line) in input.split(|byte| *byte == b'\n').enumerate() {
        let name = if number == 0 { "client-cert" } else { "client-cert-chain" };
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(name, value);
    }
    let Ok(chain) = CertificateHeader::rfc9440().read(&headers) else { return };
    assert!((1..=10).contains(&chain.len()), "{} certificates", chain.len());
    let again: Vec<String> = chain.iter().map(|der| format!(":{}:", STANDARD.encode(der))).collect();
    let mut headers = HeaderMap::new();
    headers.insert("client-cert", again[0].parse().expect("base64 is ASCII"));
    if again.len() > 1 {
        headers.insert("client-cert-chain", again[1..].join(", ").parse().expect("base64 is ASCII"));
    }
    assert_eq!(CertificateHeader::rfc9440().read(&headers), Ok(chain), "written again, it is the same");
}

/// Lines are values of one header: more than one is never read.
fn one_header(form: &CertificateHeader, name: &'static str, input: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(name, value);
    }
    let several = headers.len() > 1;
    if let Ok(chain) = form.read(&headers) {
        assert!(!several, "two headers were read as one");
        assert!((1..=10).contains(&chain.len()), "{} certificates", chain.len());
    }
}

/// A name has one spelling, and what is a name is a pattern for it.
fn names(text: &str) {
    if let Ok(id) = text.parse::<SpiffeId>() {
        assert_eq!(id.as_str(), text);
        assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
        assert!(id.trust_domain().as_str().parse::<TrustDomain>().is_ok());
        assert!(!text.ends_with('/') && text.is_ascii());
        assert_eq!(text.parse::<WorkloadPattern>().is_ok(), !id.path().is_empty());
    }
    if let Ok(pattern) = text.parse::<WorkloadPattern>() {
        assert_eq!(pattern.as_str(), text);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    const PEM: &str = "-----BEGIN%20CERTIFICATE-----%0AMAMCAQE%3D%0A-----END%20CERTIFICATE-----%0A";
    let mut seeds = vec![
        seed(0, ":MAMCAQE=:"),
        seed(0, ":MAMCAQE=:\n:MAMCAQE=:, :MAMCAQI=:\n:MAMCAQM=:"),
        seed(1, format!("By=spiffe://a.test/b;Hash=00;Cert=\"{PEM}\";Subject=\"CN=a\\\"b\";URI=;DNS=c")),
        seed(1, format!("Chain={PEM}{PEM}")),
        seed(1, format!("Cert={PEM},Cert={PEM}")),
        seed(2, PEM),
        seed(2, format!("{PEM}\n{PEM}")),
    ];
    let names = [
        "spiffe://prod.example/ns/chat/sa/gateway",
        "spiffe://prod.example",
        "spiffe://prod.example/ns/*/sa/**",
        "dns:*.db.example",
        "uri:https://db.example/",
    ];
    seeds.extend(names.map(|name| seed(3, name)));
    seeds
}
