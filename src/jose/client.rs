use std::fmt;
use std::fmt::Write;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request, Uri};
use secrecy::{ExposeSecret, SecretString};

use super::{SigningKey, base64url};
use crate::clock::UnixTime;

/// For how many seconds an assertion is good.
const ASSERTION_LIFETIME: u64 = 60;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// How this service shows an authorization server who asks: about credentials (RFC 7662 §2.1), or for them (RFC 6749 §2.3).
pub struct ClientAuthentication {
    id: Box<str>,
    by: By,
}

enum By {
    Secret(SecretString),
    PrivateKey { key: SigningKey, audience: Option<Box<str>> },
    Certificate,
}

impl ClientAuthentication {
    /// By a secret in `Authorization: Basic` (`client_secret_basic`, RFC 6749 §2.3.1).
    pub fn secret(client_id: impl Into<Box<str>>, secret: SecretString) -> Self {
        Self { id: client_id.into(), by: By::Secret(secret) }
    }

    /// By an assertion that this key signs (`private_key_jwt`, RFC 7523 §2.2), for `audience`: the issuer's name, or the endpoint
    /// when it is `None`.
    pub fn private_key(client_id: impl Into<Box<str>>, key: SigningKey, audience: Option<&str>) -> Self {
        Self { id: client_id.into(), by: By::PrivateKey { key, audience: audience.map(Into::into) } }
    }

    /// By the certificate that the client of HTTP shows in the handshake (`tls_client_auth`, RFC 8705 §2).
    pub fn certificate(client_id: impl Into<Box<str>>) -> Self {
        Self { id: client_id.into(), by: By::Certificate }
    }

    /// What the authorization server calls this service.
    #[cfg(feature = "delegate")]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The request that posts `form` to `endpoint` as this client. `None` when there is no randomness, or the secret stands in no
    /// header.
    pub(crate) fn post(&self, endpoint: &Uri, mut form: Form, now: UnixTime) -> Option<Request<Bytes>> {
        let mut authorization = None;
        match &self.by {
            By::Secret(secret) => authorization = Some(self.basic(secret)?),
            By::PrivateKey { key, audience } => {
                let endpoint = endpoint.to_string();
                let audience = audience.as_deref().unwrap_or(&endpoint);
                form.add("client_id", &self.id);
                form.add("client_assertion_type", ASSERTION_TYPE);
                form.add("client_assertion", &self.assertion(key, audience, now)?);
            }
            By::Certificate => form.add("client_id", &self.id),
        }
        let mut request = Request::post(endpoint.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(form.0.into()).ok()
    }

    /// RFC 6749 §2.3.1: both are encoded as in a form first.
    fn basic(&self, secret: &SecretString) -> Option<HeaderValue> {
        let mut pair = String::new();
        encode(&self.id, &mut pair);
        pair.push(':');
        encode(secret.expose_secret(), &mut pair);
        let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    fn assertion(&self, key: &SigningKey, audience: &str, now: UnixTime) -> Option<String> {
        let mut jti = [0; 16];
        SystemRandom::new().fill(&mut jti).ok()?;
        let now = now.as_secs();
        let claims = serde_json::json!({
            "iss": self.id, "sub": self.id, "aud": audience, "jti": base64url::encode(&jti),
            "iat": now, "exp": now + ASSERTION_LIFETIME,
        });
        key.sign_jwt("JWT", &claims).ok()
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            By::Secret(_) => "secret",
            By::PrivateKey { .. } => "private key",
            By::Certificate => "certificate",
        };
        f.debug_struct("ClientAuthentication").field("id", &self.id).field("by", &by).finish()
    }
}

/// The parameters of a request to an authorization server, as they are sent.
#[derive(Default)]
pub(crate) struct Form(String);

impl Form {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        self.0.push_str(name);
        self.0.push('=');
        encode(value, &mut self.0);
    }
}

/// As the values of forms are written (`application/x-www-form-urlencoded`).
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => write!(out, "%{byte:02X}").expect("writing to a String does not fail"),
        }
    }
}
