//! What the gate costs, part by part, against the budgets of the design. One line each: figure, budget, ok or over.
//!
//! `cargo bench --bench overhead`, or `cargo bench --bench overhead -- jwt` for the parts whose name holds `jwt`.
//! `BUDGETS=enforce` makes it fail when a budget is over.

mod answer;
#[cfg(feature = "cedar")]
mod cedar;
#[cfg(feature = "delegate")]
mod delegate;
mod gate;
#[cfg(feature = "tls")]
mod handshake;
mod measure;
mod parts;
#[cfg(feature = "tls")]
mod peer;
mod policy;
mod store;
mod world;

use measure::Report;

#[global_allocator]
static ALLOCATOR: store::Counting = store::Counting;

type Group = (&'static str, fn(&mut Report));

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let groups: &[Group] = &[
        ("machinery", parts::machinery),
        #[cfg(feature = "tls")]
        ("peer", peer::identity),
        ("jwt", parts::jwt),
        ("authorize", parts::authorize),
        #[cfg(feature = "cedar")]
        ("cedar", cedar::decisions),
        ("policy", policy::rules),
        ("json", parts::json),
        ("inspect", parts::inspect),
        ("budget", store::reserve_and_settle),
        ("answer", answer::streamed),
        #[cfg(feature = "delegate")]
        ("delegate", delegate::outbound),
        #[cfg(feature = "tls")]
        ("handshake", handshake::handshakes),
        ("gate", gate::whole),
    ];
    let mut report = Report::default();
    for (name, group) in groups {
        if is_wanted(name) {
            group(&mut report);
        }
    }
    if report.over() > 0 {
        println!("{} over budget", report.over());
        if std::env::var_os("BUDGETS").is_some_and(|value| value == "enforce") {
            std::process::exit(1);
        }
    }
}
