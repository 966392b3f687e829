//! What authorized a request: known to this crate alone, unlike the record, which every layer may write.

use super::Exchange;
use crate::exchange::{Ran, StepId};
use crate::route::Access;
use std::sync::atomic::{AtomicU8, Ordering};

/// What is known of the authorization of one request.
#[derive(Debug, Default)]
pub(super) struct Permits(AtomicU8);

/// One step of the authorization.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Permit {
    /// What the route demands was looked at.
    RouteAsked = 1,
    /// The route lets the caller in.
    Route = 2,
    /// The policies were asked about everything that the request touches.
    PolicyAsked = 4,
    /// They permit it.
    Policy = 8,
}

impl Exchange {
    /// Notes a step. It is never taken back.
    pub(crate) fn note_permit(&self, permit: Permit) {
        self.0.permits.0.fetch_or(permit as u8, Ordering::Relaxed);
    }

    pub(crate) fn has_permit(&self, permit: Permit) -> bool {
        self.0.permits.0.load(Ordering::Relaxed) & permit as u8 != 0
    }

    /// Whether the request was authorized by everything that is stacked for it. What was only pardoned, because the gate observes, was not.
    pub(crate) fn is_authorized(&self) -> bool {
        let stacked = self.0.context.stacked()[StepId::Policy as usize] != Ran::Off;
        let must_be_permitted = stacked || self.has_permit(Permit::PolicyAsked) || self.is_by_policy();
        self.has_permit(Permit::Route) && (!must_be_permitted || self.has_permit(Permit::Policy))
    }

    /// Whether a caller was let in because the policies would decide, and nobody asked them.
    pub(in crate::exchange) fn lacks_policy(&self) -> bool {
        self.is_by_policy() && self.has_permit(Permit::Route) && !self.has_permit(Permit::PolicyAsked)
    }

    fn is_by_policy(&self) -> bool {
        self.route().is_some_and(|route| *route.access() == Access::Policy)
    }
}
