//! What a text is refused for: where it stands, and what to do.

use super::ISSUER;
use portcullis::gate::config::Config;

fn refusal(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

#[test]
fn what_is_no_toml_is_refused_at_its_place() {
    assert_eq!(
        refusal("[audit]\nfile = \"records\n"),
        "line 2, column 16: audit.file: invalid basic string, expected `\"`"
    );
    assert_eq!(
        refusal("[flood]\nburst = 1\nper = \"day\"\nburst = 2\n"),
        "line 4, column 1: flood.burst: `burst` stands here twice; keep one of them"
    );
    assert_eq!(
        refusal("[plans.free]\n[plans.paid]\n[plans.free]\n"),
        "line 3, column 8: plans.free: `free` stands here twice; keep one of them"
    );
}

#[test]
fn an_unknown_key_is_refused_with_those_there_are() {
    assert_eq!(
        refusal("[audit]\nfile = \"a\"\nwhenfull = \"refuse\"\n"),
        "line 3, column 1: audit.whenfull: unknown key `whenfull`, expected one of `file`, `when_full`, `capacity`, `danger_off`"
    );
    assert_eq!(
        refusal("[plans.free]\nrequests = [{ limit = 1, per = \"day\", subject = 1 }]\n"),
        "line 2, column 39: plans.free.requests[0].subject: unknown key `subject`, expected one of `limit`, `per`, `by`"
    );
    assert_eq!(
        refusal("[body]\nmax_time = \"1s\"\ndefault_plan = \"free\"\n"),
        "line 3, column 1: body.default_plan: unknown key `default_plan`, expected one of `max_bytes`, `min_bytes_per_second`, `max_bytes_of_one_caller`, `max_bytes_of_all`, `max_time`; as a key of the whole file it stands above the first [section]"
    );
    assert!(
        refusal("\n[adit]\n").starts_with("line 2, column 2: adit: unknown key `adit`, expected one of ")
    );
}

#[test]
fn a_missing_key_is_named_at_its_section() {
    assert_eq!(
        refusal("\n[[routes]]\npath = \"/\"\n"),
        "line 2, column 1: routes[0]: add the key `method`, which is needed"
    );
    assert_eq!(
        refusal("[plans.free]\nusage = [\n  { limit = 5, per = \"hour\" },\n  { limit = 5 },\n]\n"),
        "line 4, column 3: plans.free.usage[1]: add the key `per`, which is needed"
    );
}

#[test]
fn a_value_of_another_type_is_refused() {
    for (text, message) in [
        ("audit = 3", "line 1, column 9: audit: invalid type: integer `3`, expected a table"),
        (
            "[audit]\ncapacity = \"much\"",
            "line 2, column 12: audit.capacity: invalid type: string \"much\", expected a whole number, at least 1",
        ),
        ("[audit]\ncapacity = -1", "line 2, column 12: audit.capacity: must be at least 1"),
        (
            "[flood]\nrequests = 5_000_000_000",
            "line 2, column 12: flood.requests: 5000000000 is too large; choose less",
        ),
        (
            "[flood]\nper = 60",
            "line 2, column 7: flood.per: invalid type: integer `60`, expected a period, as a string",
        ),
        (
            "[[routes]]\nmethod = \"GET\"\npath = \"/\"\nopen = \"yes\"",
            "line 4, column 8: routes[0].open: invalid type: string \"yes\", expected a boolean",
        ),
        ("plans = [1]", "line 1, column 9: plans: invalid type: sequence, expected a map"),
        (
            "[body]\nmax_bytes = 1.5",
            "line 2, column 13: body.max_bytes: invalid type: floating point `1.5`, expected a number of bytes, such as 1048576 or \"1 MiB\"",
        ),
    ] {
        assert_eq!(refusal(text), message);
    }
}

#[test]
fn a_word_that_is_not_one_is_refused_with_those_there_are() {
    for (text, message) in [
        (
            "[plans.free]\nrequests = [{ limit = 20, per = \"minit\" }]",
            "line 2, column 33: plans.free.requests[0].per: \"minit\" is not a period; use \"second\", \"minute\", \"hour\" or \"day\"",
        ),
        (
            "[plans.\"a b\"]\nusage = [{ limit = 20, per = \"day\", by = \"user\" }]",
            "line 2, column 42: plans.\"a b\".usage[0].by: \"user\" is not what a limit adds up over; use \"subject\", \"tenant\", \"application\", \"workload\", \"actor\", \"address\" or \"plan\"",
        ),
        (
            "[audit]\nwhen_full = \"drop\"",
            "line 2, column 13: audit.when_full: \"drop\" is not what happens when the log is full; use \"refuse\" or \"count_and_drop\"",
        ),
        (
            "[[issuers]]\nalgorithms = [\"EdDSA\", \"HS256\"]",
            "line 2, column 24: issuers[0].algorithms[1]: \"HS256\" is not an algorithm for signatures that is accepted here; use \"EdDSA\", \"ES256\", \"ES384\", \"PS256\", \"PS384\", \"PS512\", \"RS256\", \"RS384\" or \"RS512\"",
        ),
        (
            "[[routes]]\nmethod = \"post\"",
            "line 2, column 10: routes[0].method: \"post\" is not a method of HTTP that a route can have; use \"GET\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"HEAD\" or \"OPTIONS\"",
        ),
        (
            "[[routes]]\ndialect = \"openai\"",
            "line 2, column 11: routes[0].dialect: \"openai\" is not a dialect; use \"openai-chat\", \"openai-responses\", \"openai-completions\", \"openai-embeddings\", \"anthropic-messages\", \"ollama-generate\", \"ollama-chat\", \"ollama-admin\", \"tgi-generate\", \"gemini\", \"mcp\", \"generate\" or \"json\"",
        ),
        (
            "[inspection]\ninjection.overide = \"flag\"",
            "line 2, column 11: inspection.injection.overide: \"overide\" is not a category of injection; use \"override\", \"extraction\", \"persona\", \"indirect\", \"marker\" or \"optimised\"",
        ),
        (
            "[inspection]\ninjection.persona = \"off\"",
            "line 2, column 21: inspection.injection.persona: \"off\" is not what a finding leads to; use \"block\", \"block_from_medium\", \"flag\" or \"danger_off\"",
        ),
        (
            "[edge]\nallowed_hosts = [\"llm.example.com:443\"]",
            "line 2, column 18: edge.allowed_hosts[0]: \"llm.example.com:443\" is not a host without a port, such as \"llm.example.com\"",
        ),
        (
            "[edge]\nallowed_origins = [\"https://a.example/path\"]",
            "line 2, column 20: edge.allowed_origins[0]: \"https://a.example/path\" is not an origin, such as \"https://app.example.com\"",
        ),
        (
            "[proxies]\ntrusted = [\"10.0.0.0/8\", \"10.0.0.1/8\"]",
            "line 2, column 26: proxies.trusted[1]: \"10.0.0.1/8\" is not a network: write an address with a prefix whose other bits are zero, such as \"10.0.0.0/8\" or \"2001:db8::/32\"",
        ),
        (
            "[body]\nmax_time = \"30\"",
            "line 2, column 12: body.max_time: \"30\" is not a duration; write a whole number and its unit, such as \"500ms\", \"30s\", \"15m\", \"24h\" or \"1d\"",
        ),
        (
            "[body]\nmax_time = \"400d\"",
            "line 2, column 12: body.max_time: longer than 366 days; choose less",
        ),
        ("[body]\nmax_time = \"0s\"", "line 2, column 12: body.max_time: must be greater than zero"),
        (
            "[body]\nmax_bytes = \"1 MB\"",
            "line 2, column 13: body.max_bytes: \"1 MB\" is not a size; write bytes, such as 1048576, or a whole number with B, KiB, MiB or GiB, such as \"1 MiB\"",
        ),
        ("[answer]\nwhole = 0", "line 2, column 9: answer.whole: must be at least 1 byte"),
    ] {
        assert_eq!(refusal(text), message);
    }
}

#[test]
fn settings_that_cannot_be_used_together_are_refused_at_their_place() {
    let route = "[[routes]]\nmethod = \"POST\"\npath = \"/a\"\n";
    let limited = "requests = [{ limit = 1, per = \"day\" }]\n";
    for (text, message) in [
        ("[audit]\ncapacity = 5\n".to_owned(), "line 1, column 1: audit: say where records go with file = \"audit.jsonl\", or danger_off = true to keep none"),
        ("[audit]\nfile = \"a\"\ndanger_off = true\n".to_owned(), "line 3, column 14: audit.danger_off: the keys beside it set up what shall be missing; keep one or the other"),
        ("[inspection]\ndanger_off = true\ninjection.persona = \"flag\"\n".to_owned(), "line 2, column 14: inspection.danger_off: the keys beside it set up what shall be missing; keep one or the other"),
        ("[flood]\nburst = 5\n".to_owned(), "line 1, column 1: flood: say how often with requests = 100 and per = \"second\", or danger_off = true"),
        ("[flood]\nrequests = 1\nper = \"hour\"\nburst = 100_000\n".to_owned(), "line 1, column 1: flood: the flood check would take more than a day to forgive a burst: raise the rate or lower the burst"),
        ("[flood]\nrequests = 1\nper = \"hour\"\naddresses = 1_000_000_000\n".to_owned(), "line 4, column 13: flood.addresses: choose at most 16777216"),
        (route.to_owned(), "line 1, column 1: routes[0]: says not who may enter: add scopes = [\"…\"], by_policy = true for whom [policy] permits, machine_only = true for machines with a certificate, or open = true for everybody"),
        (format!("{route}scopes = []\n"), "line 1, column 1: routes[0]: says not who may enter: add scopes = [\"…\"], by_policy = true for whom [policy] permits, machine_only = true for machines with a certificate, or open = true for everybody"),
        (format!("{route}scopes = [\"a\", \"b c\"]\n"), "line 4, column 16: routes[0].scopes[1]: a scope is one name without spaces; write each as a string of its own"),
        (format!("{route}open = true\nscopes = [\"a\"]\n"), "line 4, column 8: routes[0].open: it is open to everybody, and scopes or by_policy stand beside it; keep one of them"),
        (format!("{route}open = true\ndialect = \"json\"\n"), "line 5, column 11: routes[0].dialect: an open route takes no body: drop the dialect, or require a scope"),
        (format!("{route}open = true\n{route}scopes = [\"a\"]\n"), "line 7, column 8: routes[1].path: stands in the table twice"),
        ("[[routes]]\nmethod = \"GET\"\npath = \"a\"\nopen = true\n".to_owned(), "line 3, column 8: routes[0].path: a pattern begins with /"),
        ("[plans.free]\n".to_owned(), "line 1, column 8: plans.free: plan \"free\" has no limits: add some, or say `danger_unlimited`"),
        (format!("[plans.free]\n{limited}usage = [{{ limit = 0, per = \"day\" }}]\n"), "line 3, column 20: plans.free.usage[0].limit: must be at least 1"),
        (format!("[plans.free]\n{limited}danger_unlimited = true\n"), "line 3, column 20: plans.free.danger_unlimited: plan \"free\" has limits and says `danger_unlimited`: choose one"),
        ("[plans.free]\nrequests = [\n  { limit = 1, per = \"day\" },\n  { limit = 2, per = \"day\" },\n]\n".to_owned(), "line 4, column 3: plans.free.requests[1]: plan \"free\" has limit requests-per-day twice: keep the tighter one"),
        (format!("[plans.\"\"]\n{limited}"), "line 1, column 8: plans.\"\": plan name \"\" is empty, longer than 128 bytes or has control characters"),
        (format!("default_plan = \"fre\"\n[plans.free]\n{limited}"), "line 1, column 16: default_plan: the default plan \"fre\" is not among the plans"),
        (format!("danger_without_limits = true\n[plans.free]\n{limited}"), "line 1, column 25: danger_without_limits: there are plans, which limit; keep one or the other"),
    ] {
        assert_eq!(refusal(&text), message);
    }
}

#[test]
fn what_a_route_lets_through_is_refused_at_its_place_when_it_cannot_be_used() {
    let bare = "[[routes]]\nmethod = \"POST\"\npath = \"/a\"\nscopes = [\"s\"]\n";
    let json = format!("{bare}dialect = \"json\"\n");
    for (text, message) in [
        (
            format!("{json}unknown_fields = \"ignore\"\n"),
            "line 6, column 18: routes[0].unknown_fields: \"ignore\" is not what happens to unknown fields; use \"refuse\", \"strip\" or \"pass\"",
        ),
        (
            format!("{json}urls = [\"images.example.com\", \"*.10.0.0.1\"]\n"),
            "line 6, column 31: routes[0].urls[1]: `10.0.0.1` cannot be allowed: a URL must name its host, not give an address; write a host such as \"images.example.com\", or \"*.example.com\" for those under it",
        ),
        (
            format!("{json}urls = \"images.example.com\"\n"),
            "line 6, column 8: routes[0].urls: invalid type: string \"images.example.com\", expected a sequence",
        ),
        (
            format!("{json}urls = []\ndanger_urls_of_any_public_name = true\n"),
            "line 7, column 34: routes[0].danger_urls_of_any_public_name: urls lists hosts, and this allows every one; keep one of them",
        ),
        (
            format!("{bare}unknown_fields = \"pass\"\n"),
            "line 5, column 18: routes[0].unknown_fields: says what a JSON body may hold, and this route takes none: add dialect",
        ),
        (
            format!("{bare}danger_credentials_in_body = true\n"),
            "line 5, column 30: routes[0].danger_credentials_in_body: says what a JSON body may hold, and this route takes none: add dialect",
        ),
        (
            format!("{json}danger_credentials_in_body = \"yes\"\n"),
            "line 6, column 30: routes[0].danger_credentials_in_body: invalid type: string \"yes\", expected a boolean",
        ),
        (
            format!("{json}danger_opaque_body = {{ types = [\"audio/wav\"], max_bytes = 9 }}\n"),
            "line 6, column 22: routes[0].danger_opaque_body: the body is read by a dialect, and unread by this; keep one of them",
        ),
        (
            format!("{bare}danger_opaque_body = {{ types = [], max_bytes = 9 }}\n"),
            "line 5, column 22: routes[0].danger_opaque_body: what goes by unread needs at least one media type and one byte",
        ),
        (
            format!("{bare}danger_opaque_body = {{ types = [\"audio/wav\"] }}\n"),
            "line 5, column 22: routes[0].danger_opaque_body: add the key `max_bytes`, which is needed",
        ),
        (
            format!("{json}danger_opaque_answer = {{ types = [\"audio\"], max_bytes = 9 }}\n"),
            "line 6, column 24: routes[0].danger_opaque_answer: \"audio\" is not a media type; write one without parameters, such as \"audio/mpeg\"",
        ),
        (
            format!("{json}danger_opaque_answer = {{ types = [\"application/json\"], max_bytes = 9 }}\n"),
            "line 6, column 24: routes[0].danger_opaque_answer: answers of the type application/json are read whatever is declared; leave it out",
        ),
        (
            format!("{json}danger_opaque_answer = {{ types = [\"audio/mpeg\"], max_bytes = 0 }}\n"),
            "line 6, column 62: routes[0].danger_opaque_answer.max_bytes: must be at least 1 byte",
        ),
        (
            format!("{json}danger_opaque_answer = {{ types = [\"audio/mpeg\"], bytes = 9 }}\n"),
            "line 6, column 50: routes[0].danger_opaque_answer.bytes: unknown key `bytes`, expected `types` or `max_bytes`",
        ),
        (
            "[[routes]]\nmethod = \"POST\"\npath = \"/a\"\nopen = true\ndanger_opaque_body = { types = [\"a/b\"], max_bytes = 9 }\n".to_owned(),
            "line 5, column 22: routes[0].danger_opaque_body: an open route takes no body: drop the dialect, or require a scope",
        ),
    ] {
        assert_eq!(refusal(&text), message);
    }
}

#[test]
fn a_moment_is_written_as_in_rfc_3339_with_an_offset() {
    let problem =
        "is not a date and time with an offset; write it as in RFC 3339, such as \"2027-01-31T12:00:00Z\"";
    for moment in [
        "\"tomorrow\"",
        "\"2027-01-31\"",
        "\"2027-01-31T12:00:00\"",
        "2027-01-31",
        "2027-01-31T12:00:00",
        "12:00:00",
    ] {
        let message = format!("line 1, column 18: danger_observe: {problem}");
        assert_eq!(refusal(&format!("danger_observe = {moment}\n")), message, "{moment}");
        let route = format!("[[routes]]\ndanger_observe = {moment}\n");
        assert_eq!(refusal(&route), format!("line 2, column 18: routes[0].danger_observe: {problem}"));
    }
    assert_eq!(
        refusal("danger_observe = true\n"),
        "line 1, column 18: danger_observe: invalid type: boolean `true`, expected a date and time as in RFC 3339, such as \"2027-01-31T12:00:00Z\""
    );
    assert!(
        refusal("[flood]\ndanger_observe = \"2027-01-31T12:00:00Z\"\n")
            .ends_with("; as a key of the whole file it stands above the first [section]")
    );
    for moment in [
        "\"2027-01-31T12:00:00Z\"",
        "2027-01-31T12:00:00+01:00",
        "2027-01-31 12:00:00.5Z",
        "1960-01-01T00:00:00Z",
    ] {
        assert!(Config::parse(&format!("danger_observe = {moment}\n")).is_ok(), "{moment}");
    }
}

#[test]
fn an_issuer_that_cannot_be_used_is_refused_at_its_place() {
    let whole = format!("{ISSUER}jwks_file = \"k.json\"\n");
    for (text, message) in [
        (
            ISSUER.to_owned(),
            "line 1, column 1: issuers[0]: say where its public keys are: discovery = \"openid\", jwks_url, jwks_file = \"keys.json\", or keys = […] in this file",
        ),
        (
            format!("{whole}keys = []\n"),
            "line 5, column 8: issuers[0].keys: its keys are in two places; keep one of jwks_file, jwks_url, discovery and keys",
        ),
        (
            format!("{ISSUER}keys = []\n"),
            "line 4, column 8: issuers[0].keys: holds no key; add the issuer's public keys",
        ),
        (
            format!("{whole}{whole}"),
            "line 6, column 10: issuers[1].issuer: this issuer stands here twice; add its audiences to one of them",
        ),
        (
            format!("{whole}leeway = \"2m\"\n"),
            "line 5, column 10: issuers[0].leeway: choose 60 seconds at most (issuer https://login.test)",
        ),
        (
            format!("{whole}max_lifetime = \"0s\"\n"),
            "line 5, column 16: issuers[0].max_lifetime: choose more than zero (issuer https://login.test)",
        ),
        (
            format!("{whole}algorithms = []\n"),
            "line 5, column 14: issuers[0].algorithms: allow at least one algorithm (issuer https://login.test)",
        ),
        (
            format!("{whole}plan_claim = \"plan\"\n"),
            "line 5, column 14: issuers[0].plan_claim: write an RFC 6901 pointer such as /plan (issuer https://login.test)",
        ),
        (
            whole.replace("[\"https://llm.test\"]", "[]"),
            "line 3, column 13: issuers[0].audiences: name at least one audience, none of them empty (issuer https://login.test)",
        ),
        (
            whole.replace("https://login.test", ""),
            "line 2, column 10: issuers[0].issuer: give the issuer's exact `iss`",
        ),
    ] {
        assert_eq!(refusal(&text), message);
    }
}

#[cfg(feature = "fetch")]
#[test]
fn keys_that_cannot_be_fetched_as_said_are_refused_at_their_place() {
    let found = format!("{ISSUER}discovery = \"openid\"\n");
    for (text, message) in [
        (
            format!("{ISSUER}discovery = \"oidc\"\n"),
            "line 4, column 13: issuers[0].discovery: \"oidc\" is not a way to find an issuer's keys; use \"openid\" or \"oauth\"",
        ),
        (
            format!("{found}jwks_url = \"https://login.test/keys\"\n"),
            "line 4, column 13: issuers[0].discovery: its keys are in two places; keep one of jwks_file, jwks_url, discovery and keys",
        ),
        (
            format!("{ISSUER}jwks_url = \"login.test/keys\"\n"),
            "line 4, column 12: issuers[0].jwks_url: write a whole URL: https://…",
        ),
        (
            format!(
                "{ISSUER}jwks_url = \"https://login.test/keys\"\nfetch = {{ key_hosts = [\"a.test\"] }}\n"
            ),
            "line 5, column 9: issuers[0].fetch: key_host: leave it out: the URL says already where the keys are",
        ),
        (
            format!("{found}fetch = {{ cool_down = \"0s\" }}\n"),
            "line 5, column 9: issuers[0].fetch: cool_down: choose at least 1 second: anybody can make it look",
        ),
        (
            format!("{ISSUER}jwks_file = \"k.json\"\nfetch = {{ internal = true }}\n"),
            "line 5, column 9: issuers[0].fetch: says how keys are fetched, and they are not; add discovery or jwks_url",
        ),
    ] {
        assert_eq!(refusal(&text), message);
    }
    let roots = format!("{found}fetch = {{ roots_file = \"no-such-file.pem\" }}\n");
    let error = Config::parse(&roots).unwrap().into_builder().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "line 5, column 24: issuers[0].fetch.roots_file: the file no-such-file.pem cannot be read"
        ),
        "{error}"
    );
}

#[test]
fn a_resource_or_a_login_that_cannot_be_is_refused_at_its_place() {
    let issuer = format!("{ISSUER}jwks_file = \"k.json\"\n");
    let resource = |resource: &str, server: &str| {
        format!(
            "{issuer}[protected_resource]\nresource = \"{resource}\"\nauthorization_servers = [\"{server}\"]\n"
        )
    };
    let route = "[[routes]]\nmethod = \"GET\"\npath = \"/\"\n";
    for (text, message) in [
        (
            resource("https://llm.test?x", "https://login.test"),
            "line 6, column 12: protected_resource.resource: write the public URL of the service: https, without a query and a fragment",
        ),
        (
            resource("https://llm.test", "https://other.test"),
            "line 7, column 25: protected_resource.authorization_servers: names no issuer of this file; clients would be sent there in vain",
        ),
        (
            format!("{route}scopes = [\"a\"]\nacr = [\"two words\"]\n"),
            "line 5, column 7: routes[0].acr: an acr is one word of visible ASCII without quotes and backslashes; call .acr() once for each",
        ),
        (
            format!("{route}open = true\nmax_age = \"5m\"\n"),
            "line 5, column 11: routes[0].max_age: demands how a user logged in, and lets in callers that are no users: drop acr and max_age, or require a scope",
        ),
    ] {
        assert_eq!(refusal(&text), message);
    }
}

#[test]
fn no_error_repeats_a_key_that_should_not_be_there() {
    let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    let key = format!(
        "{{ kty = \"OKP\", crv = \"Ed25519\", x = \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\", d = \"{secret}\" }}"
    );
    let cases = [
        format!("{ISSUER}keys = [{key}]\n"),
        format!("{ISSUER}keys = [{key}\n"),
        format!("{ISSUER}keys = \"{secret}\n"),
        format!("{ISSUER}keys = \"{secret}\"\n"),
        format!("{ISSUER}keys = [\"{secret}\"]\n"),
        format!("{ISSUER}keys = [[\"{secret}\"]]\nkeys = 1\n"),
        format!("{ISSUER}keys = {{ keys = \"{secret}\" }}\n"),
        format!("{ISSUER}keys = [\n[{{ d = \"{secret}\", d = 1 }}]]\n"),
    ];
    for text in cases {
        let error = Config::parse(&text).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(error.key().starts_with("issuers[0].keys"), "{error}");
    }
    let public = Config::parse(&format!("# {secret}\n{ISSUER}jwks_file = \"k\"\n")).unwrap();
    assert!(!format!("{public:?}").contains(secret));
}

#[test]
fn depth_ends_in_an_error() {
    for depth in [50, 500, 100_000] {
        let dotted = "a.".repeat(depth);
        for text in [
            format!("{dotted}a = 1\n"),
            format!("[{dotted}a]\n"),
            format!("{ISSUER}keys.{dotted}a = 1\n"),
            format!("[issuers.{dotted}a]\n"),
            format!("{ISSUER}keys = {}1{}\n", "[".repeat(depth), "]".repeat(depth)),
            format!("{ISSUER}keys = {}1{}\n", "{ a = ".repeat(depth), " }".repeat(depth)),
            format!("[[issuers]]\n[[issuers.{dotted}a]]\n"),
        ] {
            assert!(Config::parse(&text).is_err());
        }
    }
}
