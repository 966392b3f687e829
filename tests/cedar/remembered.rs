//! What is remembered of principals answers for nobody else, and decides as what is made anew.

#[path = "../peer/world.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod world;

use super::*;
use http::StatusCode;
use portcullis::authorize::cedar::cedar_policy::{Entity, EntityUid};
use portcullis::authorize::cedar::{CedarFiles, EntitySource, EntitySourceError};
use portcullis::principal::{Actor, ActorChain, Application, ClaimValue, RoleSet, ScopeSet, TenantId};
use proptest::prelude::*;
use world::{GATEWAY, World, ask, request, with_credential};

/// Looks at everything that a policy may read of a user.
const STRICT: &str = r#"
    permit (principal is User in Group::"staff", action == Action::"generate", resource is Model)
    when {
        principal.issuer == "https://issuer.test" && principal.subject == "alice" &&
        principal has department && principal.department == "finance" &&
        principal has tenant && principal.tenant == "acme" &&
        principal has application && principal.application == "app" &&
        principal.scopes.contains("use") && principal.roles.contains("analyst") &&
        context has plan && context.plan == "paid" &&
        context.actors.contains("https://sts.test|agent") && context.managed
    };"#;

/// One caller; each field stands for a way in which another may differ.
#[derive(Clone)]
struct Caller {
    issuer: &'static str,
    subject: &'static str,
    department: ClaimValue,
    groups: ClaimValue,
    tenant: &'static str,
    application: &'static str,
    scope: &'static str,
    role: &'static str,
    actor: &'static str,
    plan: &'static str,
    managed: bool,
}

const ALICE: fn() -> Caller = || Caller {
    issuer: "https://issuer.test",
    subject: "alice",
    department: "finance".into(),
    groups: ClaimValue::from_iter(["staff"]),
    tenant: "acme",
    application: "app",
    scope: "use",
    role: "analyst",
    actor: "agent",
    plan: "paid",
    managed: true,
};

impl Caller {
    fn may(&self, policy: &CedarPolicy) -> bool {
        let subject = Subject::new(self.issuer, self.subject);
        let principal = Principal::builder(subject, Credential::new(AuthenticationMethod::Asserted))
            .claim("/department", self.department.clone())
            .claim("/groups", self.groups.clone())
            .tenant(TenantId::new(self.tenant))
            .application(Application::new(self.application))
            .scopes(ScopeSet::parse(self.scope))
            .roles(RoleSet::from_iter([self.role]))
            .actors(ActorChain::new(vec![Actor::new("https://sts.test", self.actor)]))
            .build();
        let device = Device::new(self.managed, "claim");
        let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).device(&device).plan(self.plan);
        let things = [Resource::model("m")];
        let request = AccessRequest::new(&principal, "generate", "/generate", environment).touching(&things);
        now(policy.decide(&request)).permits()
    }
}

#[test]
fn a_remembered_principal_answers_for_no_other_one() {
    let builder = CedarPolicy::builder("x").attribute("department", "/department").groups("/groups");
    let policy = builder.text(STRICT, SCHEMA, "[]").unwrap();
    let others: [fn(&mut Caller); 13] = [
        |caller| caller.issuer = "https://other.test",
        |caller| caller.subject = "bob",
        |caller| caller.department = "sales".into(),
        |caller| caller.department = ClaimValue::from_iter(["finance"]),
        |caller| caller.groups = ClaimValue::from_iter(["staff?"]),
        |caller| caller.groups = ClaimValue::from_iter([7]),
        |caller| caller.tenant = "rival",
        |caller| caller.application = "other",
        |caller| caller.scope = "openid",
        |caller| caller.role = "guest",
        |caller| caller.actor = "other",
        |caller| caller.plan = "free",
        |caller| caller.managed = false,
    ];
    for (n, change) in others.into_iter().enumerate() {
        let mut other = ALICE();
        change(&mut other);
        // In both orders, each more than once.
        assert!(!other.may(&policy) && !other.may(&policy), "{n}");
        assert!(ALICE().may(&policy) && ALICE().may(&policy), "{n}");
        assert!(!other.may(&policy), "{n}");
    }
}

#[test]
fn what_was_remembered_goes_with_the_files_that_it_was_made_of() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("cedar-remembered");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    let among = |group: &str| {
        format!(
            r#"[{{"uid": {{"type": "User", "id": "https://issuer.test|alice"}}, "attrs": {{"issuer": "https://issuer.test",
                "subject": "alice", "scopes": [], "roles": []}}, "parents": [{{"type": "Group", "id": "{group}"}}]}}]"#
        )
    };
    write("policies.cedar", r#"permit (principal in Group::"staff", action, resource is Model);"#);
    write("schema.cedarschema", SCHEMA);
    write("entities.json", &among("staff"));
    let files = CedarFiles::new(folder.join("policies.cedar"), folder.join("schema.cedarschema"));
    let policy = CedarPolicy::builder("x").files(files.entities(folder.join("entities.json"))).unwrap();
    let alice = subject("alice").build();
    assert!(asks(&policy, &alice, "m").permits() && asks(&policy, &alice, "m").permits());
    write("entities.json", &among("former"));
    policy.reload().unwrap();
    assert!(!asks(&policy, &alice, "m").permits());
}

#[tokio::test]
async fn a_remembered_user_answers_for_no_other_machine_and_no_machine_for_another() {
    let world = World::new();
    let policies = format!(
        r#"permit (principal is User, action, resource) when {{ context has workload && context.workload == "{GATEWAY}" }};
        permit (principal == Workload::"{GATEWAY}", action, resource);"#
    );
    let policy = CedarPolicy::builder("x").text(&policies, SCHEMA, "[]").unwrap();
    let gate = world.builder().peers(world.rules().plan("machines")).policy(policy).build().unwrap();
    let machines = [
        (GATEWAY, StatusCode::OK),
        ("spiffe://prod.test/other", StatusCode::FORBIDDEN),
        (GATEWAY, StatusCode::OK),
    ];
    for (name, status) in machines {
        let tls = world.shown(&world.prod.spiffe(name).issue());
        let asked = with_credential(request("/generate", &tls), &world.credential());
        assert_eq!(ask(&gate, asked).await.0, status, "alice by way of {name}");
        assert_eq!(ask(&gate, request("/internal", &tls)).await.0, status, "{name}");
    }
}

/// Knows nothing. A policy that asks a source remembers nobody.
#[derive(Debug)]
struct Nothing;

impl EntitySource for Nothing {
    fn find(&self, _: &EntityUid) -> Result<Vec<Entity>, EntitySourceError> {
        Ok(Vec::new())
    }
}

/// Of every resource, of some, and of the way in.
const FORBIDS: &str = r#"
    forbid (principal in Group::"banned", action, resource);
    forbid (principal, action, resource) when { principal in Group::"sales" && !context.managed };
    forbid (principal, action, resource) when { resource == Model::"gpt-4o" && !context.managed };
    forbid (principal, action, resource is Route) when { principal in Group::"sales" && principal in Group::"staff" };
    permit (principal in Group::"staff", action, resource is Model) when { context.managed };"#;

const MODELS: [&str; 5] = ["llama-3.1-8b", "finance-large", "gpt-4o", "open", "unheard-of"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn what_is_remembered_decides_as_what_is_made_anew(
        asked in prop::collection::vec(
            (0..2_usize, any::<[bool; 3]>(), any::<bool>(), any::<[bool; 5]>(), 0..3_usize, any::<bool>()),
            40,
        ),
    ) {
        let builder = || CedarPolicy::builder("x").attribute("department", "/department").groups("/groups");
        let policies = format!("{POLICIES} {FORBIDS}");
        let remembers = builder().text(&policies, SCHEMA, ENTITIES).unwrap();
        let forgets = builder().entity_source(Nothing).text(&policies, SCHEMA, ENTITIES).unwrap();
        for (who, groups, finance, models, action, managed) in asked {
            let groups = ["staff", "sales", "banned"].into_iter().zip(groups).filter(|(_, is_in)| *is_in);
            let who = subject(["alice", "bob"][who])
                .claim("/groups", ClaimValue::from_iter(groups.map(|(group, _)| group)))
                .claim("/department", if finance { "finance" } else { "sales" })
                .build();
            let device = Device::new(managed, "claim");
            let environment = Environment::at(UnixTime::from_secs(WEDNESDAY)).device(&device);
            let things: Vec<_> = MODELS.iter().zip(models).filter(|(_, is_named)| *is_named).collect();
            let things: Vec<Resource<'_>> = things.into_iter().map(|(model, _)| Resource::model(*model)).collect();
            let action = ["generate", "read", "unheard-of"][action];
            let request = AccessRequest::new(&who, action, "/generate", environment).touching(&things);
            let (one, other) = (now(remembers.decide(&request)), now(forgets.decide(&request)));
            prop_assert_eq!(one.effect(), other.effect(), "{:?} {:?}", request, other);
            let mut rules = [&one, &other].map(|verdict| verdict.rules().iter().collect::<Vec<_>>());
            rules.iter_mut().for_each(|rules| rules.sort_unstable());
            prop_assert_eq!(&rules[0], &rules[1]);
            // What is refused early would be refused late, whatever the thing.
            if remembers.decide_early(&request).is_some() {
                prop_assert!(!other.permits());
            }
        }
    }
}
