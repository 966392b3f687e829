use super::GateBuilder;
use super::posture::Control;
use crate::jwt::DpopRules;
use crate::jwt::logout::BackChannelLogout;
use crate::route::RouteTable;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;
use std::sync::Arc;

/// The name of a configuration: 16 hexadecimal digits of a SHA-256 over everything that is set, keys and other secrets
/// left out. Two gates of the same settings have the same.
pub(super) fn name(builder: &GateBuilder, controls: &[Control], routes: &RouteTable) -> Arc<str> {
    // Taken apart whole, so that a setting that is added is either named here or said to make no difference.
    let GateBuilder {
        clock: _,
        respond,
        routes: _, // in `routes`
        proxies,
        edge,
        plaintext,
        #[cfg(feature = "tls")]
            peers: _, // in `controls`
        guards,
        audit: _, // in `controls`, as are those that say so below
        flood: _, // in `controls`
        issuers,
        resource,
        api_key_header: _, // in `controls`
        revocations: _,    // what is revoked now is no setting
        watch: _,          // in `controls`
        credentials,
        plans: _,        // in `controls`
        default_plan: _, // in `controls`
        no_limits: _,    // in `controls`
        store: _,
        meter: _,
        output_cap,
        rules,
        inspection: _, // in `controls`
        policies: _,   // in `controls`
        max_body_bytes,
        max_body_time,
        min_body_rate,
        max_body_bytes_at_once,
        answer_limits,
        observed_until,
    } = builder;
    let mut text = String::new();
    let mut add = |what: &str, value: &dyn std::fmt::Debug| {
        writeln!(text, "{what}: {value:?}").expect("writing to a String does not fail");
    };
    add("version", &env!("CARGO_PKG_VERSION"));
    for control in controls {
        add(control.step.as_str(), &control.detail);
    }
    for route in routes.routes() {
        add("route", route);
    }
    for issuer in issuers {
        add("issuer", &issuer.settings());
    }
    // The keys' hashes are not secret; they tell one set of keys from another.
    add("api keys", &credentials.api_keys);
    add("dpop", &credentials.dpop.as_ref().map(DpopRules::settings));
    add("delegation", &credentials.delegation);
    #[cfg(feature = "fetch")]
    add("introspection", &credentials.introspection.as_ref().map(crate::jwt::Introspection::settings));
    add("logout", &credentials.logout.as_ref().map(BackChannelLogout::settings));
    add("resource", resource);
    add("proxies", proxies);
    // It can be said in two places and means one thing.
    let edge = if *plaintext { edge.clone().danger_plaintext() } else { edge.clone() };
    add("edge", &edge);
    add("rules of bodies", rules);
    add("guards", guards);
    add("respond", respond);
    add("output cap", output_cap);
    add("bodies", &(max_body_bytes, max_body_time, min_body_rate, max_body_bytes_at_once));
    add("answers", answer_limits);
    add("observed until", observed_until);
    let hash = digest(&SHA256, text.as_bytes());
    hash.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
