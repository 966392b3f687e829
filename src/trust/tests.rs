use super::*;
use crate::principal::WorkloadId;
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, IsCa, KeyPair, KeyUsagePurpose, SanType};

fn leaf(names: Vec<SanType>, usages: Vec<KeyUsagePurpose>) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params.key_usages = usages;
    params.is_ca = IsCa::ExplicitNoCa;
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn uri(text: &str) -> SanType {
    SanType::URI(Ia5String::try_from(text).unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(text).unwrap())
}

fn signs() -> Vec<KeyUsagePurpose> {
    vec![KeyUsagePurpose::DigitalSignature]
}

fn workload_of(names: Vec<SanType>) -> Result<Option<WorkloadId>, TrustErrorKind> {
    read_chain(&[leaf(names, signs())]).map(|facts| facts.workload).map_err(|error| error.kind)
}

#[test]
fn a_workload_is_its_spiffe_id_else_its_dns_name_else_its_uri_and_never_its_common_name() {
    let id = workload_of(vec![dns("a.example"), uri("spiffe://prod.example/a")]).unwrap().unwrap();
    assert_eq!((id.kind(), id.as_str()), ("spiffe", "spiffe://prod.example/a"));
    let id =
        workload_of(vec![uri("https://a.example/"), dns("*.example"), dns("B.example")]).unwrap().unwrap();
    assert_eq!((id.kind(), id.as_str()), ("dns", "b.example"));
    let id = workload_of(vec![uri("urn:x:1"), dns("*.example")]).unwrap().unwrap();
    assert_eq!((id.kind(), id.as_str()), ("uri", "urn:x:1"));
    // rcgen's own default gives every certificate a common name.
    assert_eq!(workload_of(vec![]).unwrap(), None);
}

#[test]
fn a_leaf_that_tries_to_be_a_spiffe_id_and_is_none_has_no_identity() {
    for names in [
        vec![uri("spiffe://prod.example/a"), uri("spiffe://prod.example/b")],
        vec![uri("https://x.example/"), uri("spiffe://prod.example/a")],
        vec![uri("spiffe://prod.example")],
        vec![uri("SPIFFE://prod.example/a")],
        vec![uri("spiffe://PROD.example/a")],
        vec![uri("spiffe://prod.example/a/../b")],
        vec![uri("spiffe:a"), dns("a.example")],
    ] {
        assert!(matches!(workload_of(names.clone()), Err(TrustErrorKind::Names(_))), "{names:?}");
    }
}

#[test]
fn names_that_could_be_read_in_two_ways_are_refused() {
    for name in ["a\0.evil.example", "", "a..example", "a b", "ex*mple.com", ".example"] {
        assert!(matches!(workload_of(vec![dns(name)]), Err(TrustErrorKind::Names(_))), "{name:?}");
    }
    for name in ["", "spiffe://a/b\0c", "urn:a b"] {
        assert!(matches!(workload_of(vec![uri(name)]), Err(TrustErrorKind::Names(_))), "{name:?}");
    }
}

#[test]
fn a_spiffe_leaf_signs_handshakes_and_nothing_else() {
    let name = || vec![uri("spiffe://prod.example/a")];
    let usage = |usages| read_chain(&[leaf(name(), usages)]).map(drop).map_err(|error| error.kind);
    assert_eq!(usage(signs()), Ok(()));
    for usages in [
        vec![],
        vec![KeyUsagePurpose::KeyEncipherment],
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign],
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign],
    ] {
        assert!(matches!(usage(usages.clone()), Err(TrustErrorKind::Usage(_))), "{usages:?}");
    }
}

#[test]
fn no_bytes_make_the_reader_panic_and_a_cut_certificate_is_none() {
    let whole = leaf(vec![uri("spiffe://prod.example/a"), dns("a.example")], signs());
    assert!(read_chain(&[&whole]).is_ok());
    for cut in 0..whole.len() {
        assert!(read_chain(&[&whole[..cut]]).is_err(), "{cut}");
    }
    for place in 0..whole.len() {
        for bit in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[place] ^= bit;
            let _ = read_chain(&[changed]);
        }
    }
    let longer = [&whole[..], b"\0"].concat();
    assert!(read_chain(&[longer]).is_err());
    assert_eq!(read_chain::<&[u8]>(&[]).err().map(|error| error.kind), Some(TrustErrorKind::Empty));
    let many = vec![&whole; 11];
    assert_eq!(read_chain(&many).err().map(|error| error.kind), Some(TrustErrorKind::TooLong { limit: 10 }));
    assert!(matches!(
        read_chain(&[&whole, &whole]).err().map(|error| error.kind),
        Some(TrustErrorKind::Malformed { position: 1, .. })
    ));
}
