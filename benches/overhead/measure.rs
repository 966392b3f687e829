//! Timing that is fair on a noisy machine: several rounds, of which the best counts, and ratios of figures from one run.

use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(120);

/// Short and many, so that two things are compared under the same noise.
const TURNS: usize = 40;
const TURN: Duration = Duration::from_millis(20);

/// The best mean time of one call, in nanoseconds.
pub(crate) fn nanos<T>(mut work: impl FnMut() -> T) -> f64 {
    let calls = calls_in(ROUND, &mut work);
    (0..ROUNDS).map(|_| mean(calls, &mut work)).fold(f64::INFINITY, f64::min)
}

/// The same for two things at once, in turn.
pub(crate) fn nanos_of_both<A, B>(mut one: impl FnMut() -> A, mut other: impl FnMut() -> B) -> (f64, f64) {
    let calls = (calls_in(TURN, &mut one), calls_in(TURN, &mut other));
    (0..TURNS).fold((f64::INFINITY, f64::INFINITY), |best, _| {
        (best.0.min(mean(calls.0, &mut one)), best.1.min(mean(calls.1, &mut other)))
    })
}

/// How many calls take about that long.
fn calls_in<T>(round: Duration, work: &mut impl FnMut() -> T) -> u64 {
    let mut calls = 1;
    loop {
        let took = time(calls, work);
        if took >= round / 8 {
            return ((calls as f64 * round.as_secs_f64() / took.as_secs_f64()) as u64).max(1);
        }
        calls *= 4;
    }
}

fn mean<T>(calls: u64, work: &mut impl FnMut() -> T) -> f64 {
    time(calls, work).as_nanos() as f64 / calls as f64
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
