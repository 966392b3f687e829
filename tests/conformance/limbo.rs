//! x509-limbo: chains for clients and servers. Every case goes through the public verification of [`TrustBundles`]; those that bring
//! the key of the leaf are shown in a handshake besides, to our acceptor or by it.

use std::sync::Arc;
use std::time::SystemTime;

use portcullis::clock::UnixTime;
use portcullis::principal::PeerCertificate;
use portcullis::serve::rustls::client_config;
use portcullis::serve::{ClientTls, TlsAcceptor};
use portcullis::testing::FakeClock;
use portcullis::trust::{Identity, Pem, TrustBundles};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio_rustls::TlsConnector;

use crate::vectors::{Report, Vectors};

pub(crate) fn chains(vectors: &Vectors, report: &mut Report) {
    let file = vectors.json("x509/limbo.json.gz");
    for case in file["testcases"].as_array().expect("the file has cases") {
        let case = Case::read(case);
        let verdict = case.verify();
        decide(report, &case, &verdict.map(drop));
    }
}

pub(crate) fn handshakes(vectors: &Vectors, report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the system gives a runtime");
    let file = vectors.json("x509/limbo.json.gz");
    for case in file["testcases"].as_array().expect("the file has cases") {
        let case = Case::read(case);
        if let Some(key) = case.key {
            let verdict = runtime.block_on(case.shake_hands(key));
            decide(report, &case, &verdict);
        }
    }
}

fn decide(report: &mut Report, case: &Case<'_>, verdict: &Result<(), String>) {
    if verdict.is_ok() == case.succeeds {
        return report.check(true, String::new);
    }
    let deviation =
        DEVIATIONS.iter().find(|(accepted, _, ids)| *accepted == verdict.is_ok() && ids.contains(&case.id));
    match deviation {
        Some((true, reason, _)) => report.name(format!("accepted, {reason}"), case.id),
        Some((false, reason, _)) => report.name(format!("refused, {reason}"), case.id),
        None => report.check(false, || format!("{}: {verdict:?}", case.id)),
    }
}

/// Cases that we decide otherwise than x509-limbo expects: whether we accept them, why, and which.
const DEVIATIONS: &[(bool, &str, &[&str])] = &[
    (
        false,
        "since a leaf that is an authority stands for no caller and no server here",
        &["pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"],
    ),
    (
        false,
        "since webpki does not tell self-issued authorities from others",
        &["pathlen::self-issued-certs-pathlen", "rfc5280::nc::permitted-self-issued"],
    ),
    (
        false,
        "since the case names no server, and a server is always looked for by name",
        &["rfc5280::nc::permitted-dn-match"],
    ),
    (
        false,
        "since webpki refuses every mail address under a constraint on mail addresses",
        &[
            "rfc5280::nc::nc-permits-email-exact",
            "rfc5280::nc::nc-permits-email-domain",
            "rfc5280::nc::nc-permits-email-literal-asterisk-exact-match",
            "rfc5280::nc::nc-permits-email-literal-double-asterisk",
            "rfc5280::nc::nc-permits-email-literal-mid-asterisk",
        ],
    ),
    (
        true,
        "since the length of a chain is bounded once for all, at six authorities",
        &["pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted"],
    ),
    (
        true,
        "since key identifiers only help to find a path: the signatures are what counts, and many private authorities leave them out",
        &[
            "rfc5280::aki::critical-aki",
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::aki::cross-signed-root-missing-aki",
            "rfc5280::ski::critical-ski",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::ski::intermediate-missing-ski",
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-authoritycertissuer",
            "webpki::aki::root-with-aki-authoritycertserialnumber",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::aki::root-with-aki-ski-mismatch",
        ],
    ),
    (
        true,
        "since a constraint on names binds whether it is critical or not, and an empty one binds nothing",
        &[
            "rfc5280::nc::permitted-dns-match-noncritical",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
        ],
    ),
    (
        true,
        "since a constraint with a leading period, which OpenSSL has made usual, is read as narrower, not wider",
        &["rfc5280::nc::invalid-dnsname-leading-period"],
    ),
    (
        true,
        "since no policies are asked for, so that constraints on them bind nothing",
        &["rfc5280::pc::ica-noncritical-pc"],
    ),
    (true, "since names of machines have underscores", &["rfc5280::san::underscore-dns"]),
    (
        true,
        "since the common name is never looked at, so that it need not repeat another name",
        &[
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::case-mismatch",
        ],
    ),
    (
        true,
        "since rules of the CA/Browser Forum on extended key usage do not bind private authorities: what is there is enforced",
        &[
            "webpki::eku::ee-anyeku",
            "webpki::eku::ee-critical-eku",
            "webpki::eku::ee-without-eku",
            "webpki::eku::root-has-eku",
        ],
    ),
    (
        true,
        "since there is no list of public suffixes here: who may have such a name is up to the roots",
        &[
            "webpki::san::public-suffix-multi-label-wildcard-san",
            "webpki::san::public-suffix-private-namespace-wildcard-san",
        ],
    ),
    (
        true,
        "since alternative names are read whether they are critical or not",
        &["webpki::san::san-critical-with-nonempty-subject"],
    ),
    (
        true,
        "since an odd number of bits makes no RSA key of 2048 bits or more weak",
        &[
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
            "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
        ],
    ),
];

struct Case<'a> {
    id: &'a str,
    client: bool,
    succeeds: bool,
    roots: String,
    crls: String,
    chain: Vec<CertificateDer<'static>>,
    chain_pem: String,
    key: Option<&'a str>,
    now: UnixTime,
    name: Option<&'a str>,
    mails: Vec<&'a str>,
}

impl<'a> Case<'a> {
    fn read(case: &'a Value) -> Self {
        let text = |name: &str| case[name].as_str();
        let all = |name: &str| -> String {
            case[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
        };
        let chain_pem =
            text("peer_certificate").expect("a case has a leaf").to_owned() + &all("untrusted_intermediates");
        let names = case["expected_peer_names"].as_array().into_iter().flatten();
        let now = match text("validation_time") {
            Some(time) => UnixTime::from_secs(seconds(time)),
            None => SystemTime::now().into(),
        };
        Self {
            id: text("id").expect("a case has a name"),
            client: text("validation_kind") == Some("CLIENT"),
            succeeds: text("expected_result") == Some("SUCCESS"),
            roots: all("trusted_certs"),
            crls: all("crls"),
            chain: CertificateDer::pem_slice_iter(chain_pem.as_bytes()).filter_map(Result::ok).collect(),
            chain_pem,
            key: text("peer_certificate_key"),
            now,
            name: case["expected_peer_name"]["value"].as_str(),
            mails: names.filter_map(|name| name["value"].as_str()).collect(),
        }
    }

    fn bundles(&self) -> Result<TrustBundles, String> {
        let mut builder = TrustBundles::builder().roots(Pem::text(self.roots.as_str()));
        if !self.crls.is_empty() {
            builder = builder.crl(Pem::text(self.crls.as_str()));
        }
        builder.build().map_err(|error| error.to_string())
    }

    fn verify(&self) -> Result<PeerCertificate, String> {
        let bundles = self.bundles()?;
        let verified = match self.name {
            _ if self.client => bundles.verify_client(&self.chain, self.now),
            Some(name) => bundles.verify_server_by_name(&self.chain, name, self.now),
            None => return Err("a server without a name".to_owned()),
        };
        let certificate = verified.map_err(|error| error.to_string())?;
        // Whom an application would take the client for.
        let emails: Vec<&str> = certificate.emails().collect();
        match self.mails.iter().find(|mail| !emails.contains(mail)) {
            Some(missing) => Err(format!("{missing} is not among {emails:?}")),
            None => Ok(certificate),
        }
    }

    async fn shake_hands(&self, key: &str) -> Result<(), String> {
        let told = |error: portcullis::trust::TrustError| error.to_string();
        let clock = FakeClock::at(self.now);
        let shown = Identity::files(Pem::text(self.chain_pem.as_str()), Pem::text(key)).map_err(told)?;
        let (acceptor, client) = if self.client {
            let own = portcullis::testing::CertificateAuthority::with_clock("server", clock.shared());
            let server = own.dns("localhost").issue();
            let identity =
                Identity::files(Pem::text(server.chain_pem()), Pem::text(server.key_pem())).map_err(told)?;
            let theirs = TrustBundles::builder().roots(Pem::text(own.pem())).build().map_err(told)?;
            (
                TlsAcceptor::builder(identity).require_client_certificates(self.bundles()?),
                ClientTls::builder(theirs).server_by_name().identity(shown),
            )
        } else {
            (TlsAcceptor::builder(shown), ClientTls::builder(self.bundles()?).server_by_name())
        };
        let acceptor = acceptor.clock(clock.shared()).build().map_err(told)?;
        let client = client.clock(clock.shared()).build().map_err(told)?;
        let name = if self.client { "localhost" } else { self.name.ok_or("a server without a name")? };
        let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        let address = ([192, 0, 2, 7], 443).into();
        let connector = TlsConnector::from(Arc::clone(&client_config(&client)));
        let (accepted, connected) =
            tokio::join!(acceptor.accept(far, address), connector.connect(name, near));
        connected.map_err(|error| error.to_string())?;
        accepted.map(drop).map_err(|error| error.to_string())
    }
}

/// Seconds since 1970 of `2024-01-01T00:00:00+00:00` or `…Z`, which is how the cases write it.
fn seconds(time: &str) -> u64 {
    let time: jiff::Timestamp = time.parse().expect("a time is one");
    u64::try_from(time.as_second()).expect("a time is after 1970")
}
