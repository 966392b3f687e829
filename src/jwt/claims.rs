//! What is in a JWT (RFC 7519 §4), read strictly: the claims that decide are mandatory, and each has its one type.

use crate::clock::UnixTime;
use crate::payload::json::{Document, Kind, Node};
use crate::principal::{Application, PlanName, Principal, RoleSet, ScopeSet, Subject, TenantId};
use crate::principal::{AuthenticationMethod, ClaimValue, Credential};

use super::actors;
use super::confirmation::Confirmation;
use super::shared::Shared;
use super::{JwtError, JwtErrorKind, TrustedIssuer};
use std::sync::Arc;

/// The longest name that a claim may carry, in bytes (`sub`: RFC 9068 §2.2 by way of OpenID Connect Core §2).
const MAX_NAME: usize = 255;
/// The last second of the year 9999: a time beyond it is a mistake of units.
const MAX_DATE: u64 = 253_402_300_799;

/// Claims of ID tokens (OpenID Connect Core §2, §3.3.2.11) and of security events such as logouts (RFC 8417 §2.2).
const FOREIGN: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

/// By what times a JWT is judged.
#[derive(Clone, Copy)]
pub(super) struct Times {
    /// What the clock shows: what begins later has not begun.
    pub(super) now: UnixTime,
    /// The latest that it ever showed: what ends earlier has ended, even when the clock stepped back.
    pub(super) latest: UnixTime,
}

/// The registered claims of one JWT, found but not yet checked.
#[derive(Default)]
pub(super) struct Claims<'d> {
    issuer: Option<Node<'d>>,
    subject: Option<Node<'d>>,
    audience: Option<Node<'d>>,
    expires: Option<Node<'d>>,
    not_before: Option<Node<'d>>,
    issued_at: Option<Node<'d>>,
    id: Option<Node<'d>>,
    session: Option<Node<'d>>,
    scope: Option<Node<'d>>,
    scp: Option<Node<'d>>,
    authorized_party: Option<Node<'d>>,
    client_id: Option<Node<'d>>,
    actor: Option<Node<'d>>,
    may_act: Option<Node<'d>>,
    root: Option<Node<'d>>,
    context: Option<Node<'d>>,
    methods: Option<Node<'d>>,
    login_time: Option<Node<'d>>,
    /// What says of itself which kind of JWT it is, where `typ` in the header does not.
    kind: Option<Node<'d>>,
    /// A claim that only ID tokens and other JWTs for applications have.
    foreign: Option<&'static str>,
    confirmation: Option<Node<'d>>,
}

/// What the claims come to.
pub(super) struct Accepted {
    pub(super) principal: Principal,
    pub(super) confirmation: Confirmation,
    /// Good from here on, leeway included.
    pub(super) good_from: UnixTime,
    /// Good before this, leeway included.
    pub(super) good_until: UnixTime,
}

impl<'d> Claims<'d> {
    /// Finds the claims in one pass.
    pub(super) fn find(document: &'d Document) -> Self {
        let mut claims = Self::default();
        for (name, value) in document.root().entries() {
            let place = match name {
                "iss" => &mut claims.issuer,
                "sub" => &mut claims.subject,
                "aud" => &mut claims.audience,
                "exp" => &mut claims.expires,
                "nbf" => &mut claims.not_before,
                "iat" => &mut claims.issued_at,
                "jti" => &mut claims.id,
                "sid" => &mut claims.session,
                "scope" => &mut claims.scope,
                "scp" => &mut claims.scp,
                "azp" => &mut claims.authorized_party,
                "client_id" => &mut claims.client_id,
                "act" => &mut claims.actor,
                "may_act" => &mut claims.may_act,
                actors::ROOT => &mut claims.root,
                "acr" => &mut claims.context,
                "amr" => &mut claims.methods,
                "auth_time" => &mut claims.login_time,
                "typ" | "token_use" => &mut claims.kind,
                "cnf" => &mut claims.confirmation,
                _ => {
                    let foreign = FOREIGN.iter().find(|foreign| **foreign == name);
                    claims.foreign = claims.foreign.or(foreign.copied());
                    continue;
                }
            };
            *place = Some(value);
        }
        claims
    }

    /// Who the JWT says has issued it: what the keys are found by.
    pub(super) fn issuer(&self) -> Result<&'d str, JwtError> {
        let issuer = self.issuer.ok_or(JwtErrorKind::MissingClaim("iss"))?;
        issuer.as_str().ok_or_else(|| JwtErrorKind::MalformedClaim("iss").into())
    }

    /// Checks everything but the signature, which must hold already.
    pub(super) fn check(
        &self,
        document: &Document,
        issuer: &TrustedIssuer,
        times: Times,
        is_access_typed: bool,
        shared: &Shared,
    ) -> Result<Accepted, JwtError> {
        let confirmation = self.confirmation.map(Confirmation::read).transpose()?.unwrap_or_default();
        if !is_access_typed {
            self.check_kind()?;
        }
        self.check_audience(issuer)?;
        let (good_from, good_until) = self.check_time(issuer, times)?;
        let subject = name(self.subject, "sub")?.ok_or(JwtErrorKind::MissingClaim("sub"))?;

        let mut credential = Credential::new(AuthenticationMethod::Jwt).expires(good_until);
        if let Some(issued) = date(self.issued_at, "iat")? {
            credential = credential.issued(issued);
        }
        if let Some(id) = name(self.id, "jti")? {
            credential = credential.id(id);
        }
        if let Some(session) = name(self.session, "sid")? {
            credential = credential.session(session);
        }
        credential = self.login(credential, issuer, times, shared)?;
        if let Some(root) = self.root {
            credential = credential.descends_from(actors::root(root)?);
        }
        let subject = Subject::new(issuer.name.clone(), subject);
        let mut principal =
            Principal::builder(subject, credential).scopes(shared.scopes(self.scopes(document, issuer)?));
        if let Some(application) = self.application(document, issuer)? {
            principal = principal.application(Application::new(shared.text(application)));
        }
        if let Some(actor) = self.actor {
            principal = principal.actors(actors::chain(actor, &issuer.name)?);
        }
        if let Some(next) = self.may_act {
            principal = principal.may_act(actors::party(next, "may_act", &issuer.name)?);
        }
        if let Some(tenant) = pointed_name(document, issuer.tenant_claim.as_deref())? {
            principal = principal.tenant(TenantId::new(shared.text(tenant)));
        }
        if let Some(plan) = pointed_name(document, issuer.plan_claim.as_deref())? {
            principal = principal.plan(PlanName::new(shared.text(plan)));
        }
        if let Some((pointer, roles)) = pointed(document, issuer.roles_claim.as_deref()) {
            let roles = strings(roles).filter(|roles| roles.iter().all(|role| is_name(role)));
            principal = principal
                .roles(shared.roles(RoleSet::from_iter(roles.ok_or_else(|| malformed_at(pointer))?)));
        }
        principal = principal.claims(match issuer.kept_claims.is_empty() {
            true => crate::principal::Claims::read([]),
            false => shared.claims(kept(document, &issuer.kept_claims)),
        });
        Ok(Accepted { principal: principal.build(), confirmation, good_from, good_until })
    }

    /// Tells an ID token, a refresh or a logout token of the same issuer from a credential for access. One whose `typ` is `at+jwt`
    /// has said what it is.
    fn check_kind(&self) -> Result<(), JwtError> {
        if let Some(claim) = self.foreign {
            return Err(JwtErrorKind::NotForAccess(claim).into());
        }
        // Keycloak writes `typ`, Cognito `token_use`, into the claims.
        let Some(kind) = self.kind else { return Ok(()) };
        let is_access = |kind: &str| {
            ["Bearer", "access", "JWT", "at+jwt"].iter().any(|known| kind.eq_ignore_ascii_case(known))
        };
        match kind.as_str().is_some_and(is_access) {
            true => Ok(()),
            false => Err(JwtErrorKind::NotForAccess("typ").into()),
        }
    }

    /// How and when the user logged in.
    fn login(
        &self,
        mut credential: Credential,
        issuer: &TrustedIssuer,
        times: Times,
        shared: &Shared,
    ) -> Result<Credential, JwtError> {
        if let Some(acr) = name(self.context, "acr")? {
            credential = credential.authentication_context(shared.text(acr));
        }
        if let Some(methods) = self.methods {
            let methods = strings(methods).filter(|methods| methods.iter().all(|method| is_name(method)));
            let methods = methods.ok_or(JwtErrorKind::MalformedClaim("amr"))?;
            credential =
                credential.authentication_methods(methods.into_iter().map(|method| shared.text(method)));
        }
        let Some(time) = date(self.login_time, "auth_time")? else { return Ok(credential) };
        // A login that lies ahead would be fresh for as long as it does.
        if time > times.now.saturating_add(issuer.leeway) {
            return Err(JwtErrorKind::MalformedClaim("auth_time").into());
        }
        Ok(credential.authenticated_at(time))
    }

    fn check_audience(&self, issuer: &TrustedIssuer) -> Result<(), JwtError> {
        let audience = self.audience.ok_or(JwtErrorKind::MissingClaim("aud"))?;
        let ours = |name: &str| issuer.audiences.iter().any(|ours| **ours == *name);
        let found = match audience.kind() {
            Kind::String => audience.as_str().is_some_and(ours),
            Kind::Array if audience.items().all(|item| item.as_str().is_some()) => {
                audience.items().any(|item| item.as_str().is_some_and(ours))
            }
            _ => return Err(JwtErrorKind::MalformedClaim("aud").into()),
        };
        // Whoever else it is addressed to could show it here.
        if issuer.one_audience && audience.kind() == Kind::Array && audience.items().nth(1).is_some() {
            return Err(JwtErrorKind::WrongAudience.into());
        }
        if found { Ok(()) } else { Err(JwtErrorKind::WrongAudience.into()) }
    }

    fn check_time(&self, issuer: &TrustedIssuer, times: Times) -> Result<(UnixTime, UnixTime), JwtError> {
        let Times { now, latest: high_water } = times;
        let expires = date(self.expires, "exp")?.ok_or(JwtErrorKind::MissingClaim("exp"))?;
        let not_before = date(self.not_before, "nbf")?.unwrap_or_default();
        let issued_at = date(self.issued_at, "iat")?;
        let good_until = expires.saturating_add(issuer.leeway);
        let latest = now.saturating_add(issuer.leeway);
        if high_water >= good_until {
            return Err(JwtErrorKind::Expired.into());
        }
        if not_before > latest {
            return Err(JwtErrorKind::NotYetValid.into());
        }
        if issued_at.is_some_and(|issued_at| issued_at > latest) {
            return Err(JwtErrorKind::IssuedInFuture.into());
        }
        let begins = match issued_at {
            Some(issued_at) => issued_at,
            None if issuer.lifetime_is_set => return Err(JwtErrorKind::MissingClaim("iat").into()),
            None => now,
        };
        if expires.saturating_since(begins) > issuer.max_lifetime {
            return Err(JwtErrorKind::LifetimeTooLong.into());
        }
        let leeway = u64::try_from(issuer.leeway.as_nanos()).unwrap_or(u64::MAX);
        let good_from = UnixTime::from_nanos(not_before.as_nanos().saturating_sub(leeway));
        Ok((good_from, good_until))
    }

    fn scopes(&self, document: &Document, issuer: &TrustedIssuer) -> Result<ScopeSet, JwtError> {
        if let Some(pointer) = issuer.scope_claim.as_deref() {
            let Some(node) = document.at(pointer) else { return Ok(ScopeSet::default()) };
            return scope_set(node).ok_or_else(|| malformed_at(pointer));
        }
        let read = |node: Option<Node<'_>>, claim| {
            node.map(|node| scope_set(node).ok_or(JwtErrorKind::MalformedClaim(claim))).transpose()
        };
        if self.scope.is_some_and(|scope| scope.kind() != Kind::String) {
            return Err(JwtErrorKind::MalformedClaim("scope").into());
        }
        match (read(self.scope, "scope")?, read(self.scp, "scp")?) {
            // Two claims for one fact may not differ: somebody downstream would read the other one.
            (Some(scope), Some(scp)) if scope != scp => Err(JwtErrorKind::MalformedClaim("scp").into()),
            (Some(scopes), _) | (None, Some(scopes)) => Ok(scopes),
            (None, None) => Ok(ScopeSet::default()),
        }
    }

    fn application(
        &self,
        document: &'d Document,
        issuer: &TrustedIssuer,
    ) -> Result<Option<&'d str>, JwtError> {
        if issuer.application_claim.is_some() {
            return pointed_name(document, issuer.application_claim.as_deref());
        }
        match (name(self.client_id, "client_id")?, name(self.authorized_party, "azp")?) {
            (Some(client), Some(party)) if client != party => Err(JwtErrorKind::MalformedClaim("azp").into()),
            (client, party) => Ok(client.or(party)),
        }
    }
}

/// The claims at these pointers. What is `null` is not there.
fn kept(document: &Document, pointers: &[Arc<str>]) -> crate::principal::Claims {
    let at = |pointer: &Arc<str>| document.at(pointer).and_then(|node| value(node, true));
    crate::principal::Claims::read(pointers.iter().map(|pointer| (pointer.clone(), at(pointer))))
}

/// What policies can compare. `None` for `null`.
fn value(node: Node<'_>, lists: bool) -> Option<ClaimValue> {
    Some(match node.kind() {
        Kind::Null => return None,
        Kind::Bool => node.as_bool().map_or(ClaimValue::Other, ClaimValue::Flag),
        Kind::Number => node.as_i64().map_or(ClaimValue::Other, ClaimValue::Number),
        Kind::String => node.as_str().map_or(ClaimValue::Other, ClaimValue::from),
        Kind::Array if lists => {
            node.items().map(|item| value(item, false).unwrap_or(ClaimValue::Other)).collect()
        }
        Kind::Array | Kind::Object => ClaimValue::Other,
    })
}

/// A `NumericDate` (RFC 7519 §2): seconds since 1970, with or without a fraction, as a JSON number.
pub(super) fn date(claim: Option<Node<'_>>, name: &'static str) -> Result<Option<UnixTime>, JwtError> {
    let Some(claim) = claim else { return Ok(None) };
    let time = match claim.as_u64() {
        Some(seconds) => (seconds <= MAX_DATE).then(|| UnixTime::from_secs(seconds)),
        None => {
            let seconds = claim.as_f64().filter(|seconds| (0.0..=MAX_DATE as f64).contains(seconds));
            // The cast saturates, and the bounds keep the value far from where it would.
            seconds.map(|seconds| UnixTime::from_nanos((seconds * 1e9) as u64))
        }
    };
    time.map(Some).ok_or_else(|| JwtErrorKind::MalformedClaim(name).into())
}

pub(super) fn name<'d>(claim: Option<Node<'d>>, called: &'static str) -> Result<Option<&'d str>, JwtError> {
    let Some(claim) = claim else { return Ok(None) };
    let text = claim.as_str().filter(|text| is_name(text));
    text.map(Some).ok_or_else(|| JwtErrorKind::MalformedClaim(called).into())
}

fn pointed<'d, 'p>(document: &'d Document, pointer: Option<&'p str>) -> Option<(&'p str, Node<'d>)> {
    let pointer = pointer?;
    Some((pointer, document.at(pointer)?))
}

fn pointed_name<'d>(document: &'d Document, pointer: Option<&str>) -> Result<Option<&'d str>, JwtError> {
    let Some((pointer, node)) = pointed(document, pointer) else { return Ok(None) };
    node.as_str().filter(|text| is_name(text)).map(Some).ok_or_else(|| malformed_at(pointer))
}

fn malformed_at(pointer: &str) -> JwtError {
    JwtErrorKind::MalformedPointer(pointer.to_owned()).into()
}

/// Names end up in records, headers and keys of limits: none is empty, long, or has control characters.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.bytes().any(|byte| byte.is_ascii_control())
}

/// A string alone, or an array of nothing but strings.
fn strings(node: Node<'_>) -> Option<Vec<&str>> {
    match node.kind() {
        Kind::String => Some(vec![node.as_str()?]),
        Kind::Array => node.items().map(Node::as_str).collect(),
        _ => None,
    }
}

/// Scope names (RFC 6749 §3.3), in a string separated by spaces or one per element of an array.
fn scope_set(node: Node<'_>) -> Option<ScopeSet> {
    let is_scope = |scope: &str| scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let scopes: Vec<&str> = match node.kind() {
        Kind::String => node.as_str()?.split(' ').filter(|scope| !scope.is_empty()).collect(),
        _ => strings(node)?,
    };
    let sound = scopes.iter().all(|scope| !scope.is_empty() && is_scope(scope));
    sound.then(|| scopes.into_iter().collect())
}
