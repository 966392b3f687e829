use super::RefusalKind;

/// What to make of a refusal: for the operator who reads the record, never for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advice {
    /// The fact that was missing or wrong.
    pub missing: &'static str,
    /// What to change, if the request should have passed.
    pub fix: &'static str,
}

impl RefusalKind {
    /// Every kind.
    pub const ALL: [Self; 33] = [
        Self::MissingCredential,
        Self::InvalidCredential,
        Self::AmbiguousCredential,
        Self::InsufficientScope,
        Self::Forbidden,
        Self::UnknownRoute,
        Self::UnknownReference,
        Self::MethodNotAllowed,
        Self::MalformedRequest,
        Self::UnsupportedMediaType,
        Self::PayloadTooLarge,
        Self::ReadTimeout,
        Self::ContentBlocked,
        Self::AddressRateLimited,
        Self::RateLimited,
        Self::UsageExceeded,
        Self::NeverFits,
        Self::Unavailable,
        Self::Misconfigured,
        Self::UnreadableAnswer,
        Self::AnswerBlocked,
        Self::CredentialEnded,
        Self::HeadersTooLarge,
        Self::UnknownHost,
        Self::ForeignOrigin,
        Self::MissingCertificate,
        Self::InvalidCertificate,
        Self::Plaintext,
        Self::HandshakeFailed,
        Self::InsufficientAuthentication,
        Self::DelegationRefused,
        Self::UpstreamFailed,
        Self::UpstreamTimeout,
    ];

    /// The kind with that [`code`](Self::code).
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// What to make of a refusal of this kind.
    pub fn advice(self) -> Advice {
        let (missing, fix) = match self {
            Self::MissingCredential => (
                "a bearer credential",
                "the client sends Authorization: Bearer …; for x-api-key call accept_api_key_header(); for a path that \
                 everybody may use declare the route open",
            ),
            Self::InvalidCredential => (
                "a credential that holds: a known issuer, this audience, a valid signature and time",
                "compare the cause with the issuer's settings: its name, audience, keys and lifetime, and the clocks of \
                 both machines",
            ),
            Self::AmbiguousCredential => {
                ("a single credential", "the client, or a proxy on the way, sends more than one: leave one")
            }
            Self::InsufficientScope => (
                "a scope that the route requires",
                "the issuer grants the scope that the rule names to this subject or application, or the route asks for \
                 another",
            ),
            Self::InsufficientAuthentication => (
                "a login that is strong or recent enough for the route",
                "the application sends the user to the issuer again, with the acr_values and max_age of the challenge; the \
                 issuer puts acr and auth_time into its credentials",
            ),
            Self::Forbidden => (
                "a right, or a plan, that permits this",
                "the cause names what was looked for: grant it at the issuer, set the plan's claim, or name a default \
                 plan",
            ),
            Self::UnknownRoute => (
                "a route for this path",
                "declare it: .route(Route::post(\"/…\").scope(\"…\")); what no route names is refused",
            ),
            Self::UnknownReference => (
                "a reference that this service gave to this user of this tenant",
                "the client uses an id that an answer of this service gave to the same user; one that belongs to the service \
                 itself is named with SealReferences::shared()",
            ),
            Self::MethodNotAllowed => (
                "a route for this method",
                "the client uses a method that the Allow header names, or declare a route for this one",
            ),
            Self::MalformedRequest => (
                "a request that can be read in one way only, in the route's dialect",
                "the client corrects what the pointer and the cause name; if its body is right, the route has the wrong \
                 dialect",
            ),
            Self::UnsupportedMediaType => (
                "a body of application/json in an encoding that is read",
                "the client sends Content-Type: application/json; for compressed bodies enable the feature `inflate`",
            ),
            Self::PayloadTooLarge => (
                "a body within the limit",
                "the client sends less, or raise max_body_bytes(); a route without a dialect takes no body at all",
            ),
            Self::ReadTimeout => {
                ("a body that arrives in time", "look at the client's connection, or raise max_body_time()")
            }
            Self::ContentBlocked => (
                "content without findings that block",
                "if the finding is wrong, set its category to Flag, or raise the severity from which it blocks",
            ),
            Self::AddressRateLimited => (
                "room in the flood check of this address",
                "if many clients share the address, raise flood(…); if it is a proxy's, name it in trusted_proxies(…)",
            ),
            Self::RateLimited => (
                "a request left in the caller's plan",
                "the client waits for Retry-After, or raise the limit that limit_exceeded names",
            ),
            Self::UsageExceeded => (
                "units left in the caller's budget",
                "the client waits for Retry-After or asks for less output, or raise the limit that limit_exceeded names",
            ),
            Self::NeverFits => (
                "a limit that could ever hold this request",
                "the client asks for less output or sends less, or raise the limit that limit_exceeded names",
            ),
            Self::Unavailable => (
                "a part that every request needs",
                "the cause names it: the audit log (is its disk full?), the budget store, the keys of an issuer",
            ),
            Self::Misconfigured => (
                "a stack that is put together rightly",
                "the cause names the call or the layer that is missing or stands in the wrong place",
            ),
            Self::UnreadableAnswer => (
                "an answer that can be read",
                "the handler answers in JSON, server-sent events, NDJSON or plain text, uncompressed: put \
                 CompressionLayer outside of the gate",
            ),
            Self::AnswerBlocked => (
                "an answer without findings that block",
                "look at what the model was given; if the finding is wrong, set its category to Flag",
            ),
            Self::CredentialEnded => (
                "a credential that holds until the answer ends",
                "the rule says whether it expired or was revoked; the client renews its credential before long requests, or \
                 choose a grace: credential_grace(…)",
            ),
            Self::DelegationRefused => (
                "leave to act for this caller at the next service",
                "the authorization server says no, and the cause repeats why: permit this service, as a client there, to \
                 exchange credentials for that audience and those scopes",
            ),
            Self::UpstreamFailed => (
                "a service further on that answers as it must",
                "the cause says what came instead: look at that service, at what this one shows it, and at the address",
            ),
            Self::UpstreamTimeout => (
                "a service further on that answers in time",
                "look at that service, or give it longer: the cause names the limit",
            ),
            Self::HeadersTooLarge => (
                "headers within the limit",
                "the client sends fewer or shorter headers; cookies are the usual reason",
            ),
            Self::UnknownHost => (
                "a host that this service answers for",
                "name the host in EdgeRules::allowed_hosts(…), or correct what the client or the proxy sends as Host",
            ),
            Self::ForeignOrigin => (
                "an origin that may use this service from a browser",
                "name the page's origin in EdgeRules::allowed_origins(…), if its scripts may call this service",
            ),
            Self::MissingCertificate => (
                "a certificate of the machine that calls",
                "the client shows its certificate in the handshake, and the acceptor asks for one; behind a proxy, the \
                 proxy hands it on: PeerRules::forwarded(…)",
            ),
            Self::InvalidCertificate => (
                "a certificate that holds now",
                "compare the cause with the certificate: its time, its lifetime, its roots, whether it was revoked, and \
                 the clocks of both machines",
            ),
            Self::Plaintext => (
                "encryption on the way to this service",
                "the client comes over TLS: serve with a TLS acceptor, or let a proxy that has shown a certificate end \
                 TLS; for tests and meshes that encrypt below, danger_plaintext()",
            ),
            Self::HandshakeFailed => (
                "a TLS handshake that comes to its end",
                "the rule says what kind of failure it was and the cause says more: give the client a certificate that \
                 the acceptor's bundles believe, or the roots of this server; many from one address are a scan",
            ),
        };
        Advice { missing, fix }
    }
}
