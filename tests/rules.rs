//! What it costs to evaluate rules: no memory. A program of its own, since it counts every allocation.
#![allow(unsafe_code, reason = "an allocator cannot be written without; it hands every call on")]
#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails the test")]

use portcullis::authorize::rules::{
    Condition, action, always, business_hours, claim, device, model_in, network, not, output_cap_at_most,
    plan, role, scope, tool_in, weekdays,
};
use portcullis::authorize::{
    AccessRequest, AddressList, Device, Effect, Environment, PayloadSummary, Policy, Resource, RulePolicy,
};
use portcullis::clock::UnixTime;
use portcullis::principal::{
    AuthenticationMethod, ClientAddress, Credential, Principal, RoleSet, ScopeSet, Subject,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Twenty rules of every sort, the last of which permit.
fn twenty() -> RulePolicy {
    let bad = AddressList::parse("bad", "203.0.113.0/24 80\n2001:db8::/32").unwrap();
    let hours = || business_hours("Europe/Berlin", weekdays(), "08:00".."18:00");
    let mut policy = RulePolicy::builder("twenty")
        .forbid("bad addresses", portcullis::authorize::rules::listed(&bad))
        .forbid("contractors", role("contractor").and(not(device().managed())))
        .forbid("secret", not(role("staff")).and(model_in(["secret-*"])))
        .permit("finance", claim("/department").is("finance").and(device().managed()).and(hours()))
        .permit("inside", network(["10.0.0.0/8".parse().unwrap()]).and(scope("a")))
        .permit("readers", scope("models:read").and(action("read")))
        .permit("tools", tool_in(["search", "add"]))
        .permit("small", scope("generate:invoke").and(model_in(["small", "mini-*"])));
    for n in 0..12 {
        let group = claim("/groups").has(format!("group-{n}")).or(plan(format!("plan-{n}")));
        policy = policy
            .permit(format!("group {n}"), group.and(output_cap_at_most(n)).and(model_in([format!("m-{n}")])));
    }
    policy.build().unwrap()
}

#[test]
fn rules_are_evaluated_without_allocating() {
    let policy = twenty();
    let principal = Principal::builder(
        Subject::new("https://issuer.test", "alice"),
        Credential::new(AuthenticationMethod::Asserted),
    )
    .scopes(ScopeSet::parse("generate:invoke openid"))
    .roles(RoleSet::from_iter(["staff"]))
    .claim("/department", "legal")
    .claim("/groups", portcullis::principal::ClaimValue::from_iter(["group-3", "group-9"]))
    .build();
    let device = Device::new(true, "claim");
    let payload = PayloadSummary::of_bytes(4096).output_cap(500).tools();
    let environment = Environment::at(UnixTime::from_secs(1_800_000_000))
        .client(ClientAddress::new("192.0.2.7".parse().unwrap()))
        .device(&device)
        .payload(payload);
    let things = [Resource::model("mini-4"), Resource::tool("search"), Resource::tool("add")];
    let request = AccessRequest::new(&principal, "generate", "/generate", environment).touching(&things);
    let unread = Environment::at(UnixTime::from_secs(1_800_000_000))
        .client(ClientAddress::new("192.0.2.7".parse().unwrap()))
        .device(&device);
    let early = AccessRequest::new(&principal, "generate", "/generate", unread);
    // The first look at a list on a thread makes a place for the thread.
    assert!(policy.evaluate(&request).permits());
    for _ in 0..2 {
        let before = ALLOCATIONS.get();
        let verdict = policy.evaluate(&request);
        let is_undecided = policy.decide_early(&early).is_none();
        let allocations = ALLOCATIONS.get() - before;
        assert_eq!(verdict.effect(), Effect::Permit, "{:?}", verdict.cause());
        assert!(is_undecided);
        assert_eq!(verdict.rules().iter().collect::<Vec<_>>(), ["small", "tools"]);
        assert_eq!(allocations, 0);
    }
    // The counter counts.
    let before = ALLOCATIONS.get();
    drop(Condition::all([always()]));
    assert!(ALLOCATIONS.get() > before);
}
