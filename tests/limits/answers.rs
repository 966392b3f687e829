//! What callers are told, and what they are charged.

use super::*;

#[tokio::test]
async fn a_burst_passes_then_429_says_when_to_come_again_and_is_right_about_it() {
    let gate = Setup::new(Plan::new("free").requests(3, Per::Minute)).build();
    for left in ["2", "1", "0"] {
        let answer = gate.done(asking("ann", "")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(header(&answer, "x-ratelimit-remaining-requests"), left);
    }
    let refused = gate.done(asking("ann", "")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&refused, "retry-after"), "20");
    assert_eq!(header(&refused, "x-ratelimit-reset-requests"), "1m0s");
    assert!(text(&refused).contains("3 requests per minute"), "{}", text(&refused));
    assert_eq!(gate.record().limits.unwrap().exceeded.as_deref(), Some("requests-per-minute"));
    assert_eq!(gate.done(asking("bob", "")).await.status(), StatusCode::OK);
    gate.clock.advance(Duration::from_millis(19_999));
    assert_eq!(header(&gate.done(asking("ann", "")).await, "retry-after"), "1");
    gate.clock.advance(Duration::from_millis(1));
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn answers_and_refusals_tell_how_limits_stand_and_look_alikes_are_overwritten() {
    // the last is shared with strangers, so it is not told
    let shared = Limit::requests(500, Per::Second).per(Dimension::Plan);
    let plan = Plan::new("free").requests(20, Per::Minute).usage(2_000, Per::Hour).limit(shared);
    let gate = Setup::new(plan).build();
    let answer = gate.done(asking("ann", r#","max_tokens":92"#)).await;
    assert_eq!(
        header(&answer, "ratelimit-policy"),
        r#""requests-per-minute";q=20;w=60, "usage-per-hour";q=2000;qu="tokens";w=3600"#
    );
    assert_eq!(
        header(&answer, "ratelimit"),
        r#""requests-per-minute";r=19;t=3, "usage-per-hour";r=1900;t=180"#
    );
    let told = |name: &str| header(&answer, &format!("x-ratelimit-{name}")).to_owned();
    assert_eq!(
        [told("limit-requests"), told("remaining-requests"), told("reset-requests")],
        ["20", "19", "3s"]
    );
    assert_eq!(
        [told("limit-tokens"), told("remaining-tokens"), told("reset-tokens")],
        ["2000", "1900", "3m0s"]
    );
    assert_eq!(told("limit-images"), "", "what the handler says about limits is taken away");
    assert_eq!(answer.headers().get_all("ratelimit").iter().count(), 1);
    let mut blocked = asking("ann", "");
    blocked.headers_mut().insert("test-blocked", "1".parse().unwrap());
    let blocked = gate.done(blocked).await;
    assert_eq!(kind(&blocked), Some(RefusalKind::ContentBlocked));
    assert_eq!(header(&blocked, "x-ratelimit-remaining-requests"), "18");
}

#[tokio::test]
async fn usage_is_reserved_at_the_estimate_and_settled_at_the_servers_count() {
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).build();
    let answer = gate.done(asking("ann", r#","max_tokens":200,"n":3"#)).await;
    assert_eq!(header(&answer, "x-ratelimit-remaining-tokens"), "392", "8 of input and three times 200");
    assert_eq!(gate.record().usage.unwrap().reserved, 608);
    assert_eq!(gate.settled(), 11);
    assert_eq!(gate.usage_left("ann").await, 989);
}

#[tokio::test]
async fn a_request_without_a_cap_reserves_the_routes_default_but_never_more_than_fits() {
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).build();
    gate.done(asking("ann", "")).await;
    assert_eq!(gate.record().usage.unwrap().reserved, 108);
    let gate = Setup::new(Plan::new("free").usage(50, Per::Hour)).build();
    assert_eq!(gate.done(asking("ann", "")).await.status(), StatusCode::OK);
    assert_eq!(gate.record().usage.unwrap().reserved, 50);
}

#[tokio::test]
async fn usage_that_is_not_reported_settles_at_what_was_generated_and_never_at_nothing() {
    let plan = || Plan::new("free").usage(1_000, Per::Hour);
    let gate = Setup::new(plan()).answering(Answer::Whole(UNCOUNTED)).build();
    gate.done(asking("ann", "")).await;
    assert_eq!(gate.settled(), 8 + 10);
    let gate = Setup::new(plan()).answering(Answer::Stream(&[PIECE, PIECE, DONE], Then::Ends)).build();
    gate.done(asking("ann", r#","stream":true"#)).await;
    assert_eq!(gate.settled(), 8 + 20);
    assert_eq!(gate.usage_left("ann").await, 972);
}

#[tokio::test]
async fn a_stream_settles_at_the_servers_count_also_when_the_client_did_not_ask_for_it() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    let answer = gate.done(asking("ann", r#","stream":true,"stream_options":{"include_usage":false}"#)).await;
    assert_eq!(gate.settled(), 47);
    assert!(!text(&answer).contains("usage"), "{}", text(&answer));
}
