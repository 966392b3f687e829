use super::BackChannelLogoutBuilder;
use super::claims::{Logout, Unverified};
use super::form;
use super::replay::Replays;
use crate::body::{NotGathered, WholeBody, gather};
use crate::clock::{SharedClock, UnixTime};
use crate::jose::JoseErrorKind;
use crate::jwt::bearer::is_form;
use crate::jwt::keys::Refresh;
use crate::jwt::{JwtError, JwtErrorKind, KeySource, TrustedIssuer};
use crate::principal::{Revocations, RevocationsFull, Subject};
use crate::refusal::escaped;
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

const MAX_BODY: usize = 16 * 1024;
const MAX_TIME: Duration = Duration::from_secs(10);

/// Takes the logouts that an issuer sends; see the [module](super). Cheap to clone.
#[derive(Clone, Debug)]
pub struct BackChannelLogout(Arc<Desk>);

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) revocations: Revocations,
    pub(super) issuers: Vec<TrustedIssuer>,
    pub(super) credential_lifetime: Duration,
    pub(super) plain_type: bool,
    pub(super) replays: Replays,
    pub(super) clock: SharedClock,
}

impl BackChannelLogout {
    /// A service that puts what it is told into that list.
    pub fn builder(revocations: Revocations) -> BackChannelLogoutBuilder {
        BackChannelLogoutBuilder::new(revocations)
    }

    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }
}

impl<B> Service<Request<B>> for BackChannelLogout
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<WholeBody>;
    type Error = Infallible;
    type Future = LogoutFuture;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> LogoutFuture {
        let desk = self.0.clone();
        LogoutFuture(Box::pin(async move {
            match desk.take(request).await {
                Ok(()) => respond(StatusCode::OK, None),
                Err(failure) => respond(failure.status, Some(failure.public)),
            }
        }))
    }
}

/// The future of a [`BackChannelLogout`].
pub struct LogoutFuture(Pin<Box<dyn Future<Output = Response<WholeBody>> + Send>>);

impl Future for LogoutFuture {
    type Output = Result<Response<WholeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for LogoutFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogoutFuture")
    }
}

/// Why a request is no logout, as the issuer is told.
struct Failure {
    status: StatusCode,
    public: &'static str,
}

const fn failure(status: StatusCode, public: &'static str) -> Failure {
    Failure { status, public }
}

impl Desk {
    async fn take<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Result<(), Failure> {
        let (parts, body) = request.into_parts();
        if parts.method != Method::POST {
            return Err(failure(StatusCode::METHOD_NOT_ALLOWED, "send the logout token by POST"));
        }
        if !is_form(&parts.headers) {
            let public = "send the logout token as application/x-www-form-urlencoded";
            return Err(failure(StatusCode::UNSUPPORTED_MEDIA_TYPE, public));
        }
        let form = self.read(body).await?;
        let missing = failure(StatusCode::BAD_REQUEST, "send exactly one logout_token");
        let token = form::logout_token(&form).ok_or(missing)?;
        match self.log_out(&token).await {
            Ok(()) => Ok(()),
            Err(JwtError { kind: JwtErrorKind::RevocationsFull(_), .. }) => {
                Err(failure(StatusCode::SERVICE_UNAVAILABLE, "the logout cannot be kept now"))
            }
            Err(error) => {
                // A stranger can send as many as it likes.
                tracing::debug!(target: "portcullis::audit", cause = %error, "logout refused");
                Err(failure(StatusCode::BAD_REQUEST, "the logout token is not valid"))
            }
        }
    }

    async fn read<B: Body<Data = Bytes>>(&self, body: B) -> Result<Vec<u8>, Failure> {
        gather(body, MAX_BODY, MAX_TIME, &*self.clock).await.map_err(|why| match why {
            NotGathered::TooLong => {
                failure(StatusCode::PAYLOAD_TOO_LARGE, "the request is longer than 16 KiB")
            }
            NotGathered::TooSlow => {
                failure(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time")
            }
            NotGathered::BrokeOff => failure(StatusCode::BAD_REQUEST, "the request broke off"),
        })
    }

    async fn log_out(&self, token: &str) -> Result<(), JwtError> {
        let unverified = Unverified::parse(token)?;
        let name = unverified.issuer()?;
        let mut issuers = self.issuers.iter().enumerate();
        let (number, issuer) =
            issuers.find(|(_, issuer)| *issuer.name == *name).ok_or(JwtErrorKind::UnknownIssuer)?;
        unverified.check_form(issuer, self.plain_type)?;
        self.check_signature(&unverified, issuer).await?;
        let now = self.clock.now();
        let logout = unverified.check(issuer, now)?;
        let elapsed = self.clock.elapsed();
        let forget_at = elapsed.saturating_add(logout.good_until.saturating_since(now));
        if !self.replays.is_first(number, &logout.id, elapsed, forget_at) {
            return Err(JwtErrorKind::Replayed.into());
        }
        let all = match self.revoke(issuer, &logout) {
            Ok(()) => false,
            Err(RevocationsFull { .. }) => {
                self.revoke_all(issuer, &logout)?;
                true
            }
        };
        tracing::info!(
            target: "portcullis::audit",
            issuer = issuer.name(),
            subject = logout.subject.as_deref().map(escaped).as_deref(),
            session = logout.session.as_deref().map(escaped).as_deref(),
            all_of_the_issuer = all,
            "logout"
        );
        Ok(())
    }

    async fn check_signature(&self, token: &Unverified<'_>, issuer: &TrustedIssuer) -> Result<(), JwtError> {
        let source = issuer.keys.as_deref().expect("the builder refuses an issuer without keys");
        let verify = |source: &dyn KeySource| {
            let keys = source.snapshot();
            token.jws.verify(keys.select(token.jws.kid(), token.jws.algorithm())?).map(drop)
        };
        match verify(source) {
            Err(error) if error.kind == JoseErrorKind::UnknownKey => {
                if let Refresh::Later(pending) = source.refresh() {
                    pending.await;
                }
                Ok(verify(source)?)
            }
            verified => Ok(verified?),
        }
    }

    fn revoke(&self, issuer: &TrustedIssuer, logout: &Logout) -> Result<(), RevocationsFull> {
        let (until, moment) = (self.until(issuer), after(logout));
        let subject = logout.subject.as_deref().map(|id| Subject::new(issuer.name.clone(), id));
        match (&logout.session, subject) {
            (Some(session), subject) => {
                self.revocations.revoke_session(&issuer.name, session, until)?;
                let Some(subject) = subject else { return Ok(()) };
                self.revocations.revoke_subject_without_session_before(&subject, moment, until)
            }
            (None, Some(subject)) => self.revocations.revoke_subject_before(&subject, moment, until),
            (None, None) => unreachable!("a logout that names nobody is refused"),
        }
    }

    /// What is left when there is no room for one entry more.
    fn revoke_all(&self, issuer: &TrustedIssuer, logout: &Logout) -> Result<(), JwtError> {
        tracing::error!(
            issuer = issuer.name(),
            "the list of revocations is full: all that the issuer issued until this logout is revoked"
        );
        let revoked = self.revocations.revoke_issuer_before(&issuer.name, after(logout), self.until(issuer));
        revoked.map_err(|full| JwtErrorKind::RevocationsFull(full).into())
    }

    /// When all that was issued until now has ended.
    fn until(&self, issuer: &TrustedIssuer) -> UnixTime {
        self.clock.now().saturating_add(self.credential_lifetime).saturating_add(2 * issuer.leeway)
    }
}

/// The first moment at which what is issued is of a later login. Issuers write whole seconds: what was issued in the same one is
/// taken for earlier.
fn after(logout: &Logout) -> UnixTime {
    logout.issued.saturating_add(Duration::from_secs(1))
}

/// §2.8.
fn respond(status: StatusCode, problem: Option<&'static str>) -> Response<WholeBody> {
    let body = problem.map(|public| {
        let body = serde_json::json!({ "error": "invalid_request", "error_description": public });
        Bytes::from(body.to_string())
    });
    let mut response = Response::new(WholeBody::new(body.unwrap_or_default()));
    *response.status_mut() = status;
    let length = response.body().len();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if problem.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}
