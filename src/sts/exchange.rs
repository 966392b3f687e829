//! Whether a credential is exchanged, and for what.

use super::client::Authenticated;
use super::error::Failure;
use super::form::Form;
use super::issue::Issue;
use super::record::ExchangeRecord;
use super::service::{Client, Desk};
use crate::clock::UnixTime;
use crate::jwt::examine::Examined;
use crate::jwt::{JwtError, JwtErrorKind};
use crate::principal::{
    Actor, ActorChain, CredentialRoot, MOST_ACTORS, PeerCertificate, Principal, ScopeSet, Subject,
};
use secrecy::{ExposeSecret, SecretString};

pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
pub(super) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// What is put into the body of an answer.
pub(super) struct Exchanged {
    pub(super) credential: SecretString,
    pub(super) kind: &'static str,
    pub(super) is_dpop: bool,
    pub(super) expires_in: u64,
    pub(super) scope: String,
}

impl Desk {
    /// Exchanges what the form shows. `key` is that of the DPoP proof beside it.
    pub(super) async fn exchange(
        &self,
        by: &Authenticated<'_>,
        form: &Form,
        key: Option<[u8; 32]>,
        record: &mut ExchangeRecord,
    ) -> Result<Exchanged, Failure> {
        if form.grant_type.as_deref() != Some(GRANT_TYPE) {
            return Err(match form.grant_type {
                None => Failure::request("grant_type is missing"),
                Some(_) => Failure::grant_type(),
            });
        }
        let kind = requested(form)?;
        let target = target(form)?;
        record.audience = Some(target.into());
        let client = by.client;
        let subject = self.subject(client, form, record).await?;
        let ends = self.actor(by, form, key).await?;
        let chain = self.chain(client, &subject.principal)?;
        record.actors = chain.iter().map(ToString::to_string).collect();

        let grant = client.rules.grants.iter().find(|grant| *grant.audience == *target);
        let grant =
            grant.ok_or_else(|| Failure::target().cause("no grant of the actor is to that audience"))?;
        let root = self.root(&subject.principal)?;
        if !grant.is_for(root.subject(), subject.principal.tenant()) {
            return Err(Failure::target().cause("the grant of the actor is not for this subject"));
        }
        let scopes = scopes(form.scope.as_deref(), subject.principal.scopes(), &grant.scopes)?;
        record.scopes = scopes.iter().map(str::to_owned).collect();

        let now = self.clock().now();
        let ends = ends.into_iter().chain([subject.expires, now.saturating_add(self.lifetime)]).min();
        let (issued, expires) = (now.as_secs(), ends.unwrap_or(now).as_secs());
        if expires <= issued {
            return Err(Failure::request("the credentials end too soon to be exchanged"));
        }
        let issue = Issue {
            issuer: &self.issuer,
            subject: self.issued_subject(&subject.principal)?,
            client: &client.rules.id,
            audience: target,
            scopes: &scopes,
            roles: subject.principal.roles().iter().filter(|role| grant.roles.contains(role)).collect(),
            chain: &chain,
            certificate: by.certificate.as_ref().map(|certificate| *certificate.fingerprint()),
            key,
            issued,
            expires,
            root: &root,
            of: &subject.principal,
        };
        let (credential, id) = issue.sign(&self.keys.current())?;
        record.credential_id = Some(id);
        record.expires = Some(UnixTime::from_secs(expires));
        record.bound = issue.bound();
        let scope = record.scopes.join(" ");
        Ok(Exchanged { credential, kind, is_dpop: key.is_some(), expires_in: expires - issued, scope })
    }

    /// The credential of the user, which must hold and be on no list.
    async fn subject(
        &self,
        client: &Client,
        form: &Form,
        record: &mut ExchangeRecord,
    ) -> Result<Examined, Failure> {
        let shown = form.subject.as_ref().ok_or_else(|| Failure::request("subject_token is missing"))?;
        check_type(form.subject_type.as_deref(), "subject_token_type")?;
        let examined = client.subjects.examine(shown.expose_secret()).await;
        let examined = examined.map_err(|error| unacceptable("subject_token", &error))?;
        record.of(&examined.principal);
        match self.revocations.find_principal(&examined.principal) {
            Some(by) => Err(unacceptable("subject_token", &JwtErrorKind::Revoked(by).into())),
            None => Ok(examined),
        }
    }

    /// When what the actor has shown of itself ends: its certificate, and its own credential, which must be of the same party.
    async fn actor(
        &self,
        by: &Authenticated<'_>,
        form: &Form,
        key: Option<[u8; 32]>,
    ) -> Result<Vec<UnixTime>, Failure> {
        let mut ends: Vec<UnixTime> = by.certificate.iter().map(PeerCertificate::not_after).collect();
        let identity = &by.client.identity;
        let party = Subject::new(identity.issuer(), identity.id());
        if self.revocations.find_subject(&party) {
            return Err(Failure::client().cause("the actor is revoked"));
        }
        let Some(shown) = &form.actor else {
            return match form.actor_type {
                // RFC 8693 §2.1.
                Some(_) => Err(Failure::request("actor_token_type comes without an actor_token")),
                None => Ok(ends),
            };
        };
        check_type(form.actor_type.as_deref(), "actor_token_type")?;
        let refused = |cause: &str| Failure::request("the actor_token cannot be used").cause(cause);
        let examined = by.client.actors.examine(shown.expose_secret()).await;
        let examined = examined.map_err(|error| unacceptable("actor_token", &error))?;
        if !examined.principal.subject().is_some_and(|subject| identity.is(subject)) {
            return Err(refused("the actor_token is of another party than the client"));
        }
        if !examined.principal.actors().is_empty() {
            return Err(refused("somebody acts for the party of the actor_token"));
        }
        if let Some(by) = self.revocations.find_principal(&examined.principal) {
            return Err(unacceptable("actor_token", &JwtErrorKind::Revoked(by).into()));
        }
        let shown = by.certificate.as_ref().map(|certificate| *certificate.fingerprint());
        if examined.certificate.is_some() && examined.certificate != shown {
            return Err(refused("the actor_token is bound to another certificate than the one shown"));
        }
        if examined.key.is_some() && examined.key != key {
            return Err(refused("the actor_token is bound to another key than that of the DPoP proof"));
        }
        ends.push(examined.expires);
        Ok(ends)
    }

    /// Who acts from now on: the actor, and behind it those who acted before.
    fn chain(&self, client: &Client, principal: &Principal) -> Result<ActorChain, Failure> {
        let refused =
            |cause: String| Failure::request("the client may not act by this subject_token").cause(cause);
        if let Some(may) = principal.may_act()
            && *may != client.identity
        {
            return Err(refused(format!("may_act names {may}")));
        }
        let known = |actor: &&Actor| self.clients.iter().any(|client| client.identity == **actor);
        if let Some(actor) = principal.actors().iter().find(|actor| !known(actor)) {
            return Err(refused(format!("{actor} acted before, and is no actor of this exchange")));
        }
        if principal.actors().len() >= MOST_ACTORS {
            return Err(refused(format!("{MOST_ACTORS} actors stand behind one another already")));
        }
        let chain: Vec<Actor> =
            [&client.identity].into_iter().chain(principal.actors().iter()).cloned().collect();
        let chain = ActorChain::new(chain);
        match chain.repeated(principal.subject()) {
            Some(actor) => Err(refused(format!("{actor} would come twice, or is the subject itself"))),
            None => Ok(chain),
        }
    }

    /// The credential at the beginning of the chain. Only what this exchange has issued itself says another one than itself: an issuer of users
    /// could name anybody's there, to be taken for them, or to have what descends from a revoked credential outlive it.
    fn root(&self, principal: &Principal) -> Result<CredentialRoot, Failure> {
        let subject = principal.subject().ok_or_else(|| Failure::request("the subject is a machine"))?;
        match principal.credential().root() {
            Some(root) if subject.issuer() == &*self.issuer => Ok(root.clone()),
            _ => Ok(CredentialRoot::new(subject.clone(), principal.credential().clone())),
        }
    }

    /// What the subject is called here. No user is taken for an actor, nor for a user of another issuer.
    fn issued_subject(&self, principal: &Principal) -> Result<String, Failure> {
        let refused = |cause: &str| Failure::request("the subject cannot be named").cause(cause);
        let subject = principal.subject().ok_or_else(|| refused("the subject is a machine"))?;
        let prefix = match self.prefixes.iter().find(|(issuer, _)| **issuer == *subject.issuer()) {
            Some((_, prefix)) => &**prefix,
            // Of the exchange itself, which has put it there.
            None => "",
        };
        let name = format!("{prefix}{}", subject.id());
        if name.len() > 255 {
            return Err(refused("with its prefix, the subject's name is longer than 255 bytes"));
        }
        let is_it = |client: &Client| {
            let identity = &client.identity;
            identity.id() == name && identity.issuer() == &*self.issuer
        };
        if self.clients.iter().any(is_it) {
            return Err(refused("the subject is called like an actor"));
        }
        Ok(name)
    }
}

fn requested(form: &Form) -> Result<&'static str, Failure> {
    match form.requested_type.as_deref() {
        None | Some(ACCESS_TOKEN) => Ok(ACCESS_TOKEN),
        Some(JWT) => Ok(JWT),
        Some(_) => Err(Failure::request("requested_token_type: an access_token or a jwt is to be had")),
    }
}

fn target(form: &Form) -> Result<&str, Failure> {
    match (form.audience.as_deref(), form.resource.as_deref()) {
        (Some(audience), Some(resource)) if audience != resource => {
            Err(Failure::request("audience and resource differ; a credential is for one service"))
        }
        (Some(target), _) | (None, Some(target)) => Ok(target),
        (None, None) => {
            Err(Failure::request("say by audience or resource where the credential shall be good"))
        }
    }
}

fn check_type(kind: Option<&str>, name: &'static str) -> Result<(), Failure> {
    match kind {
        Some(ACCESS_TOKEN | JWT) => Ok(()),
        Some(_) => Err(Failure::request(format!("{name}: an access_token or a jwt is taken"))),
        None => Err(Failure::request(format!("{name} is missing"))),
    }
}

/// Of what was asked for, or of all that there is, what the subject and the grant both have. The answer says what it came to
/// (RFC 6749 §3.3).
fn scopes(asked: Option<&str>, subject: &ScopeSet, grant: &ScopeSet) -> Result<ScopeSet, Failure> {
    let asked = asked.map(ScopeSet::parse);
    if asked.as_ref().is_some_and(ScopeSet::is_empty) {
        return Err(Failure::scope("scope names none; leave it out, or name some"));
    }
    let wanted = asked.as_ref().unwrap_or(subject);
    let scopes: ScopeSet =
        wanted.iter().filter(|scope| subject.contains(scope) && grant.contains(scope)).collect();
    if !scopes.is_empty() {
        return Ok(scopes);
    }
    let lacking = |who: &str, held: &ScopeSet| {
        let lacking: Vec<&str> = wanted.iter().filter(|scope| !held.contains(scope)).collect();
        format!("{who} lacks {}", lacking.join(" "))
    };
    let cause = match wanted.iter().any(|scope| subject.contains(scope)) {
        true => lacking("the grant of the actor", grant),
        false => lacking("the subject", subject),
    };
    Err(Failure::scope("no scope of the subject is left to pass on").cause(cause))
}

/// RFC 8693 §2.2.2. Why it does not hold is for the record.
fn unacceptable(what: &'static str, error: &JwtError) -> Failure {
    let cause = format!("{what}: {error}");
    match error.kind {
        JwtErrorKind::KeysUnavailable => Failure::unavailable(cause),
        _ => Failure::request(format!("the {what} cannot be used")).cause(cause),
    }
}
