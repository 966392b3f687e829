use super::*;
use http::HeaderMap;

fn proxies(networks: &[&str]) -> TrustedProxies {
    TrustedProxies::new(networks.iter().map(|text| text.parse().unwrap()))
}

fn forwarded(values: &[&str]) -> HeaderMap {
    values
        .iter()
        .map(|value| (http::HeaderName::from_static("x-forwarded-for"), value.parse().unwrap()))
        .collect()
}

fn resolved(proxies: &TrustedProxies, peer: &str, values: &[&str]) -> String {
    proxies.client_address(format!("{peer}:443").parse().unwrap(), &forwarded(values)).to_string()
}

#[test]
fn without_trusted_proxies_a_forwarded_header_is_not_read() {
    assert_eq!(resolved(&TrustedProxies::default(), "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
}

#[test]
fn the_right_most_hop_that_is_no_proxy_is_the_client() {
    let trusted = proxies(&["10.0.0.0/8"]);
    assert_eq!(resolved(&trusted, "10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.2.3.4"]), "203.0.113.9");
    assert_eq!(resolved(&trusted, "10.0.0.1", &["198.51.100.1", "203.0.113.9:5000"]), "203.0.113.9");
    assert_eq!(resolved(&trusted, "192.0.2.7", &["203.0.113.9"]), "192.0.2.7");
}

#[test]
fn an_unreadable_hop_ends_the_walk_at_the_last_believed_address() {
    assert_eq!(
        resolved(&proxies(&["10.0.0.0/8"]), "10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"]),
        "10.0.0.2"
    );
}

#[test]
fn mapped_addresses_are_their_ipv4_address_and_ipv6_counts_by_64() {
    let mapped = ClientAddress::new("::ffff:192.0.2.1".parse().unwrap());
    assert_eq!(mapped, ClientAddress::new("192.0.2.1".parse().unwrap()));
    let a = ClientAddress::new("2001:db8:1:2:aaaa::1".parse().unwrap());
    let b = ClientAddress::new("2001:db8:1:2:bbbb::2".parse().unwrap());
    let c = ClientAddress::new("2001:db8:1:3::1".parse().unwrap());
    assert_eq!(a.prefix(), b.prefix());
    assert_ne!(a.prefix(), c.prefix());
    assert_eq!(a.site(), c.site());
    assert_eq!(a.prefix().to_string(), "2001:db8:1:2::/64");
}

#[test]
fn networks_are_read_strictly() {
    for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "::ffff:10.0.0.0/104", "10.0.0.0/", "localhost"] {
        assert!(bad.parse::<Network>().is_err(), "{bad:?}");
    }
    for good in ["0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32", "2001:db8::/32", "::/0"] {
        assert_eq!(good.parse::<Network>().unwrap().to_string(), good);
    }
    let all: Network = "0.0.0.0/0".parse().unwrap();
    assert!(all.contains("::ffff:192.0.2.1".parse().unwrap()));
    assert!(!all.contains("2001:db8::1".parse().unwrap()));
}

#[test]
fn a_scope_is_held_only_letter_for_letter() {
    let scopes = ScopeSet::parse("generate:invoke  models:read generate:invoke");
    assert_eq!(scopes.len(), 2);
    assert!(scopes.contains("models:read"));
    assert!(!scopes.contains("Models:read") && !scopes.contains("models") && !scopes.contains(""));
}

#[test]
fn a_spiffe_id_has_one_spelling() {
    let id: SpiffeId = "spiffe://prod_1.example-2/ns/A.b-c_d".parse().unwrap();
    assert_eq!((id.trust_domain().as_str(), id.path()), ("prod_1.example-2", "/ns/A.b-c_d"));
    assert_eq!("spiffe://prod.example".parse::<SpiffeId>().unwrap().path(), "");
    assert_eq!("spiffe://1.2.3.4/a".parse::<SpiffeId>().unwrap().trust_domain().as_str(), "1.2.3.4");
    let longest = format!("spiffe://a/{}", "b".repeat(2048 - 11));
    assert!(longest.parse::<SpiffeId>().is_ok());
    let longest_domain = format!("spiffe://{}/a", "a".repeat(255));
    assert!(longest_domain.parse::<SpiffeId>().is_ok());
    for bad in [
        "",
        "spiffe:",
        "spiffe://",
        "spiffe:///a",
        "SPIFFE://a/b",
        "spiffe://A/b",
        "http://a/b",
        "spiffe:a/b",
        " spiffe://a/b",
        "spiffe://a/b ",
        "spiffe://user@a/b",
        "spiffe://a:443/b",
        "spiffe://[::1]/b",
        "spiffe://a/",
        "spiffe://a/b/",
        "spiffe://a//b",
        "spiffe://a/./b",
        "spiffe://a/../b",
        "spiffe://a/b/..",
        "spiffe://a/b?c",
        "spiffe://a/b#c",
        "spiffe://a/%62",
        "spiffe://a%62/b",
        "spiffe://a/b*c",
        "spiffe://a/ä",
        "spiffe://ä/b",
        "spiffe://a\0/b",
        &format!("{longest}b"),
        &longest_domain.replacen('a', "aa", 1),
    ] {
        assert!(bad.parse::<SpiffeId>().is_err(), "{bad:?}");
    }
}

#[test]
fn patterns_that_could_be_misread_are_none() {
    for good in [
        "spiffe://a/b",
        "spiffe://a/*",
        "spiffe://a/**",
        "spiffe://a/*/b/*/**",
        "dns:a",
        "dns:A.example",
        "dns:*.a.example",
        "uri:https://a.example/",
    ] {
        assert_eq!(good.parse::<WorkloadPattern>().unwrap().as_str(), good);
    }
    for bad in [
        "",
        "a",
        "*",
        "spiffe://a",
        "spiffe://a/",
        "spiffe://*/b",
        "spiffe://A/b",
        "spiffe://a/b*",
        "spiffe://a/*b",
        "spiffe://a/***",
        "spiffe://a/**/b",
        "spiffe://a//b",
        "spiffe://a/../b",
        "dns:",
        "dns:*",
        "dns:*.",
        "dns:a.*",
        "dns:a*.b",
        "dns:*.*.a",
        "dns:a..b",
        "dns:a b",
        "uri:",
        "uri:a",
        "uri:spiffe://a/b",
        "uri:SPIFFE://a/b",
        "uri:urn:a b",
    ] {
        assert!(bad.parse::<WorkloadPattern>().is_err(), "{bad:?}");
    }
}
