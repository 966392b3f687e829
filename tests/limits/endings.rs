//! Answers that break off, and callers who leave.

use super::*;

#[tokio::test]
async fn a_client_that_leaves_mid_stream_pays_what_was_used_and_once() {
    let answer = Answer::Stream(&[PIECE, PIECE, PIECE], Then::Hangs);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    let mut body = gate.send(asking("ann", r#","stream":true,"max_tokens":900"#)).await.into_body();
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    assert_eq!(gate.record().usage.unwrap().settled, None);
    assert_eq!(gate.usage_left("ann").await, 92, "all of it is held while the answer runs");
    drop(body);
    assert_eq!(gate.usage_left("ann").await, 1_000 - 8 - 20);
    assert_eq!(gate.usage_left("ann").await, 1_000 - 8 - 20);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_pays_its_input() {
    let answer = Answer::Stream(&[], Then::Hangs);
    let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
    drop(gate.send(asking("ann", r#","stream":true"#)).await);
    assert_eq!(gate.settled(), 8);
}

#[tokio::test]
async fn a_handler_that_breaks_off_or_answers_unreadably_has_used_what_it_used() {
    let plan = || Plan::new("free").usage(1_000, Per::Hour);
    let gate = Setup::new(plan()).answering(Answer::Stream(&[PIECE], Then::Fails)).build();
    let body = gate.send(asking("ann", r#","stream":true"#)).await.into_body();
    assert!(body.collect().await.is_err());
    assert_eq!(gate.settled(), 8 + 10);
    let gate = Setup::new(plan()).answering(Answer::Odd).build();
    assert_eq!(kind(&gate.done(asking("ann", "")).await), Some(RefusalKind::UnreadableAnswer));
    assert_eq!(gate.settled(), 8);
}

#[tokio::test]
async fn a_handler_that_refuses_has_used_the_input_unless_it_says_that_nothing_was_done() {
    let refusal = || Refusal::new(RefusalKind::Unavailable, "the model is away");
    for (answer, settled) in [
        (Answer::Refuses(refusal()), 8),
        (Answer::Refuses(refusal().uncharged()), 0),
        // What is sent counts, and not what was meant.
        (Answer::ThinksBetter(refusal().uncharged()), 11),
    ] {
        let gate = Setup::new(Plan::new("free").usage(1_000, Per::Hour)).answering(answer).build();
        gate.done(asking("ann", r#","max_tokens":900"#)).await;
        assert_eq!(gate.settled(), settled);
        assert_eq!(gate.usage_left("ann").await, 1_000 - settled as i64);
    }
}

#[tokio::test]
async fn more_used_than_reserved_is_debt_that_refuses_before_the_body_is_read() {
    let answer = Answer::Stream(&[PIECE, COUNT, DONE], Then::Ends);
    let gate = Setup::new(Plan::new("free").usage(20, Per::Minute)).answering(answer).build();
    gate.done(asking("ann", r#","stream":true,"max_tokens":1"#)).await;
    assert_eq!(gate.settled(), 47);
    let no_json = || asking("ann", "").map(|_| Full::from("no JSON"));
    let refused = gate.send(no_json()).await;
    assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
    // 27 units of debt and one to begin with, at 20 a minute
    assert_eq!(header(&refused, "retry-after"), "84");
    assert_eq!(header(&refused, "ratelimit"), r#""usage-per-minute";r=0;t=84"#);
    assert_eq!(header(&refused, "x-ratelimit-remaining-tokens"), "0");
    gate.clock.advance(Duration::from_secs(84));
    assert_eq!(kind(&gate.send(no_json()).await), Some(RefusalKind::MalformedRequest));
}

#[tokio::test]
async fn what_a_limit_refuses_counts_against_no_limit_and_what_others_refuse_stays_counted() {
    let gate = Setup::new(Plan::new("free").requests(10, Per::Minute).usage(100, Per::Hour)).build();
    let left = |response: &Response<Bytes>| header(response, "x-ratelimit-remaining-requests").to_owned();
    let held = gate.send(asking("ann", r#","max_tokens":80"#)).await;
    for _ in 0..20 {
        let refused = gate.done(asking("ann", r#","max_tokens":50"#)).await;
        assert_eq!(kind(&refused), Some(RefusalKind::UsageExceeded));
        assert_eq!(left(&refused), "9");
        let never = gate.done(asking("ann", r#","max_tokens":93"#)).await;
        assert_eq!((kind(&never), never.status()), (Some(RefusalKind::NeverFits), StatusCode::BAD_REQUEST));
        assert!(
            text(&never).contains("101 units") && text(&never).contains("100 units per hour"),
            "{}",
            text(&never)
        );
        assert_eq!((left(&never).as_str(), header(&never, "retry-after")), ("9", ""));
    }
    drop(held);
    let malformed = gate.done(asking("ann", "").map(|_| Full::from("{"))).await;
    assert_eq!((kind(&malformed), left(&malformed).as_str()), (Some(RefusalKind::MalformedRequest), "8"));
    let mut blocked = asking("ann", "");
    blocked.headers_mut().insert("test-blocked", "1".parse().unwrap());
    let blocked = gate.done(blocked).await;
    assert_eq!((kind(&blocked), left(&blocked).as_str()), (Some(RefusalKind::ContentBlocked), "7"));
    assert_eq!(gate.handled.load(Ordering::SeqCst), 1);
}
