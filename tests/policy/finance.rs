//! The rule of the guide, in Rust and in TOML: the finance department, from a managed device, in business hours.

use portcullis::authorize::rules::{business_hours, claim, device, weekdays};
use portcullis::authorize::{AccessRequest, Device, Environment, RulePolicy};
use portcullis::clock::UnixTime;
use portcullis::gate::config::Config;
use portcullis::principal::{AuthenticationMethod, Credential, Principal, Subject};
use portcullis::testing::Issuer;

const RULE: &str = r#"
[[policy.rules]]
name = "finance"
[policy.rules.permit]
claims = { "/department" = "finance" }
device = "managed"
hours = { zone = "Europe/Berlin", days = ["mon", "tue", "wed", "thu", "fri"], from = "08:00", to = "18:00" }
"#;

fn in_rust() -> RulePolicy {
    let finance = claim("/department").is("finance").and(device().managed()).and(business_hours(
        "Europe/Berlin",
        weekdays(),
        "08:00".."18:00",
    ));
    RulePolicy::builder("rules").permit("finance", finance).build().unwrap()
}

/// Whatever the seed makes of it, always the same (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

#[tokio::test]
async fn the_finance_rule_decides_alike_in_rust_and_in_toml() {
    let keys = Issuer::new("https://issuer.test").jwks();
    let text = format!(
        "danger_without_limits = true\n[audit]\ndanger_off = true\n[inspection]\ndanger_off = true\n\
         [[issuers]]\nissuer = \"https://issuer.test\"\naudiences = [\"a\"]\nkeys = '{keys}'\n\
         [[routes]]\nmethod = \"POST\"\npath = \"/generate\"\ndialect = \"generate\"\nby_policy = true\n{RULE}"
    );
    let gate = Config::parse(&text).unwrap().build().unwrap();
    let policy = in_rust();
    let mut dice = Dice(7);
    let mut permitted = 0;
    for n in 0..10_000 {
        let mut principal = Principal::builder(
            Subject::new("https://issuer.test", "alice"),
            Credential::new(AuthenticationMethod::Asserted),
        );
        match dice.below(8) {
            0 => {}
            1 => principal = principal.claim("/department", "legal"),
            2 => principal = principal.claim("/department", 7),
            _ => principal = principal.claim("/department", "finance"),
        }
        let principal = principal.build();
        let device = [None, Some(false), Some(true), Some(true)][dice.below(4) as usize];
        let device = device.map(|managed| Device::new(managed, "claim"));
        // Three years, to the second.
        let mut environment = Environment::at(UnixTime::from_secs(1_700_000_000 + dice.below(94_608_000)));
        if let Some(device) = &device {
            environment = environment.device(device);
        }
        let request = AccessRequest::new(&principal, "generate", "/generate", environment);
        let (rust, toml) = (policy.evaluate(&request), gate.policies().decide(&request).await);
        assert_eq!(rust.effect(), toml.effect(), "request {n}: {request:?}");
        permitted += u32::from(rust.permits());
    }
    // A quarter of the week is business hours: 0.297 × 5/8 × 1/2.
    assert!((700..1200).contains(&permitted), "{permitted}");
}

#[test]
fn business_hours_follow_the_zone_through_summer_and_winter_and_over_midnight() {
    // Mondays: 2027-01-11 (winter, UTC+1) and 2027-07-12 (summer, UTC+2).
    let moment =
        |text: &str| UnixTime::from(std::time::SystemTime::from(text.parse::<jiff::Timestamp>().unwrap()));
    let day = business_hours("Europe/Berlin", weekdays(), "08:00".."18:00");
    let night = business_hours("Europe/Berlin", weekdays(), "22:00".."06:00");
    for (text, in_day, in_night) in [
        ("2027-01-11T06:59:59Z", false, false),
        ("2027-01-11T07:00:00Z", true, false),
        ("2027-01-11T16:59:59Z", true, false),
        ("2027-01-11T17:00:00Z", false, false),
        ("2027-07-12T05:59:59Z", false, false),
        ("2027-07-12T06:00:00Z", true, false),
        ("2027-07-12T15:59:59Z", true, false),
        ("2027-07-12T16:00:00Z", false, false),
        ("2027-07-10T10:00:00Z", false, false),
        ("2027-01-11T21:00:00Z", false, true),
        ("2027-01-12T04:59:59Z", false, true),
        ("2027-01-12T05:00:00Z", false, false),
        // Friday night reaches into Saturday, Sunday night is none of the five.
        ("2027-01-16T02:00:00Z", false, true),
        ("2027-01-18T02:00:00Z", false, false),
    ] {
        let principal = Principal::builder(
            Subject::new("https://issuer.test", "alice"),
            Credential::new(AuthenticationMethod::Asserted),
        );
        let principal = principal.build();
        let request = AccessRequest::new(&principal, "read", "/", Environment::at(moment(text)));
        for (hours, expected) in [(&day, in_day), (&night, in_night)] {
            let policy = RulePolicy::builder("hours").permit("hours", hours.clone()).build().unwrap();
            assert_eq!(policy.evaluate(&request).permits(), expected, "{text}: {hours}");
        }
    }
}
