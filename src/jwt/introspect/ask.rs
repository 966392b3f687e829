use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode, Uri};
use tokio::sync::Semaphore;

use super::Introspection;
use crate::clock::{HighWater, SharedClock};
use crate::fetch::SingleFlight;
use crate::jose::seen::{Fingerprint, SeenCredentials};
use crate::jose::{Form, json};
use crate::jwt::claims::{Accepted, Claims, Times};
use crate::jwt::shared::Shared;
use crate::jwt::{JwtError, JwtErrorKind};
use crate::payload::json::Kind;
use crate::principal::AuthenticationMethod;

const GOOD: (usize, usize) = (32 * 1024, 64 * 1024 * 1024);
/// What strangers can fill.
const REFUSED: (usize, usize) = (4 * 1024, 4 * 1024 * 1024);
/// What one remembered answer takes beside its credential's length.
const OVERHEAD: usize = 512;
/// How many questions may be under way at once.
const AT_ONCE: usize = 64;

type Answer = Result<Arc<Accepted>, JwtError>;

/// Asks about opaque credentials and remembers the answers.
pub(in crate::jwt) struct Asker {
    rules: Introspection,
    endpoint: Uri,
    good: SeenCredentials<Accepted>,
    refused: SeenCredentials<JwtError>,
    flights: SingleFlight<Fingerprint, Answer>,
    room: Semaphore,
    clock: SharedClock,
    latest: HighWater,
    shared: Shared,
}

/// What is known of a credential.
pub(in crate::jwt) struct Asked {
    pub(in crate::jwt) accepted: Arc<Accepted>,
    pub(in crate::jwt) remembered: bool,
}

impl Asker {
    pub(super) fn new(rules: Introspection, endpoint: Uri, clock: SharedClock) -> Self {
        Self {
            rules,
            endpoint,
            good: SeenCredentials::new(GOOD.0, GOOD.1),
            refused: SeenCredentials::new(REFUSED.0, REFUSED.1),
            flights: SingleFlight::default(),
            room: Semaphore::new(AT_ONCE),
            clock,
            latest: HighWater::default(),
            shared: Shared::default(),
        }
    }

    /// What is remembered of a credential, if it holds for now.
    pub(in crate::jwt) fn recall(&self, credential: &str) -> Option<Result<Asked, JwtError>> {
        let (fingerprint, elapsed) = (Fingerprint::of(credential), self.clock.elapsed());
        if let Some(accepted) = self.good.find(&fingerprint, elapsed) {
            return Some(self.hold(accepted, true));
        }
        let error = self.refused.find(&fingerprint, elapsed)?;
        Some(Err(JwtError::clone(&error)))
    }

    /// Asks the issuer, or waits for the answer if somebody is asking about the same credential.
    pub(in crate::jwt) async fn ask(&self, credential: &str) -> Result<Asked, JwtError> {
        let fingerprint = Fingerprint::of(credential);
        let answer = self.flights.join(fingerprint, || self.fetch(credential, fingerprint)).await;
        self.hold(answer?, false)
    }

    fn hold(&self, accepted: Arc<Accepted>, remembered: bool) -> Result<Asked, JwtError> {
        let Times { now, latest } = self.times();
        if latest >= accepted.good_until {
            return Err(JwtErrorKind::Expired.into());
        }
        if now < accepted.good_from {
            return Err(JwtErrorKind::NotYetValid.into());
        }
        Ok(Asked { accepted, remembered })
    }

    fn times(&self) -> Times {
        let reading = self.clock.read();
        Times { now: reading.now, latest: self.latest.at(reading) }
    }

    async fn fetch(&self, credential: &str, fingerprint: Fingerprint) -> Answer {
        let unknown = |problem: String| JwtError::from(JwtErrorKind::Introspection(problem));
        let Ok(_room) = self.room.try_acquire() else {
            return Err(unknown(format!("{AT_ONCE} questions are under way already")));
        };
        let mut form = Form::default();
        form.add("token", credential);
        form.add("token_type_hint", "access_token");
        let request = self.rules.client.post(&self.endpoint, form, self.clock.now());
        let request = request.ok_or_else(|| unknown("the question could not be written".to_owned()))?;
        let response = self.rules.fetch.fetch(request).await.map_err(|error| unknown(error.to_string()))?;
        let answer = self.read(&response);
        let (now, bytes) = (self.clock.elapsed(), OVERHEAD + credential.len());
        match &answer {
            Ok(accepted) => {
                let left = accepted.good_until.saturating_since(self.times().latest);
                let until = now.saturating_add(left.min(self.rules.remember_for));
                self.good.remember(fingerprint, Arc::clone(accepted), bytes, now, until);
            }
            // An issuer that cannot answer has said nothing of the credential.
            Err(JwtError { kind: JwtErrorKind::Introspection(_) }) => {}
            Err(error) => {
                let until = now.saturating_add(self.rules.remember_refused_for);
                self.refused.remember(fingerprint, Arc::new(error.clone()), bytes, now, until);
            }
        }
        answer
    }

    /// RFC 7662 §2.2.
    fn read(&self, response: &Response<Bytes>) -> Answer {
        let unknown = |problem: String| JwtError::from(JwtErrorKind::Introspection(problem));
        if response.status() != StatusCode::OK {
            return Err(unknown(format!("the endpoint answered {}", response.status().as_u16())));
        }
        let document = json::object(response.body().clone(), "answer")
            .map_err(|error| unknown(format!("the endpoint's {error}")))?;
        match document.root().get("active").filter(|active| active.kind() == Kind::Bool) {
            Some(active) if active.as_bool() == Some(true) => {}
            Some(_) => return Err(JwtErrorKind::Inactive.into()),
            None => return Err(unknown("the endpoint's answer lacks `active`".to_owned())),
        }
        // A refresh token may be active, too.
        if let Some(kind) = document.root().get("token_type") {
            let is_for_access =
                |kind: &str| ["bearer", "dpop"].iter().any(|known| kind.eq_ignore_ascii_case(known));
            if !kind.as_str().is_some_and(is_for_access) {
                return Err(JwtErrorKind::NotForAccess("token_type").into());
            }
        }
        let claims = Claims::find(&document);
        match claims.issuer() {
            Ok(name) if name != self.rules.issuer.name() => return Err(JwtErrorKind::UnknownIssuer.into()),
            // The issuer itself says so, whether it names itself or not.
            Err(JwtError { kind: JwtErrorKind::MissingClaim(_) }) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        let mut accepted = claims.check(&document, &self.rules.issuer, self.times(), false, &self.shared)?;
        accepted.principal = accepted.principal.known_by(AuthenticationMethod::Introspection);
        Ok(Arc::new(accepted))
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").field("rules", &self.rules).finish_non_exhaustive()
    }
}
