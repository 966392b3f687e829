//! Which client asks: each is known in one way, and shows exactly that one.

use super::actor::Proof;
use super::error::Failure;
use super::form::{Form, decoded};
use super::service::{Client, Desk};
use crate::jose::{Jws, json};
use crate::principal::{PeerCertificate, TlsConnection, Workload, WorkloadPattern};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that has shown who it is.
pub(super) struct Authenticated<'d> {
    pub(super) client: &'d Client,
    /// The certificate by which it has.
    pub(super) certificate: Option<PeerCertificate>,
}

/// What stands in `Authorization: Basic`.
struct Basic {
    id: String,
    secret: SecretString,
}

impl Desk {
    pub(super) async fn authenticate(
        &self,
        headers: &HeaderMap,
        tls: Option<&TlsConnection>,
        form: &Form,
    ) -> Result<Authenticated<'_>, Failure> {
        let basic = basic(headers)?;
        if basic.is_some() && form.assertion.is_some() {
            return Err(Failure::request("the client shows who it is in two ways; show one"));
        }
        if form.assertion.is_some() != form.assertion_type.is_some()
            || form.assertion_type.as_deref().is_some_and(|kind| kind != ASSERTION_TYPE)
        {
            return Err(Failure::request("an assertion comes with its client_assertion_type, jwt-bearer"));
        }
        let named = match (&basic, &form.assertion) {
            (Some(basic), _) => Some(basic.id.clone()),
            (None, Some(assertion)) => {
                Some(issuer(assertion).ok_or_else(|| Failure::client().cause("the assertion names nobody"))?)
            }
            (None, None) => form.client_id.clone(),
        };
        if form.client_id.is_some() && form.client_id != named {
            return Err(Failure::request("client_id is another one than that which shows who it is"));
        }
        let named = named.ok_or_else(|| Failure::client().cause("no client is named"))?;
        let clients = self.clients.iter().enumerate();
        let Some((number, client)) = clients.into_iter().find(|(_, client)| *client.rules.id == *named)
        else {
            return Err(Failure::client().cause("the client is not known"));
        };
        match (&client.rules.proof, basic, &form.assertion) {
            (Proof::Certificate(pattern), None, None) => {
                let certificate = self.certificate(tls, pattern)?;
                Ok(Authenticated { client, certificate: Some(certificate) })
            }
            (Proof::Secret(secret), Some(basic), None) => match is_same(secret, &basic.secret) {
                true => Ok(Authenticated { client, certificate: None }),
                false => Err(Failure::client().cause("the secret is another one")),
            },
            (Proof::Key(_), None, Some(assertion)) => {
                self.assertion(number, client, assertion).await?;
                Ok(Authenticated { client, certificate: None })
            }
            (proof, ..) => Err(Failure::client()
                .cause(format!("the client is known by {}, and shows another way", proof.method()))),
        }
    }

    /// The certificate of the connection, which the handshake has verified: its time and revocation are looked at now.
    fn certificate(
        &self,
        tls: Option<&TlsConnection>,
        pattern: &WorkloadPattern,
    ) -> Result<PeerCertificate, Failure> {
        let failed = |cause: String| Failure::client().cause(cause);
        let shown = tls.and_then(TlsConnection::peer_certificate);
        let certificate = shown.ok_or_else(|| failed("the client has shown no certificate".to_owned()))?;
        let workload = Workload::of(certificate);
        let workload = workload.ok_or_else(|| failed("the certificate names no machine".to_owned()))?;
        if !pattern.matches(&workload) {
            return Err(failed(format!("the certificate is that of {}", workload.id())));
        }
        let now = self.clock().now();
        // The last second is part of it (RFC 5280 §4.1.2.5).
        if now < certificate.not_before() || now.as_secs() > certificate.not_after().as_secs() {
            return Err(failed("the certificate does not hold now".to_owned()));
        }
        #[cfg(feature = "tls")]
        if let Some(Err(error)) = self.again.as_ref().map(|again| again.check(certificate, now)) {
            return Err(failed(format!("the certificate: {error}, by the bundles in force now")));
        }
        match self.revocations.find(certificate) {
            Some(by) => Err(failed(format!("the certificate was revoked, by {by}"))),
            None => Ok(certificate.clone()),
        }
    }

    /// RFC 7523 §3.
    async fn assertion(
        &self,
        number: usize,
        client: &Client,
        assertion: &SecretString,
    ) -> Result<(), Failure> {
        let failed = |cause: String| Failure::client().cause(format!("the assertion: {cause}"));
        let examiner = client.assertions.as_ref().expect("a client that is known by its key has one");
        let examined = examiner.examine(assertion.expose_secret()).await;
        let examined = examined.map_err(|error| failed(error.to_string()))?;
        if examined.principal.name() != &*client.rules.id {
            return Err(failed("its subject is another client".to_owned()));
        }
        let Some(id) = examined.principal.credential().identifier() else {
            return Err(failed("claim `jti` is missing".to_owned()));
        };
        let (now, elapsed) = (self.clock().now(), self.clock().elapsed());
        // It is taken for that long, leeway included.
        let until = examined.principal.credential().expires_at().unwrap_or(examined.expires);
        let forget_at = elapsed.saturating_add(until.saturating_since(now));
        match self.replays.is_first(number, id, elapsed, forget_at) {
            true => Ok(()),
            false => Err(failed("its `jti` has come before".to_owned())),
        }
    }
}

/// RFC 6749 §2.3.1: both parts are encoded as in a form.
fn basic(headers: &HeaderMap) -> Result<Option<Basic>, Failure> {
    let malformed = || Failure::request("Authorization is not Basic with a client_id and a secret");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Failure::request("Authorization came more than once"));
    }
    let (scheme, rest) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let pair = STANDARD.decode(rest.trim_start()).map_err(|_| malformed())?;
    let colon = pair.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let id = decoded(&pair[..colon]).ok_or_else(malformed)?;
    let secret = decoded(&pair[colon + 1..]).ok_or_else(malformed)?;
    Ok(Some(Basic { id, secret: secret.into() }))
}

/// Whom an assertion says it is of; nobody believes it yet.
fn issuer(assertion: &SecretString) -> Option<String> {
    let jws = Jws::parse(assertion.expose_secret()).ok()?;
    let claims = json::object(jws.unverified_payload().clone(), "claims").ok()?;
    claims.root().get("iss")?.as_str().map(str::to_owned)
}

/// By their hashes, in constant time: neither length nor content is told by how long it takes.
fn is_same(one: &SecretString, other: &SecretString) -> bool {
    let hash = |secret: &SecretString| digest(&SHA256, secret.expose_secret().as_bytes());
    verify_slices_are_equal(hash(one).as_ref(), hash(other).as_ref()).is_ok()
}
