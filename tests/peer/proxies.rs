use super::world::{AUDIENCE, GATEWAY, SOMEWHERE, World, ask, request, with_credential};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, Request, StatusCode};
use http_body_util::Full;
use portcullis::Gate;
use portcullis::peer::{CertificateHeader, TlsProxies};
use portcullis::principal::{PeerAddress, Revocations, TlsConnection};
use portcullis::testing::Certificate;
use serde_json::Value;
use std::time::Duration;

const INGRESS: &str = "spiffe://prod.test/ns/ingress/sa/nginx";
const NGINX: HeaderName = HeaderName::from_static("ssl-client-cert");

struct Site {
    world: World,
    gate: Gate,
    ingress: TlsConnection,
    client: Certificate,
    revocations: Revocations,
}

impl Site {
    fn new(header: CertificateHeader) -> Self {
        let world = World::new();
        let proxies = TlsProxies::new(header, world.bundles.clone()).workload(INGRESS.parse().unwrap());
        let revocations = Revocations::new();
        let rules = world.rules().forwarded(proxies).revocations(revocations.clone());
        let gate = world.gate(rules);
        let ingress = world.shown(&world.prod.spiffe(INGRESS).issue());
        let client = world.prod.spiffe(GATEWAY).issue();
        Self { world, gate, ingress, client, revocations }
    }

    /// The status, and the record, of a request that comes over `tls` with these headers.
    async fn ask(&self, tls: &TlsConnection, headers: &[(&str, String)]) -> (StatusCode, Value) {
        let (status, _, record) = self.ask_and_look(with(request("/internal", tls), headers)).await;
        (status, record)
    }

    async fn ask_and_look(&self, request: Request<Full<Bytes>>) -> (StatusCode, Value, Value) {
        let (status, answer) = ask(&self.gate, request).await;
        (status, answer, self.world.record())
    }

    /// The code of the refusal. Records of strangers who are alike would not be single ones.
    async fn refusal(&self, headers: &[(&str, String)]) -> String {
        let (status, answer) = ask(&self.gate, with(request("/internal", &self.ingress), headers)).await;
        assert!(status.is_client_error(), "{status} {headers:?}");
        answer["code"].as_str().unwrap().to_owned()
    }

    async fn assert_refused(&self, headers: &[(&str, String)], reason: &str) {
        assert_eq!(self.refusal(headers).await, reason, "{headers:?}");
    }
}

fn with(mut request: Request<Full<Bytes>>, headers: &[(&str, String)]) -> Request<Full<Bytes>> {
    for (name, value) in headers {
        request.headers_mut().append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    request
}

fn sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// As nginx and Envoy do: everything but letters, digits and a few marks.
fn escaped(pem: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    pem.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// The headers that a proxy sends for the client of a site.
type Headers<'a> = dyn Fn(&Site) -> Vec<(&'static str, String)> + 'a;

#[tokio::test]
async fn the_certificate_that_a_proxy_hands_on_counts_in_every_form() {
    let pem = |site: &Site| escaped(site.client.chain_pem());
    let forms: [(CertificateHeader, &Headers<'_>); 6] = [
        (CertificateHeader::rfc9440(), &|site| vec![("client-cert", sequence(&site.client.chain()[0]))]),
        (CertificateHeader::envoy(), &|site| {
            vec![("x-forwarded-client-cert", format!("Cert=\"{}\"", pem(site)))]
        }),
        (CertificateHeader::envoy(), &|site| {
            let value = format!(
                "By={INGRESS};Hash=468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688;Chain=\"{}\";Subject=\"CN=a \\\"b\\\",O=c\";URI={GATEWAY};DNS=a.test;DNS=b.test",
                pem(site)
            );
            vec![("x-forwarded-client-cert", value)]
        }),
        (CertificateHeader::envoy(), &|site| {
            vec![("x-forwarded-client-cert", format!("Cert={0};Chain={0}", pem(site)))]
        }),
        (CertificateHeader::escaped_pem(NGINX), &|site| vec![("ssl-client-cert", pem(site))]),
        (CertificateHeader::escaped_pem(HeaderName::from_static("x-who-calls")), &|site| {
            vec![("x-who-calls", pem(site))]
        }),
    ];
    for (header, headers) in forms {
        let site = Site::new(header.clone());
        let asked = with(request("/internal", &site.ingress), &headers(&site));
        let (status, answer, record) = site.ask_and_look(asked).await;
        assert_eq!(status, StatusCode::OK, "{header}: {record}");
        assert_eq!((&answer["who"], &answer["machine"]), (&GATEWAY.into(), &GATEWAY.into()));
        assert_eq!(answer["seen"], serde_json::json!([]), "the handler sees no header about certificates");
        assert_eq!(
            (&record["peer"]["workload"], &record["peer"]["through"]),
            (&GATEWAY.into(), &INGRESS.into())
        );
    }
}

#[tokio::test]
async fn a_chain_with_intermediates_is_handed_on_in_two_headers_or_in_one() {
    let site = Site::new(CertificateHeader::rfc9440());
    let below = site.world.prod.intermediate("below").intermediate("far below");
    let client = below.spiffe(GATEWAY).issue();
    let [leaf, far_below, below] = client.chain() else { panic!("a leaf and two intermediates") };
    let cert = ("client-cert", sequence(leaf));
    let one_line = ("client-cert-chain", format!("{}, {}", sequence(far_below), sequence(below)));
    assert_eq!(site.ask(&site.ingress, &[cert.clone(), one_line]).await.0, StatusCode::OK);
    let lines = [far_below, below].map(|der| ("client-cert-chain", sequence(der)));
    let [first, second] = lines;
    assert_eq!(site.ask(&site.ingress, &[cert.clone(), first, second]).await.0, StatusCode::OK);
    site.assert_refused(&[cert], "invalid_certificate").await;
    let site = Site::new(CertificateHeader::envoy());
    let client = site.world.prod.intermediate("below").spiffe(GATEWAY).issue();
    let value = format!("Chain=\"{}\"", escaped(client.chain_pem()));
    assert_eq!(site.ask(&site.ingress, &[("x-forwarded-client-cert", value)]).await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_a_proxy_hands_on_is_verified_again_like_any_certificate() {
    let site = Site::new(CertificateHeader::rfc9440());
    let header = |certificate: &Certificate| [("client-cert", sequence(&certificate.chain()[0]))];
    let World { prod, partner, .. } = &site.world;
    let hour = Duration::from_secs(3_600);
    // A root of another domain, an end, a name that may not enter.
    site.assert_refused(&header(&partner.spiffe(GATEWAY).issue()), "invalid_certificate").await;
    site.assert_refused(&header(&partner.spiffe("spiffe://partner.test/x").issue()), "forbidden").await;
    let short = prod.spiffe(GATEWAY).lifetime(hour).issue();
    assert_eq!(site.ask(&site.ingress, &header(&short)).await.0, StatusCode::OK);
    let mut forged = short.chain()[0].clone();
    *forged.last_mut().unwrap() ^= 1;
    site.assert_refused(&[("client-cert", sequence(&forged))], "invalid_certificate").await;
    // Revoked at this service.
    let revoked = site.world.shown(&short);
    site.revocations.revoke_fingerprint(*revoked.peer_certificate().unwrap().fingerprint());
    site.assert_refused(&header(&short), "invalid_certificate").await;
    // It ends while it is remembered, and the proxy's own does not.
    let site = Site::new(CertificateHeader::rfc9440());
    let ingress = site.world.shown(&site.world.prod.spiffe(INGRESS).lifetime(10 * hour).issue());
    let short = site.world.prod.spiffe(GATEWAY).lifetime(Duration::from_secs(30)).issue();
    assert_eq!(site.ask(&ingress, &header(&short)).await.0, StatusCode::OK);
    site.world.clock.advance(Duration::from_secs(31));
    let (_, answer) = ask(&site.gate, with(request("/internal", &ingress), &header(&short))).await;
    assert_eq!(answer["code"], "invalid_certificate");
}

#[tokio::test]
async fn a_proxy_whose_own_certificate_no_longer_holds_is_not_believed() {
    let site = Site::new(CertificateHeader::rfc9440());
    let header = [("client-cert", sequence(&site.client.chain()[0]))];
    assert_eq!(site.ask(&site.ingress, &header).await.0, StatusCode::OK);
    site.revocations.revoke_workload(&INGRESS.parse().unwrap());
    site.assert_refused(&header, "invalid_certificate").await;
}

#[tokio::test]
async fn from_anybody_else_the_headers_are_not_read() {
    let site = Site::new(CertificateHeader::rfc9440());
    let forged = [("client-cert", sequence(&site.client.chain()[0]))];
    // A workload of the same authority, which is no proxy, is itself whatever it says.
    let other = site.world.prod.spiffe("spiffe://prod.test/ns/chat/sa/other").issue();
    let asked = with(request("/internal", &site.world.shown(&other)), &forged);
    let (status, answer, record) = site.ask_and_look(asked).await;
    assert_eq!((status, &answer["who"]), (StatusCode::OK, &"spiffe://prod.test/ns/chat/sa/other".into()));
    assert_eq!((&answer["seen"], &record["peer"]["through"]), (&serde_json::json!([]), &Value::Null));
    // And who has shown nothing is nobody.
    let (_, record) = site.ask(&TlsConnection::new(), &forged).await;
    assert_eq!(record["reason"], "missing_certificate");
}

#[tokio::test]
async fn what_comes_through_a_proxy_without_a_certificate_is_never_taken_for_the_proxy() {
    for header in
        [CertificateHeader::rfc9440(), CertificateHeader::envoy(), CertificateHeader::escaped_pem(NGINX)]
    {
        let site = Site::new(header);
        site.assert_refused(&[], "missing_certificate").await;
    }
    let site = Site::new(CertificateHeader::escaped_pem(NGINX));
    site.assert_refused(&[("ssl-client-cert", String::new())], "missing_certificate").await;
    let site = Site::new(CertificateHeader::envoy());
    let told = format!("By={INGRESS};Hash=00;URI={GATEWAY}");
    site.assert_refused(&[("x-forwarded-client-cert", told)], "missing_certificate").await;
}

#[tokio::test]
async fn a_header_that_holds_more_than_one_client_or_none_that_can_be_read_is_refused() {
    let site = Site::new(CertificateHeader::rfc9440());
    let good = sequence(&site.client.chain()[0]);
    let cert = |value: &str| [("client-cert", value.to_owned())];
    let twice = [("client-cert", good.clone()), ("client-cert", good.clone())];
    site.assert_refused(&twice, "ambiguous_credential").await;
    site.assert_refused(&cert(&format!("{good}, {good}")), "ambiguous_credential").await;
    for bad in ["", "::", ":", "x", "MIIB", ":MIIB", ":not base64:", ":AAAA:;a=b", "?1", "\"a\""] {
        site.assert_refused(&cert(bad), "invalid_certificate").await;
    }
    site.assert_refused(&[cert(&good)[0].clone(), ("client-cert-chain", "x".into())], "invalid_certificate")
        .await;

    let site = Site::new(CertificateHeader::envoy());
    let pem = escaped(site.client.chain_pem());
    let xfcc = |value: String| [("x-forwarded-client-cert", value)];
    site.assert_refused(&xfcc(format!("Cert=\"{pem}\",Cert=\"{pem}\"")), "ambiguous_credential").await;
    site.assert_refused(&xfcc(format!("Cert=\"{pem}\";cert=\"{pem}\"")), "ambiguous_credential").await;
    site.assert_refused(&xfcc(format!("URI=a,Cert=\"{pem}\"")), "ambiguous_credential").await;
    for bad in [
        "",
        "Cert",
        "Cert=",
        "Cert=\"",
        "Cert=\"a\"b",
        "Cert=%",
        "Cert=%zz",
        "Cert=a\"b",
        "=a",
        "Cert=%ff",
        "C ert=a",
    ] {
        let reason = site.refusal(&xfcc(bad.to_owned())).await;
        assert!(["invalid_certificate", "missing_certificate"].contains(&&*reason), "{bad:?}: {reason}");
    }
    let another = escaped(site.world.prod.spiffe("spiffe://prod.test/x").issue().chain_pem());
    site.assert_refused(&xfcc(format!("Cert=\"{pem}\";Chain=\"{another}\"")), "invalid_certificate").await;

    let site = Site::new(CertificateHeader::escaped_pem(NGINX));
    let pem = escaped(site.client.chain_pem());
    let nginx = |value: String| [("ssl-client-cert", value)];
    site.assert_refused(&nginx(format!("{pem}{pem}")), "ambiguous_credential").await;
    site.assert_refused(&nginx(format!("x{pem}")), "invalid_certificate").await;
    site.assert_refused(&nginx(format!("{pem}x")), "invalid_certificate").await;
    site.assert_refused(&nginx(pem[..pem.len() / 2].to_owned()), "invalid_certificate").await;
}

#[tokio::test]
async fn an_address_is_believed_only_where_danger_was_said() {
    let world = World::new();
    let proxies = TlsProxies::new(CertificateHeader::rfc9440(), world.bundles.clone())
        .danger_network("192.0.2.0/24".parse().unwrap());
    let gate = world.gate(world.rules().forwarded(proxies));
    let client = world.prod.spiffe(GATEWAY).issue();
    let header = [("client-cert", sequence(&client.chain()[0]))];
    let asked = with(request("/internal", &TlsConnection::new()), &header);
    assert_eq!(ask(&gate, asked).await.0, StatusCode::OK);
    let record = world.record();
    assert_eq!((&record["peer"]["workload"], &record["peer"]["through"]), (&GATEWAY.into(), &Value::Null));
    // Who has shown a certificate of its own is itself, wherever it comes from.
    let other = world.shown(&world.prod.spiffe("spiffe://prod.test/other").issue());
    let (_, answer) = ask(&gate, with(request("/internal", &other), &header)).await;
    assert_eq!(answer["who"], "spiffe://prod.test/other");
    let mut elsewhere = with(request("/internal", &TlsConnection::new()), &header);
    assert_eq!(SOMEWHERE, "192.0.2.7:4711");
    elsewhere.extensions_mut().insert(PeerAddress("198.51.100.7:4711".parse().unwrap()));
    assert_eq!(ask(&gate, elsewhere).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn headers_about_certificates_are_taken_out_without_the_layer_too() {
    let world = World::new();
    let gate = portcullis::Gate::builder()
        .clock(world.clock.shared())
        .issuer(world.issuer.trusted().audience(super::world::AUDIENCE))
        .open(http::Method::GET, "/healthz")
        .danger_without_limits()
        .audit(world.log.clone())
        .build()
        .unwrap();
    let names = [
        "client-cert",
        "client-cert-chain",
        "x-forwarded-client-cert",
        "ssl-client-cert",
        "ssl-client-verify-cert",
        "x-ssl-client-cert",
        "x-client-cert",
        "x-forwarded-tls-client-cert",
        "x-amzn-mtls-clientcert",
        "x-arr-clientcert",
    ];
    let headers = names.map(|name| (name, "a".to_owned()));
    let (status, answer) = ask(&gate, with(request("/healthz", &TlsConnection::new()), &headers)).await;
    assert_eq!((status, &answer["seen"]), (StatusCode::OK, &serde_json::json!([])));
}

#[tokio::test]
async fn a_credential_is_bound_to_the_certificate_that_the_proxy_hands_on_and_not_to_the_proxys_own() {
    let site = Site::new(CertificateHeader::rfc9440());
    let client = site.world.shown(&site.client);
    let handed_on = [("client-cert", sequence(&site.client.chain()[0]))];
    for (bound_to, status) in [(&client, StatusCode::OK), (&site.ingress, StatusCode::UNAUTHORIZED)] {
        let hash = URL_SAFE_NO_PAD.encode(bound_to.peer_certificate().unwrap().fingerprint());
        let alice = site.world.issuer.credential("alice").audience(AUDIENCE).scope("generate:invoke");
        let alice = alice.claim("cnf", serde_json::json!({ "x5t#S256": hash })).sign();
        let request = with_credential(with(request("/generate", &site.ingress), &handed_on), &alice);
        assert_eq!(ask(&site.gate, request).await.0, status);
    }
}
