use super::*;
use crate::clock::Clock;
use crate::principal::{Actor, ActorChain, AuthenticationMethod, Credential, PrincipalBuilder};
use crate::testing::FakeClock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

const ISSUER: &str = "https://login.test";
const NOW: u64 = 1_800_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

fn clock() -> FakeClock {
    FakeClock::at(at(0))
}

fn alice() -> Subject {
    Subject::new(ISSUER, "alice")
}

/// Issued at 100, ends at 400, of the session s, signed by k.
fn credential() -> Credential {
    Credential::new(AuthenticationMethod::Jwt)
        .issued(at(100))
        .expires(at(400))
        .id("id")
        .session("s")
        .signed_by(Some("k".into()), [7; 32])
}

fn of(credential: Credential) -> PrincipalBuilder {
    Principal::builder(alice(), credential)
}

fn find(list: &Revocations) -> Option<RevokedBy> {
    list.find_principal(&of(credential()).build())
}

#[test]
fn each_kind_hits_what_it_names_and_nothing_else() {
    type Revoke = fn(&Revocations) -> Result<(), RevocationsFull>;
    let hits: [(Revoke, RevokedBy); 8] = [
        (|list| list.revoke_credential(ISSUER, "id", at(400)), RevokedBy::Identifier),
        (|list| list.revoke_session(ISSUER, "s", at(400)), RevokedBy::Session),
        (|list| list.revoke_subject(&alice()), RevokedBy::Subject),
        (|list| list.revoke_subject_before(&alice(), at(101), at(400)), RevokedBy::SubjectBefore),
        (|list| list.revoke_issuer_before(ISSUER, at(101), at(400)), RevokedBy::IssuerBefore),
        (|list| list.revoke_key_name(ISSUER, "k"), RevokedBy::Key),
        (|list| list.revoke_key(&[7; 32]), RevokedBy::Key),
        (|list| list.revoke_subject(&Subject::new("https://agents.test", "agent")), RevokedBy::Actor),
    ];
    for (revoke, by) in hits {
        let list = Revocations::with_clock(clock().shared());
        let agent = ActorChain::new([Actor::new("https://agents.test", "agent")]);
        let principal = of(credential()).actors(agent).build();
        assert_eq!(list.find_principal(&principal), None);
        revoke(&list).unwrap();
        assert_eq!(list.find_principal(&principal), Some(by));
        let bob = Subject::new("https://other.test", "alice");
        let other = Credential::new(AuthenticationMethod::Jwt).issued(at(100)).id("id").session("s");
        let other = Principal::builder(bob, other.signed_by(Some("k".into()), [8; 32])).build();
        assert_eq!(list.find_principal(&other), None, "{by}: another issuer's");
    }
    let misses: [Revoke; 5] = [
        |list| list.revoke_credential("https://other.test", "id", at(400)),
        |list| list.revoke_session(ISSUER, "id", at(400)),
        |list| list.revoke_subject_before(&alice(), at(100), at(400)),
        |list| list.revoke_issuer_before(ISSUER, at(100), at(400)),
        |list| list.revoke_key_name(ISSUER, "kk"),
    ];
    for revoke in misses {
        let list = Revocations::with_clock(clock().shared());
        revoke(&list).unwrap();
        assert_eq!(find(&list), None);
    }
}

#[test]
fn names_that_join_to_the_same_text_are_told_apart() {
    let list = Revocations::with_clock(clock().shared());
    list.revoke_credential("https://login.testi", "d", at(400)).unwrap();
    assert_eq!(find(&list), None);
}

#[test]
fn what_does_not_say_when_it_was_issued_was_issued_before_any_moment() {
    let list = Revocations::with_clock(clock().shared());
    list.revoke_subject_before(&alice(), at(0), at(400)).unwrap();
    assert_eq!(find(&list), None);
    let undated = Credential::new(AuthenticationMethod::Jwt).expires(at(400));
    assert_eq!(list.find_principal(&of(undated).build()), Some(RevokedBy::SubjectBefore));
}

#[test]
fn what_has_no_session_may_have_come_from_the_one_that_ended() {
    let list = Revocations::with_clock(clock().shared());
    list.revoke_subject_without_session_before(&alice(), at(101), at(400)).unwrap();
    assert_eq!(find(&list), None);
    let without = Credential::new(AuthenticationMethod::Jwt).issued(at(100)).expires(at(400));
    assert_eq!(list.find_principal(&of(without).build()), Some(RevokedBy::SubjectBefore));
}

#[test]
fn a_subject_that_is_restored_enters_again() {
    let list = Revocations::with_clock(clock().shared());
    list.revoke_subject(&alice()).unwrap();
    assert_eq!(find(&list), Some(RevokedBy::Subject));
    list.restore_subject(&alice());
    list.restore_subject(&alice());
    assert_eq!((find(&list), list.0.credentials.len()), (None, 0));
}

#[test]
fn the_later_of_two_moments_counts() {
    let list = Revocations::with_clock(clock().shared());
    for moment in [50, 101, 60] {
        list.revoke_subject_before(&alice(), at(moment), at(400)).unwrap();
    }
    assert_eq!((find(&list), list.0.credentials.len()), (Some(RevokedBy::SubjectBefore), 1));
}

#[test]
fn a_full_list_says_so_and_forgets_only_what_can_hit_nothing() {
    let clock = clock();
    let list = Revocations::with_room(clock.shared(), 100);
    for n in 0..99 {
        list.revoke_credential(ISSUER, &n.to_string(), at(3 * DAY.as_secs())).unwrap();
    }
    list.revoke_credential(ISSUER, "id", at(400)).unwrap();
    assert_eq!(list.revoke_session(ISSUER, "s", at(400)), Err(RevocationsFull));
    list.revoke_credential(ISSUER, "id", at(401)).expect("it is there already");
    list.revoke_issuer_before(ISSUER, at(101), at(400)).expect("the last resort has room of its own");
    // The end of `id` has passed, but who knows whether the calendar was right then.
    clock.advance(DAY - Duration::from_secs(1));
    assert_eq!(list.revoke_session(ISSUER, "s", at(400)), Err(RevocationsFull));
    clock.advance(Duration::from_secs(1));
    list.revoke_session(ISSUER, "other", at(2 * DAY.as_secs())).unwrap();
    assert_eq!(list.0.credentials.len(), 100);
    let first = Principal::builder(Subject::new(ISSUER, "bob"), credential().id("0").expires(at(900_000)));
    assert_eq!(list.find_principal(&first.build()), Some(RevokedBy::Identifier), "its time has not come");
}

#[test]
fn a_clock_that_is_set_back_revives_nothing_that_was_forgotten() {
    let clock = clock();
    let list = Revocations::with_room(clock.shared(), 1);
    list.revoke_credential(ISSUER, "id", at(400)).unwrap();
    clock.advance(DAY);
    list.revoke_session(ISSUER, "other", at(2 * DAY.as_secs())).unwrap();
    clock.set(at(200));
    assert_eq!(find(&list), Some(RevokedBy::Past));
    let later = of(credential().expires(at(401))).build();
    assert_eq!(list.find_principal(&later), None, "what ends later was never hit");
}

#[test]
fn a_calendar_that_runs_ahead_makes_nothing_forgotten() {
    let clock = clock();
    let list = Revocations::with_room(clock.shared(), 1);
    clock.set(at(1_000_000_000));
    list.revoke_credential(ISSUER, "id", at(400)).unwrap();
    clock.set(at(0));
    assert_eq!(list.revoke_session(ISSUER, "s", at(400)), Err(RevocationsFull));
    assert_eq!(find(&list), Some(RevokedBy::Identifier));
}

struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_listener_is_woken_by_every_kind_and_gone_when_it_is_dropped() {
    let list = Revocations::with_clock(clock().shared());
    let woken = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut listener = list.listen();
    assert!(listener.has_news(), "the first look is one");
    assert!(!listener.has_news());
    list.revoke_key(&[1; 32]).unwrap();
    assert_eq!((listener.has_news(), woken.0.load(Ordering::SeqCst)), (true, 0), "nobody waits yet");
    listener.wake(&mut cx);
    listener.wake(&mut cx);
    assert_eq!(list.0.listeners.len(), 1);
    list.revoke_subject(&alice()).unwrap();
    list.revoke_fingerprint([1; 32]);
    list.revoke_serial(b"issuer", &[1]);
    assert_eq!((listener.has_news(), woken.0.load(Ordering::SeqCst)), (true, 3));
    drop(listener);
    list.revoke_fingerprint([2; 32]);
    assert_eq!((list.0.listeners.len(), woken.0.load(Ordering::SeqCst)), (0, 3));
}

#[test]
fn changes_from_many_threads_are_all_kept() {
    let list = Revocations::with_clock(clock().shared());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let list = &list;
            scope.spawn(move || {
                for n in 0..500 {
                    list.revoke_credential(ISSUER, &format!("{thread}-{n}"), at(400)).unwrap();
                    let seen = Principal::builder(alice(), credential().id(format!("{thread}-{n}"))).build();
                    assert_eq!(list.find_principal(&seen), Some(RevokedBy::Identifier));
                }
            });
        }
    });
    assert_eq!(list.0.credentials.len(), 2_000);
}

#[test]
fn debug_shows_how_many_and_nothing_of_whom() {
    let clock = clock();
    let list = Revocations::with_clock(clock.shared());
    list.revoke_credential(ISSUER, "secret-id", clock.now()).unwrap();
    let text = format!("{list:?}");
    assert!(text.contains("credentials: 1") && !text.contains("secret-id"), "{text}");
}
