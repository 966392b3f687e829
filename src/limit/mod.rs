//! Limits: floods by address, requests and usage by verified identity.

mod budget;
mod flood;
mod meter;
mod plan;

pub use self::budget::{
    Bucket, Budget, BudgetStore, BudgetStoreError, BudgetStoreErrorKind, Budgets, Charge, Charges, Decision,
    Denial, Holder, Level, MemoryBudgetStore, MemoryBudgetStoreBuilder, Refused, Reply, Reservation,
    Reserving,
};
pub use self::flood::{FloodCheck, FloodError, FloodErrorKind, FloodQuota, SITE_FACTOR};
pub use self::meter::{EstimatingMeter, Meter, MeterError, MeterErrorKind};
pub use self::plan::{Dimension, Limit, MAX_LIMITS, Measure, Per, Plan, Plans, PlansError, PlansErrorKind};

#[cfg(test)]
mod tests;
