//! Chains, roots and revocation lists: nothing is believed but what the root has signed, bit by bit.

use std::sync::OnceLock;

use portcullis::clock::UnixTime;
use portcullis::testing::{CertificateAuthority, FakeClock};
use portcullis::trust::{Identity, Pem, TrustBundles};

use crate::{choose, seed};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

struct World {
    bundles: TrustBundles,
    /// Leaf and intermediate of a workload, of a host, of a person.
    chains: [Vec<Vec<u8>>; 3],
    root: String,
    list: String,
    key: String,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let root = CertificateAuthority::with_clock("root", FakeClock::at(NOW).shared());
        let issuing = root.intermediate("issuing");
        let workload = issuing.spiffe("spiffe://prod.example/gateway").issue();
        let host = issuing.dns("a.example").dns_name("*.example").issue();
        let person = issuing.person("Ada").email("ada@example.com").upn("ada@corp.example").issue();
        let pem = Pem::text(root.pem());
        let bundles = TrustBundles::builder().spiffe("prod.example", pem.clone()).roots(pem).build();
        World {
            bundles: bundles.expect("a root that was just made is one"),
            key: workload.key_pem().to_owned(),
            chains: [workload, host, person].map(|certificate| certificate.chain().to_vec()),
            list: root.crl(),
            root: root.pem(),
        }
    })
}

pub fn check(data: &[u8]) {
    match choose(data, 4) {
        Some((0, input)) => check_chain(input),
        Some((1, input)) => check_changed(input),
        Some((2, input)) => check_pem(input),
        Some((_, input)) => check_der(input),
        None => {}
    }
}

/// Certificates with two bytes of length before each.
fn check_chain(input: &[u8]) {
    let chain = unpack(input);
    let Ok(certificate) = world().bundles.verify_client(&chain, NOW) else { return };
    assert!(
        chain[0] == world().chains[0][0]
            || chain[0] == world().chains[1][0]
            || chain[0] == world().chains[2][0]
    );
    assert!(certificate.chain().eq(chain.iter().map(Vec::as_slice)));
    assert!(
        certificate.serial().len() <= 20 && certificate.not_before() <= NOW && NOW <= certificate.not_after()
    );
}

/// A good chain, changed in one place.
fn check_changed(input: &[u8]) {
    let Some((which, input)) = choose(input, 3) else { return };
    let Some(([high, low, change], _)) = input.split_first_chunk() else { return };
    let mut chain = world().chains[which].clone();
    assert!(world().bundles.verify_client(&chain, NOW).is_ok());
    let place = usize::from(u16::from_be_bytes([*high, *low]));
    let of = chain.len();
    let certificate = &mut chain[place % of];
    let length = certificate.len();
    certificate[place / of % length] ^= change;
    if *change != 0 {
        assert!(world().bundles.verify_client(&chain, NOW).is_err(), "a certificate that nobody signed");
        assert!(world().bundles.verify_server_by_name(&chain, "a.example", NOW).is_err());
    }
}

/// Files of an operator, which may be bad in any way and must not end up in errors.
fn check_pem(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let pem = Pem::text(text);
    let roots = TrustBundles::builder().spiffe("prod.example", pem.clone()).build();
    let lists = TrustBundles::builder().roots(Pem::text(world().root.as_str())).crl(pem.clone()).build();
    let identity = Identity::files(pem.clone(), pem);
    for error in [roots.err(), lists.err(), identity.err()].into_iter().flatten() {
        assert!(error.to_string().len() < 1_000, "{error}");
    }
}

/// The same, inside of sound PEM.
fn check_der(input: &[u8]) {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(input);
    for label in ["CERTIFICATE", "X509 CRL", "PRIVATE KEY"] {
        check_pem(format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n").as_bytes());
    }
}

fn unpack(mut input: &[u8]) -> Vec<Vec<u8>> {
    let mut chain = Vec::new();
    while let Some(([high, low], rest)) = input.split_first_chunk() {
        let Some((one, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([*high, *low]))) else {
            break;
        };
        chain.push(one.to_vec());
        input = rest;
    }
    chain
}

fn pack(chain: &[Vec<u8>]) -> Vec<u8> {
    let length = |one: &Vec<u8>| u16::try_from(one.len()).expect("a certificate is short").to_be_bytes();
    chain.iter().flat_map(|one| [&length(one)[..], one].concat()).collect()
}

pub fn seeds() -> Vec<Vec<u8>> {
    let world = world();
    let mut seeds: Vec<Vec<u8>> = world.chains.iter().map(|chain| seed(0, pack(chain))).collect();
    seeds.extend((0..3u8).map(|which| seed(1, [which, 1, 44, 0x20])));
    seeds.push(seed(2, &world.root));
    seeds.push(seed(2, &world.list));
    seeds.push(seed(2, &world.key));
    seeds.push(seed(3, &world.chains[0][0]));
    seeds
}
