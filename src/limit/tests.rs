use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::*;
use crate::clock::{Clock, Sleep, UnixTime};

/// A clock that stands still until it is told to go on.
#[derive(Debug, Default)]
pub(super) struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub(super) fn shared() -> Arc<Self> {
        Arc::new(Self::default())
    }

    pub(super) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(1_800_000_000).saturating_add(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

#[test]
fn plans_that_would_not_limit_are_refused_when_built() {
    let built = |plan: Plan| Plans::new([plan]).map(|_| ()).map_err(|e| e.kind().clone());
    assert!(matches!(built(Plan::new("free")), Err(PlansErrorKind::NoLimits { .. })));
    assert!(matches!(
        built(Plan::new("free").requests(0, Per::Minute)),
        Err(PlansErrorKind::ZeroCapacity { .. })
    ));
    let twice = Plan::new("free").requests(1, Per::Minute).requests(2, Per::Minute);
    assert!(matches!(built(twice), Err(PlansErrorKind::Twice { .. })));
    let both = Plan::new("free").requests(1, Per::Minute).danger_unlimited();
    assert!(matches!(built(both), Err(PlansErrorKind::LimitedAndUnlimited { .. })));
    assert!(matches!(built(Plan::new("").danger_unlimited()), Err(PlansErrorKind::Name { .. })));
    assert!(matches!(Plans::new([]).unwrap_err().kind(), PlansErrorKind::NoPlans));
    let many = (0..17u64).fold(Plan::new("free"), |plan, i| {
        let period = [Per::Second, Per::Minute, Per::Hour, Per::Day][i as usize % 4];
        plan.limit(Limit::requests(1 + i, period))
    });
    assert!(matches!(built(many), Err(PlansErrorKind::TooManyLimits { limits: 17, .. })));
    let same = Plans::new([Plan::new("a").usage(1, Per::Day), Plan::new("a").usage(2, Per::Day)]);
    assert!(matches!(same.unwrap_err().kind(), PlansErrorKind::SameName { .. }));
}

#[test]
fn a_caller_without_a_known_plan_is_refused_unless_a_default_was_chosen() {
    let plans = Plans::new([Plan::new("free").requests(1, Per::Minute)]).unwrap();
    assert!(plans.find(None).is_none() && plans.find(Some("gold")).is_none());
    let plans = plans.with_default("free").unwrap();
    assert_eq!(plans.find(Some("gold")).map(Plan::name), Some("free"));
    assert!(matches!(plans.with_default("gold").unwrap_err().kind(), PlansErrorKind::NoSuchDefault { .. }));
}

#[test]
fn durations_are_written_as_openai_writes_them_and_rounded_up() {
    let text = |nanos| headers::duration_text(Duration::from_nanos(nanos));
    let second = 1_000_000_000;
    assert_eq!([text(0), text(1), text(119_000_001), text(second)], ["0s", "1ms", "120ms", "1s"]);
    assert_eq!(text(second - 1), "1s");
    assert_eq!([text(17 * second + 1), text(360 * second), text(3_605 * second)], ["18s", "6m0s", "1h0m5s"]);
}

#[test]
fn a_meter_never_calls_text_free_and_stays_within_its_bounds() {
    let meter = EstimatingMeter::new();
    assert_eq!(meter.estimate(None, 0), 0);
    assert_eq!(meter.estimate(Some("m"), 1), 1);
    assert_eq!(meter.estimate(Some("m"), 3_000), 1_000);
    assert!(meter.estimate(None, u64::MAX) > u64::MAX / 4);
    // texts made to look as cheap as can be, as many as one likes
    for _ in 0..100_000 {
        meter.learn(Some("m"), 1_000_000, 1);
    }
    let lowered = meter.estimate(Some("m"), 9_000);
    assert!((2_000..=3_000).contains(&lowered), "{lowered}");
    assert_eq!(meter.estimate(Some("other"), 9_000), 3_000);
    for _ in 0..100_000 {
        meter.learn(Some("m"), 4_096, u64::MAX);
    }
    assert!(meter.estimate(Some("m"), 9_000) <= 4_500);
}

#[test]
fn a_meter_learns_slowly_downwards_and_fast_upwards() {
    let (down, up) = (EstimatingMeter::new(), EstimatingMeter::new());
    down.learn(Some("m"), 4_096, 4_096 / 4);
    up.learn(Some("m"), 4_096, 4_096 / 2);
    let (down, up) = (down.estimate(Some("m"), 3 << 20), up.estimate(Some("m"), 3 << 20));
    let start = 1 << 20;
    assert!(down < start && up > start);
    assert!((up - start) > 3 * (start - down), "{} {}", up - start, start - down);
}

#[test]
fn a_meter_converges_on_what_the_server_reports() {
    let meter = EstimatingMeter::new();
    for _ in 0..20_000 {
        meter.learn(Some("m"), 8_000, 2_000);
    }
    let estimate = meter.estimate(Some("m"), 8_000);
    assert!((2_000..=2_030).contains(&estimate), "{estimate}");
}

#[test]
fn a_meter_knows_a_bounded_number_of_models() {
    let meter = EstimatingMeter::new().models(2);
    for model in ["a", "b", "c"] {
        for _ in 0..1_000 {
            meter.learn(Some(model), 4_096, 4_096);
        }
    }
    assert!(meter.estimate(Some("a"), 3_000) > 1_450 && meter.estimate(Some("b"), 3_000) > 1_450);
    assert_eq!(meter.estimate(Some("c"), 3_000), 1_000);
    assert!(
        EstimatingMeter::new().start_at(f32::NAN).is_err() && EstimatingMeter::new().start_at(5.0).is_err()
    );
}
