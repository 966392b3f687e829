#[cfg(feature = "delegate")]
use super::Exchange;
use super::{Record, UsageFacts};
use crate::refusal::Refusal;
use http::StatusCode;
use std::sync::Arc;

/// One call that was made further on for a request: to the next service, or to a provider of models. It holds no credential and
/// nothing of what was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallFacts {
    /// What the service there is called.
    pub hop: Arc<str>,
    /// What was shown there: `exchanged` for a credential that was exchanged for the caller's just now, `remembered` for one from
    /// before, `provider` for this service's own at a provider. `None` until there is one.
    pub credential: Option<&'static str>,
    /// The model asked for, where that is known.
    pub model: Option<Arc<str>>,
    /// The status of the answer, once its head has come.
    pub status: Option<StatusCode>,
    /// Why there was no call, or no answer.
    pub refusal: Option<Refusal>,
    /// What the model's units cost there.
    pub price: Option<Price>,
    /// The units that the answer of this call reported, where the handler has read them there: input and output count. Where the
    /// request itself was passed on, they are the request's.
    pub usage: Option<UsageFacts>,
    pub(crate) is_request: bool,
    /// Whether a model may have worked for it: it was handed to the client for a provider.
    pub(crate) may_have_run: bool,
}

impl CallFacts {
    /// More calls of one request are made, and counted in [`Record::calls_beyond`] alone.
    pub const MAX_CALLS: usize = 16;

    /// A call to `hop` of which nothing else is known.
    pub fn new(hop: impl Into<Arc<str>>) -> Self {
        Self {
            hop: hop.into(),
            credential: None,
            model: None,
            status: None,
            refusal: None,
            price: None,
            usage: None,
            is_request: false,
            may_have_run: false,
        }
    }

    /// The call passes the request on as it is, so that what its answer reports is what the request used.
    #[cfg(feature = "forward")]
    pub(crate) fn passing_on(hop: impl Into<Arc<str>>) -> Self {
        Self { is_request: true, ..Self::new(hop) }
    }

    /// What the call cost, in billionths of the price's currency, by the units of this call: its own, or those of `record` where the
    /// request was passed on. `None` where they are not known; one of several calls is not charged with what all of them used.
    pub fn cost(&self, record: &Record) -> Option<u64> {
        let of_request = record.usage.as_ref().filter(|_| self.is_request);
        let (price, usage) = (self.price.as_ref()?, self.usage.as_ref().or(of_request)?);
        price.of(usage.input?, usage.output?)
    }
}

/// What units of a model cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    currency: Arc<str>,
    input: u64,
    output: u64,
}

impl Price {
    /// A price in `currency` (ISO 4217: `USD`), in millionths of it for a million units of input and of output: 2.50 dollars are
    /// 2,500,000.
    pub fn per_million(currency: impl Into<Arc<str>>, input: u64, output: u64) -> Self {
        Self { currency: currency.into(), input, output }
    }

    /// The currency.
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// What so many units cost, in billionths of the currency, rounded up; `None` beyond what can be told.
    pub fn of(&self, input: u64, output: u64) -> Option<u64> {
        let picos = u128::from(input) * u128::from(self.input) + u128::from(output) * u128::from(self.output);
        u64::try_from(picos.div_ceil(1_000)).ok()
    }
}

/// The entry of one call in the record of its request. Without an exchange it notes nothing, and beyond the bound only that there was
/// one more.
#[derive(Clone, Debug, Default)]
#[cfg(feature = "delegate")]
pub(crate) struct CallNote(Option<(Exchange, usize)>);

#[cfg(feature = "delegate")]
impl CallNote {
    /// Begins the entry.
    pub(crate) fn begin(exchange: Option<Exchange>, call: CallFacts) -> Self {
        Self(exchange.and_then(|exchange| {
            let number = exchange.record(|record| {
                let number = record.calls.len();
                if number < CallFacts::MAX_CALLS {
                    record.calls.push(call);
                    return Some(number);
                }
                record.calls_beyond += 1;
                None
            });
            number.map(|number| (exchange, number))
        }))
    }

    /// Adds to the entry.
    pub(crate) fn note(&self, change: impl FnOnce(&mut CallFacts)) {
        if let Some((exchange, number)) = &self.0 {
            exchange.record(|record| record.calls.get_mut(*number).map(change));
        }
    }
}
