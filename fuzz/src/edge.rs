//! What stands on a request line and in its headers: paths, networks, the addresses that proxies tell, content types.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue, Method};
use portcullis::payload::{AnswerFraming, AnyJson};
use portcullis::principal::{ClientAddress, Network, TrustedProxies};
use portcullis::route::{Route, RouteTable};

use crate::{choose, seed};

pub fn check(data: &[u8]) {
    let Some((choice, input)) = choose(data, 5) else { return };
    match choice {
        0 => text(input, check_path),
        1 => text(input, check_pattern),
        2 => text(input, check_network),
        3 => check_forwarded(input),
        _ => {
            if let Ok(value) = HeaderValue::from_bytes(input) {
                let framing = AnswerFraming::of(&value);
                assert!(framing.is_none() || value.to_str().is_ok());
            }
        }
    }
}

fn text(input: &[u8], check: impl Fn(&str)) {
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
    }
}

fn table() -> &'static RouteTable {
    static TABLE: OnceLock<RouteTable> = OnceLock::new();
    TABLE.get_or_init(|| {
        RouteTable::new([
            Route::post("/v1/chat/completions").dialect(AnyJson).scope("a"),
            Route::get("/v1/models").scope("a"),
            Route::get("/v1/models/{id}").scope("a"),
            Route::get("/files/{*path}").scope("a"),
            Route::get("/healthz").open(),
        ])
        .expect("the routes are fine")
    })
}

/// A path that finds a route reads the same for whoever resolves dots, slashes and escapes first.
fn check_path(path: &str) {
    let Ok(route) = table().find(&Method::GET, path) else { return };
    let decoded = decode(path.as_bytes());
    assert_eq!(decode(&decoded), decoded, "decoded twice, it is another path");
    let segments = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
    assert_eq!(segments(path.as_bytes()), segments(&decoded));
    for path in [path.as_bytes(), &decoded] {
        let mut inner = path.split(|byte| *byte == b'/').skip(1).peekable();
        while let Some(segment) = inner.next() {
            assert!(segment != b"." && segment != b"..", "a dot segment found a route");
            assert!(!segment.is_empty() || inner.peek().is_none(), "an empty segment found a route");
            assert!(!segment.iter().any(|byte| b"\\;\0".contains(byte)));
        }
    }
    if route.pattern() == "/healthz" {
        assert_eq!(path, "/healthz", "an open route is exact");
    }
}

fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut at = 0;
    while at < path.len() {
        let escape = path.get(at..at + 3).filter(|escape| escape[0] == b'%');
        let byte = escape.and_then(|escape| std::str::from_utf8(&escape[1..]).ok());
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(path[at]);
                at += 1;
            }
        }
    }
    decoded
}

fn check_pattern(pattern: &str) {
    let routes = [Route::get(pattern).scope("a"), Route::get("/fixed/{name}").scope("b")];
    if let Ok(table) = RouteTable::new(routes) {
        assert_eq!(table.routes().len(), 2);
        let _ = table.find(&Method::GET, pattern);
        if let Ok(found) = table.find(&Method::GET, "/fixed/thing") {
            assert!(found.pattern() == "/fixed/{name}" || found.pattern() == pattern);
        }
    }
    assert!(RouteTable::new([Route::get(pattern)]).is_err(), "nobody said who may enter");
}

fn check_network(written: &str) {
    let network: Network = match written.parse() {
        Ok(network) => network,
        Err(error) => {
            let error = error.to_string();
            assert!(error.len() < 1024, "errors are bounded");
            return;
        }
    };
    assert_eq!(network.to_string().parse(), Ok(network));
    let base: IpAddr = written.split('/').next().and_then(|base| base.parse().ok()).expect("it begins so");
    assert!(network.contains(base));
    if let IpAddr::V4(base) = base {
        assert!(network.contains(base.to_ipv6_mapped().into()), "a mapped address is the address");
    }
}

/// A client may write what it likes left of what the trusted proxies wrote.
fn check_forwarded(input: &[u8]) {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().expect("it is a network"));
    let proxies = TrustedProxies::new(networks);
    let trusted: SocketAddr = "10.1.1.1:443".parse().expect("it is an address");
    let stranger: SocketAddr = "192.0.2.1:443".parse().expect("it is an address");
    let trusts = |client: ClientAddress| networks.iter().any(|network| network.contains(client.ip()));

    let mut headers = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append("x-forwarded-for", value);
    }
    assert_eq!(proxies.client_address(stranger, &headers), ClientAddress::new(stranger.ip()));
    let client = proxies.client_address(trusted, &headers);
    assert_eq!(ClientAddress::new(client.ip()), client, "an address has one form");
    assert!(client.prefix().bits() >= client.site().bits());

    let mut forged = HeaderMap::new();
    forged.append("x-forwarded-for", HeaderValue::from_static("203.0.113.66"));
    forged.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    let told = proxies.client_address(trusted, &forged);
    let forgery: IpAddr = "203.0.113.66".parse().expect("it is an address");
    assert!(told == client || trusts(client) && told.ip() == forgery, "{client} became {told}");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let seeds: [(u8, &str); 22] = [
        (0, "/v1/models/gpt-4"),
        (0, "/v1/models/a%20b"),
        (0, "/files/a/b/c"),
        (0, "/files/%2e%2e/healthz"),
        (0, "/healthz"),
        (0, "//healthz"),
        (0, "/files/a/../../healthz"),
        (0, "/v1/models/a;b"),
        (0, "/v1/models/%252f"),
        (1, "/a/{b}/{*c}"),
        (1, "/fixed/{name"),
        (1, "/fixed/thing"),
        (2, "10.0.0.0/8"),
        (2, "2001:db8::/32"),
        (2, "::ffff:10.0.0.1"),
        (2, "10.0.0.1/33"),
        (3, "198.51.100.7, 10.2.2.2"),
        (3, "[2001:db8::1]:443, 198.51.100.7:80"),
        (3, "unknown\n10.0.0.9"),
        (4, "text/event-stream; charset=utf-8"),
        (4, "application/problem+json; charset=\"latin1\""),
        (4, "application/x-ndjson"),
    ];
    seeds.into_iter().map(|(choice, input)| seed(choice, input)).collect()
}
