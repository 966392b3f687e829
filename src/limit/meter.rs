//! How many units a text costs, before the server has said so.

use hashbrown::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

use thiserror::Error;

/// Estimates usage from text. The server's own count, where it reports one, always settles.
pub trait Meter: fmt::Debug + Send + Sync + 'static {
    /// The units that `bytes` bytes of text cost on `model`. Never 0 for text that is not empty.
    fn estimate(&self, model: Option<&str>, bytes: u64) -> u64;

    /// Told what the server counted for `bytes` bytes of text, when an answer was complete.
    fn learn(&self, model: Option<&str>, bytes: u64, units: u64) {
        let _ = (model, bytes, units);
    }
}

/// Fractions of a byte in which ratios are kept.
const ONE: u32 = 1 << 20;
/// Texts of this size and above move a ratio by a full step, shorter ones by less: few words say little.
const FULL_WEIGHT: u64 = 4_096;
/// One step goes this fraction of the way towards fewer units per byte…
const LOOSEN: i64 = 1_024;
/// …and this fraction of the way towards more.
const TIGHTEN: i64 = 256;
/// Longer names are not remembered.
const LONGEST_NAME: usize = 128;

/// The default meter: bytes per unit, one ratio per model, which learns from what the server reports.
///
/// 1. It starts at 3 bytes per unit. English prose has about 4, source code about 3, Chinese and Japanese 2 to 3 in
///    UTF-8. An estimate that is too high costs nobody anything: settling gives the rest back. One that is too low is
///    paid as debt.
/// 2. It moves slowly towards fewer units per byte, four times faster towards more, and never leaves 2 to 4.5 bytes per
///    unit: with thousands of large requests, which it pays for, a client that means to mislead it can lower the
///    estimates of others by a third, or raise them by a half, at the very most. Who sends texts that cost more than
///    that owes the difference, and nobody else does.
/// 3. It knows a bounded number of models. Models beyond that are estimated at the starting ratio.
#[derive(Debug)]
pub struct EstimatingMeter {
    start: u32,
    most_models: usize,
    models: RwLock<HashMap<Box<str>, AtomicU32>>,
}

impl Default for EstimatingMeter {
    fn default() -> Self {
        Self { start: 3 * ONE, most_models: 256, models: RwLock::default() }
    }
}

impl EstimatingMeter {
    const LEAST: u32 = 2 * ONE;
    const MOST: u32 = ONE * 9 / 2;

    /// A meter with the defaults above.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts at another number of bytes per unit, from 2 to 4.5.
    ///
    /// # Errors
    /// The number lies outside.
    pub fn start_at(mut self, bytes_per_unit: f32) -> Result<Self, MeterError> {
        if !(2.0..=4.5).contains(&bytes_per_unit) {
            return Err(MeterError { kind: MeterErrorKind::OutOfRange });
        }
        self.start = ((bytes_per_unit * ONE as f32) as u32).clamp(Self::LEAST, Self::MOST);
        Ok(self)
    }

    /// Learns at most this many models (256 when not called).
    #[must_use]
    pub fn models(mut self, most: usize) -> Self {
        self.most_models = most;
        self
    }

    fn ratio(&self, model: Option<&str>) -> u32 {
        let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
        model.and_then(|m| models.get(m)).map_or(self.start, |ratio| ratio.load(Ordering::Relaxed))
    }

    fn moved(ratio: u32, bytes: u64, units: u64) -> u32 {
        let seen = u128::from(bytes) * u128::from(ONE) / u128::from(units.max(1));
        let seen = u32::try_from(seen).unwrap_or(u32::MAX).clamp(Self::LEAST, Self::MOST);
        let way = i64::from(seen) - i64::from(ratio);
        let pace = if way > 0 { LOOSEN } else { TIGHTEN };
        let weight = bytes.min(FULL_WEIGHT) as i64;
        let step = way * weight / (FULL_WEIGHT as i64 * pace);
        u32::try_from(i64::from(ratio) + step).unwrap_or(ratio).clamp(Self::LEAST, Self::MOST)
    }
}

impl Meter for EstimatingMeter {
    fn estimate(&self, model: Option<&str>, bytes: u64) -> u64 {
        let units = (u128::from(bytes) * u128::from(ONE)).div_ceil(u128::from(self.ratio(model)));
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    fn learn(&self, model: Option<&str>, bytes: u64, units: u64) {
        let Some(model) = model.filter(|m| m.len() <= LONGEST_NAME) else { return };
        if bytes == 0 || units == 0 {
            return;
        }
        {
            let models = self.models.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(ratio) = models.get(model) {
                // two learning at once may lose one step, which no estimate depends on
                ratio.store(Self::moved(ratio.load(Ordering::Relaxed), bytes, units), Ordering::Relaxed);
                return;
            }
            if models.len() >= self.most_models {
                return;
            }
        }
        let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
        if models.len() < self.most_models {
            models
                .entry(model.into())
                .or_insert_with(|| AtomicU32::new(Self::moved(self.start, bytes, units)));
        }
    }
}

/// Why a meter cannot be made.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct MeterError {
    kind: MeterErrorKind,
}

impl MeterError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &MeterErrorKind {
        &self.kind
    }
}

/// The ways in which a meter cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum MeterErrorKind {
    #[error("a meter starts at 2 to 4.5 bytes per unit")]
    OutOfRange,
}
