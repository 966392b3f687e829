use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::request;

use crate::exchange::Exchange;
use crate::principal::Principal;
use crate::refusal::Refusal;

/// A login of the host's own: a session cookie, keys that it gave out itself. The principal that it vouches for is the one
/// that limits, authorization, handlers and records see.
///
/// It is asked about each request that is not known by its certificate, before the other kinds of credential are looked
/// at, and on no open route. It fails closed: what it cannot decide it [refuses](Authentication::Refused). A request that it
/// knows and that brings another credential as well is refused.
///
/// What it reads it should take out of the request, so that nobody further in can log or forward it. A cookie is sent by a
/// browser on behalf of any page: pages of other origins are refused by the gate, and `SameSite` cookies are still advised.
///
/// ```
/// use http::request;
/// use portcullis::exchange::Exchange;
/// use portcullis::jwt::{Authenticate, Authentication};
/// use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
///
/// #[derive(Debug)]
/// struct Sessions;
///
/// impl Authenticate for Sessions {
///     fn authenticate(&self, parts: &mut request::Parts, _: &Exchange) -> Authentication {
///         let Some(cookie) = parts.headers.remove("cookie") else { return Authentication::Absent };
///         match cookie.as_bytes() {
///             b"session=4711" => {
///                 let credential = Credential::new(AuthenticationMethod::Host).session("4711");
///                 Authentication::Known(Principal::builder(Subject::new("app", "ada"), credential).build())
///             }
///             _ => Authentication::Absent,
///         }
///     }
/// }
/// ```
pub trait Authenticate: fmt::Debug + Send + Sync + 'static {
    /// Who asks, as far as this login can tell.
    fn authenticate(&self, parts: &mut request::Parts, exchange: &Exchange) -> Authentication;
}

/// What an [`Authenticate`] says of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Authentication {
    /// Nothing of this login is in the request. Another kind of credential may be.
    Absent,
    /// It is known who asks. The credential's method must be [`Host`](crate::principal::AuthenticationMethod::Host).
    Known(Principal),
    /// Something of this login is in the request and does not hold, or cannot be checked now.
    Refused(Refusal),
    /// It takes a while: a store is asked. `None` stands for [`Absent`](Self::Absent).
    Later(PendingAuthentication),
}

impl Authentication {
    /// Boxes the future that finds out.
    pub fn later(found: impl Future<Output = Result<Option<Principal>, Refusal>> + Send + 'static) -> Self {
        Self::Later(PendingAuthentication(Box::pin(found)))
    }
}

/// Who asks is still being found out.
pub struct PendingAuthentication(Pin<Box<dyn Future<Output = Result<Option<Principal>, Refusal>> + Send>>);

impl Future for PendingAuthentication {
    type Output = Result<Option<Principal>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for PendingAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PendingAuthentication")
    }
}
