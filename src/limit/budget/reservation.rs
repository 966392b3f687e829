//! What a request holds of its budgets until it is settled.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use super::{BudgetStore, Charge, Charges, Decision, Denial, Reply};
use crate::clock::SharedClock;

/// A store and the clock it is asked by. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budgets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn BudgetStore>,
    clock: SharedClock,
}

impl Budgets {
    /// Budgets kept in `store`, refilled by `clock`.
    pub fn new(store: Arc<dyn BudgetStore>, clock: SharedClock) -> Self {
        Self(Arc::new(Inner { store, clock }))
    }

    /// The store, to open limits and name holders.
    pub fn store(&self) -> &dyn BudgetStore {
        &*self.0.store
    }

    /// Takes all charges or none.
    pub fn reserve(&self, charges: Charges) -> Reserving {
        match self.0.store.reserve(charges, self.0.clock.elapsed()) {
            Reply::Ready(decision) => Reserving::Ready(self.decided(decision)),
            Reply::Later(reply) => {
                let budgets = self.clone();
                Reserving::Later(Box::pin(async move { budgets.decided(reply.await) }))
            }
        }
    }

    fn decided(&self, Decision { charges, denial }: Decision) -> Result<Reservation, Refused> {
        match denial {
            None => Ok(Reservation { budgets: self.clone(), charges: Some(charges) }),
            Some(denial) => Err(Refused { charges, denial }),
        }
    }

    fn settle(&self, charges: Charges) -> Charges {
        self.0.store.settle(charges, self.0.clock.elapsed())
    }
}

/// A reservation that is there, or on its way.
pub enum Reserving {
    /// Decided.
    Ready(Result<Reservation, Refused>),
    /// The store answers later.
    Later(Pin<Box<dyn Future<Output = Result<Reservation, Refused>> + Send>>),
}

impl fmt::Debug for Reserving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(result) => f.debug_tuple("Ready").field(result).finish(),
            Self::Later(_) => f.write_str("Later"),
        }
    }
}

/// Charges of which none was taken, with their levels, and why.
#[derive(Debug)]
pub struct Refused {
    /// The charges as they were asked for.
    pub charges: Charges,
    /// Why.
    pub denial: Denial,
}

/// Amounts taken from budgets, to be settled exactly once.
///
/// Settling consumes it. Dropped unsettled, everything reserved stays charged: the answer may have been given, and a
/// panic must not make it free. Time pays it back as it pays everything.
#[must_use = "dropped unsettled, a reservation stays charged in full"]
#[derive(Debug)]
pub struct Reservation {
    budgets: Budgets,
    charges: Option<Charges>,
}

impl Reservation {
    /// What was taken, and how the budgets stood then.
    pub fn charges(&self) -> &[Charge] {
        self.charges.as_deref().unwrap_or_default()
    }

    /// Gives everything back, as if it had never been taken.
    pub fn refund(self) -> Charges {
        self.settle_with(|_| 0)
    }

    /// Keeps everything that was reserved.
    pub fn keep(self) -> Charges {
        self.settle_with(|charge| charge.reserved)
    }

    /// Corrects every charge to `used` units: less flows back, more becomes debt.
    pub fn settle(self, used: u64) -> Charges {
        self.settle_with(|_| used)
    }

    fn settle_with(mut self, used: impl Fn(&Charge) -> u64) -> Charges {
        let mut charges = self.charges.take().unwrap_or_default();
        for charge in charges.iter_mut() {
            charge.used = used(charge);
        }
        self.budgets.settle(charges)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(charges) = self.charges.take() {
            self.budgets.settle(charges);
        }
    }
}
