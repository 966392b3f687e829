//! Timing that is fair on a noisy machine: several rounds, of which the best counts, and ratios of figures from one run.

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(120);

/// The best mean time of one call, in nanoseconds.
pub(crate) fn nanos<T>(mut work: impl FnMut() -> T) -> f64 {
    let mut calls = 1u64;
    loop {
        let took = time(calls, &mut work);
        if took >= ROUND / 8 {
            let scale = ROUND.as_secs_f64() / took.as_secs_f64();
            calls = ((calls as f64 * scale) as u64).max(1);
            break;
        }
        calls *= 4;
    }
    (0..ROUNDS).map(|_| time(calls, &mut work).as_nanos() as f64 / calls as f64).fold(f64::INFINITY, f64::min)
}

/// The same for two things at once, round by round in turn, so that both meet the same noise.
pub(crate) fn nanos_of_both<A, B>(mut one: impl FnMut() -> A, mut other: impl FnMut() -> B) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..3 {
        best.0 = best.0.min(nanos(&mut one));
        best.1 = best.1.min(nanos(&mut other));
    }
    best
}

fn time<T>(calls: u64, work: &mut impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..calls {
        black_box(work());
    }
    start.elapsed()
}

/// Prints one line a budget, and remembers whether one was over.
#[derive(Default)]
pub(crate) struct Report {
    over: usize,
}

impl Report {
    pub(crate) fn at_most(&mut self, what: &str, figure: f64, budget: f64, unit: &str) {
        self.line(what, figure, "≤", budget, unit, figure <= budget);
    }

    pub(crate) fn at_least(&mut self, what: &str, figure: f64, budget: f64, unit: &str) {
        self.line(what, figure, "≥", budget, unit, figure >= budget);
    }

    /// A figure without a budget of its own.
    pub(crate) fn note(&self, what: &str, figure: f64, unit: &str) {
        println!("{what:<58} {figure:>10.2} {unit}");
    }

    pub(crate) fn over(&self) -> usize {
        self.over
    }

    fn line(&mut self, what: &str, figure: f64, sign: &str, budget: f64, unit: &str, good: bool) {
        self.over += usize::from(!good);
        let verdict = if good { "ok" } else { "over" };
        println!("{what:<58} {figure:>10.2} {unit:<8} {sign} {budget} {unit:<8} {verdict}");
    }
}
