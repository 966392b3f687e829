//! The gate's configuration: whatever the text is, it is read strictly, its errors lead to a place in it, and no secret comes
//! out again.

use std::error::Error;

use portcullis::gate::config::Config;

/// What stands for a secret: no error and no `Debug` may hold it.
const SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ";

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let said = match Config::parse(text) {
        Ok(config) => {
            let unknown = format!("no_such_key = 1\n{text}");
            let error = Config::parse(&unknown).expect_err("an unknown key is refused");
            assert_eq!((error.line(), error.key()), (Some(1), "no_such_key"), "{error}");
            format!("{config:?}")
        }
        Err(error) => {
            assert!(error.line().is_none_or(|line| (1..=text.lines().count().max(1) + 1).contains(&line)));
            assert!(error.column().is_none_or(|column| column <= text.len() + 1));
            assert_eq!(error.file(), None, "a text has no file");
            let mut said = format!("{error} {error:?}");
            let mut source = error.source();
            while let Some(inner) = source {
                said.push_str(&inner.to_string());
                source = inner.source();
            }
            said
        }
    };
    assert!(!said.contains(SECRET) || !is_kept_apart(text), "a secret is told: {said}");
}

/// Whether the secret stands where secrets stand, and not, say, in the name of a plan.
fn is_kept_apart(text: &str) -> bool {
    let holders: Vec<&str> = text.lines().filter(|line| line.contains(SECRET)).collect();
    let literal = |line: &&str| line.starts_with("keys = '''{") && line.ends_with("}'''");
    holders.iter().all(literal)
        && text.matches("'''").count() == 2 * holders.len()
        && !text.contains("\"\"\"")
}

pub fn seeds() -> Vec<Vec<u8>> {
    let issuer = |keys: &str| {
        format!(
            "[[issuers]]\nissuer = \"https://login.example.com\"\naudiences = [\"llm\"]\nplan_claim = \"/plan\"\nkeys = '''{keys}'''\n"
        )
    };
    let oct = format!(r#"{{"keys":[{{"kty":"oct","k":"{SECRET}"}}]}}"#);
    let private = format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{SECRET}","d":"{SECRET}"}}]}}"#);
    let routes = "[[routes]]\nmethod = \"POST\"\npath = \"/v1/chat/completions\"\ndialect = \"openai-chat\"\nscopes = [\"generate:invoke\"]\n[[routes]]\nmethod = \"GET\"\npath = \"/healthz\"\nopen = true\n";
    let let_through = "[[routes]]\nmethod = \"POST\"\npath = \"/v1/audio/speech\"\ndialect = \"json\"\nscopes = [\"s\"]\nunknown_fields = \"strip\"\nurls = [\"images.example.com\", \"*.example.net\"]\ndanger_credentials_in_body = true\ndanger_opaque_answer = { types = [\"audio/mpeg\"], max_bytes = \"1 MiB\" }\ndanger_observe = \"2027-01-31T12:00:00Z\"\n[[routes]]\nmethod = \"POST\"\npath = \"/v1/audio/transcriptions\"\nscopes = [\"s\"]\ndanger_opaque_body = { types = [\"multipart/form-data\"], max_bytes = 9 }\n";
    let policy = "[policy]\naddress_files = { bad = \"bad.txt\" }\ndevices = { managed_claim = { pointer = \"/managed\" } }\n[[policy.rules]]\nname = \"finance\"\npermit = { claims = { \"/department\" = \"finance\", \"/level\" = { at_least = 3 } }, hours = { zone = \"Europe/Berlin\", days = [\"mon\"], from = \"08:00\", to = \"18:00\" }, any = [{ device = \"managed\" }, { not = { networks = [\"10.0.0.0/8\"] } }] }\n[[policy.rules]]\nname = \"models\"\nforbid = { models = [\"secret-*\"], reputation = { addresses = \"bad\", at_least = 50 } }\n[policy.roles.analyst]\nmodels = [\"small\"]\n[policy.plans]\nfree = [\"small\"]\n[policy.zones.inference]\npaths = [\"/healthz\"]\nworkloads = [\"spiffe://prod.example/**\"]\n";
    let plans = "[plans.free]\nrequests = [{ limit = 20, per = \"minute\" }]\nusage = [{ limit = 10_000, per = \"minute\" }]\n";
    let file = "[[issuers]]\nissuer = \"https://login.example.com\"\naudiences = [\"llm\"]\njwks_file = \"keys.json\"\nplan_claim = \"/plan\"\n";
    vec![
        format!("[audit]\nfile = \"audit.jsonl\"\n{file}{routes}{plans}").into_bytes(),
        issuer(&oct).into_bytes(),
        issuer(&private).into_bytes(),
        format!("{}{routes}", issuer("{\"keys\":[]}")).into_bytes(),
        format!("{file}{let_through}{plans}").into_bytes(),
        format!("{file}{routes}{plans}{policy}").into_bytes(),
        b"danger_observe = 2027-01-31T12:00:00+01:00\n[[routes]]\ndanger_observe = \"tomorrow\"\n".to_vec(),
        b"[routes]\npath = 1\n".to_vec(),
        b"unknown = true\n".to_vec(),
        b"[audit\n".to_vec(),
        "[plans.\"\u{e9}\"]\nrequests = [{ limit = -1, per = \"aeon\" }]\n".as_bytes().to_vec(),
    ]
}
