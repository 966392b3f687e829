use super::{Exchange, RequestPayload};
use crate::exchange::ReadFacts;
use crate::payload::Edit;
use crate::refusal::Refusal;
use std::sync::Arc;

/// The body of the request, and what is read in it.
impl Exchange {
    /// The body, once read. `None` before, and for a request without one.
    pub fn payload(&self) -> Option<RequestPayload> {
        self.state().payload.clone()
    }

    /// Puts in the body that was read.
    pub(crate) fn set_payload(&self, payload: RequestPayload) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.payload.is_some() {
            return Err(Refusal::misconfigured("two layers read the body of one request"));
        }
        state.payload = Some(payload);
        Ok(())
    }

    /// Changes the body that goes on to the handler, and everything that was read in it.
    ///
    /// # Errors
    /// When nothing has been read, or the changed body no longer fits its dialect.
    pub fn edit_payload(&self, edits: &[Edit]) -> Result<(), Refusal> {
        let broken = |why: String| Refusal::misconfigured(format!("an edit of the payload broke it: {why}"));
        let (Some(payload), Some(dialect)) =
            (self.payload(), self.route().and_then(|route| route.body_dialect()))
        else {
            return Err(Refusal::misconfigured("the payload was edited before it was read"));
        };
        let document = payload.document.edit(edits).map_err(|error| broken(error.to_string()))?;
        let facts =
            dialect.read_again(&document, &payload.facts).map_err(|error| broken(error.to_string()))?;
        let mut state = self.state();
        state.payload = Some(RequestPayload { document, facts: Arc::new(facts) });
        state.edited = true;
        Ok(())
    }

    /// Says by which name the model is known from here on: in the facts and in the record.
    pub(crate) fn name_model(&self, model: Arc<str>) {
        let mut state = self.state();
        if let Some(payload) = &mut state.payload {
            Arc::make_mut(&mut payload.facts).model = Some(model.clone());
        }
        if let Some(ReadFacts { model: recorded, .. }) = &mut state.record.read {
            *recorded = Some(model);
        }
    }
}
