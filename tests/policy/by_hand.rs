//! Layers that are stacked by hand, and what a host may do to them.

use super::world::{AUDIENCE, World};
use bytes::Bytes;
use http::{Request, Response, StatusCode, request};
use http_body_util::Full;
use portcullis::authorize::rules::{RulePolicyBuilder, always, claim, device, not};
use portcullis::authorize::{
    AuthorizeLayer, Authorized, DeviceRules, EnforcePolicyLayer, HandPermitLayer, Policies, RulePolicy,
};
use portcullis::clock::UnixTime;
use portcullis::exchange::{
    Check, Context, EdgeRules, Exchange, MatchRouteLayer, Ran, Step, StepId, StepLayer,
};
use portcullis::jwt::VerifyJwtLayer;
use portcullis::refusal::Refusal;
use portcullis::route::{Route, RouteTable};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tower::{Layer, Service, ServiceExt, service_fn};

/// The layers of one stack.
struct Stack {
    routes: MatchRouteLayer,
    jwt: VerifyJwtLayer,
    authorize: AuthorizeLayer,
    enforce: EnforcePolicyLayer,
    context: Context,
}

fn stack(world: &World, route: Route, policies: &Policies, kept: Vec<Arc<str>>) -> Stack {
    let context = Context::new(world.clock.shared());
    let edge = EdgeRules::default().danger_plaintext();
    let table = RouteTable::new([route]).unwrap();
    Stack {
        routes: MatchRouteLayer::builder(table).edge(edge).context(context.clone()).build(),
        jwt: VerifyJwtLayer::builder()
            .issuer(world.issuer.trusted().audience(AUDIENCE))
            .keep_claims(kept)
            .context(context.clone())
            .build()
            .unwrap(),
        authorize: AuthorizeLayer::builder().policies(policies.clone()).context(context.clone()).build(),
        enforce: EnforcePolicyLayer::builder(policies.clone()).context(context.clone()).build(),
        context,
    }
}

fn ask(world: &World, claims: &Value) -> Request<Full<Bytes>> {
    Request::get("/secret")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {}", world.credential(claims)))
        .body(Full::default())
        .unwrap()
}

/// The status of the answer, and what only the record says of a refusal.
async fn sent<S, B>(service: S, request: Request<Full<Bytes>>) -> (StatusCode, String)
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>,
{
    let response = service.oneshot(request).await.unwrap();
    let refusal = response.extensions().get::<Refusal>();
    let cause = refusal.and_then(|refusal| refusal.private_cause().map(str::to_owned));
    (response.status(), cause.unwrap_or_default())
}

fn policies(policy: RulePolicyBuilder) -> Policies {
    Policies::new().policy(policy.build().unwrap())
}

async fn open(_: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::default()))
}

async fn secret(
    (_, request): (Authorized, Request<Full<Bytes>>),
) -> Result<Response<Full<Bytes>>, Infallible> {
    open(request).await
}

#[tokio::test]
async fn a_claim_that_nobody_looked_for_is_not_absent() {
    let world = World::new();
    let policies = policies(
        RulePolicy::builder("test")
            .permit("all", always())
            .forbid("suspended", claim("/suspended").is(true))
            .forbid("not cleared", not(claim("/cleared").exists())),
    );
    let good = json!({ "cleared": true });
    for (kept, claims, expected) in [
        (policies.claims(), good.clone(), (200, "")),
        (
            policies.claims(),
            json!({ "cleared": true, "suspended": true }),
            (403, "rule suspended forbids it"),
        ),
        (policies.claims(), json!({}), (403, "rule not cleared forbids it")),
        (Vec::new(), good.clone(), (503, "name it in keep_claims")),
        (vec!["/cleared".into()], good, (503, "claim /suspended is true, and it was not looked for")),
    ] {
        let Stack { routes, jwt, authorize, enforce, .. } =
            stack(&world, Route::get("/secret").by_policy(), &policies, kept);
        let service = routes.layer(jwt.layer(authorize.layer(enforce.layer(service_fn(open)))));
        let (status, cause) = sent(service, ask(&world, &claims)).await;
        assert_eq!(status.as_u16(), expected.0, "{claims}: {cause}");
        assert!(cause.contains(expected.1), "{claims}: {cause}");
    }
}

#[tokio::test]
async fn a_claim_of_the_device_that_nobody_looked_for_is_not_absent() {
    let world = World::new();
    let policies = policies(RulePolicy::builder("test").permit("all", not(device().known())))
        .devices(DeviceRules::new().managed_claim("/managed", true));
    for (kept, status) in
        [(policies.claims(), StatusCode::OK), (Vec::new(), StatusCode::INTERNAL_SERVER_ERROR)]
    {
        let Stack { routes, jwt, authorize, enforce, .. } =
            stack(&world, Route::get("/secret").by_policy(), &policies, kept);
        let service = routes.layer(jwt.layer(authorize.layer(enforce.layer(service_fn(open)))));
        assert_eq!(sent(service, ask(&world, &json!({}))).await.0, status);
    }
}

#[tokio::test]
async fn both_layers_of_the_policies_are_needed_and_the_inner_one_asks_for_the_outer() {
    let world = World::new();
    let policies = policies(RulePolicy::builder("test").permit("all", always()));
    let stacked = || stack(&world, Route::get("/secret").by_policy(), &policies, Vec::new());
    let ask = || ask(&world, &json!({}));

    let Stack { routes, jwt, authorize, enforce, .. } = stacked();
    let inner = HandPermitLayer::new().layer(service_fn(secret));
    let whole = routes.layer(jwt.layer(authorize.layer(enforce.layer(inner))));
    assert_eq!(sent(whole, ask()).await, (StatusCode::OK, String::new()));

    let Stack { routes, jwt, authorize, .. } = stacked();
    let (status, cause) = sent(routes.layer(jwt.layer(authorize.layer(service_fn(open)))), ask()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(cause.contains("stack EnforcePolicyLayer inside"), "{cause}");

    let Stack { routes, jwt, enforce, .. } = stacked();
    let (status, cause) = sent(routes.layer(jwt.layer(enforce.layer(service_fn(open)))), ask()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(cause.contains("stack AuthorizeLayer outside of EnforcePolicyLayer"), "{cause}");
}

/// Says that it is another step than it is, and that others ran.
struct Impostor(StepId);

impl Step for Impostor {
    fn id(&self) -> StepId {
        self.0
    }

    fn check(&self, _: &mut request::Parts, exchange: &Exchange) -> Check {
        exchange.record(|record| {
            record.ran[StepId::Authorize as usize] = Ran::Passed;
            record.ran[StepId::Policy as usize] = Ran::Passed;
        });
        Check::Permit
    }
}

#[tokio::test]
async fn no_step_of_a_host_and_nothing_in_the_record_is_the_proof() {
    let world = World::new();
    let policies = policies(RulePolicy::builder("test").permit("all", always()));
    for id in [StepId::Authorize, StepId::Policy, StepId::Usage] {
        let Stack { routes, jwt, context, .. } =
            stack(&world, Route::get("/secret").scope("s"), &policies, Vec::new());
        let impostor = StepLayer::new(Impostor(id), context);
        let inner = HandPermitLayer::new().layer(service_fn(secret));
        let service = routes.layer(jwt.layer(impostor.layer(inner)));
        let (status, cause) = sent(service, ask(&world, &json!({ "scope": "s" }))).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{id:?}");
        assert!(cause.contains("AuthorizeLayer"), "{cause}");
    }
}

#[tokio::test]
async fn what_is_only_observed_and_would_have_been_refused_has_no_proof() {
    let world = World::new();
    let policies = policies(RulePolicy::builder("test").permit("all", claim("/cleared").exists()));
    let until = UnixTime::from_secs(1_800_000_000 + 60);
    for (claims, status) in [
        (json!({ "scope": "s", "cleared": true }), StatusCode::OK),
        (json!({ "scope": "s" }), StatusCode::FORBIDDEN),
        (json!({ "cleared": true }), StatusCode::FORBIDDEN),
    ] {
        let route = Route::get("/secret").scope("s").danger_observe(until);
        let Stack { routes, jwt, authorize, enforce, .. } =
            stack(&world, route, &policies, policies.claims());
        let inner = HandPermitLayer::new().layer(service_fn(secret));
        let proven = routes.layer(jwt.layer(authorize.layer(enforce.layer(inner))));
        assert_eq!(sent(proven, ask(&world, &claims)).await.0, status, "{claims}");
        let unproven = routes.layer(jwt.layer(authorize.layer(enforce.layer(service_fn(open)))));
        assert_eq!(sent(unproven, ask(&world, &claims)).await.0, StatusCode::OK, "it is only observed");
    }
}
