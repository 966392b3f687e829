//! Who acts for the subject, who may, and from which credential this one descends (RFC 8693 §4.1, §4.4).

use std::sync::Arc;

use super::claims::{date, name};
use super::{JwtError, JwtErrorKind};
use crate::jose::base64url;
use crate::payload::json::{Kind, Node};
use crate::principal::{
    Actor, ActorChain, AuthenticationMethod, Credential, CredentialRoot, MOST_ACTORS, Subject,
};

/// The claim in which an exchange names the credential that all others descend from, for revocation.
pub(crate) const ROOT: &str = "portcullis_root";

/// RFC 8693 §4.1: the outermost `act` is the current actor, the ones inside acted before it.
pub(super) fn chain(outermost: Node<'_>, issuer: &Arc<str>) -> Result<ActorChain, JwtError> {
    let mut actors = Vec::new();
    let mut next = Some(outermost);
    while let Some(actor) = next {
        if actors.len() == MOST_ACTORS {
            return Err(JwtErrorKind::MalformedClaim("act").into());
        }
        actors.push(party(actor, "act", issuer)?);
        next = actor.get("act");
    }
    Ok(ActorChain::new(actors))
}

/// One party: `sub`, and `iss` where another issuer than that of the credential vouches for it.
pub(super) fn party(node: Node<'_>, claim: &'static str, issuer: &Arc<str>) -> Result<Actor, JwtError> {
    let malformed = || JwtError::from(JwtErrorKind::MalformedClaim(claim));
    if node.kind() != Kind::Object {
        return Err(malformed());
    }
    let id = name(node.get("sub"), claim)?.ok_or_else(malformed)?;
    Ok(match name(node.get("iss"), claim)? {
        Some(of) => Actor::new(of, id),
        None => Actor::new(Arc::clone(issuer), id),
    })
}

/// What stands in [`ROOT`]. It is no secret. At a gate it gives no right, whichever issuer wrote it: it only says by what else the credential is
/// revoked. An exchange knows users by it, and believes it of nobody but itself.
pub(super) fn root(node: Node<'_>) -> Result<CredentialRoot, JwtError> {
    let malformed = || JwtError::from(JwtErrorKind::MalformedClaim(ROOT));
    let text = |member: &str| name(node.get(member), ROOT);
    if node.kind() != Kind::Object {
        return Err(malformed());
    }
    let (issuer, id) = (text("iss")?.ok_or_else(malformed)?, text("sub")?.ok_or_else(malformed)?);
    let mut credential = Credential::new(AuthenticationMethod::Jwt);
    if let Some(id) = text("jti")? {
        credential = credential.id(id);
    }
    if let Some(session) = text("sid")? {
        credential = credential.session(session);
    }
    if let Some(issued) = date(node.get("iat"), ROOT)? {
        credential = credential.issued(issued);
    }
    let kid = text("kid")?.map(Into::into);
    if let Some(key) = text("key")? {
        let key: Option<[u8; 32]> = base64url::decode(key.as_bytes()).and_then(|key| key.try_into().ok());
        credential = credential.signed_by(kid, key.ok_or_else(malformed)?);
    } else if kid.is_some() {
        return Err(malformed());
    }
    Ok(CredentialRoot::new(Subject::new(issuer, id), credential))
}
