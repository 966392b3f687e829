use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::limit::tests::StoppedClock;

fn v4(n: u32) -> ClientAddress {
    ClientAddress::new(IpAddr::V4(Ipv4Addr::from_bits(n)))
}

fn v6(text: &str) -> ClientAddress {
    ClientAddress::new(IpAddr::V6(text.parse::<Ipv6Addr>().unwrap()))
}

fn passed(check: &FloodCheck, address: ClientAddress, tries: u32) -> u32 {
    (0..tries).filter(|_| check.check(address).is_ok()).count() as u32
}

#[test]
fn a_burst_passes_and_the_wait_told_is_exact() {
    let clock = StoppedClock::shared();
    let check = FloodCheck::new(FloodQuota::new(10, Per::Second).burst(5), clock.clone()).unwrap();
    let me = v4(1);
    assert_eq!(passed(&check, me, 20), 5);
    let wait = check.check(me).unwrap_err();
    assert_eq!(wait, Duration::from_millis(100));
    clock.advance(wait - Duration::from_nanos(1));
    assert!(check.check(me).is_err());
    clock.advance(Duration::from_nanos(1));
    assert!(check.check(me).is_ok());
    assert_eq!(passed(&check, v4(2), 20), 5);
}

#[test]
fn addresses_of_one_64_are_one_client_and_a_48_is_capped() {
    let check = FloodCheck::new(FloodQuota::new(4, Per::Second), StoppedClock::shared()).unwrap();
    assert_eq!(passed(&check, v6("2001:db8:0:1::1"), 3) + passed(&check, v6("2001:db8:0:1:ffff::2"), 3), 4);
    // the rest of the site: 15 more /64s at full rate, then nothing
    let all: u32 = (2..100).map(|i| passed(&check, v6(&format!("2001:db8:0:{i:x}::1")), 10)).sum();
    assert_eq!(all, 4 * (SITE_FACTOR - 1));
    assert_eq!(passed(&check, v6("2001:db8:1:1::1"), 10), 4);
    assert_eq!(passed(&check, ClientAddress::new("::ffff:192.0.2.1".parse().unwrap()), 3), 3);
    assert_eq!(passed(&check, ClientAddress::new("192.0.2.1".parse().unwrap()), 3), 1);
}

#[test]
fn a_64_over_its_rate_uses_nothing_of_its_neighbours() {
    let check = FloodCheck::new(FloodQuota::new(4, Per::Second), StoppedClock::shared()).unwrap();
    passed(&check, v6("2001:db8:0:1::1"), 10_000);
    assert_eq!(passed(&check, v6("2001:db8:0:2::1"), 10), 4);
}

#[test]
fn a_new_quota_over_kept_cells_refuses_nobody_who_had_not_spent_anything() {
    let clock = StoppedClock::shared();
    clock.advance(Duration::from_secs(3_600));
    let old = FloodCheck::new(FloodQuota::new(10, Per::Second), clock.clone()).unwrap();
    assert_eq!(passed(&old, v4(1), 3), 3);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(passed(&old, v4(2), 30), 10);
    let new = old.with_quota(FloodQuota::new(20, Per::Second)).unwrap();
    assert_eq!(passed(&new, v4(1), 30), 20);
    // what was spent is remembered: one second of arrival time, of which the new quota allows 19/20 ahead
    assert!(passed(&new, v4(2), 30) <= 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(passed(&new, v4(2), 30), 20);
}

#[test]
fn a_crowd_of_addresses_neither_grows_the_memory_nor_locks_out_those_known_or_new() {
    let clock = StoppedClock::shared();
    let check = FloodCheck::new(FloodQuota::new(2, Per::Minute).addresses(128), clock.clone()).unwrap();
    let known = v4(0xc633_6401);
    assert!(check.check(known).is_ok());
    // 10.0.0.0/16: many times what fits
    let admitted: HashMap<u32, u32> =
        (0..4_000).map(|i| (i, passed(&check, v4(0x0a00_0000 | i), 3))).collect();
    assert_eq!(check.cells[0].len(), 256, "every cell in use and not one more");
    let whole = admitted.values().filter(|&&n| n == 2).count();
    assert!((250..=256).contains(&whole), "{whole} had cells of their own; the others shared one");
    assert_eq!(passed(&check, known, 3), 1, "who is known goes on as before");
    assert_eq!(passed(&check, v4(0xcb00_7101), 3), 2, "a newcomer from another network passes");
    // once the crowd's cells have refilled, newcomers of its own network have cells again
    clock.advance(Duration::from_secs(60));
    assert_eq!(passed(&check, v4(0x0a00_ffff), 3), 2);
    assert_eq!(passed(&check, v4(0x0a00_fffe), 3), 2);
}

#[test]
fn a_quota_that_is_none_is_refused_when_built() {
    let clock = StoppedClock::shared();
    let built = |quota| FloodCheck::new(quota, clock.clone()).map(|_| ()).map_err(|e| e.kind().clone());
    assert_eq!(built(FloodQuota::new(0, Per::Second)), Err(FloodErrorKind::Zero { what: "rate" }));
    assert_eq!(built(FloodQuota::new(1, Per::Second).burst(0)), Err(FloodErrorKind::Zero { what: "burst" }));
    assert_eq!(built(FloodQuota::new(1, Per::Hour).burst(u32::MAX)), Err(FloodErrorKind::TooSlow));
    assert_eq!(built(FloodQuota::new(u32::MAX, Per::Second)), Ok(()));
}
