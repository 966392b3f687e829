//! axum extractors: a handler takes what the gate verified and read, as values.
//!
//! ```
//! use axum::Json;
//! use portcullis::{Payload, Principal};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Generate {
//!     prompt: String,
//! }
//!
//! async fn generate(principal: Principal, Payload(request): Payload<Generate>) -> Json<String> {
//!     Json(format!("{} asks: {}", principal.name(), request.prompt))
//! }
//! # let _ = generate;
//! ```
//!
//! Where the gate did not run, an extractor refuses: a handler that demands a [`Principal`] cannot be reached around it.

use crate::authorize::Authorized;
#[cfg(feature = "delegate")]
use crate::delegate::OnBehalfOf;
use crate::exchange::Exchange;
use crate::principal::{Principal, Workload};
use crate::protect::CacheScope;
use crate::refusal::{ProblemJson, Refusal, RefusalKind, Respond, escaped};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use std::ops::{Deref, DerefMut};

/// The body of the request, deserialized from the document that the gate parsed and inspected.
///
/// The body itself stays whole for others to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Payload<T>(pub T);

impl<T> Deref for Payload<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Payload<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Payload<T> {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "Payload<T>")?;
        let payload = exchange.payload().ok_or_else(|| {
            let cause =
                "a handler takes Payload<T> on a route without a dialect: add .dialect(…) to the route";
            RefusalResponse::of(exchange, Refusal::misconfigured(cause))
        })?;
        payload.document.deserialize().map(Self).map_err(|error| {
            let public = format!("the body does not fit what this path takes: {error}");
            RefusalResponse::of(exchange, Refusal::new(RefusalKind::MalformedRequest, public))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Principal {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "Principal")?;
        exchange.principal().cloned().ok_or_else(|| {
            let cause = "a handler takes a Principal on an open route, or no layer authenticates";
            RefusalResponse::of(exchange, Refusal::misconfigured(cause))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Workload {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "Workload")?;
        exchange.workload().cloned().ok_or_else(|| {
            let cause = "a handler takes a Workload on a route that machines need no certificate for";
            RefusalResponse::of(exchange, Refusal::misconfigured(cause))
        })
    }
}

#[cfg(feature = "delegate")]
impl<S: Sync> FromRequestParts<S> for OnBehalfOf {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "OnBehalfOf")?;
        Self::of(parts).ok_or_else(|| {
            let cause = "a handler acts on behalf of a caller on an open route, or no layer authenticates";
            RefusalResponse::of(exchange, Refusal::misconfigured(cause))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for CacheScope {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "CacheScope")?;
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            let cause = "a handler takes a CacheScope on an open route, or the gate keeps no caches apart: call \
                         .cache_scopes(CacheScopes::new(secret))";
            RefusalResponse::of(exchange, Refusal::misconfigured(cause))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Authorized {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        let exchange = guarded(parts, "Authorized")?;
        Self::of(parts).map_err(|refusal| RefusalResponse::of(exchange, refusal))
    }
}

impl<S: Sync> FromRequestParts<S> for Exchange {
    type Rejection = RefusalResponse;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, RefusalResponse> {
        guarded(parts, "Exchange").cloned()
    }
}

/// Why an extractor refuses, as a response in the client's own error shape.
#[derive(Debug)]
pub struct RefusalResponse(Box<Response>);

impl RefusalResponse {
    fn of(exchange: &Exchange, refusal: Refusal) -> Self {
        Self(Box::new(exchange.refuse(refusal).map(Body::from)))
    }
}

impl IntoResponse for RefusalResponse {
    fn into_response(self) -> Response {
        *self.0
    }
}

fn guarded<'a>(parts: &'a Parts, what: &str) -> Result<&'a Exchange, RefusalResponse> {
    Exchange::of(parts).ok_or_else(|| {
        let refusal = Refusal::misconfigured(format!("a handler takes {what} where no gate ran"));
        tracing::error!(
            cause = refusal.private_cause(),
            path = &*escaped(parts.uri.path()),
            "wrap the router: gate.protect(router)"
        );
        let rendered = ProblemJson.respond(&refusal, "");
        let mut response = Response::new(Body::from(rendered.body));
        *response.status_mut() = refusal.kind().status();
        response.headers_mut().insert(CONTENT_TYPE, rendered.content_type);
        response.extensions_mut().insert(refusal);
        RefusalResponse(Box::new(response))
    })
}
