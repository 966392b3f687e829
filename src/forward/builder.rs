use super::head::is_framing;
use super::service::{Forward, Inner};
use crate::delegate::{ProviderCredentialLayer, is_credential};
use crate::exchange::Price;
use crate::fetch::{FetchError, HttpsClient, HttpsClientBuilder};
use http::HeaderName;
use http::header::{ACCEPT, CONTENT_TYPE};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Semaphore;
use tower_layer::Layer;

const AT_ONCE: usize = 256;
const CONNECT: Duration = Duration::from_secs(5);
const HEAD: Duration = Duration::from_secs(120);
const SILENCE: Duration = Duration::from_secs(60);

/// A [`Forward`] that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct ForwardError {
    /// What is wrong.
    pub kind: ForwardErrorKind,
}

/// What [`ForwardError`] reports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForwardErrorKind {
    /// A setting is missing or wrong.
    #[error("`{field}`: {problem}")]
    Setting {
        /// The builder's method.
        field: &'static str,
        /// What to do.
        problem: String,
    },
    /// The client of HTTP cannot be built.
    #[error("`connect_by`: {0}")]
    Fetch(#[from] FetchError),
}

/// Builds a [`Forward`].
#[derive(Debug)]
pub struct ForwardBuilder {
    credential: ProviderCredentialLayer,
    client: HttpsClientBuilder,
    base: String,
    headers: Vec<HeaderName>,
    queries: Vec<Box<str>>,
    prices: BTreeMap<Box<str>, Price>,
    at_once: usize,
    connect: Duration,
    head: Duration,
    silence: Duration,
}

impl Forward {
    /// Begins a service that passes requests on to where that layer's credential goes, which is one place.
    pub fn builder(credential: ProviderCredentialLayer) -> ForwardBuilder {
        // Anthropic's version of its API, which it asks for, widens nothing.
        let headers = vec![ACCEPT, CONTENT_TYPE, HeaderName::from_static("anthropic-version")];
        // Gemini streams in events only if it is asked to in the query.
        let queries = if credential.provider().name() == "gemini" { vec!["alt".into()] } else { Vec::new() };
        ForwardBuilder {
            credential,
            client: HttpsClient::builder(),
            base: String::new(),
            headers,
            queries,
            prices: BTreeMap::new(),
            at_once: AT_ONCE,
            connect: CONNECT,
            head: HEAD,
            silence: SILENCE,
        }
    }
}

impl ForwardBuilder {
    /// Connects by these rules: roots, internal hosts, a certificate to show. The time limit is [`connect_within`](Self::connect_within)'s.
    pub fn connect_by(mut self, client: HttpsClientBuilder) -> Self {
        self.client = client;
        self
    }

    /// Puts this in front of each path: `/openai` where the upstream serves its API below it.
    pub fn base_path(mut self, path: impl Into<String>) -> Self {
        self.base = path.into();
        self
    }

    /// Lets this header of requests go on as well, if it carries no credential. Headers can widen rights at a provider: beta features,
    /// other accounts.
    pub fn allow_request_header(mut self, name: HeaderName) -> Self {
        self.headers.push(name);
        self
    }

    /// Lets this parameter of the query go on as well; `alt` goes to Gemini, and no other. Others are refused.
    pub fn allow_query(mut self, name: impl Into<Box<str>>) -> Self {
        self.queries.push(name.into());
        self
    }

    /// What a model's units cost at the upstream, by its name in requests. For records: nobody is charged by it.
    pub fn price(mut self, model: impl Into<Box<str>>, price: Price) -> Self {
        self.prices.insert(model.into(), price);
        self
    }

    /// How many requests may be under way at once, and with them connections; 256 when not called. One more is refused (503).
    pub fn at_once(mut self, requests: usize) -> Self {
        self.at_once = requests;
        self
    }

    /// How long connecting may take, from the name to the end of the TLS handshake, at most 60 seconds; 5 seconds when not called.
    pub fn connect_within(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// How long the head of an answer may take, from when the request begins to go out; 2 minutes when not called. A model that does not
    /// stream sends it when it has generated everything.
    pub fn head_within(mut self, limit: Duration) -> Self {
        self.head = limit;
        self
    }

    /// How long an answer may be silent; 1 minute when not called.
    pub fn silent_for(mut self, limit: Duration) -> Self {
        self.silence = limit;
        self
    }

    /// The service.
    ///
    /// # Errors
    /// When a setting is missing or wrong; the error names it.
    pub fn build(self) -> Result<Forward, ForwardError> {
        let setting = |field, problem: &str| -> ForwardError {
            ForwardError { kind: ForwardErrorKind::Setting { field, problem: problem.to_owned() } }
        };
        let origin = self.credential.only_destination();
        let origin =
            origin.ok_or_else(|| setting("credential", "name one destination, where the upstream is"))?;
        for (field, limit) in [("head_within", self.head), ("silent_for", self.silence)] {
            if limit.is_zero() {
                return Err(setting(field, "choose more than zero"));
            }
        }
        if self.at_once == 0 || self.at_once > Semaphore::MAX_PERMITS {
            return Err(setting("at_once", "choose a number of requests"));
        }
        let is_path =
            self.base.starts_with('/') && !self.base.ends_with('/') && !self.base.contains(['?', '#']);
        if !self.base.is_empty() && !is_path {
            return Err(setting(
                "base_path",
                "begin with /, and leave out a last one, queries and fragments",
            ));
        }
        let forbidden = self.headers.iter().any(is_framing);
        if forbidden {
            return Err(setting("allow_request_header", "what frames a message is made anew"));
        }
        if self.headers.iter().any(is_credential) {
            return Err(setting(
                "allow_request_header",
                "a caller's credential is not the upstream's to see",
            ));
        }
        let credential = self.credential.passing(&self.headers);
        let client = self.client.time_limit(self.connect).build_streaming().map_err(ForwardErrorKind::from);
        let client = client.map_err(|kind| ForwardError { kind })?;
        Ok(Forward(Arc::new(Inner {
            hop: credential.provider().name().into(),
            about: credential.to_string(),
            client: credential.layer(client),
            base: origin + &self.base,
            headers: self.headers,
            queries: self.queries,
            prices: self.prices,
            room: Arc::new(Semaphore::new(self.at_once)),
            head: self.head,
            silence: self.silence,
        })))
    }
}
