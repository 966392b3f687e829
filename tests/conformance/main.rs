//! Public test vectors: what others have collected, run against the parsers here.
//!
//! They are not part of this repository, so plain `cargo test` leaves this target out. To run it, put the folder where
//! `PORTCULLIS_VECTORS` points (or at `../shared/vectors`) and call `cargo test --test conformance`:
//!
//! | file | from |
//! |---|---|
//! | `jose/json_web_{signature,key,crypto}_test.json.gz` | <https://github.com/C2SP/wycheproof>, `testvectors_v1` |
//! | `jose/rfc7520_8037_7797_cookbook.tar.gz` | <https://github.com/ietf-jose/cookbook> |
//! | `jose/rfc9449_rfc8705_vectors.json.gz` | RFC 9449 and RFC 8705, and the drafts' sources |
//! | `x509/limbo.json.gz` | <https://github.com/C2SP/x509-limbo> |
//! | `x509/spiffe.tar.gz` | <https://github.com/spiffe/go-spiffe>, <https://github.com/maxlambrecht/rust-spiffe> |
//! | `authz/cedar_handmade.tar.gz` | <https://github.com/cedar-policy/cedar-integration-tests> |
//! | `authz/authzen.tar.gz` | <https://github.com/openid/authzen> |
//! | `http/json_test_suite.tar.gz` | <https://github.com/nst/JSONTestSuite> |
//! | `http/ratelimit_and_structured_fields.tar.gz` | <https://github.com/httpwg/structured-field-tests>, and the draft's source |
//! | `web/naughty_strings.json.gz` | <https://github.com/minimaxir/big-list-of-naughty-strings> |
//!
//! Each is the upstream's folder or file, packed. A family fails when a vector is read otherwise than its authors say, but
//! for the deviations that the family itself names with their reasons.

#[cfg(feature = "authzen")]
mod authzen;
#[cfg(feature = "cedar")]
mod cedar;
mod cookbook;
mod dpop;
mod fields;
mod json;
mod limbo;
mod naughty;
mod ratelimit;
mod spiffe_id;
mod svid;
mod vectors;
mod wycheproof;

use std::process::ExitCode;

use vectors::{Report, Vectors};

type Family = (&'static str, fn(&Vectors, &mut Report));

const FAMILIES: &[Family] = &[
    ("a JWS that Wycheproof calls invalid is refused, and a valid one accepted", wycheproof::signatures),
    ("a JWS is checked only with a key of its own kind out of a set", wycheproof::keys),
    ("a JWS whose signature was tampered with is refused", wycheproof::crypto),
    ("the RFCs' own examples verify, as far as they are in scope", cookbook::examples),
    ("the proofs of RFC 9449's examples hold, by the keys they bring, and not when changed", dpop::proofs),
    ("a chain that x509-limbo calls invalid is refused, and a valid one accepted", limbo::chains),
    ("and so it is in handshakes, where the leaf's key is there", limbo::handshakes),
    ("a SPIFFE ID is what the standard says it is, in every place of its own examples", spiffe_id::ids),
    ("an X.509-SVID that SPIFFE's own readers refuse is refused, and the others are read", svid::svids),
    ("a certificate goes with its own key", svid::keys),
    ("a bundle of roots is one or more certificates in PEM", svid::bundles),
    #[cfg(feature = "cedar")]
    ("Cedar's handmade requests are decided as they say, sliced and as a whole", cedar::handmade),
    #[cfg(feature = "authzen")]
    (
        "the questions of AuthZEN's interoperability events arrive as they are, and so do the decisions",
        authzen::interop,
    ),
    ("JSON is what RFC 8259 says it is", json::suite),
    ("a naughty string comes through every writer and reader as it is", naughty::strings),
    ("the reader of structured fields in this test reads them as RFC 9651 says", fields::suite),
    ("the headers of limits are structured fields as the draft wants them", ratelimit::headers),
];

/// Vectors that lie in the same folder and have nothing here to test yet.
const OUT_OF_SCOPE: &[&str] = &[
    "x509/spiffe: bundles as JWK sets, JWT-SVIDs and WIT-SVIDs are not read yet",
    "authz/authzen: older drafts, and searches, which the gate has no use for",
    "http/json_schema: bodies are not checked against a schema yet",
    "web/crs, web/libinjection, web/gitleaks: the inspection knows injections into prompts only, so far",
];

fn main() -> ExitCode {
    let vectors = match Vectors::find() {
        Ok(vectors) => vectors,
        Err(missing) => {
            eprintln!("{missing}");
            return ExitCode::FAILURE;
        }
    };
    let mut broken = 0;
    for (sentence, run) in FAMILIES {
        let mut report = Report::default();
        run(&vectors, &mut report);
        broken += report.print(sentence);
    }
    println!("\nout of scope:");
    OUT_OF_SCOPE.iter().for_each(|line| println!("  {line}"));
    println!("\nconformance: {} families, {broken} vectors broken", FAMILIES.len());
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
