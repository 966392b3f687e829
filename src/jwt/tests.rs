use http::Request;
use http::request::Parts;

use super::bearer::{self, Unfound};

/// The credential alone, where DPoP is not set up.
fn found(parts: &Parts, api_key_header: bool) -> Result<&str, Unfound> {
    bearer::find(parts, api_key_header, false).map(|found| found.credential)
}

fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn the_scheme_has_no_case_and_is_followed_by_spaces() {
    for value in ["Bearer abc", "bearer abc", "BEARER abc", "bEaReR  abc"] {
        assert_eq!(found(&parts("/", &[("authorization", value)]), false), Ok("abc"), "{value}");
    }
    for value in ["Basic abc", "Bearerabc", "Bearer", "abc", "", "DPoP abc", "Bearer\tabc"] {
        assert_eq!(found(&parts("/", &[("authorization", value)]), false), Err(Unfound::Foreign), "{value}");
    }
    for value in ["Bearer a b", "Bearer a\tb", "Bearer ab\u{e9}"] {
        assert_eq!(
            found(&parts("/", &[("authorization", value)]), false),
            Err(Unfound::Malformed),
            "{value}"
        );
    }
}

#[test]
fn more_than_one_credential_is_none() {
    let (authorization, other) = (("authorization", "Bearer abc"), ("Authorization", "Bearer def"));
    let key = ("x-api-key", "abc");
    assert_eq!(found(&parts("/", &[authorization, other]), false), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[authorization, key]), true), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[key, key]), true), Err(Unfound::Several));
    let joined = ("authorization", "Bearer abc, Bearer def");
    assert_eq!(found(&parts("/", &[joined]), false), Err(Unfound::Several));
    assert_eq!(found(&parts("/", &[key]), true), Ok("abc"));
    assert_eq!(found(&parts("/", &[key]), false), Err(Unfound::Foreign));
    assert_eq!(found(&parts("/", &[]), false), Err(Unfound::Absent));
    assert_eq!(found(&parts("/", &[authorization, key]), false), Ok("abc"));
}

#[test]
fn a_credential_in_the_query_is_seen_through_escapes() {
    let query = |query: &str| {
        let parts = parts(&format!("/?{query}"), &[("authorization", "Bearer abc")]);
        found(&parts, false).map(str::to_owned)
    };
    for named in
        ["access_token=x", "a=1&access_token=x", "access%5ftoken=x", "%61ccess_token", "a;access_token=x"]
    {
        assert_eq!(query(named), Err(Unfound::InQuery), "{named}");
    }
    for other in ["access_tokens=x", "a=access_token", "access%token=x", "access%5", "xaccess_token=1"] {
        assert_eq!(query(other).as_deref(), Ok("abc"), "{other}");
    }
}
