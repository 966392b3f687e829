use super::error::Failure;
use super::exchange::Exchanged;
use super::form::Form;
use super::record::{ExchangeRecord, Pending};
use super::service::Desk;
use crate::body::{NotGathered, WholeBody, gather};
use crate::exchange::client_request_id;
use crate::jwt::bearer::is_form;
use crate::jwt::dpop::DPOP;
use crate::principal::{PeerAddress, PeerConnection, TlsConnection, Workload};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, PRAGMA, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use http_body::Body;
use secrecy::ExposeSecret;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

const MAX_BODY: usize = 16 * 1024;
const MAX_TIME: Duration = Duration::from_secs(10);

/// Takes requests for exchanges; see the [module](super). Cheap to clone.
///
/// Certificates are those of the [`TlsConnection`] in the extensions of the request, which a TLS acceptor of this crate puts there.
#[derive(Clone, Debug)]
pub struct ExchangeEndpoint(pub(super) Arc<Desk>);

impl<B> Service<Request<B>> for ExchangeEndpoint
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<WholeBody>;
    type Error = Infallible;
    type Future = ExchangeFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ExchangeFuture {
        let desk = self.0.clone();
        ExchangeFuture(Box::pin(async move {
            match desk.take(request).await {
                Ok(exchanged) => issued(&exchanged),
                Err(failure) => refused(&failure),
            }
        }))
    }
}

/// The future of an [`ExchangeEndpoint`].
pub struct ExchangeFuture(Pin<Box<dyn Future<Output = Response<WholeBody>> + Send>>);

impl Future for ExchangeFuture {
    type Output = Result<Response<WholeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ExchangeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExchangeFuture")
    }
}

impl Desk {
    async fn take<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Result<Exchanged, Failure> {
        let (parts, body) = request.into_parts();
        let stranger = |failure: Failure| {
            self.recorder.stranger(failure.error, failure.cause.as_deref());
            failure
        };
        let form = self.read(&parts, body).await.map_err(stranger)?;
        let tls = tls(&parts);
        let by = self.authenticate(&parts.headers, tls.as_ref(), &form).await.map_err(stranger)?;
        let workload = by.certificate.as_ref().and_then(Workload::of);
        let record = ExchangeRecord {
            time: self.clock().now(),
            request_id: self.context.ids().next().to_string(),
            client_request_id: client_request_id(&parts).map(String::from),
            client: address(&parts),
            actor: by.client.rules.id.to_string(),
            authenticated_by: by.client.rules.proof.method(),
            workload: workload.map(|workload| workload.id().as_str().to_owned()),
            issuer: None,
            subject: None,
            exchanged_id: None,
            actors: Vec::new(),
            audience: None,
            scopes: Vec::new(),
            credential_id: None,
            expires: None,
            bound: None,
            decision: "refused",
            reason: None,
            cause: None,
            strangers: 0,
        };
        let mut pending = Pending::new(&self.recorder, record);
        let exchanged = match self.proof(&parts.headers) {
            Ok(key) => self.exchange(&by, &form, key, pending.record()).await,
            Err(failure) => Err(failure),
        };
        let record = pending.record();
        match &exchanged {
            Ok(_) => record.decision = "issued",
            Err(failure) => {
                record.reason = Some(failure.error);
                record.cause = failure.cause.clone().or_else(|| Some(failure.public.to_string()));
            }
        }
        // What is not recorded has not happened: the credential goes nowhere.
        let kept = pending.keep();
        kept.map_err(|error| Failure::unavailable(format!("the record could not be kept: {error}")))?;
        exchanged
    }

    async fn read<B: Body<Data = Bytes>>(&self, parts: &request::Parts, body: B) -> Result<Form, Failure> {
        if parts.method != Method::POST {
            return Err(Failure::form(StatusCode::METHOD_NOT_ALLOWED, "send the form by POST"));
        }
        if parts.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Failure::request("parameters stand in the form, and none in the query"));
        }
        if !is_form(&parts.headers) {
            let public = "send the parameters as application/x-www-form-urlencoded";
            return Err(Failure::form(StatusCode::UNSUPPORTED_MEDIA_TYPE, public));
        }
        let gathered = gather(body, MAX_BODY, MAX_TIME, &**self.clock()).await;
        let form = gathered.map_err(|why| match why {
            NotGathered::TooLong => {
                Failure::form(StatusCode::PAYLOAD_TOO_LARGE, "the form is longer than 16 KiB")
            }
            NotGathered::TooSlow => {
                Failure::form(StatusCode::REQUEST_TIMEOUT, "the form did not arrive in time")
            }
            NotGathered::BrokeOff => Failure::request("the form broke off"),
        })?;
        Form::read(&form)
    }

    /// The key of the DPoP proof, if there is one (RFC 9449 §5).
    fn proof(&self, headers: &HeaderMap) -> Result<Option<[u8; 32]>, Failure> {
        let mut proofs = headers.get_all(DPOP).iter();
        let Some(proof) = proofs.next() else { return Ok(None) };
        if proofs.next().is_some() {
            return Err(Failure::dpop("more than one proof came".to_owned()));
        }
        let proof = proof.to_str().map_err(|_| Failure::dpop("the proof is not visible ASCII".to_owned()))?;
        self.dpop.check_key(proof).map(Some).map_err(|error| Failure::dpop(error.to_string()))
    }
}

fn tls(parts: &request::Parts) -> Option<TlsConnection> {
    connection(parts).and_then(|connection| connection.tls).or_else(|| parts.extensions.get().cloned())
}

fn address(parts: &request::Parts) -> Option<IpAddr> {
    let of_connection = connection(parts).map(|connection| connection.address);
    let address = of_connection.or_else(|| parts.extensions.get::<PeerAddress>().map(|peer| peer.0));
    address.map(|address| address.ip().to_canonical())
}

/// What an acceptor has told axum of the connection.
fn connection(parts: &request::Parts) -> Option<PeerConnection> {
    #[cfg(feature = "axum")]
    if let Some(info) = parts.extensions.get::<axum::extract::ConnectInfo<PeerConnection>>() {
        return Some(info.0.clone());
    }
    parts.extensions.get::<PeerConnection>().cloned()
}

/// RFC 8693 §2.2.1.
fn issued(exchanged: &Exchanged) -> Response<WholeBody> {
    let body = serde_json::json!({
        "access_token": exchanged.credential.expose_secret(),
        "issued_token_type": exchanged.kind,
        "token_type": if exchanged.is_dpop { "DPoP" } else { "Bearer" },
        "expires_in": exchanged.expires_in,
        "scope": exchanged.scope,
    });
    respond(StatusCode::OK, body.to_string())
}

/// RFC 6749 §5.2.
fn refused(failure: &Failure) -> Response<WholeBody> {
    let body = serde_json::json!({ "error": failure.error, "error_description": &*failure.public });
    let mut response = respond(failure.status, body.to_string());
    let headers = response.headers_mut();
    match failure.status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        StatusCode::UNAUTHORIZED => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"exchange\""));
        }
        _ => {}
    }
    response
}

/// RFC 6749 §5.1: never stored.
fn respond(status: StatusCode, body: String) -> Response<WholeBody> {
    let length = body.len();
    let mut response = Response::new(WholeBody::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}
