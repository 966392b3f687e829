//! X.509-SVIDs and bundles that go-spiffe and rust-spiffe try their own readers on.

use portcullis::clock::UnixTime;
use portcullis::trust::{Identity, Pem, TrustBundles, TrustErrorKind};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::vectors::{Report, Vectors};

const ARCHIVE: &str = "x509/spiffe.tar.gz";
const GO: &str = "x509/spiffe/go-spiffe/svid/x509svid/testdata/";
const RUST: &str = "x509/spiffe/rust-spiffe/testdata/svid/x509/";
const BUNDLES: &str = "x509/spiffe/go-spiffe/bundle/x509bundle/testdata/";

/// The day after each of go-spiffe's certificates began, most of which were good for an hour.
const IN_2020: u64 = 1_585_059_600;

pub(crate) fn svids(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive(ARCHIVE);
    for (path, bytes) in &files {
        let Some(name) = path.strip_prefix(GO).or_else(|| path.strip_prefix(RUST)) else { continue };
        let chain = if path.ends_with(".pem") { from_pem(bytes) } else { from_der(bytes) };
        if chain.is_empty() {
            // A key, or no PEM; `keys` looks at them.
            continue;
        }
        let verdict = read(&chain);
        if name.starts_with("wrong") || name.starts_with("corrupt") {
            report.check(verdict.is_err(), || format!("accepted: {path}"));
        } else if name == "empty-subject-name.der" {
            report.check(verdict.is_err(), || format!("accepted: {path}"));
            report.name("read by rust-spiffe, refused since no authority signs without a name", name);
        } else {
            report.check(verdict.is_ok(), || format!("refused: {path}: {verdict:?}"));
        }
    }
}

/// Whether a chain is one of an X.509-SVID: refused for no other reason than its root, which nobody has.
fn read(chain: &[CertificateDer<'static>]) -> Result<(), TrustErrorKind> {
    let stranger = portcullis::testing::CertificateAuthority::new("stranger");
    let bundles = TrustBundles::builder().spiffe("example.org", Pem::text(stranger.pem())).build();
    let bundles = bundles.expect("a fresh root is one");
    match bundles.verify_client(chain, UnixTime::from_secs(IN_2020)).map_err(|error| error.kind) {
        Err(TrustErrorKind::UnknownIssuer | TrustErrorKind::Expired | TrustErrorKind::NotYetValid) => Ok(()),
        Err(kind) => Err(kind),
        Ok(_) => unreachable!("a root that was just made has signed nothing"),
    }
}

pub(crate) fn keys(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive(ARCHIVE);
    let text = |name: &str| String::from_utf8_lossy(&files[&format!("{GO}{name}")]).into_owned();
    for (chain, key, holds) in [
        ("good-cert-and-key.pem", "good-cert-and-key.pem", true),
        ("good-key-and-cert.pem", "good-key-and-cert.pem", true),
        ("good-leaf-and-intermediate.pem", "key-pkcs8-ecdsa.pem", true),
        ("good-leaf-and-intermediate.pem", "key-pkcs8-rsa.pem", false),
        ("good-leaf-only.pem", "key-pkcs8-ecdsa.pem", false),
        ("good-leaf-only.pem", "key-pkcs8-rsa.pem", true),
        ("good-leaf-only.pem", "corrupt-key.pem", false),
        ("corrupt-cert.pem", "key-pkcs8-ecdsa.pem", false),
        ("key-pkcs8-ecdsa.pem", "key-pkcs8-ecdsa.pem", false),
    ] {
        let loaded = Identity::files(Pem::text(text(chain)), Pem::text(text(key)));
        report.check(loaded.is_ok() == holds, || format!("{chain} with {key}: {:?}", loaded.err()));
    }
}

pub(crate) fn bundles(vectors: &Vectors, report: &mut Report) {
    let files = vectors.archive(ARCHIVE);
    for (name, holds) in [
        ("cert.pem", true),
        ("certs.pem", true),
        ("not-pem.pem", false),
        ("empty.pem", false),
        ("corrupted.pem", false),
        ("key.pem", false),
    ] {
        let text = String::from_utf8_lossy(&files[&format!("{BUNDLES}{name}")]).into_owned();
        let loaded = TrustBundles::builder().spiffe("domain.test", Pem::text(text)).build();
        report.check(loaded.is_ok() == holds, || format!("{name}: {:?}", loaded.err()));
    }
}

fn from_pem(bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().unwrap_or_default()
}

/// Certificates one after the other, each a SEQUENCE of more than 255 bytes. A key is shorter, or goes on otherwise.
fn from_der(mut bytes: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    while let Some([0x30, 0x82, high, low]) = bytes.first_chunk::<4>() {
        let length = 4 + usize::from(u16::from_be_bytes([*high, *low]));
        let Some((one, rest)) = bytes.split_at_checked(length) else { return Vec::new() };
        // What a certificate begins with is a SEQUENCE, too, and in a key it is the version.
        if one[4] != 0x30 {
            return Vec::new();
        }
        found.push(one.to_vec().into());
        bytes = rest;
    }
    found
}
