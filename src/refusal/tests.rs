use super::*;
use http::HeaderMap;
use std::time::Duration;

#[test]
fn retry_after_is_rounded_up_and_never_zero() {
    for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1_000, 1), (1_001, 2), (59_500, 60)] {
        let refusal =
            Refusal::new(RefusalKind::RateLimited, "slow").retry_after(Duration::from_millis(millis));
        let mut headers = HeaderMap::new();
        refusal.write_headers(&mut headers);
        assert_eq!(headers["retry-after"], seconds.to_string(), "{millis} ms");
    }
}

#[test]
fn the_private_cause_and_the_rule_are_not_in_the_body() {
    let refusal = Refusal::new(RefusalKind::ContentBlocked, "refused")
        .cause("private-cause")
        .rule("private-rule")
        .at("/messages/0");
    let rendered = ProblemJson.respond(&refusal, "id-1");
    let body = std::str::from_utf8(&rendered.body).unwrap();
    assert!(!body.contains("private"), "{body}");
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(value["status"], 400);
    assert_eq!(value["code"], "content_blocked");
    assert_eq!(value["pointer"], "/messages/0");
    assert_eq!(value["request_id"], "id-1");
}
