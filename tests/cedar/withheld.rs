//! A claim that an actor lacks is not absent to Cedar: a policy that forbids by it would never speak.

use super::*;
use portcullis::authorize::Effect;
use portcullis::principal::{Actor, ActorChain, ActorRule, ClaimValue, Delegation};

const STS: &str = "https://sts.test";

/// Alice, for whom an actor with these claims acts.
fn delegated(claims: &[&str], alice: PrincipalBuilder) -> Principal {
    let rule =
        ActorRule::new(STS, "web").danger_from_anywhere().scopes(["chat"]).claims(claims.iter().copied());
    let alice = alice.actors(ActorChain::new(vec![Actor::new(STS, "web")])).build();
    Delegation::new().actor(rule).check(alice, None).unwrap()
}

#[test]
fn what_an_actor_lacks_is_refused_and_never_taken_for_absent() {
    let policies = "permit(principal, action, resource);\n\
        forbid(principal, action, resource) when { principal has department && principal.department == \"sales\" };";
    let builder = || CedarPolicy::builder("house").attribute("department", "/department");
    let policy = builder().text(policies, SCHEMA, ENTITIES).unwrap();
    let alice = || subject("alice").claim("/department", "sales");
    for (claims, effect) in [(vec!["/department"], Effect::Forbid), (vec![], Effect::NoMatch)] {
        let verdict = asks(&policy, &delegated(&claims, alice()), "llama-3.1-8b");
        assert_eq!(verdict.effect(), effect, "{claims:?}: {verdict:?}");
    }
    let verdict = asks(&policy, &delegated(&[], subject("alice")), "llama-3.1-8b");
    assert_eq!(verdict.effect(), Effect::Permit, "she has no department: {verdict:?}");
    // A claim that no policy reads stands in nobody's way; groups are parents, which every policy may ask for.
    let reads_none = builder().text("permit(principal, action, resource);", SCHEMA, ENTITIES).unwrap();
    assert_eq!(asks(&reads_none, &delegated(&[], alice()), "llama-3.1-8b").effect(), Effect::Permit);
    let grouped = || subject("alice").claim("/groups", ClaimValue::from_iter(["staff"]));
    assert_eq!(asks(&house(), &delegated(&["/groups"], grouped()), "llama-3.1-8b").effect(), Effect::Permit);
    assert_eq!(asks(&house(), &delegated(&[], grouped()), "llama-3.1-8b").effect(), Effect::NoMatch);
}
