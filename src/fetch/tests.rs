//! Whom the client would ask; how it asks is tested over sockets in `tests/fetch.rs`.

use super::address::is_public;
use super::rules::Rules;
use super::{FetchErrorKind, SingleFlight};
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Barrier;
use std::task::{Context, Waker};

fn addresses(all: &[&str]) -> Vec<SocketAddr> {
    all.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
}

#[test]
fn only_addresses_of_the_public_internet_are_public() {
    for public in
        ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1"]
    {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    for public in ["2606:4700::1", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2001:200::1"] {
        assert!(is_public(public.parse().unwrap()), "{public}");
    }
    let v4 = [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ];
    for v4 in v4 {
        assert!(!is_public(v4.parse().unwrap()), "{v4}");
        assert!(!is_public(format!("::ffff:{v4}").parse().unwrap()), "{v4} in IPv6");
        assert!(!is_public(format!("64:ff9b::{v4}").parse().unwrap()), "{v4} behind NAT64");
        assert!(!is_public(format!("::{v4}").parse().unwrap()), "{v4} in the old form");
    }
    let v6 = [
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "100::1",
        "2001:db8::1",
        "2001::1",
        "2001:1ff::1",
        "2002:0a00:0001::1",
        "3fff::1",
        "64:ff9b:1::1",
        "4000::1",
        "5f00::1",
    ];
    for v6 in v6 {
        let address: IpAddr = v6.parse().unwrap();
        assert!(!is_public(address), "{v6}");
    }
}

#[test]
fn only_https_is_asked_but_for_this_machine() {
    let rules = Rules::default();
    let ports = [
        ("https://a.example/x", 443),
        ("https://a.example:8443/x", 8443),
        ("http://127.0.0.1:1/", 1),
        ("http://[::1]/", 80),
        ("http://LocalHost:3000/", 3000),
    ];
    for (url, port) in ports {
        assert_eq!(rules.target(&url.parse().unwrap()).unwrap().port, port, "{url}");
    }
    for url in [
        "http://a.example/",
        "http://10.0.0.1/",
        "http://localhost.a.example/",
        "http://127.0.0.1.a.example/",
    ] {
        let error = rules.target(&url.parse().unwrap()).unwrap_err();
        assert!(matches!(error.kind, FetchErrorKind::NotLoopback { .. }), "{url}: {error}");
    }
    for url in [
        "ftp://a.example/",
        "/jwks",
        "https://me:secret@a.example/",
        "https://a.example:/",
        "https://a.example:99999/",
    ] {
        if let Ok(uri) = url.parse() {
            let error = rules.target(&uri).unwrap_err();
            assert!(matches!(error.kind, FetchErrorKind::Url(_)), "{url}: {error}");
        }
    }
}

#[test]
fn one_address_that_is_not_public_is_enough_unless_the_host_is_internal() {
    let mut rules = Rules::default();
    let target = rules.target(&"https://a.example/".parse().unwrap()).unwrap();
    assert_eq!(rules.admit(&target, addresses(&["1.1.1.1"])), Ok(addresses(&["1.1.1.1"])));
    for bad in [&["10.0.0.1"][..], &["1.1.1.1", "127.0.0.1"], &["1.1.1.1", "fe80::1"]] {
        let error = rules.admit(&target, addresses(bad)).unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::NotPublic { host: "a.example".into() });
    }
    assert!(matches!(rules.admit(&target, Vec::new()).unwrap_err().kind, FetchErrorKind::Resolve { .. }));
    rules.internal.insert("a.example".into());
    assert!(rules.admit(&target, addresses(&["10.0.0.1"])).is_ok());
}

#[test]
fn without_encryption_a_name_must_lead_to_this_machine_even_if_it_is_internal() {
    let mut rules = Rules::default();
    rules.internal.insert("localhost".into());
    let target = rules.target(&"http://localhost/".parse().unwrap()).unwrap();
    assert!(rules.admit(&target, addresses(&["127.0.0.1", "::1"])).is_ok());
    for bad in [&["10.0.0.1"][..], &["127.0.0.1", "1.1.1.1"]] {
        let error = rules.admit(&target, addresses(bad)).unwrap_err();
        assert_eq!(error.kind, FetchErrorKind::NotLoopback { host: "localhost".into() });
    }
}

#[test]
fn a_question_is_off_the_list_when_all_who_waited_have_left_at_once() {
    const TIMES: usize = 500;
    const THREADS: usize = 4;
    let flights = SingleFlight::<u8, ()>::default();
    let together = Barrier::new(THREADS + 1);
    let mut left_behind = 0;
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                for _ in 0..TIMES {
                    let mut flight = Box::pin(flights.join(1, pending));
                    assert!(flight.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
                    together.wait();
                    together.wait();
                    drop(flight);
                    together.wait();
                    together.wait();
                }
            });
        }
        for _ in 0..TIMES {
            together.wait();
            // All of them queue for the list, so that each leaves as soon as the one before has.
            let held = flights.lock();
            together.wait();
            (0..100).for_each(|_| std::thread::yield_now());
            drop(held);
            together.wait();
            left_behind += flights.lock().len();
            together.wait();
        }
    });
    assert_eq!(left_behind, 0);
}
