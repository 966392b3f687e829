use super::connect::Connector;
use super::error::chain;
use super::within::Within;
use super::{Fetch, FetchError, FetchErrorKind, Fetching, HttpsClientBuilder};
use crate::clock::SharedClock;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// Idle connections are kept this long.
const IDLE: Duration = Duration::from_secs(30);
const MOST_IDLE: usize = 4;
/// Room for the head of an answer, in bytes.
const HEAD: usize = 64 * 1024;

/// The client behind [`Fetch`] unless the host brings one. Cheap to clone; clones share their connections.
///
/// It needs a tokio runtime when it fetches, not when it is built.
#[derive(Clone)]
pub struct HttpsClient(Arc<Inner>);

/// A client of HTTP over connections that are made by the rules.
pub(crate) type StreamingClient<B> = legacy::Client<Within<HttpsConnector<Connector>>, B>;

struct Inner {
    client: StreamingClient<Full<Bytes>>,
    connector: Connector,
    max_bytes: usize,
    clock: SharedClock,
}

impl HttpsClient {
    /// Begins a client. See the [module](super) for what it promises.
    pub fn builder() -> HttpsClientBuilder {
        HttpsClientBuilder::new()
    }

    pub(super) fn new(
        connector: Connector,
        config: ClientConfig,
        max_bytes: usize,
        clock: SharedClock,
    ) -> Self {
        let client = pooled(connector.clone(), config);
        Self(Arc::new(Inner { client, connector, max_bytes, clock }))
    }
}

/// Makes the client of HTTP/1.1 beneath.
pub(super) fn pooled<B>(connector: Connector, config: ClientConfig) -> StreamingClient<B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    let limit = connector.time_limit;
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(HEAD)
        .build(Within::new(https, limit))
}

impl Fetch for HttpsClient {
    fn fetch(&self, request: Request<Bytes>) -> Fetching {
        let inner = Arc::clone(&self.0);
        Fetching::new(async move {
            // A connection from the pool was checked when it was made; a URL that may not be asked at all is refused here.
            inner.connector.rules.target(request.uri())?;
            let limit = inner.connector.time_limit;
            let mut too_late = inner.clock.sleep(limit);
            let mut answer = pin!(inner.answer(request));
            poll_fn(|cx| {
                if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                    return Poll::Ready(answer);
                }
                std::pin::Pin::new(&mut too_late)
                    .poll(cx)
                    .map(|()| Err(FetchErrorKind::Timeout(limit).into()))
            })
            .await
        })
    }
}

impl Inner {
    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| failure(&error))?;
        let (parts, body) = answer.into_parts();
        let identity = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !parts.headers.get_all(CONTENT_ENCODING).iter().all(identity) {
            return Err(FetchErrorKind::Encoded.into());
        }
        let too_large = || FetchErrorKind::TooLarge { limit: self.max_bytes };
        let announced = parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > self.max_bytes as u64) {
            return Err(too_large().into());
        }
        match Limited::new(body, self.max_bytes).collect().await {
            Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large().into()),
            Err(error) => Err(FetchErrorKind::Protocol(chain(&*error)).into()),
        }
    }
}

impl fmt::Debug for HttpsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsClient")
            .field("rules", &self.0.connector.rules)
            .field("time_limit", &self.0.connector.time_limit)
            .field("max_bytes", &self.0.max_bytes)
            .finish_non_exhaustive()
    }
}

/// Our own error where the connector made one, else what hyper says.
pub(crate) fn failure(error: &legacy::Error) -> FetchError {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<FetchError>() {
            return ours.clone();
        }
        next = error.source();
    }
    match error.is_connect() {
        true => FetchErrorKind::Connect(chain(error)).into(),
        false => FetchErrorKind::Protocol(chain(error)).into(),
    }
}
