use super::{Exchange, PeerFacts};
use crate::exchange::forwarded::ForwardedCertificates;
use crate::principal::{PlanName, Principal, TlsConnection, Workload};
use crate::refusal::Refusal;

/// The machine that calls.
pub(super) struct Machine {
    workload: Workload,
    /// Of what it asks for itself.
    plan: Option<PlanName>,
}

/// What the connection of a request has shown.
impl Exchange {
    /// The TLS connection that the request came over, if it came over one.
    pub fn tls(&self) -> Option<&TlsConnection> {
        self.0.tls.get()
    }

    /// Keeps what came in headers about certificates, for a layer that knows which proxy to believe. Only the first counts: a
    /// second layer finds nothing in the headers.
    pub(in crate::exchange) fn put_aside(&self, forwarded: ForwardedCertificates) {
        self.0.forwarded.get_or_init(|| Box::new(forwarded));
    }

    #[cfg(feature = "tls")]
    pub(crate) fn forwarded_certificates(&self) -> Option<&ForwardedCertificates> {
        self.0.forwarded.get().map(|forwarded| &**forwarded)
    }

    /// The certificate that counts, once it was verified: behind a proxy, the one that the proxy hands on.
    pub fn peer(&self) -> Option<&PeerFacts> {
        self.0.peer.get()
    }

    #[cfg(feature = "tls")]
    /// Says which certificate counts. Whoever looks at certificates further in takes this one.
    pub(crate) fn set_peer(&self, peer: PeerFacts) -> Result<(), Refusal> {
        self.0
            .peer
            .set(peer)
            .map_err(|_| Refusal::misconfigured("two layers look at the certificate of one request"))
    }

    /// Which machine calls, once its certificate was found to hold and to be let in.
    pub fn workload(&self) -> Option<&Workload> {
        self.0.machine.get().map(|machine| &machine.workload)
    }

    /// The machine as a principal, for a request that it makes for itself.
    pub(crate) fn machine(&self) -> Option<Principal> {
        let Machine { workload, plan } = self.0.machine.get()?;
        let principal = Principal::of_workload(workload.clone());
        Some(match plan {
            Some(plan) => principal.plan(plan.clone()).build(),
            None => principal.build(),
        })
    }

    #[cfg(feature = "tls")]
    /// Says which machine calls, and the plan of what it asks for itself. Before anybody says who asks, so that the principal knows it.
    pub(crate) fn set_workload(&self, workload: Workload, plan: Option<PlanName>) -> Result<(), Refusal> {
        if self.principal().is_some() {
            return Err(Refusal::misconfigured(
                "a layer authenticated the caller before RequirePeerLayer: stack RequirePeerLayer outside of it",
            ));
        }
        self.0
            .machine
            .set(Machine { workload, plan })
            .map_err(|_| Refusal::misconfigured("two layers find out which machine calls"))
    }

    pub(in crate::exchange) fn set_tls(&self, tls: TlsConnection) -> Result<(), Refusal> {
        self.0.tls.set(tls).map_err(|_| Refusal::misconfigured("two layers find the connection of a request"))
    }
}
