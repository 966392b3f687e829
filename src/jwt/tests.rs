use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::request::Parts;

use super::bearer::{self, Unfound};
use super::cache::{Fingerprint, SeenCredentials};

const NOW: Duration = Duration::from_secs(100);
const LATER: Duration = Duration::from_secs(200);

fn remember(cache: &SeenCredentials<usize>, n: usize, bytes: usize) {
    cache.remember(Fingerprint::of(&n.to_string()), Arc::new(n), bytes, NOW, LATER);
}

fn find(cache: &SeenCredentials<usize>, n: usize) -> Option<usize> {
    cache.find(&Fingerprint::of(&n.to_string()), NOW).map(|value| *value)
}

/// The credential alone, where DPoP is not set up.
fn found(parts: &Parts, api_key_header: bool) -> Result<&str, Unfound> {
    bearer::find(parts, api_key_header, false).map(|found| found.credential)
}

#[test]
fn what_is_remembered_is_found_until_it_is_time_to_forget() {
    let cache = SeenCredentials::new(1000, 1 << 20);
    remember(&cache, 7, 100);
    assert_eq!((find(&cache, 7), find(&cache, 8)), (Some(7), None));
    let last = LATER - Duration::from_nanos(1);
    assert!(cache.find(&Fingerprint::of("7"), last).is_some());
    assert!(cache.find(&Fingerprint::of("7"), LATER).is_none());
}

#[test]
fn the_cache_stays_within_its_entries_and_finds_what_it_holds() {
    let cache = SeenCredentials::new(320, 1 << 30);
    for n in 0..10_000 {
        remember(&cache, n, 100);
        assert_eq!(find(&cache, n), Some(n));
    }
    let held = (0..10_000).filter(|n| find(&cache, *n).is_some()).count();
    assert_eq!((cache.len(), held), (320, 320));
}

#[test]
fn the_cache_stays_within_its_bytes_whatever_the_sizes() {
    let cache = SeenCredentials::new(1 << 20, 32 * 10_000);
    for n in 0..5000 {
        remember(&cache, n, 100 + n % 900);
    }
    let held: usize = (0..5000).filter(|n| find(&cache, *n).is_some()).map(|n| 100 + n % 900).sum();
    assert!(held <= 32 * 10_000 && held > 32 * 8000, "{held}");
    remember(&cache, 9999, 10_001);
    assert_eq!(find(&cache, 9999), None);
}

#[test]
fn what_is_in_use_outlives_what_is_not() {
    let cache = SeenCredentials::new(320, 1 << 30);
    remember(&cache, 0, 100);
    for n in 1..5000 {
        assert_eq!(find(&cache, 0), Some(0));
        remember(&cache, n, 100);
    }
}

#[test]
fn forgetting_leaves_all_others_findable() {
    let cache = SeenCredentials::new(4000, 1 << 30);
    (0..1000).for_each(|n| remember(&cache, n, 100));
    (0..1000).step_by(3).for_each(|n| cache.forget(&Fingerprint::of(&n.to_string())));
    for n in 0..1000 {
        assert_eq!(find(&cache, n).is_some(), n % 3 != 0, "{n}");
    }
}

#[test]
fn a_cache_without_room_remembers_nothing() {
    for cache in [SeenCredentials::new(0, 1 << 20), SeenCredentials::new(10, 0)] {
        remember(&cache, 1, 100);
        assert_eq!(find(&cache, 1), None);
    }
}

fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn the_scheme_has_no_case_and_is_followed_by_spaces() {
    for value in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR  abc"] {
        assert_eq!(found(&parts("/", &[("authorization", value)]), false), Ok("abc"), "{value}");
    }
    for value in ["Basic abc", "Bearerabc", "Bearer", "abc", "", "DPoP abc", "Bearer\tabc"] {
        assert_eq!(found(&parts("/", &[("authorization", value)]), false), Err(Unfound::Absent), "{value}");
    }
    for value in ["Bearer a b", "Bearer a\tb", "Bearer ab\u{e9}"] {
        assert_eq!(
            found(&parts("/", &[("authorization", value)]), false),
            Err(Unfound::Malformed),
            "{value}"
        );
    }
}

#[test]
fn more_than_one_credential_is_none() {
    let (authorization, other) = (("authorization", "Bearer abc"), ("Authorization", "Bearer def"));
    let key = ("x-api-key", "abc");
    assert_eq!(found(&parts("/", &[authorization, other]), false), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[authorization, key]), true), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[key, key]), true), Err(Unfound::Several));
    let joined = ("authorization", "Bearer abc, Bearer def");
    assert_eq!(found(&parts("/", &[joined]), false), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[key]), true), Ok("abc"));
    assert_eq!(found(&parts("/", &[key]), false), Err(Unfound::Absent));
    assert_eq!(found(&parts("/", &[authorization, key]), false), Ok("abc"));
}

#[test]
fn a_credential_in_the_query_is_seen_through_escapes() {
    let query = |query: &str| {
        let parts = parts(&format!("/?{query}"), &[("authorization", "Bearer abc")]);
        found(&parts, false).map(str::to_owned)
    };
    for named in
        ["access_token=x", "a=1&access_token=x", "access%5ftoken=x", "%61ccess_token", "a;access_token=x"]
    {
        assert_eq!(query(named), Err(Unfound::InQuery), "{named}");
    }
    for other in ["access_tokens=x", "a=access_token", "access%token=x", "access%5", "xaccess_token=1"] {
        assert_eq!(query(other).as_deref(), Ok("abc"), "{other}");
    }
}
