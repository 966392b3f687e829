use super::Gate;
use crate::delegate::{ActOnBehalfLayer, ActOnBehalfLayerBuilder, CredentialExchange};

impl Gate {
    /// Begins a layer for calls on behalf of this gate's callers: on the gate's clock, and for nobody whom the gate has revoked. The
    /// gate must [keep their credentials](super::GateBuilder::keep_credential).
    pub fn act_on_behalf(&self, exchange: CredentialExchange) -> ActOnBehalfLayerBuilder {
        ActOnBehalfLayer::builder(exchange).revocations(self.revocations().clone()).clock(self.clock.clone())
    }
}
