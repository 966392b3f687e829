use super::{CallFacts, End, PolicyFacts};
use crate::payload::{Coverage, Findings};
use crate::principal::PeerCertificate;
use crate::refusal::Refusal;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Every place in the stack that a record tells of, in the order of the way of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StepId {
    /// Takes the slot of the record.
    Audit,
    /// Finds the route.
    Route,
    /// Refuses floods by address.
    Flood,
    /// Checks the certificate of the machine that calls.
    Peer,
    /// Checks the credential.
    Authenticate,
    /// Checks that the credential still holds, until the answer has ended.
    Watch,
    /// Counts requests.
    Requests,
    /// Checks what can be checked before the body is read.
    Authorize,
    /// Reads the body.
    Read,
    /// Calls every model by its one name, and refuses those that are not listed.
    Models,
    /// Opens references to stored things, and says for whom a request is made.
    Protect,
    /// Looks for what must not enter.
    Inspect,
    /// Checks what the policy says of everything that the request touches.
    Policy,
    /// Reserves usage.
    Usage,
}

impl StepId {
    /// How many places there are.
    pub const COUNT: usize = 14;

    /// All places, in order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Audit,
        Self::Route,
        Self::Flood,
        Self::Peer,
        Self::Authenticate,
        Self::Watch,
        Self::Requests,
        Self::Authorize,
        Self::Read,
        Self::Models,
        Self::Protect,
        Self::Inspect,
        Self::Policy,
        Self::Usage,
    ];

    /// The place as one lower-case word, for records and the posture.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Route => "route",
            Self::Flood => "flood",
            Self::Peer => "peer",
            Self::Authenticate => "authenticate",
            Self::Watch => "watch",
            Self::Requests => "requests",
            Self::Authorize => "authorize",
            Self::Read => "read",
            Self::Models => "models",
            Self::Protect => "protect",
            Self::Inspect => "inspect",
            Self::Policy => "policy",
            Self::Usage => "usage",
        }
    }
}

/// Whether a control ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ran {
    /// It is not part of the stack.
    Off,
    /// The request was refused before it came there.
    NotReached,
    /// It had nothing to check: the route is open, or there is no body.
    Skipped,
    /// It permitted.
    Passed,
    /// It refused.
    Refused,
    /// It would have refused, and the request went on, because the gate only observes it.
    WouldRefuse,
    /// It lacked what an earlier control would have found out, which would have refused; the gate only observes.
    NotEvaluated,
}

impl Ran {
    /// The word for records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::NotReached => "not_reached",
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::WouldRefuse => "would_refuse",
            Self::NotEvaluated => "not_evaluated",
        }
    }
}

/// What is known of one exchange, for the audit record. Each layer fills its own part. It holds no prompt text and no
/// credential.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record {
    /// The request's method.
    pub method: Method,
    /// Whether each control ran, by [`StepId`].
    pub ran: [Ran; StepId::COUNT],
    /// The certificate of the machine that called, whether it was let in or not; else that of the connection. Filled in when the
    /// exchange has ended: before, ask [`Exchange::peer`](super::Exchange::peer).
    pub peer: Option<PeerFacts>,
    /// What an issuer has ended, if this was its logout.
    pub logout: Option<Box<LogoutFacts>>,
    /// How the caller was authenticated.
    pub credential: Option<CredentialFacts>,
    /// Whether a credential came that does not hold, which the flood check charges to the address.
    pub failed_credential: bool,
    /// What was read of the body.
    pub read: Option<ReadFacts>,
    /// What went by unread, because the route declares it or is only observed.
    pub unread: UnreadFacts,
    /// What inspection saw.
    pub inspection: Option<InspectionFacts>,
    /// What the policies said.
    pub policy: Option<Box<PolicyFacts>>,
    /// Which limits were asked.
    pub limits: Option<LimitFacts>,
    /// What was reserved and settled.
    pub usage: Option<UsageFacts>,
    /// The calls that were made further on for this request, in their order; no more than [`MAX_CALLS`](CallFacts::MAX_CALLS).
    pub calls: Vec<CallFacts>,
    /// How many more were made.
    pub calls_beyond: u64,
    /// Which controls would have refused, and why, where the gate only observes.
    pub would_refuse: Vec<(StepId, Refusal)>,
    /// The status of the answer, once there is one.
    pub status: Option<StatusCode>,
    /// How the exchange ended, once it has.
    pub end: Option<End>,
    /// How long it took, once it has ended.
    pub duration: Option<Duration>,
}

impl Record {
    pub(crate) fn new(method: Method, ran: [Ran; StepId::COUNT]) -> Self {
        Self {
            method,
            ran,
            peer: None,
            logout: None,
            credential: None,
            failed_credential: false,
            read: None,
            unread: UnreadFacts::default(),
            inspection: None,
            policy: None,
            limits: None,
            usage: None,
            calls: Vec::new(),
            calls_beyond: 0,
            would_refuse: Vec::new(),
            status: None,
            end: None,
            duration: None,
        }
    }

    /// Whether that control ran.
    pub fn ran(&self, step: StepId) -> Ran {
        self.ran[step as usize]
    }
}

/// The certificate of the machine that called.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerFacts {
    /// What it showed, verified.
    pub certificate: PeerCertificate,
    /// Whether a proxy says so, and the proxy's own certificate if it has shown one.
    pub through: Option<Option<PeerCertificate>>,
}

#[cfg(feature = "tls")]
impl PeerFacts {
    pub(crate) fn new(certificate: PeerCertificate, through: Option<Option<PeerCertificate>>) -> Self {
        Self { certificate, through }
    }
}

/// What an issuer has ended by a logout, verified (OpenID Connect Back-Channel Logout 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutFacts {
    /// The issuer, whose signature held.
    pub issuer: Arc<str>,
    /// The subject that it named.
    pub subject: Option<Box<str>>,
    /// The login session that it named.
    pub session: Option<Box<str>>,
    /// Whether all that it had issued was revoked, since the list of revocations was full.
    pub all_of_the_issuer: bool,
}

impl LogoutFacts {
    pub(crate) fn of(issuer: Arc<str>) -> Self {
        Self { issuer, subject: None, session: None, all_of_the_issuer: false }
    }
}

/// How the caller was authenticated: what may be told of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialFacts {
    /// The key's name (`kid`) that checked the signature.
    pub key_id: Option<Arc<str>>,
    /// The signature's algorithm, as JWS names it (RFC 7518 §3.1).
    pub algorithm: Option<&'static str>,
    /// Whether the credential had been verified before and was remembered.
    pub remembered: bool,
    /// By what the credential is bound to a key of its bearer, whose proof was checked: `certificate`, `dpop`, or
    /// `certificate and dpop`.
    pub bound: Option<&'static str>,
}

/// What was read of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadFacts {
    /// The bytes of the body after any content encoding was undone.
    pub bytes: u64,
    /// The dialect that read it.
    pub dialect: Option<&'static str>,
    /// The model asked for.
    pub model: Option<Arc<str>>,
    /// Whether the client asked for a streamed answer.
    pub stream: bool,
}

/// How many bytes went by unread; `None` where nothing did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadFacts {
    /// Of the request's body.
    pub body: Option<u64>,
    /// Of the answer's body, as far as it came.
    pub answer: Option<u64>,
}

/// What inspection saw.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct InspectionFacts {
    /// What was scanned, and by what.
    pub coverage: Coverage,
    /// What was seen, bounded in number.
    pub findings: Findings,
}

/// Which limits were asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitFacts {
    /// The plan whose limits applied.
    pub plan: Option<Arc<str>>,
    /// The limit that refused, by name.
    pub exceeded: Option<Arc<str>>,
    /// How the plan's limits stood after this request was counted.
    pub levels: Vec<LimitLevel>,
}

/// How one limit stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitLevel {
    /// The limit's name.
    pub limit: Arc<str>,
    /// Whole units left; negative when there is debt.
    pub left: i64,
    /// How long until it is full again, if nothing more is taken.
    pub until_full: Duration,
    /// How long until one unit is there; zero when one is.
    pub until_next: Duration,
}

/// What was reserved and settled, in units of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UsageFacts {
    /// Units reserved before the handler ran.
    pub reserved: u64,
    /// Units charged in the end, once settled.
    pub settled: Option<u64>,
    /// Units of input that the server reported.
    pub input: Option<u64>,
    /// Units of output that the server reported.
    pub output: Option<u64>,
}
