//! Tables, classes, and the URLs that no spelling brings through.

use super::*;
use crate::payload::json::Document;
use bytes::Bytes;
use proptest::prelude::*;

static INNER: FieldTable = FieldTable::new(&[
    FieldRule::new(FieldClass::Cost, &["beams"]).harmless(&["1"]),
    FieldRule::new(FieldClass::Prompt, &["again"]).list(&INNER),
]);

static TABLE: FieldTable = FieldTable::new(&[
    FieldRule::new(FieldClass::Model, &["models"]),
    FieldRule::new(FieldClass::Neutral, &["inner"]).list(&INNER),
    FieldRule::new(FieldClass::Neutral, &["map"]).map(&INNER),
    FieldRule::new(FieldClass::Prompt, &["free"]).free(),
    FieldRule::new(FieldClass::Reference, &["file"]),
    FieldRule::new(FieldClass::Privileged, &["tool"]).harmless(&["\"function\""]),
]);

static PROTOBUF: FieldTable = FieldTable::protobuf(&[
    FieldRule::new(FieldClass::Cost, &["maxOutputTokens", "n"]),
    FieldRule::new(FieldClass::Neutral, &["topK"]),
]);

fn found(table: &'static FieldTable, json: &str) -> Vec<(FieldClass, String)> {
    let document = Document::parse(Bytes::copy_from_slice(json.as_bytes())).unwrap();
    let fields = table.classify(document.root());
    fields.iter().map(|field| (field.class, document.pointer(field.node))).collect()
}

fn one(class: FieldClass, pointer: &str) -> Vec<(FieldClass, String)> {
    vec![(class, pointer.to_owned())]
}

#[test]
fn what_no_table_names_is_unknown_wherever_it_stands() {
    for pointer in ["/x", "/inner/x", "/map/a/x", "/inner/again/x"] {
        let mut json = "1".to_owned();
        for key in pointer.rsplit('/').filter(|key| !key.is_empty()) {
            json = format!("{{\"{key}\":{json}}}");
        }
        assert_eq!(found(&TABLE, &json), one(FieldClass::Unknown, pointer), "{json}");
    }
    assert_eq!(found(&TABLE, r#"{"inner":[[{"x":[]}]]}"#), one(FieldClass::Unknown, "/inner/0/0/x"));
    // An object in the place of a string, or of a number.
    assert_eq!(found(&TABLE, r#"{"tool":{"x":null}}"#)[1], (FieldClass::Unknown, "/tool/x".to_owned()));
    assert_eq!(found(&INNER, r#"{"beams":[1,{"x":1}]}"#)[1], (FieldClass::Unknown, "/beams/1/x".to_owned()));
    assert_eq!(found(&TABLE, r#"{"free":{"x":[{"y":1}]},"inner":[],"map":{"x":{}}}"#), []);
}

#[test]
fn a_name_is_compared_after_its_escapes() {
    assert_eq!(found(&TABLE, r#"{"\u0074ool":"x"}"#), one(FieldClass::Privileged, "/tool"));
    // The same text, but written so that a careless reader sees another: not taken for harmless.
    assert_eq!(found(&TABLE, r#"{"tool":"\u0066unction"}"#), one(FieldClass::Privileged, "/tool"));
    assert_eq!(found(&TABLE, r#"{"tool":"function"}"#), []);
}

#[test]
fn what_asks_for_nothing_is_not_noted() {
    assert_eq!(found(&INNER, r#"{"beams":1}"#), []);
    assert_eq!(found(&INNER, r#"{"beams":null}"#), []);
    assert_eq!(found(&INNER, r#"{"beams":2}"#), one(FieldClass::Cost, "/beams"));
    assert_eq!(found(&INNER, r#"{"beams":[1]}"#), one(FieldClass::Cost, "/beams"));
}

#[test]
fn each_model_and_each_reference_of_an_array_is_noted() {
    let models = found(&TABLE, r#"{"models":["a","b"]}"#);
    assert_eq!(models, [(FieldClass::Model, "/models/0".into()), (FieldClass::Model, "/models/1".into())]);
    assert_eq!(found(&TABLE, r#"{"file":" HTTPS://x"}"#), one(FieldClass::Url, "/file"));
    assert_eq!(found(&TABLE, r#"{"file":"file-1"}"#), one(FieldClass::Reference, "/file"));
}

#[test]
fn both_spellings_of_protocol_buffers_are_one_field() {
    assert_eq!(found(&PROTOBUF, r#"{"max_output_tokens":1}"#), one(FieldClass::Cost, "/max_output_tokens"));
    assert_eq!(found(&PROTOBUF, r#"{"maxOutputTokens":1}"#), one(FieldClass::Cost, "/maxOutputTokens"));
    for order in
        [r#"{"maxOutputTokens":1,"max_output_tokens":9}"#, r#"{"max_output_tokens":9,"maxOutputTokens":1}"#]
    {
        assert!(
            found(&PROTOBUF, order).contains(&(FieldClass::Repeated, "/max_output_tokens".into())),
            "{order}"
        );
    }
    for name in [
        "maxoutputtokens",
        "max_outputtokens",
        "max_Output_tokens",
        "max__output_tokens",
        "top_K",
        "max_output_tokens_",
    ] {
        assert_eq!(
            found(&PROTOBUF, &format!("{{\"{name}\":1}}")),
            one(FieldClass::Unknown, &format!("/{name}"))
        );
    }
}

#[test]
fn a_path_has_the_class_of_its_field() {
    for (path, class) in [
        ("models[]", Some(FieldClass::Model)),
        ("inner[].beams", Some(FieldClass::Cost)),
        ("inner[].again[].again[].beams", Some(FieldClass::Cost)),
        ("map{}.beams", Some(FieldClass::Cost)),
        ("free.anything.at.all", Some(FieldClass::Prompt)),
        ("inner[].models", None),
        ("models.x", None),
        ("nothing", None),
        ("", None),
    ] {
        assert_eq!(TABLE.class_of(path), class, "{path}");
    }
    let rows = TABLE.rows();
    let lines: Vec<_> = rows.iter().map(ToString::to_string).collect();
    assert!(lines.contains(&"| `inner[].beams` | cost | unless `1` |".to_owned()));
    assert!(lines.contains(&"| `inner[].again[]` | prompt | below as in `inner[]` |".to_owned()));
    assert!(lines.contains(&"| `map{}` | neutral | below as in `inner[]` |".to_owned()));
    for row in rows {
        assert_eq!(TABLE.class_of(&row.path), Some(row.class), "{}", row.path);
    }
}

#[test]
fn a_class_is_found_by_its_name() {
    for class in FieldClass::ALL {
        assert_eq!(FieldClass::from_name(class.as_str()), Some(class));
    }
    assert_eq!(FieldClass::from_name("other"), None);
}

fn policy() -> UrlPolicy {
    UrlPolicy::none().host("images.example.com").unwrap().hosts_under("cdn.example.net").unwrap()
}

#[test]
fn an_allowed_host_is_let_through_in_its_plain_form() {
    for url in [
        "https://images.example.com",
        "https://images.example.com/",
        "https://images.example.com:443/a.png?x=1#y",
        "HTTPS://Images.Example.COM/a.png",
        "https://images.example.com?x=@127.0.0.1",
        "https://eu.cdn.example.net/x%20y",
        "https://a.b.cdn.example.net/",
        "data:image/png;base64,AAAA",
        "DATA:,x",
    ] {
        assert_eq!(policy().check(url), Ok(()), "{url}");
    }
    assert_eq!(policy().admit("data:,abc"), Ok(Content::Inline(4)));
}

#[test]
fn every_way_around_the_list_of_hosts_is_refused() {
    use UrlError::*;
    for (url, error) in [
        ("", Scheme),
        ("http://images.example.com/", Scheme),
        (" https://images.example.com/", Scheme),
        ("\thttps://images.example.com/", Scheme),
        ("ht\ntps://images.example.com/", Scheme),
        ("https:/images.example.com/", Scheme),
        ("https:images.example.com/", Scheme),
        ("https:\\\\images.example.com/", Scheme),
        ("//images.example.com/", Scheme),
        ("file:///etc/passwd", Scheme),
        ("gopher://images.example.com/", Scheme),
        ("blob:https://images.example.com/", Scheme),
        ("https://", Form),
        ("https:///images.example.com/", Form),
        ("https://images.example.com@evil.example/", Form),
        ("https://images.example.com:443@evil.example/", Form),
        ("https://images.example.com:x@evil.example/", Form),
        ("https://user@images.example.com/", Form),
        ("https://evil.example\\@images.example.com/", Form),
        ("https://evil.example\\.images.example.com/", Form),
        ("https://images.example.com./", Form),
        ("https://images..example.com/", Form),
        ("https://.images.example.com/", Form),
        ("https://images%2eexample.com/", Form),
        ("https://images.example.com%00.evil.example/", Form),
        ("https://images.example.com /", Form),
        ("https://images.example.com\n.evil.example/", Form),
        ("https://images.example。com/", Form),
        ("https://ımages.example.com/", Form),
        ("https://images.example.com\u{ad}/", Form),
        ("https://*.cdn.example.net/", Form),
        ("https://images.example.com:/", Form),
        ("https://images.example.com:8443/", Port),
        ("https://images.example.com:00443/", Port),
        ("https://evil.example/", Host),
        ("https://evil.example/?https://images.example.com/", Host),
        ("https://evil.example#images.example.com", Host),
        ("https://images.example.com.evil.example/", Host),
        ("https://evilcdn.example.net/", Host),
        ("https://cdn.example.net/", Host),
        ("https://x.images.example.com/", Host),
        ("https://xn--mages-0pa.example.com/", Host),
    ] {
        assert_eq!(policy().check(url), Err(error), "{url:?}");
    }
    let long = format!("https://images.example.com/{}", "a".repeat(8200));
    assert_eq!(policy().check(&long), Err(Length));
}

#[test]
fn addresses_and_private_names_are_refused_even_where_any_public_name_is_allowed() {
    let any = UrlPolicy::none().danger_any_public_name();
    assert_eq!(any.check("https://images.example.com/"), Ok(()));
    for host in [
        "127.0.0.1",
        "127.1",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "169.254.169.254",
        "2852039166",
        "0xA9FEA9FE",
        "10.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "8.8.8.8",
        "1.2.3.4.5",
        "evil.example.0x7f",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1%25eth0]",
        "[fd00:ec2::254]",
    ] {
        let refused = any.check(&format!("https://{host}/latest/meta-data"));
        assert!(matches!(refused, Err(UrlError::Address)), "{host}: {refused:?}");
    }
    for host in [
        "localhost",
        "a.localhost",
        "LOCALHOST",
        "metadata",
        "metadata.google.internal",
        "printer.local",
        "db.corp",
        "x.lan",
        "1.0.0.127.in-addr.arpa",
        "kubernetes.default.svc.cluster.local",
        "10.0.0.1.nip.io",
        "localtest.me",
    ] {
        assert_eq!(any.check(&format!("https://{host}/")), Err(UrlError::Private), "{host}");
    }
    for host in ["①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1"] {
        assert_eq!(any.check(&format!("https://{host}/")), Err(UrlError::Form), "{host}");
    }
}

#[test]
fn a_list_holds_plain_public_names_only() {
    for host in [
        "",
        "localhost",
        "127.0.0.1",
        "Example.com",
        "example.com.",
        "*.example.com",
        "https://example.com",
        "example.com:8443",
        "bücher.example",
    ] {
        assert!(UrlPolicy::none().host(host).is_err(), "{host}");
        assert!(UrlPolicy::none().hosts_under(host).is_err(), "{host}");
    }
    let error = UrlPolicy::none().host("127.0.0.1").unwrap_err().to_string();
    assert_eq!(error, "`127.0.0.1` cannot be allowed: a URL must name its host, not give an address");
    assert_eq!(policy().to_string(), "images.example.com, *.cdn.example.net");
    assert_eq!(UrlPolicy::none().to_string(), "none");
}

proptest! {
    /// Whatever is let through to be fetched names an allowed host for the plainest reader there is.
    #[test]
    fn what_is_let_through_names_an_allowed_host(
        url in r"(https?:)?[/\\]{0,3}([a-z@:%]{0,6}[@.])?(images\.example\.com|127\.0\.0\.1|evil\.example)[.:@/\\?#%a-z0-9]{0,12}"
    ) {
        if policy().check(&url).is_ok() {
            let rest = url.strip_prefix("https://images.example.com").expect("the host stands first");
            prop_assert!(rest.is_empty() || rest.starts_with(['/', '?', '#']) || rest.starts_with(":443"));
        }
    }
}
