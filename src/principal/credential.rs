use super::{AuthenticationMethod, PeerCertificate, Subject};
use crate::clock::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// How the caller proved who it is: never the secret itself, only what may be recorded of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub(super) method: AuthenticationMethod,
    issued: Option<UnixTime>,
    expires: Option<UnixTime>,
    id: Option<Arc<str>>,
    session: Option<Box<str>>,
    kid: Option<Arc<str>>,
    /// Shared by all that the key has signed.
    key: Option<Arc<[u8; 32]>>,
    pub(super) login: Option<Box<Login>>,
    root: Option<Box<CredentialRoot>>,
}

/// The credential that others were exchanged for (RFC 8693), directly or by way of others: that of the login. What revokes it
/// revokes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRoot {
    subject: Subject,
    credential: Credential,
}

impl CredentialRoot {
    /// The credential of that subject, as its issuer made it.
    pub fn new(subject: Subject, credential: Credential) -> Self {
        Self { subject, credential }
    }

    /// Whose it was, as its issuer calls it.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is known of it: its identifier, its login session, when it was issued, the key that signed it.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }
}

/// How and when the user logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) context: Option<Arc<str>>,
    methods: Arc<[Arc<str>]>,
    time: Option<UnixTime>,
}

impl Credential {
    /// A credential of that kind.
    pub fn new(method: AuthenticationMethod) -> Self {
        Self {
            method,
            issued: None,
            expires: None,
            id: None,
            session: None,
            kid: None,
            key: None,
            login: None,
            root: None,
        }
    }

    /// A certificate: good until its last second is over, and called by its fingerprint.
    pub(crate) fn of_certificate(certificate: &PeerCertificate) -> Self {
        Self::new(AuthenticationMethod::Certificate)
            .issued(certificate.not_before())
            .expires(certificate.not_after().saturating_add(Duration::from_secs(1)))
            .id(certificate.shared_fingerprint_text())
    }

    /// When it was issued (`iat`).
    pub fn issued(mut self, at: UnixTime) -> Self {
        self.issued = Some(at);
        self
    }

    /// When it ceases to be good (`exp`).
    pub fn expires(mut self, at: UnixTime) -> Self {
        self.expires = Some(at);
        self
    }

    /// Its own identifier (`jti`, RFC 7519 §4.1.7).
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The login session that it came from (`sid`, OpenID Connect Front-Channel Logout §3).
    pub fn session(mut self, session: impl Into<Box<str>>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// The key that signed it: what its issuer calls it (`kid`), and its thumbprint (SHA-256, RFC 7638).
    pub fn signed_by(mut self, kid: Option<Arc<str>>, thumbprint: impl Into<Arc<[u8; 32]>>) -> Self {
        (self.kid, self.key) = (kid, Some(thumbprint.into()));
        self
    }

    /// How strongly the user was authenticated at the login (`acr`, OpenID Connect Core §2).
    pub fn authentication_context(mut self, acr: impl Into<Arc<str>>) -> Self {
        self.login.get_or_insert_default().context = Some(acr.into());
        self
    }

    /// By which methods the user was authenticated at the login (`amr`, RFC 8176).
    pub fn authentication_methods<M: Into<Arc<str>>>(mut self, amr: impl IntoIterator<Item = M>) -> Self {
        self.login.get_or_insert_default().methods = amr.into_iter().map(Into::into).collect();
        self
    }

    /// When the user was authenticated (`auth_time`, OpenID Connect Core §2).
    pub fn authenticated_at(mut self, time: UnixTime) -> Self {
        self.login.get_or_insert_default().time = Some(time);
        self
    }

    /// The credential that it was exchanged for, at the beginning of the chain.
    pub fn descends_from(mut self, root: CredentialRoot) -> Self {
        self.root = Some(Box::new(root));
        self
    }

    /// How strongly the user was authenticated (`acr`).
    pub fn acr(&self) -> Option<&str> {
        self.login.as_ref()?.context.as_deref()
    }

    /// By which methods the user was authenticated (`amr`).
    pub fn amr(&self) -> impl Iterator<Item = &str> {
        self.login.iter().flat_map(|login| &*login.methods).map(|method| &**method)
    }

    /// When the user was authenticated (`auth_time`).
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.login.as_ref()?.time
    }

    /// The kind of credential.
    pub fn method(&self) -> AuthenticationMethod {
        self.method
    }

    /// When it was issued, if it says so.
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.issued
    }

    /// When it ceases to be good.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires
    }

    /// Its own identifier.
    pub fn identifier(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The login session that it came from.
    pub fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// The credential that it was exchanged for, at the beginning of the chain; `None` for one that came from a login.
    pub fn root(&self) -> Option<&CredentialRoot> {
        self.root.as_deref()
    }

    /// What its issuer calls the key that signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    #[cfg(feature = "fetch")]
    pub(super) fn set_method(&mut self, method: AuthenticationMethod) {
        self.method = method;
    }

    /// The bytes of text about the login that nobody shares with it.
    pub(super) fn own_login_text(&self) -> usize {
        let alone = |text: &Arc<str>| if Arc::strong_count(text) > 1 { 0 } else { text.len() };
        self.login.as_ref().and_then(|login| login.context.as_ref()).map_or(0, alone)
    }

    pub(crate) fn key_name(&self) -> Option<&Arc<str>> {
        self.kid.as_ref()
    }

    /// The thumbprint of the key that signed it.
    pub fn key_thumbprint(&self) -> Option<&[u8; 32]> {
        self.key.as_deref()
    }
}
