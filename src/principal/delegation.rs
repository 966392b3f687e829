use super::effective::{ActorRights, narrow};
use super::{Actor, Principal, RoleSet, ScopeSet, Workload, WorkloadPattern};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

const EVERY_RIGHT: ActorRights<'static> = ActorRights { scopes: None, roles: None, claims: None };

/// The most that a credential may name, whatever is set.
pub(crate) const MOST_ACTORS: usize = 8;

/// Who may act for others here (RFC 8693 §4.1): from which machine, and with which rights.
///
/// 1. Every actor of a credential must be known: by a rule, or by the [directory](Self::directory).
/// 2. The current actor must be the machine whose certificate the connection has shown, by the patterns of its rule. A delegated
///    credential that was stolen is of no use elsewhere.
/// 3. What counts are the subject's rights that every actor has, too: scopes, roles, and the claims that policies read, since a claim such as a
///    department is a right as well. `act` carries no rights: those of the actors stand here. Tenant and plan stay the subject's: they say on
///    whose account it goes.
/// 4. No party comes twice, and the subject is none of its own actors.
///
/// ```
/// use portcullis::principal::{ActorRule, Delegation};
///
/// let delegation = Delegation::new()
///     .actor(
///         ActorRule::new("https://sts.example.com", "orchestrator")
///             .workload("spiffe://prod.example/ns/chat/sa/orchestrator".parse()?)
///             .scopes(["docs:read", "generate:invoke"]),
///     )
///     // It stands behind the orchestrator, and calls nobody here itself.
///     .actor(ActorRule::new("https://sts.example.com", "web").scopes(["docs:read", "hr:read"]));
/// # let _ = delegation;
/// # Ok::<(), portcullis::principal::SpiffeIdError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delegation {
    rules: BTreeMap<Actor, Arc<ActorRule>>,
    repeated: Option<Actor>,
    directory: Option<Arc<dyn ActorDirectory>>,
    anybody: bool,
    most: usize,
}

/// Knows actors that no rule in the program names: a registry of services, a file that changes.
pub trait ActorDirectory: fmt::Debug + Send + Sync + 'static {
    /// The rule of this actor; `None` when it is not known, and the credential is refused. Asked on every request that names it, so it
    /// answers from memory.
    fn find(&self, actor: &Actor) -> Option<Arc<ActorRule>>;
}

/// What is known of one actor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorRule {
    actor: Actor,
    workloads: Vec<WorkloadPattern>,
    anywhere: bool,
    scopes: ScopeSet,
    roles: RoleSet,
    claims: Vec<Arc<str>>,
    every_right: bool,
}

impl ActorRule {
    /// The actor whom `issuer` calls `id`: `iss` and `sub` in `act`, where an absent `iss` is that of the credential.
    pub fn new(issuer: impl Into<Arc<str>>, id: impl Into<Arc<str>>) -> Self {
        Self {
            actor: Actor::new(issuer, id),
            workloads: Vec::new(),
            anywhere: false,
            scopes: ScopeSet::default(),
            roles: RoleSet::default(),
            claims: Vec::new(),
            every_right: false,
        }
    }

    /// The machines that it runs on. Called more than once, they add up. Without any, it may only stand behind another actor.
    pub fn workload(mut self, pattern: WorkloadPattern) -> Self {
        self.workloads.push(pattern);
        self
    }

    /// The scopes that it has; none unless set. It gives none to a subject that lacks them.
    pub fn scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().collect();
        self
    }

    /// The roles that it has; none unless set.
    pub fn roles<R: Into<Box<str>>>(mut self, roles: impl IntoIterator<Item = R>) -> Self {
        self.roles = roles.into_iter().collect();
        self
    }

    /// The claims of its subjects that count when it acts, by their pointers (RFC 6901); none unless set. To a rule that permits, one that
    /// is withheld does not hold; a rule that forbids by it does.
    pub fn claims<C: Into<Arc<str>>>(mut self, pointers: impl IntoIterator<Item = C>) -> Self {
        self.claims = pointers.into_iter().map(Into::into).collect();
        self
    }

    /// Lets it come from any machine, and without a certificate: whoever holds a credential that names it is it.
    pub fn danger_from_anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Lets it do whatever its subjects may.
    pub fn danger_every_right(mut self) -> Self {
        self.every_right = true;
        self
    }

    /// Whose rule it is.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    fn rights(&self) -> ActorRights<'_> {
        match self.every_right {
            true => EVERY_RIGHT,
            false => ActorRights {
                scopes: Some(&self.scopes),
                roles: Some(&self.roles),
                claims: Some(&self.claims),
            },
        }
    }

    fn check_workload(&self, workload: Option<&Workload>) -> Result<(), DelegationError> {
        if self.anywhere {
            return Ok(());
        }
        let actor = || self.actor.clone();
        let workload = workload.ok_or_else(|| DelegationError::NoCertificate(actor()))?;
        match self.workloads.iter().any(|pattern| pattern.matches(workload)) {
            true => Ok(()),
            false => Err(DelegationError::OtherWorkload {
                actor: actor(),
                workload: workload.id().as_str().to_owned(),
            }),
        }
    }

    fn check(&self) -> Result<(), String> {
        let actor = &self.actor;
        if actor.id().is_empty() || actor.issuer().is_empty() {
            return Err("an actor has an issuer and an identifier; write both".to_owned());
        }
        if let Some(claim) = self.claims.iter().find(|claim| !claim.starts_with('/')) {
            return Err(format!("the actor {actor}: a claim is named by its pointer; write /{claim}"));
        }
        if self.scopes.is_empty() && self.roles.is_empty() && self.claims.is_empty() && !self.every_right {
            return Err(format!("the actor {actor} has no right, so that nothing passes by it: add scopes"));
        }
        Ok(())
    }
}

impl Delegation {
    /// Nobody may act yet: add an [actor](Self::actor).
    pub fn new() -> Self {
        Self { rules: BTreeMap::new(), repeated: None, directory: None, anybody: false, most: MOST_ACTORS }
    }

    /// Lets this actor act.
    pub fn actor(mut self, rule: ActorRule) -> Self {
        let actor = rule.actor.clone();
        if self.rules.insert(actor.clone(), Arc::new(rule)).is_some() {
            self.repeated = Some(actor);
        }
        self
    }

    /// Asks this directory about actors that have no rule here.
    pub fn directory(mut self, directory: impl ActorDirectory) -> Self {
        self.directory = Some(Arc::new(directory));
        self
    }

    /// How many actors may stand behind one another; 8 unless set, which is the most.
    pub fn max_actors(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Believes whatever actor an issuer names, from anywhere, with every right of the subject. Who steals a delegated credential can
    /// use it, and a service that acts may use all that its users may.
    pub fn danger_any_actor(mut self) -> Self {
        self.anybody = true;
        self
    }

    /// The principal with the rights that count, if all of its actors may act and the current one is this machine.
    ///
    /// # Errors
    /// Says which actor may not, and why.
    pub fn check(
        &self,
        principal: Principal,
        workload: Option<&Workload>,
    ) -> Result<Principal, DelegationError> {
        let chain = principal.actors();
        if chain.is_empty() {
            return Ok(principal);
        }
        if chain.len() > self.most {
            return Err(DelegationError::TooMany { most: self.most });
        }
        if let Some(actor) = chain.repeated(principal.subject()) {
            return Err(DelegationError::Repeated(actor.clone()));
        }
        let rule = |actor: &Actor| match self.find(actor) {
            None if !self.anybody => Err(DelegationError::Unknown(actor.clone())),
            found => Ok(found),
        };
        let rules = chain.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        if let Some(current) = &rules[0] {
            current.check_workload(workload)?;
        }
        let rights = rules.iter().map(|rule| rule.as_ref().map_or(EVERY_RIGHT, |rule| rule.rights()));
        let rights: Vec<ActorRights<'_>> = rights.collect();
        Ok(narrow(principal, &rights))
    }

    /// The rule of that very actor: a directory that gives another one has not answered.
    fn find(&self, actor: &Actor) -> Option<Arc<ActorRule>> {
        if let Some(rule) = self.rules.get(actor) {
            return Some(Arc::clone(rule));
        }
        let rule = self.directory.as_ref()?.find(actor)?;
        (rule.actor == *actor).then_some(rule)
    }

    /// Whether an actor is known by its certificate, so that certificates must be asked for.
    pub(crate) fn asks_for_certificates(&self) -> bool {
        self.rules.values().any(|rule| !rule.anywhere && !rule.workloads.is_empty())
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        if let Some(actor) = &self.repeated {
            return Some(format!("the actor {actor} stands there twice; keep one rule"));
        }
        if self.most == 0 || self.most > MOST_ACTORS {
            return Some(format!("max_actors: choose 1 to {MOST_ACTORS}"));
        }
        if self.rules.is_empty() && self.directory.is_none() && !self.anybody {
            return Some("nobody may act: add an actor, or leave it out".to_owned());
        }
        self.rules.values().find_map(|rule| rule.check().err())
    }
}

impl Default for Delegation {
    fn default() -> Self {
        Self::new()
    }
}

/// For the posture.
impl fmt::Display for Delegation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.anybody {
            f.write_str("ANY ACTOR MAY ACT, FROM ANYWHERE, WITH EVERY RIGHT OF ITS SUBJECT")?;
        } else {
            f.write_str("acting for others, each with its own rights at most:")?;
        }
        for (actor, rule) in &self.rules {
            write!(f, "\n  {actor}")?;
            let from: Vec<&str> = rule.workloads.iter().map(WorkloadPattern::as_str).collect();
            match (rule.anywhere, from.is_empty()) {
                (true, _) => f.write_str(", FROM ANYWHERE")?,
                (false, true) => f.write_str(", behind another actor only")?,
                (false, false) => write!(f, ", from {}", from.join(", "))?,
            }
            if rule.every_right {
                f.write_str(", WITH EVERY RIGHT OF ITS SUBJECT")?;
            }
        }
        if let Some(directory) = &self.directory {
            write!(f, "\n  and whom this directory knows: {directory:?}")?;
        }
        Ok(())
    }
}

/// Why a delegated credential does not hold here. The names in it were verified with the credential.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DelegationError {
    /// Nobody may act here.
    #[error("claim `act` says that somebody acts for the subject, and nobody may here: set up Delegation")]
    NotSetUp,
    /// More actors stand behind one another than may.
    #[error("more than {most} actors stand behind one another")]
    TooMany {
        /// How many may.
        most: usize,
    },
    /// A party acts for itself, by way of others or directly.
    #[error("the actor {0} comes twice in its chain, or is the subject itself")]
    Repeated(Actor),
    /// An actor that is not known here.
    #[error("the actor {0} is not known here")]
    Unknown(Actor),
    /// The current actor is known by its certificate, and none was checked.
    #[error("the current actor {0} is known by its certificate, and none was checked")]
    NoCertificate(Actor),
    /// Another machine has brought the credential than the one that the current actor runs on.
    #[error(
        "the current actor is {actor}, and the credential came from {workload}, which is none of its machines"
    )]
    OtherWorkload {
        /// The current actor.
        actor: Actor,
        /// The machine that the credential came from.
        workload: String,
    },
}
