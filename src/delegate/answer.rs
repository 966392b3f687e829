//! What an authorization server answers to an exchange (RFC 6749 §5, RFC 8693 §2.2), and whether it is what was asked for.

use super::question::{Question, Wanted};
use super::said::without_credentials;
use super::source::{CredentialExchange, CredentialType};
use crate::clock::UnixTime;
use crate::jose::{base64url, json};
use crate::payload::json::{Kind, Node};
use crate::refusal::{Refusal, RefusalKind, escaped};
use bytes::Bytes;
use http::{Response, StatusCode};
use secrecy::SecretString;
use std::time::Duration;

/// The longest credential that is taken, in bytes.
const LONGEST: usize = 16 * 1024;
/// Whoever issues one for longer has not understood what it is for.
const LONGEST_LIFETIME: u64 = 24 * 60 * 60;
/// So much of what the server says stands in a record, in characters.
const MOST_SAID: usize = 300;

/// How credentials are exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grant {
    /// RFC 8693.
    Exchange,
    /// Microsoft Entra's, on RFC 7523.
    OnBehalfOf,
}

impl Grant {
    pub(super) fn grant_type(self) -> &'static str {
        match self {
            Self::Exchange => "urn:ietf:params:oauth:grant-type:token-exchange",
            Self::OnBehalfOf => "urn:ietf:params:oauth:grant-type:jwt-bearer",
        }
    }
}

/// A credential that was issued as it was asked for.
pub(super) struct Granted {
    pub(super) credential: SecretString,
    /// How long it is good; `None` when nothing says so.
    pub(super) lifetime: Option<Duration>,
}

/// Reads the answer to a question.
pub(super) fn read(
    response: &Response<Bytes>,
    exchange: &CredentialExchange,
    question: &Question<'_>,
    now: UnixTime,
) -> Result<Granted, Refusal> {
    let Wanted { hop, audience, .. } = question.wanted;
    if response.status() != StatusCode::OK {
        return Err(failure(response, question));
    }
    granted(response.body().clone(), exchange, question, now).map_err(|cause| {
        // Whatever of the answer it repeats.
        let cause = match question.credential {
            "" => cause,
            credential => cause.replace(credential, "…"),
        };
        unusable(hop, format!("the exchange for {audience}: {cause}"))
    })
}

/// What was issued, or came instead, and must not be used.
pub(super) fn unusable(hop: &str, cause: String) -> Refusal {
    let public = format!("no usable credential for {hop} was issued");
    Refusal::new(RefusalKind::UpstreamFailed, public).cause(cause).rule("delegate:exchange")
}

fn granted(
    body: Bytes,
    exchange: &CredentialExchange,
    question: &Question<'_>,
    now: UnixTime,
) -> Result<Granted, String> {
    let grant = exchange.grant;
    let document = json::object(body, "answer").map_err(|error| error.to_string())?;
    let text = |name: &'static str| json::text(document.root(), name).map_err(|error| error.to_string());
    let credential = text("access_token")?.ok_or("its answer lacks access_token")?;
    if credential.is_empty()
        || credential.len() > LONGEST
        || !credential.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Err("its access_token is not visible ASCII of 16 KiB at most".to_owned());
    }
    if credential == question.credential {
        return Err("it gave back the caller's own credential".to_owned());
    }
    match text("token_type")? {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) => return Err(format!("its token_type is {kind:?}, and only Bearer can be shown")),
        None => return Err("its answer lacks token_type".to_owned()),
    }
    if grant == Grant::Exchange {
        let good = [CredentialType::Access, CredentialType::Jwt].map(CredentialType::urn);
        match text("issued_token_type")? {
            Some(kind) if good.contains(&kind) => {}
            Some(kind) => return Err(format!("its issued_token_type is {kind:?}, not one for access")),
            None => return Err("its answer lacks issued_token_type".to_owned()),
        }
    }
    if let Some(scope) = text("scope")? {
        check_scope(scope.split(' '), grant, question)?;
    }
    let said = match document.root().get("expires_in") {
        None => None,
        Some(seconds) => match seconds.as_u64() {
            Some(seconds @ 1..=LONGEST_LIFETIME) => Some(Duration::from_secs(seconds)),
            _ => return Err("its expires_in is no number of seconds within one day".to_owned()),
        },
    };
    let written = check_claims(credential, exchange, question, now)?;
    let lifetime = match (said, written) {
        (Some(said), Some(written)) => Some(said.min(written)),
        (said, written) => said.or(written),
    };
    Ok(Granted { credential: credential.into(), lifetime })
}

/// Holds what stands in a JWT against what was asked for. Its signature is for the service that it is addressed to, and it came
/// from the server over TLS. An opaque credential says nothing.
fn check_claims(
    credential: &str,
    exchange: &CredentialExchange,
    question: &Question<'_>,
    now: UnixTime,
) -> Result<Option<Duration>, String> {
    let (grant, wanted) = (exchange.grant, question.wanted);
    let parts: Vec<&str> = credential.split('.').collect();
    let [header, claims, _] = parts[..] else { return Ok(None) };
    if !header.starts_with("ey") {
        return Ok(None);
    }
    let claims = base64url::decode(claims.as_bytes()).ok_or("its JWT has no claims in base64url")?;
    let document = json::object(claims.into(), "claims").map_err(|error| format!("its JWT: {error}"))?;
    let claims = document.root();
    let audience = claims.get("aud").ok_or("its JWT lacks aud")?;
    let is_wanted = |audience: Node<'_>| audience.as_str() == Some(&*wanted.audience);
    let is_for_it_alone = match audience.kind() {
        Kind::Array => !audience.is_empty() && audience.items().all(is_wanted),
        _ => is_wanted(audience),
    };
    if !is_for_it_alone {
        return Err(format!("its JWT is not for {} alone, but for {}", wanted.audience, told(audience)));
    }
    // Entra calls a user otherwise at each application.
    if grant == Grant::Exchange {
        check_subject(claims, exchange, question)?;
    }
    for name in ["scope", "scp"] {
        match claims.get(name) {
            None => {}
            Some(list) if list.kind() == Kind::Array => {
                let names =
                    list.items().map(|name| name.as_str().ok_or("its JWT has scopes that are no text"));
                check_scope(names.collect::<Result<Vec<_>, _>>()?.into_iter(), grant, question)?;
            }
            Some(text) => {
                let text = text.as_str().ok_or("its JWT has scopes that are no text")?;
                check_scope(text.split(' '), grant, question)?;
            }
        }
    }
    let Some(ends) = claims.get("exp") else { return Ok(None) };
    let ends =
        ends.as_f64().filter(|ends| ends.is_finite() && *ends >= 0.0).ok_or("its JWT has no time in exp")?;
    let left = ends - now.as_secs() as f64;
    if left < 1.0 {
        return Err("its JWT has expired already".to_owned());
    }
    Ok(Some(Duration::from_secs_f64(left.min(LONGEST_LIFETIME as f64))))
}

/// Refuses what was made for somebody else: another caller, whom the server took this one for, or this service itself.
fn check_subject(
    claims: Node<'_>,
    exchange: &CredentialExchange,
    question: &Question<'_>,
) -> Result<(), String> {
    let subject = claims.get("sub").and_then(Node::as_str).ok_or("its JWT lacks sub")?;
    if question.subject == Some(subject) {
        return Ok(());
    }
    if subject == exchange.client_id() {
        return Err("its JWT is for this service itself, and not for the caller".to_owned());
    }
    match exchange.subjects_renamed {
        true => Ok(()),
        false => Err("its JWT is for another subject (sub) than the caller".to_owned()),
    }
}

/// Refuses what goes beyond what was asked for: more than the next service shall be able to do for this caller.
fn check_scope<'s>(
    granted: impl Iterator<Item = &'s str>,
    grant: Grant,
    question: &Question<'_>,
) -> Result<(), String> {
    for name in granted.filter(|name| !name.is_empty()) {
        if !question.scope.split(' ').any(|asked| covers(asked, name, grant)) {
            return Err(format!("it granted the scope {name:?}, which was not asked for"));
        }
    }
    Ok(())
}

/// Whether a scope that was asked for covers one that was granted. Entra asks for scopes with the resource in front and may grant
/// them without; `.default` stands for all that an administrator has allowed at that resource.
fn covers(asked: &str, granted: &str, grant: Grant) -> bool {
    if asked == granted {
        return true;
    }
    if grant == Grant::Exchange {
        return false;
    }
    let Some((resource, name)) = asked.rsplit_once('/') else { return false };
    let bare = granted.strip_prefix(resource).and_then(|rest| rest.strip_prefix('/')).unwrap_or(granted);
    !bare.contains('/') && (name == ".default" || bare == name)
}

/// RFC 6749 §5.2: what the server says no with.
fn failure(response: &Response<Bytes>, question: &Question<'_>) -> Refusal {
    let Wanted { hop, audience, .. } = question.wanted;
    let status = response.status();
    let document = json::object(response.body().clone(), "answer").ok();
    let text = |name: &str| document.as_ref().and_then(|document| document.root().get(name)?.as_str());
    let code = text("error").unwrap_or_default();
    // Some servers repeat in words what they were sent.
    let words = text("error_description").filter(|words| !words.contains(question.credential));
    let words = without_credentials(words.unwrap_or_default());
    let told = if is_code(code) { code.into() } else { without_credentials(code) };
    let said: String = format!("{told} {words}").chars().take(MOST_SAID).collect();
    let cause = format!("the exchange for {audience} answered {}: {}", status.as_u16(), escaped(said.trim()));
    let refusal = match (code, status.as_u16()) {
        (
            "interaction_required"
            | "login_required"
            | "consent_required"
            | "insufficient_user_authentication",
            _,
        ) => Refusal::new(RefusalKind::InsufficientAuthentication, format!("log in again to use {hop}")),
        ("invalid_client" | "unauthorized_client" | "unsupported_grant_type", _) => {
            Refusal::misconfigured(String::new())
        }
        ("temporarily_unavailable" | "slow_down" | "server_error", _) | (_, 429 | 500..) => unavailable(hop),
        ("", _) => return unusable(hop, cause),
        _ => {
            let public = format!("this service was not let act for you at {hop}");
            Refusal::new(RefusalKind::DelegationRefused, public)
        }
    };
    refusal.cause(cause).rule("delegate:exchange")
}

/// Whether it is written as the codes of RFC 6749 §5.2 are, and of those that came after: no credential is.
fn is_code(code: &str) -> bool {
    code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The server cannot be asked now.
pub(super) fn unavailable(hop: &str) -> Refusal {
    let public = format!("a credential for {hop} cannot be had now");
    Refusal::new(RefusalKind::Unavailable, public).rule("delegate:exchange")
}

fn told(audience: Node<'_>) -> String {
    let text = String::from_utf8_lossy(audience.raw());
    escaped(&text.chars().take(MOST_SAID).collect::<String>()).into_owned()
}
