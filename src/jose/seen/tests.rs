use super::*;

const NOW: Duration = Duration::from_secs(100);
const LATER: Duration = Duration::from_secs(200);

fn remember(cache: &SeenCredentials<usize>, n: usize, bytes: usize) {
    cache.remember(Fingerprint::of(&n.to_string()), Arc::new(n), bytes, NOW, LATER);
}

fn find(cache: &SeenCredentials<usize>, n: usize) -> Option<usize> {
    cache.find(&Fingerprint::of(&n.to_string()), NOW).map(|value| *value)
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
