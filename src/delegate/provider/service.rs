use super::layer::Rules;
use crate::delegate::OutboundError;
use crate::delegate::caller::OnBehalfOf;
use crate::delegate::headers;
use crate::delegate::secret::RotatingSecret;
use crate::delegate::service::elsewhere;
use crate::exchange::{CallFacts, CallNote, Exchange};
use crate::refusal::Refusal;
use http::{HeaderValue, Request, Response, Uri, request};
use memchr::memmem;
use pin_project_lite::pin_project;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// A client that shows a provider its credential: the service of
/// [`ProviderCredentialLayer`](super::ProviderCredentialLayer).
#[derive(Clone)]
pub struct ProviderCredential<S> {
    pub(super) inner: S,
    pub(super) rules: Arc<Rules>,
}

impl<S> fmt::Debug for ProviderCredential<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderCredential").field(&self.rules.provider.name()).finish()
    }
}

impl<S, B, RB> Service<Request<B>> for ProviderCredential<S>
where
    S: Service<Request<B>, Response = Response<RB>>,
{
    type Response = Response<RB>;
    type Error = OutboundError<S::Error>;
    type Future = ProviderCredentialFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let hop = self.rules.provider.shared_name();
        self.inner.poll_ready(cx).map_err(|error| OutboundError::Failed { hop: Arc::clone(hop), error })
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let exchange = OnBehalfOf::take(&mut parts).and_then(|caller| caller.exchange().cloned());
        let exchange = exchange.or_else(|| Exchange::of(&parts).cloned());
        let hop = Arc::clone(self.rules.provider.shared_name());
        let note = match (parts.extensions.remove::<CallNote>(), parts.extensions.remove::<CallFacts>()) {
            (Some(begun), _) => begun,
            (None, Some(facts)) => CallNote::begin(exchange, CallFacts { hop, ..facts }),
            (None, None) => CallNote::begin(exchange, CallFacts::new(hop)),
        };
        let secret = self.rules.secret.as_ref().map(RotatingSecret::now);
        let phase = match self.rules.prepare(&mut parts, secret.as_deref()) {
            Ok(()) => {
                note.note(|call| {
                    call.credential = secret.is_some().then_some("provider");
                    call.may_have_run = true;
                });
                Phase::Calling { answer: self.inner.call(Request::from_parts(parts, body)) }
            }
            Err(refusal) => Phase::Refused { refusal },
        };
        ProviderCredentialFuture { phase, rules: Arc::clone(&self.rules), secret, note }
    }
}

impl Rules {
    /// Makes of a request one that may go to the provider.
    fn prepare(&self, parts: &mut request::Parts, secret: Option<&SecretString>) -> Result<(), Refusal> {
        let hop = self.provider.name();
        headers::keep_neutral(&mut parts.headers, &self.passed);
        self.destinations.address(parts).map_err(|why| elsewhere(hop, &why))?;
        if names_credential(&parts.uri) {
            return Err(elsewhere(hop, "its query names a credential"));
        }
        let Some(secret) = secret else { return Ok(()) };
        let (name, scheme) = self.provider.credential_header();
        let mut value = HeaderValue::try_from(format!("{scheme}{}", secret.expose_secret()))
            .map_err(|_| Refusal::misconfigured(format!("the credential for {hop} stands in no header")))?;
        value.set_sensitive(true);
        parts.headers.insert(name, value);
        Ok(())
    }

    /// Takes away what nobody has listed, and what would tell the credential.
    fn filter<B>(&self, response: &mut Response<B>, secret: Option<&SecretString>) {
        let headers = response.headers();
        let tells = |value: &HeaderValue| {
            secret.is_some_and(|secret| {
                memmem::find(value.as_bytes(), secret.expose_secret().as_bytes()).is_some()
            })
        };
        let of_connection = headers::of_connection(headers);
        let unwanted = headers.keys().filter(|name| {
            !self.allowed.contains(name)
                || of_connection.contains(name)
                || headers.get_all(*name).iter().any(tells)
        });
        for name in unwanted.cloned().collect::<Vec<_>>() {
            response.headers_mut().remove(name);
        }
    }
}

/// Some providers take a credential there, and every log on the way reads it.
fn names_credential(uri: &Uri) -> bool {
    let names = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        // No name of a credential needs an escape: one that has any hides something.
        name.contains('%')
            || ["key", "api_key", "apikey", "api-key", "access_token", "token"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known))
    };
    uri.query().is_some_and(|query| query.split(['&', ';']).any(names))
}

pin_project! {
    /// The future of [`ProviderCredential`].
    pub struct ProviderCredentialFuture<F> {
        #[pin]
        phase: Phase<F>,
        rules: Arc<Rules>,
        // Of this call, whatever came since.
        secret: Option<Arc<SecretString>>,
        note: CallNote,
    }
}

pin_project! {
    #[project = PhaseProjection]
    enum Phase<F> {
        Calling { #[pin] answer: F },
        Refused { refusal: Refusal },
    }
}

impl<F, RB, E> Future for ProviderCredentialFuture<F>
where
    F: Future<Output = Result<Response<RB>, E>>,
{
    type Output = Result<Response<RB>, OutboundError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(match this.phase.project() {
            PhaseProjection::Calling { answer } => match ready!(answer.poll(cx)) {
                Ok(mut response) => {
                    this.note.note(|call| call.status = Some(response.status()));
                    this.rules.filter(&mut response, this.secret.as_deref());
                    Ok(response)
                }
                Err(error) => {
                    Err(OutboundError::Failed { hop: Arc::clone(this.rules.provider.shared_name()), error })
                }
            },
            PhaseProjection::Refused { refusal } => {
                this.note.note(|call| call.refusal = Some(refusal.clone()));
                Err(OutboundError::Refused(refusal.clone()))
            }
        })
    }
}

impl<F> fmt::Debug for ProviderCredentialFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderCredentialFuture").field(&self.rules.provider.name()).finish()
    }
}
