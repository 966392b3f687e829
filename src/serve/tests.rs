use super::activity::Activity;
use super::pending::{Pending, Place};
use crate::testing::FakeClock;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

fn is_displaced(place: &mut Place) -> bool {
    pin!(place.displaced()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn enter(pending: &Arc<Pending>, address: &str) -> Place {
    pending.enter(address.parse::<IpAddr>().unwrap())
}

#[test]
fn the_oldest_of_one_address_gives_way_and_then_the_oldest_of_all() {
    let pending = Arc::new(Pending::new(4, 2));
    let mut other = enter(&pending, "192.0.2.1");
    let mut first = enter(&pending, "2001:db8::1");
    let mut second = enter(&pending, "2001:db8::2");
    // Another address of the same /64.
    let mut third = enter(&pending, "2001:db8::ffff");
    assert_eq!(
        [&mut other, &mut first, &mut second, &mut third].map(is_displaced),
        [false, true, false, false]
    );
    assert_eq!(pending.count(), 3);
    let mut fourth = enter(&pending, "198.51.100.1");
    let mut fifth = enter(&pending, "::ffff:203.0.113.1");
    assert_eq!(
        [&mut other, &mut second, &mut third, &mut fourth].map(is_displaced),
        [true, false, false, false]
    );
    assert_eq!(pending.count(), 4);
    drop((first, second, third, fourth));
    assert!(!is_displaced(&mut fifth));
    drop((other, fifth));
    assert_eq!(pending.count(), 0);
}

#[test]
fn a_connection_is_idle_only_when_its_last_answer_has_been_over_for_long_enough() {
    let clock = FakeClock::default();
    let activity = Activity::new(clock.shared());
    let (first, then) = (Duration::from_secs(10), Duration::from_secs(60));
    let mut idle = pin!(activity.idle_for(first, then));
    let mut is_idle = || idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(!is_idle());
    clock.advance(Duration::from_secs(9));
    let open = activity.begin();
    clock.advance(Duration::from_secs(600));
    assert!(!is_idle(), "an answer is under way");
    drop(open);
    assert!(!is_idle());
    clock.advance(Duration::from_secs(59));
    assert!(!is_idle());
    clock.advance(Duration::from_secs(1));
    assert!(is_idle());
}
