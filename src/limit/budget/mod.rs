//! Budgets: what is left of every limit, for every holder of one.
//!
//! 1. A reservation takes from all its limits or from none.
//! 2. It is settled exactly once, by value; dropped without being settled it stays charged in full, so that a handler
//!    that panics is never a way to get answers for free.
//! 3. Less used than reserved flows back, never above the limit; more used than reserved is debt, and debt stays until
//!    it has been paid by time.
//! 4. A store is bounded. Holders whose limits are full again are forgotten first, which loses nothing; when all are
//!    in use, new ones are refused, plan by plan: a crowd on one plan never keeps out the holders of another.

mod bucket;
mod memory;
mod reservation;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;

pub use self::bucket::Bucket;
pub use self::memory::{MemoryBudgetStore, MemoryBudgetStoreBuilder};
pub use self::reservation::{Budgets, Refused, Reservation, Reserving};
use super::plan::MAX_LIMITS;
use super::rule::{Dimension, Limit};

/// Where budgets are kept. [`MemoryBudgetStore`] keeps them in this process.
pub trait BudgetStore: fmt::Debug + Send + Sync + 'static {
    /// Makes room for one limit of one plan. Called while layers are built, again with the same names after a reload:
    /// a limit of the same name keeps what its holders have spent, also when its capacity changed.
    ///
    /// # Errors
    /// The store cannot take another plan.
    fn open(&self, plan: &str, limit: &Limit) -> Result<Budget, BudgetStoreError>;

    /// The store's name for one holder of budgets, made from verified facts.
    fn holder(&self, dimension: Dimension, facts: &[&str]) -> Holder;

    /// Takes every charge or none, at `now` on the clock's [`elapsed`](crate::clock::Clock::elapsed) scale, and notes
    /// each charge's [`Level`]: after the taking when all was taken, as it stands otherwise.
    ///
    /// A charge of nothing passes as long as one unit is left, so that a drained budget can be told early.
    ///
    /// A [`Reply::Later`] that is dropped before it is ready leaves nothing taken: the store gives back by itself what
    /// it may have taken meanwhile.
    fn reserve(&self, charges: Charges, now: Duration) -> Reply;

    /// Corrects what [`reserve`](Self::reserve) took to what was used, and returns the charges with their levels when
    /// they are known at once. It is called exactly once for each reservation and never waits: a store with a network
    /// between hands the work to a worker of its own.
    fn settle(&self, charges: Charges, now: Duration) -> Charges;

    /// Waits until everything that was settled so far is where it belongs. A store that settles at once, as the one in
    /// memory does, has nothing to wait for.
    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

/// A store's answer: there, or on its way.
pub enum Reply {
    /// The answer.
    Ready(Decision),
    /// The answer comes later. Only here there is a box.
    Later(Pin<Box<dyn Future<Output = Decision> + Send>>),
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(decision) => f.debug_tuple("Ready").field(decision).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// What became of charges: taken, or why not. The charges come back with their levels either way.
#[derive(Debug)]
pub struct Decision {
    /// The charges as they were handed in, with levels.
    pub charges: Charges,
    /// Nothing was taken when there is a denial.
    pub denial: Option<Denial>,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denial {
    /// The limit that takes longest to have enough again, and how long that is.
    Exhausted {
        /// Which of the charges.
        charge: usize,
        /// The time after which the same charges would pass, if nobody else takes meanwhile.
        retry_after: Duration,
    },
    /// More was asked than the limit ever holds. Waiting does not help.
    NeverFits {
        /// Which of the charges.
        charge: usize,
    },
    /// The store is full of holders in use, and this is a new one.
    StoreFull {
        /// Which of the charges.
        charge: usize,
    },
    /// The store could not be asked.
    Unavailable,
}

/// One limit of one plan, as a store knows it.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The arithmetic of the limit.
    pub bucket: Bucket,
    /// The store's number for the plan.
    pub partition: u32,
    /// What tells this limit from others of the same holder.
    pub salt: u128,
}

impl Budget {
    /// A charge of `amount` units against what `holder` has left of this limit.
    pub fn charge(&self, holder: Holder, amount: u64) -> Charge {
        let (bucket, partition) = (self.bucket, self.partition);
        Charge { bucket, partition, key: self.salt ^ holder.0, reserved: amount, used: amount, missing: 0 }
    }
}

/// A store's name for a holder of budgets: a keyed hash, so that nobody outside can make two holders collide.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder(pub u128);

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder(..)")
    }
}

/// An amount to be taken from one budget, and later what was used of it.
#[derive(Clone, Copy)]
pub struct Charge {
    /// The arithmetic of the limit.
    pub bucket: Bucket,
    /// The store's number for the plan.
    pub partition: u32,
    /// The limit and its holder.
    pub key: u128,
    /// What is taken when reserving.
    pub reserved: u64,
    /// What was used: the same, until settling says otherwise.
    pub used: u64,
    /// What was missing after the last call of the store, in fractions of the bucket; turned into units when asked.
    missing: u128,
}

impl Charge {
    /// How the budget stood after the last call of the store; full before the first.
    pub fn level(&self) -> Level {
        let Self { bucket, missing, .. } = *self;
        Level {
            left: bucket.left(missing),
            until_full: bucket.until_full(missing),
            until_next: bucket.wait_for(missing, 1).unwrap_or_default(),
        }
    }

    /// Says that `left` units are left, which a store does before it gives a charge back.
    pub fn set_left(&mut self, left: i64) {
        self.missing = self.bucket.missing(left);
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bucket, partition, reserved, used, .. } = self;
        f.debug_struct("Charge")
            .field("bucket", bucket)
            .field("partition", partition)
            .field("reserved", reserved)
            .field("used", used)
            .field("level", &self.level())
            .finish_non_exhaustive()
    }
}

/// How one budget stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Whole units left; negative when there is debt.
    pub left: i64,
    /// How long until it is full again, if nothing more is taken.
    pub until_full: Duration,
    /// How long until one unit is there; zero when one is.
    pub until_next: Duration,
}

/// Charges that are taken together. At most [`MAX_LIMITS`].
#[derive(Clone, Debug, Default)]
pub struct Charges(Vec<Charge>);

impl Charges {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// None yet, with room for `charges`.
    pub fn with_capacity(charges: usize) -> Self {
        Self(Vec::with_capacity(charges.min(MAX_LIMITS)))
    }

    /// Adds one.
    ///
    /// # Errors
    /// There are [`MAX_LIMITS`] already.
    pub fn push(&mut self, charge: Charge) -> Result<(), BudgetStoreError> {
        if self.0.len() == MAX_LIMITS {
            return Err(BudgetStoreErrorKind::TooManyCharges.into());
        }
        self.0.push(charge);
        Ok(())
    }
}

impl std::ops::Deref for Charges {
    type Target = [Charge];

    fn deref(&self) -> &[Charge] {
        &self.0
    }
}

impl std::ops::DerefMut for Charges {
    fn deref_mut(&mut self) -> &mut [Charge] {
        &mut self.0
    }
}

/// Why a store cannot be used.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct BudgetStoreError {
    kind: BudgetStoreErrorKind,
}

impl BudgetStoreError {
    /// What is wrong, to match on.
    pub fn kind(&self) -> &BudgetStoreErrorKind {
        &self.kind
    }
}

impl From<BudgetStoreErrorKind> for BudgetStoreError {
    fn from(kind: BudgetStoreErrorKind) -> Self {
        Self { kind }
    }
}

/// The ways in which a store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum BudgetStoreErrorKind {
    #[error("the store has room for {most} plans and cannot take {plan:?}")]
    TooManyPlans { plan: String, most: usize },
    #[error("a limit's capacity must be at least 1")]
    ZeroCapacity,
    #[error("at most {MAX_LIMITS} charges can be taken together")]
    TooManyCharges,
}
