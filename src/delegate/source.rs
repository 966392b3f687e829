use super::answer::Grant;
use super::question::{Question, Wanted};
use super::secret::RotatingSecret;
use crate::clock::UnixTime;
use crate::fetch::Fetch;
use crate::jose::{ClientAuthentication, Form};
use bytes::Bytes;
use http::{Request, Uri};
use secrecy::ExposeSecret;
use std::fmt;
use std::sync::Arc;

/// What a credential is, to an authorization server that exchanges it (RFC 8693 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialType {
    /// `urn:ietf:params:oauth:token-type:access_token`: one that it issued itself for access.
    Access,
    /// `urn:ietf:params:oauth:token-type:jwt`: any JWT, of another issuer, too.
    Jwt,
}

impl CredentialType {
    pub(super) fn urn(self) -> &'static str {
        match self {
            Self::Access => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }
}

/// Where a caller's credential is exchanged for one that is good at the next service, and as which client. Cheap to clone.
///
/// ```no_run
/// use portcullis::delegate::{CredentialExchange, CredentialType, RotatingSecret};
/// use portcullis::fetch::HttpsClient;
/// use portcullis::jwt::ClientAuthentication;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ClientAuthentication::secret("orchestrator", std::env::var("CLIENT_SECRET")?.into());
/// let exchange = CredentialExchange::rfc8693("https://login.example.com/token", client, HttpsClient::builder().build()?)
///     // Who acts, where the client itself does not say so.
///     .actor(RotatingSecret::read("/run/secrets/actor")?, CredentialType::Jwt);
/// # let _ = exchange;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CredentialExchange {
    endpoint: Box<str>,
    pub(super) grant: Grant,
    client: Arc<ClientAuthentication>,
    subject_type: CredentialType,
    actor: Option<(RotatingSecret, CredentialType)>,
    pub(super) subjects_renamed: bool,
    pub(super) fetch: Arc<dyn Fetch>,
}

impl CredentialExchange {
    /// By OAuth 2.0 Token Exchange (RFC 8693) at `endpoint`, as `client`, by `fetch`. A client that is known by a certificate
    /// shows it in `fetch`.
    pub fn rfc8693(endpoint: impl Into<Box<str>>, client: ClientAuthentication, fetch: impl Fetch) -> Self {
        Self::new(endpoint.into(), Grant::Exchange, client, fetch)
    }

    /// By the on-behalf-of flow of Microsoft Entra (`grant_type` `urn:ietf:params:oauth:grant-type:jwt-bearer` of RFC 7523 with
    /// `requested_token_use=on_behalf_of`). The next service is named by its scopes there (`api://vectors/.default`); the audience
    /// is what stands in `aud` of its credentials, which Entra writes as the application's id or its URI.
    pub fn entra(endpoint: impl Into<Box<str>>, client: ClientAuthentication, fetch: impl Fetch) -> Self {
        Self::new(endpoint.into(), Grant::OnBehalfOf, client, fetch)
    }

    fn new(endpoint: Box<str>, grant: Grant, client: ClientAuthentication, fetch: impl Fetch) -> Self {
        let (client, fetch) = (Arc::new(client), Arc::new(fetch));
        let (subject_type, actor, subjects_renamed) = (CredentialType::Access, None, false);
        Self { endpoint, grant, client, subject_type, actor, subjects_renamed, fetch }
    }

    /// What callers' credentials are to the server; [`Access`](CredentialType::Access) unless set. RFC 8693 only.
    pub fn subject_type(mut self, kind: CredentialType) -> Self {
        self.subject_type = kind;
        self
    }

    /// Shows who acts by a credential of its own (`actor_token`, RFC 8693 §2.1), beside the client's authentication. The server
    /// writes the actor into `act` of what it issues.
    pub fn actor(mut self, credential: RotatingSecret, kind: CredentialType) -> Self {
        self.actor = Some((credential, kind));
        self
    }

    /// Takes JWTs for other names (`sub`) than the caller's: the server calls users otherwise than their issuer does, for each audience by
    /// a name of its own, or with a prefix, as this crate's own exchange does after `subjects_under`. Nobody finds out then that it
    /// mixes its users up; only a JWT for this client itself is still refused. RFC 8693 only.
    pub fn danger_subjects_renamed(mut self) -> Self {
        self.subjects_renamed = true;
        self
    }

    /// As whom it is asked.
    pub(super) fn client_id(&self) -> &str {
        self.client.id()
    }

    /// Where it is asked; an error says what is wrong with it.
    pub(super) fn check(&self) -> Result<Uri, &'static str> {
        let uri: Uri = self.endpoint.parse().map_err(|_| "write the absolute URL of the token endpoint")?;
        if uri.scheme().is_none() || uri.authority().is_none() {
            return Err("write the absolute URL of the token endpoint");
        }
        if self.grant == Grant::OnBehalfOf && self.actor.is_some() {
            return Err("Entra takes no actor's credential; the client is the actor");
        }
        Ok(uri)
    }

    /// The question. `None` when it cannot be written.
    pub(super) fn request(
        &self,
        endpoint: &Uri,
        question: &Question<'_>,
        now: UnixTime,
    ) -> Option<Request<Bytes>> {
        let Question { wanted: Wanted { audience, resource, .. }, credential: subject, scope, .. } =
            *question;
        let mut form = Form::default();
        form.add("grant_type", self.grant.grant_type());
        match self.grant {
            Grant::Exchange => {
                form.add("subject_token", subject);
                form.add("subject_token_type", self.subject_type.urn());
                if let Some((actor, kind)) = &self.actor {
                    form.add("actor_token", actor.now().expose_secret());
                    form.add("actor_token_type", kind.urn());
                }
                form.add("requested_token_type", CredentialType::Access.urn());
                form.add("audience", audience);
                if let Some(resource) = resource {
                    form.add("resource", resource);
                }
            }
            Grant::OnBehalfOf => {
                form.add("assertion", subject);
                form.add("requested_token_use", "on_behalf_of");
            }
        }
        form.add("scope", scope);
        self.client.post(endpoint, form, now)
    }
}

/// For the posture of whoever uses it.
impl fmt::Display for CredentialExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.grant {
            Grant::Exchange => "RFC 8693",
            Grant::OnBehalfOf => "Entra's on-behalf-of",
        };
        write!(f, "by {how} at {}", self.endpoint)?;
        if self.subjects_renamed { f.write_str(", FOR SUBJECTS OF ANY NAME") } else { Ok(()) }
    }
}
