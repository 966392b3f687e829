use super::{CedarPolicy, SCHEMA};
use crate::authorize::{AccessRequest, Decided, Environment, Policy, Resource};
use crate::clock::UnixTime;
use crate::principal::{AuthenticationMethod, Credential, Principal, Subject};

#[test]
fn what_callers_name_is_not_kept() {
    let policies = r#"permit (principal, action, resource is Tool);
        permit (principal, action, resource == Model::"m");"#;
    let policy = CedarPolicy::builder("x").text(policies, SCHEMA, "[]").unwrap();
    let who = Subject::new("https://issuer.test", "alice");
    let who = Principal::builder(who, Credential::new(AuthenticationMethod::Asserted)).build();
    let permits = |thing: Resource<'_>| {
        let (things, environment) = ([thing], Environment::at(UnixTime::from_secs(1_800_439_200)));
        let request = AccessRequest::new(&who, "generate", "/generate", environment).touching(&things);
        match policy.decide(&request) {
            Decided::Now(verdict) => verdict.permits(),
            Decided::Later(_) => unreachable!("Cedar decides at once"),
        }
    };
    for n in 0..100 {
        assert!(permits(Resource::tool(format!("{n}").repeat(1_000))));
        assert!(!permits(Resource::model(format!("model-{n}"))));
        assert!(permits(Resource::model("m")));
    }
    // Of any tool, any model, and that one model.
    assert_eq!(policy.loaded().current.questions_kept(), 3);
}
