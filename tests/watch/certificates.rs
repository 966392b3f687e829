//! Certificates that end while an answer is on its way.

use crate::site::{Site, seconds};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use portcullis::clock::Clock;
use portcullis::gate::Gate;
use portcullis::payload::PlainGenerate;
use portcullis::peer::{PeerRules, PersonRule};
use portcullis::principal::{PeerAddress, Subject, TlsConnection};
use portcullis::route::Route;
use portcullis::testing::{Certificate, CertificateAuthority};
use portcullis::trust::{Pem, TrustBundles};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Layer, ServiceExt, service_fn};

const GATEWAY: &str = "spiffe://prod.test/gateway";

struct Authorities {
    prod: CertificateAuthority,
    people: CertificateAuthority,
    bundles: TrustBundles,
}

fn authorities(site: &Site) -> Authorities {
    let prod = CertificateAuthority::with_clock("prod", site.clock.shared());
    let people = CertificateAuthority::with_clock("people", site.clock.shared());
    let bundles = TrustBundles::builder()
        .spiffe("prod.test", Pem::text(prod.pem()))
        .roots(Pem::text(people.pem()))
        .clock(site.clock.shared())
        .build()
        .unwrap();
    Authorities { prod, people, bundles }
}

fn gate(site: &Site, authorities: &Authorities) -> Gate {
    let people = PersonRule::by_email("https://people.test", Pem::text(authorities.people.pem()));
    let rules =
        PeerRules::new().trust_domain("prod.test".parse().unwrap()).person(people.scope("generate:invoke"));
    let scoped = |path: &'static str| Route::post(path).dialect(PlainGenerate);
    site.builder()
        .route(scoped("/internal").machine_only())
        .route(scoped("/generate").scope("generate:invoke"))
        .peers(rules)
        .build()
        .unwrap()
}

/// One event, and then nothing.
struct Silent(Option<Bytes>);

impl futures_core::Stream for Silent {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |event| Poll::Ready(Some(Ok(Frame::data(event)))))
    }
}

async fn ask(
    gate: &Gate,
    site: &Site,
    authorities: &Authorities,
    path: &str,
    certificate: &Certificate,
) -> Response<impl http_body::Body<Data = Bytes, Error = Infallible> + use<>> {
    let handler = service_fn(async |_| {
        let body = StreamBody::new(Silent(Some(Bytes::from_static(b"data: {\"text\":\"word\"}\n\n"))));
        Ok::<_, Infallible>(
            Response::builder().header("content-type", "text/event-stream").body(body).unwrap(),
        )
    });
    let verified = authorities.bundles.verify_client(certificate.chain(), site.clock.now()).unwrap();
    let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = Request::post(path)
        .header("host", "llm.test")
        .header("content-type", "application/json")
        .extension(PeerAddress(peer))
        .extension(TlsConnection::with_peer(verified))
        .body(Full::<Bytes>::from(r#"{"prompt":"hello","max_tokens":8,"stream":true}"#))
        .unwrap();
    gate.layer(handler).oneshot(request).await.unwrap()
}

/// What comes of an answer whose first event was read, when `ending` happens.
async fn cut(
    site: &Site,
    path: &str,
    certificate: impl Fn(&Authorities) -> Certificate,
    ending: impl FnOnce(),
) {
    let authorities = authorities(site);
    let gate = gate(site, &authorities);
    let response = ask(&gate, site, &authorities, path, &certificate(&authorities)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = Box::pin(response.into_body());
    assert!(body.frame().await.unwrap().unwrap().data_ref().unwrap().ends_with(b"word\"}\n\n"));
    let mut waiting = Box::pin(body.collect());
    let polled = std::future::poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending()));
    assert!(polled.await, "the answer waits");
    ending();
    let last = waiting.await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&last).contains("credential_ended"), "{last:?}");
}

fn machine(authorities: &Authorities) -> Certificate {
    authorities.prod.spiffe(GATEWAY).lifetime(seconds(60)).issue()
}

fn person(authorities: &Authorities) -> Certificate {
    authorities.people.person("Alice").email("alice@people.test").lifetime(seconds(60)).issue()
}

#[tokio::test]
async fn an_answer_ends_when_the_last_second_of_the_certificate_is_over() {
    for (path, certificate) in [("/internal", machine as fn(&_) -> _), ("/generate", person)] {
        let site = Site::new();
        let clock = site.clock.clone();
        cut(&site, path, certificate, || clock.advance(seconds(61))).await;
        let record = site.record();
        let told = (&record["decision"], &record["cause"]);
        assert_eq!(told, (&"cut".into(), &"the certificate has expired".into()));
    }
}

#[tokio::test]
async fn an_answer_ends_when_its_machine_is_revoked() {
    let site = Site::new();
    cut(&site, "/internal", machine, || site.revocations.revoke_workload(&GATEWAY.parse().unwrap())).await;
    assert_eq!(site.record()["cause"], "the certificate was revoked, by its SPIFFE ID");
    site.assert_no_more_records();
}

#[tokio::test]
async fn a_person_who_is_revoked_is_cut_and_not_let_in_again() {
    let alice = Subject::new("https://people.test", "alice@people.test");
    let site = Site::new();
    cut(&site, "/generate", person, || site.revocations.revoke_subject(&alice).unwrap()).await;
    assert_eq!(site.record()["cause"], "the credential was revoked, by its subject (sub)");
    let authorities = authorities(&site);
    let gate = gate(&site, &authorities);
    let response = ask(&gate, &site, &authorities, "/generate", &person(&authorities)).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let record = site.record();
    let told = (&record["rule"], &record["cause"]);
    assert_eq!(told, (&"peer:revoked".into(), &"the person is revoked, by its subject (sub)".into()));
}
