//! Zero-trust tower layers for LLM endpoints.
//!
//! A [`Gate`] stands in front of the handlers of `/generate`, `/v1/chat/completions`, `/v1/messages` and their like, in
//! the same process. It authenticates, authorizes, bounds, inspects and records every request, and refuses what it cannot
//! check.
//!
//! ```no_run
//! use portcullis::audit::{AuditLog, JsonLines};
//! use portcullis::jwt::{JwksFile, TrustedIssuer};
//! use portcullis::limit::{Per, Plan};
//! use portcullis::payload::OpenAiChat;
//! use portcullis::route::Route;
//! use portcullis::Gate;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TrustedIssuer::new("https://login.example.com")
//!     .audience("https://llm.example.com")
//!     .keys(JwksFile::open("jwks.json")?)
//!     .plan_claim("/plan");
//! let gate = Gate::builder()
//!     .issuer(issuer)
//!     .route(Route::post("/v1/chat/completions").dialect(OpenAiChat).scope("generate:invoke"))
//!     .plan(Plan::new("free").requests(20, Per::Minute).usage(10_000, Per::Minute))
//!     .audit(AuditLog::builder().sink(JsonLines::append("audit.jsonl")?).start()?)
//!     .build()?;
//! # let _ = gate;
//! # Ok(())
//! # }
//! ```
//!
//! # The way of a request
//!
//! ```text
//!  1 audit       takes the slot of the one record           exchange, audit
//!  2 route       path and method → action, dialect, access  route, exchange
//!  3 flood       per address, before any cryptography       limit
//!  4 peer        client certificate → Workload              peer, trust
//!  5 jwt         credential and its proof → Principal       jwt, jose
//!    watch       expired, revoked: looked at until the end  watch
//!  6 requests    per subject, tenant, application, plan     limit
//!  7 authorize   the scopes of the route                    authorize
//!  8 read        bounded, inflated, strict JSON, dialect    read, payload
//!    models      one name for every model                   authorize
//!    protect     references to stored things are opened     protect
//!  9 inspect     every string of the body                   inspect
//! 10 policy      models, tools, datasets, parts             authorize
//! 11 usage       reserves input and output cap              limit
//!    ▼ handler   takes Principal and Payload<T>             extract
//!  8 read        reads the answer once, event by event      read
//! 11 usage       settles, exactly once                      limit
//! 10 policy      cuts at a tool that may not be called      authorize
//!    protect     seals the ids of stored things             protect
//!  5 watch       cuts a stream whose credential has ended   watch
//!  1 audit       writes the record                          audit
//! ```
//!
//! [`Gate::builder`] stacks them in this order, whatever order its methods are called in. Each layer is public as well; one
//! that is stacked by hand in a wrong place refuses, and its refusal's cause names the layer that must stand outside.
//!
//! # The rooms
//!
//! | room | what it holds |
//! |---|---|
//! | [`principal`] | who asks: subject, application, actors, tenant, plan, scopes, machine, address |
//! | [`refusal`] | why not: kind, public sentence, private cause |
//! | [`payload`] | what: strict JSON, events of answers, dialects, findings |
//! | [`route`] | where: path and method to action, dialect, access |
//! | [`exchange`] | one request and its answer; how layers are written |
//! | [`jose`] | JWS, JWK and key sets |
//! | [`audit`] [`limit`] [`jwt`] [`watch`] [`authorize`] [`read`] [`inspect`] [`protect`] | the layers |
//! | [`gate`] | all of them in order, from Rust or TOML |
#![cfg_attr(
    feature = "tls",
    doc = "| [`peer`] [`trust`] [`serve`] | certificates: who is let in by them, who is believed, TLS |"
)]
#![cfg_attr(feature = "fetch", doc = "| [`fetch`] | the one bounded HTTP client |")]
#![cfg_attr(
    feature = "delegate",
    doc = "| [`delegate`] | calls further on: on a caller's behalf, or to a provider |"
)]
#![cfg_attr(
    feature = "forward",
    doc = "| [`forward`] | a service that passes checked requests on to an upstream |"
)]
#![cfg_attr(feature = "axum", doc = "| [`extract`] | axum extractors |")]
#![cfg_attr(feature = "sts", doc = "| [`sts`] | an exchange of credentials |")]
#![cfg_attr(
    feature = "testing",
    doc = "| [`testing`] | an issuer, an authority, a clock, a principal of your choice, the suite that every layer passes |"
)]
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `axum` | yes | `gate.protect(router)`, extractors, the client's address from axum |
//! | `fetch` | yes | key sets of issuers over HTTPS, found by discovery; opaque credentials, by asking |
//! | `config` | | `Gate::from_config`: the same gate from TOML |
//! | `delegate` | | calls further on, with credentials exchanged on the caller's behalf, or a provider's (brings `fetch`) |
//! | `forward` | | a service that passes checked requests on to an upstream that cannot be changed (brings `delegate`) |
//! | `inflate` | | request bodies in gzip, deflate, Brotli and Zstandard; without it they are 415 |
//! | `cedar` | | policies in Cedar, validated when they are loaded |
//! | `authzen` | | an external decision point, by AuthZEN 1.0 (brings `fetch`) |
//! | `metrics` | | counters and a histogram through the `metrics` facade |
//! | `tls` | | client certificates of machines and people, a TLS acceptor and server, TLS for calls to others |
//! | `spiffe` | | identity and roots from a SPIFFE agent, as they change (brings `tls`) |
//! | `reqwest` | | reqwest's client beneath `delegate`, without redirects, proxies, cookies or headers of its own (brings `delegate`) |
//! | `sts` | | an exchange of credentials (RFC 8693), for those whose identity provider has none |
//! | `testing` | | `Issuer`, `CertificateAuthority`, `FakeClock`, `as_principal`, the conformance suite for layers |
//! | `full` | | all of them |
//!
//! Enabling a feature never changes a default.
//!
//! # More
//!
//! [`docs::guide`] leads from the first request to a layer of your own; [`docs::threat_model`] says what each layer promises
//! and what it does not.
#![forbid(unsafe_code)]

pub mod audit;
pub mod authorize;
pub mod body;
pub mod clock;
#[cfg(feature = "delegate")]
pub mod delegate;
pub mod docs;
pub mod exchange;
#[cfg(feature = "axum")]
pub mod extract;
#[cfg(feature = "fetch")]
pub mod fetch;
#[cfg(feature = "forward")]
pub mod forward;
pub mod gate;
pub mod inspect;
pub mod jose;
pub mod jwt;
pub mod limit;
pub mod payload;
#[cfg(feature = "tls")]
pub mod peer;
pub mod principal;
pub mod protect;
pub mod read;
pub mod refusal;
pub mod route;
#[cfg(feature = "tls")]
pub mod serve;
#[cfg(feature = "sts")]
pub mod sts;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tls")]
pub mod trust;
pub mod watch;

#[cfg(feature = "axum")]
pub use extract::Payload;
pub use gate::Gate;
pub use principal::Principal;

#[cfg(all(doctest, feature = "full"))]
#[doc = include_str!("../README.md")]
struct Readme;
