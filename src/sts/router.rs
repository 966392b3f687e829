use super::Sts;
use super::service::path;
use axum::body::Body;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response};

impl Sts {
    /// A router that serves the endpoint, the public keys and the metadata at the paths of their URLs. It stands beside a gate, not behind it.
    pub fn router(&self) -> axum::Router {
        let document = |read: fn(&Self) -> bytes::Bytes| {
            let sts = self.clone();
            get(move || std::future::ready(document(read(&sts))))
        };
        axum::Router::new()
            .route_service(path(&self.0.endpoint), self.endpoint())
            .route(path(&self.jwks_url()), document(Self::jwks))
            .route(&self.metadata_path(), document(Self::metadata))
    }
}

/// Not for long: whoever has old keys asks again for one that is not among them.
fn document(body: bytes::Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}
