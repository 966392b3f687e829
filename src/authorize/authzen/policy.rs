use super::ask::{Asker, Question, all, room};
use super::context::{BYTES, context, rounded, value_of};
use super::remembered::Remembered;
use super::{AuthZenError, AuthZenErrorKind, Entity, Evaluation};
use crate::authorize::telling::check_claims;
use crate::authorize::{AccessRequest, Decided, Policy, Resource, Verdict};
use crate::clock::{SharedClock, SystemClock};
use crate::fetch::Fetch;
use crate::route::ResourceKind;
use http::{HeaderValue, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// How long the decision point may take, unless said otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// How much is asked about for one request, unless said otherwise.
const QUESTIONS: NonZeroUsize = NonZeroUsize::new(32).expect("it is not zero");

/// A [`Policy`] that asks a decision point; see the [module](super).
#[derive(Clone)]
pub struct AuthZenPolicy {
    name: Arc<str>,
    asker: Arc<Asker>,
    properties: Vec<(String, Arc<str>)>,
    kinds: Option<Vec<ResourceKind>>,
    most: NonZeroUsize,
    names_issuer: bool,
}

impl AuthZenPolicy {
    /// Asks this endpoint, the whole URL, by that client.
    ///
    /// # Errors
    /// When the endpoint is no absolute URL.
    pub fn new(endpoint: &str, fetch: impl Fetch) -> Result<Self, AuthZenError> {
        let asker = Asker {
            endpoint: url(endpoint)?,
            evaluations: None,
            fetch: Arc::new(fetch),
            bearer: None,
            remember_for: Duration::ZERO,
            time_limit: TIME_LIMIT,
            clock: SystemClock::shared(),
            remembered: Remembered::default(),
            room: room(),
        };
        Ok(Self {
            name: "authzen".into(),
            asker: Arc::new(asker),
            properties: Vec::new(),
            kinds: None,
            most: QUESTIONS,
            names_issuer: true,
        })
    }

    /// What records and the posture call it; `authzen` when not called.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Asks about several things of one request at once, at this endpoint, the whole URL (§7); about each by itself when not called.
    ///
    /// # Errors
    /// When it is no absolute URL.
    pub fn evaluations_endpoint(self, endpoint: &str) -> Result<Self, AuthZenError> {
        let endpoint = url(endpoint)?;
        Ok(self.change(|asker| asker.evaluations = Some(endpoint)))
    }

    /// Shows this secret to the decision point as a bearer credential.
    ///
    /// # Errors
    /// When no header can hold it.
    pub fn bearer(self, secret: &SecretString) -> Result<Self, AuthZenError> {
        let text = format!("Bearer {}", secret.expose_secret());
        let mut header = HeaderValue::try_from(text).map_err(|_| AuthZenErrorKind::Bearer)?;
        header.set_sensitive(true);
        Ok(self.change(|asker| asker.bearer = Some(header)))
    }

    /// Remembers each decision for so long; not at all when not called.
    pub fn remember_for(self, time: Duration) -> Self {
        self.change(|asker| asker.remember_for = time)
    }

    /// How long the decision point may take; one second when not called. The client has a limit of its own.
    pub fn time_limit(self, limit: Duration) -> Self {
        self.change(|asker| asker.time_limit = limit)
    }

    /// Takes time from `clock`; from the machine's clock when not called.
    pub fn clock(self, clock: SharedClock) -> Self {
        self.change(|asker| asker.clock = clock)
    }

    /// Tells this of the subject: the claim at that pointer (RFC 6901), where the credential has it.
    pub fn property(mut self, name: impl Into<String>, pointer: impl Into<Arc<str>>) -> Self {
        self.properties.push((name.into(), pointer.into()));
        self
    }

    /// Asks about things of these kinds only; about all when not called. The route is one of them: where it is asked about, it must be
    /// permitted beside everything else, and a request that touches nothing of these kinds is asked about with its route in any
    /// case.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = ResourceKind>) -> Self {
        self.kinds = Some(kinds.into_iter().collect());
        self
    }

    /// How much one request may ask about: 32 things when not called. One that touches more is refused without a question, so that a
    /// list of a thousand tools leaves room for other callers; 256 questions are under way at most.
    pub fn questions_per_request(mut self, most: NonZeroUsize) -> Self {
        self.most = most;
        self
    }

    /// Calls users by their subject alone, as decision points with one issuer may know them; by `issuer|subject` when not called. Two
    /// issuers may give out the same subject: then one user has the rights of the other, unless the decision point looks at the
    /// property `issuer`.
    pub fn danger_subject_without_issuer(mut self) -> Self {
        self.names_issuer = false;
        self
    }

    /// Asks about anything: whether it is permitted.
    ///
    /// # Errors
    /// When the decision point did not say.
    pub async fn evaluate(&self, evaluation: Evaluation) -> Result<bool, AuthZenError> {
        let question = Question::new(evaluation);
        match self.asker.recall(&question) {
            Some(permits) => Ok(permits),
            None => self.asker.ask(question).await,
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Asker)) -> Self {
        // A clone that is changed asks for itself from then on, and remembers for itself.
        let Asker { endpoint, evaluations, fetch, bearer, remember_for, time_limit, clock, .. } =
            &*self.asker;
        let mut asker = Asker {
            endpoint: endpoint.clone(),
            evaluations: evaluations.clone(),
            fetch: fetch.clone(),
            bearer: bearer.clone(),
            remember_for: *remember_for,
            time_limit: *time_limit,
            clock: clock.clone(),
            remembered: Remembered::default(),
            room: room(),
        };
        change(&mut asker);
        self.asker = Arc::new(asker);
        self
    }

    fn subject(&self, request: &AccessRequest<'_>) -> Entity {
        let who = request.principal;
        let Some(subject) = who.subject() else { return Entity::new("workload", who.name()) };
        let mut properties = Map::new();
        let mut add = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
        add("issuer", subject.issuer().into());
        add("scopes", who.scopes().iter().collect());
        add("roles", who.roles().iter().collect());
        if let Some(tenant) = who.tenant() {
            add("tenant", tenant.as_str().into());
        }
        if let Some(application) = who.application() {
            add("application", application.as_str().into());
        }
        if !who.actors().is_empty() {
            let actors = who.actors().iter();
            add(
                "actors",
                actors.map(|actor| json!({ "issuer": actor.issuer(), "id": actor.id() })).collect(),
            );
        }
        for (name, pointer) in &self.properties {
            if let Some(value) = who.claims().get(pointer).and_then(value_of) {
                add(name, value);
            }
        }
        let id = match self.names_issuer {
            true => format!("{}|{}", subject.issuer(), subject.id()),
            false => subject.id().to_owned(),
        };
        Entity::new("user", id).properties(properties)
    }

    fn governs_thing(&self, kind: &ResourceKind) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
    }

    /// What is to be asked, each with what it is about; a verdict where that is too much.
    fn questions(&self, request: &AccessRequest<'_>) -> Result<Vec<(String, Question)>, Verdict> {
        let route = Resource::new(ResourceKind::Route, request.route);
        let mut things: Vec<&Resource<'_>> =
            request.resources.iter().filter(|thing| self.governs_thing(&thing.kind)).collect();
        if things.is_empty() || self.governs_thing(&ResourceKind::Route) {
            things.push(&route);
        }
        if things.len() > self.most.get() {
            let (found, most) = (things.len(), self.most);
            let cause = format!(
                "the request touches {found} things, and the decision point is asked about {most} at most"
            );
            return Err(Verdict::no_match().because(cause));
        }
        let (subject, context) = (self.subject(request), self.context(request));
        let ask = |thing: &Resource<'_>| {
            let resource = Entity::new(thing.kind.as_str(), &*thing.id);
            let evaluation = Evaluation::new(subject.clone(), request.action, resource);
            (thing.to_string(), Question::new(evaluation.context(context.clone())))
        };
        Ok(things.into_iter().map(ask).collect())
    }

    fn context(&self, request: &AccessRequest<'_>) -> Map<String, Value> {
        let mut context = context(request);
        // No two bodies are of one size, and a decision on a small one must not hold for a large one.
        if !self.asker.remember_for.is_zero()
            && let Some(bytes) = request.environment.payload.map(|payload| payload.bytes)
        {
            context.insert(BYTES.to_owned(), rounded(bytes).into());
        }
        context
    }
}

fn url(endpoint: &str) -> Result<Uri, AuthZenError> {
    let uri: Option<Uri> = endpoint.parse().ok();
    uri.filter(|uri| uri.scheme().is_some() && uri.host().is_some())
        .ok_or_else(|| AuthZenErrorKind::Endpoint(endpoint.to_owned()).into())
}

impl Policy for AuthZenPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn decide(&self, request: &AccessRequest<'_>) -> Decided {
        let refused =
            |thing: &str| Verdict::no_match().because(format!("the decision point refuses {thing}"));
        if let Err(verdict) =
            check_claims(request.principal, self.properties.iter().map(|(_, pointer)| pointer))
        {
            return verdict.into();
        }
        let permitted = Verdict::permit().by(&self.name);
        let questions = match self.questions(request) {
            Ok(questions) => questions,
            Err(verdict) => return verdict.into(),
        };
        let mut open = Vec::new();
        for (thing, question) in questions {
            match self.asker.recall(&question) {
                Some(true) => {}
                Some(false) => return refused(&thing).into(),
                None => open.push((thing, question)),
            }
        }
        if open.is_empty() {
            return permitted.into();
        }
        let asker = self.asker.clone();
        Decided::later(async move {
            let (things, questions): (Vec<_>, Vec<_>) = open.into_iter().unzip();
            if let (Some(endpoint), 2..) = (&asker.evaluations, questions.len()) {
                return match asker.ask_at_once(endpoint, &questions).await {
                    Ok(answers) => match answers.iter().position(|permits| !permits) {
                        Some(which) => refused(&things[which]),
                        None => permitted,
                    },
                    Err(error) => Verdict::error(error.to_string()),
                };
            }
            let asked = questions.into_iter().map(|question| Box::pin(asker.ask(question)));
            match all(asked.enumerate().collect()).await {
                Ok(()) => permitted,
                Err((which, None)) => refused(&things[which]),
                Err((_, Some(error))) => Verdict::error(error.to_string()),
            }
        })
    }

    fn governs(&self, kind: &ResourceKind) -> bool {
        self.governs_thing(kind)
    }

    fn claims(&self) -> Vec<Arc<str>> {
        self.properties.iter().map(|(_, pointer)| pointer.clone()).collect()
    }

    fn who(&self, _: &str, _: &str) -> Vec<String> {
        vec![format!("by {}: whom the decision point permits", self.name)]
    }

    fn describe(&self) -> String {
        let Asker { endpoint, evaluations, remember_for, time_limit, .. } = &*self.asker;
        let kinds = match &self.kinds {
            Some(kinds) => kinds.iter().map(ResourceKind::as_str).collect::<Vec<_>>().join(", "),
            None => "everything".to_owned(),
        };
        let users = if self.names_issuer { "issuer|subject" } else { "THEIR SUBJECT WITHOUT THE ISSUER" };
        let mut line = format!(
            "{}: the decision point at {endpoint}, within {} ms; remembered for {} s; refuses when it is down; asked about {kinds}, {} \
             at most for a request; users by {users}",
            self.name,
            time_limit.as_millis(),
            remember_for.as_secs_f64(),
            self.most,
        );
        if let Some(evaluations) = evaluations {
            line.push_str(&format!("; about several at once at {evaluations}"));
        }
        for (name, pointer) in &self.properties {
            line.push_str(&format!(", {name} from {pointer}"));
        }
        line
    }
}

impl fmt::Debug for AuthZenPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthZenPolicy")
            .field("name", &self.name)
            .field("endpoint", &self.asker.endpoint)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}
