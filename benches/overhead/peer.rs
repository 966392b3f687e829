//! Which machine is calling.

use crate::measure::{Report, nanos_of_both};
use crate::world::{drive, request};
use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use portcullis::clock::UnixTime;
use portcullis::exchange::{Check, Context, Exchange, MatchRouteLayer, Step, StepId, StepLayer};
use portcullis::payload::OpenAiChat;
use portcullis::peer::{PeerRules, RequirePeerLayer};
use portcullis::principal::{Revocations, TlsConnection};
use portcullis::route::{Route, RouteTable};
use portcullis::testing::CertificateAuthority;
use portcullis::trust::{Pem, TrustBundles};
use std::convert::Infallible;
use std::time::{Duration, SystemTime};
use tower::{Layer, Service, ServiceExt, service_fn};

struct Permit;

impl Step for Permit {
    fn id(&self) -> StepId {
        StepId::Peer
    }

    fn check(&self, _parts: &mut http::request::Parts, _exchange: &Exchange) -> Check {
        Check::Permit
    }
}

/// What the layer costs over a step that permits: exact names, patterns, lifetime, a revocation list that is not empty.
pub(crate) fn identity(report: &mut Report) {
    let authority = CertificateAuthority::new("prod.test");
    let bundles = TrustBundles::builder().spiffe("prod.test", Pem::text(authority.pem())).build();
    let gateway = authority.spiffe("spiffe://prod.test/ns/chat/sa/gateway").issue();
    let verified = bundles
        .expect("one root")
        .verify_client(gateway.chain(), UnixTime::from(SystemTime::now()))
        .expect("just issued");
    let tls = TlsConnection::with_peer(verified);
    let revocations = Revocations::new();
    for number in 0..1_000_u32 {
        revocations.revoke_serial(b"another issuer", &number.to_be_bytes());
        revocations.revoke_fingerprint([number as u8; 32]);
    }
    let rules = PeerRules::new()
        .workload("spiffe://prod.test/ns/chat/sa/other".parse().expect("a pattern"))
        .workload("spiffe://prod.test/ns/*/sa/gateway".parse().expect("a pattern"))
        .max_lifetime(Duration::from_secs(24 * 60 * 60))
        .revocations(revocations);
    let context = Context::default();
    let peers =
        RequirePeerLayer::builder(rules).context(context.clone()).build().expect("somebody may enter");
    for (what, machine_only, budget) in [
        ("peer: identity of each request", false, Some(0.1)),
        ("peer: the machine as the principal", true, None),
    ] {
        let route = Route::post("/v1/chat/completions").dialect(OpenAiChat);
        let route = if machine_only { route.machine_only() } else { route.scope("generate:invoke") };
        let routes = || {
            let table = RouteTable::new([route.clone()]).expect("one route");
            MatchRouteLayer::builder(table).context(context.clone()).build()
        };
        let with = asks(routes().layer(peers.layer(innermost())), &tls);
        let without = asks(routes().layer(StepLayer::new(Permit, context.clone()).layer(innermost())), &tls);
        let (with, without) = nanos_of_both(with, without);
        let cost = (with - without) / 1_000.0;
        match budget {
            Some(budget) => report.at_most(what, cost, budget, "µs"),
            None => report.note(what, cost, "µs"),
        }
    }
}

fn innermost()
-> impl Service<Request<Body>, Response = http::Response<Body>, Error = Infallible, Future = impl Send> + Clone
{
    service_fn(|_request: Request<Body>| std::future::ready(Ok(http::Response::new(Body::empty()))))
}

fn asks<S>(mut service: S, tls: &TlsConnection) -> impl FnMut()
where
    S: Service<Request<Body>>,
    S::Error: std::fmt::Debug,
{
    let (body, tls) = (Bytes::from_static(b"{}"), tls.clone());
    move || {
        let mut request = request(&body, None);
        request.extensions_mut().insert(tls.clone());
        drive(async { service.ready().await.expect("ready").call(request).await.expect("answers") });
    }
}
