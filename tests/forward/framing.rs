//! What goes to the upstream, and what of its answer comes back.

use crate::world::{ANSWER, Act, HELLO, KEY, Upstream, World, ok};

/// The head and the body of a message.
fn parts(message: &str) -> (&str, &str) {
    message.split_once("\r\n\r\n").unwrap()
}

fn header<'m>(message: &'m str, name: &str) -> Vec<&'m str> {
    let (head, _) = parts(message);
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
}

#[tokio::test]
async fn the_upstream_sees_listed_headers_the_providers_credential_and_nothing_of_the_callers() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let world = World::of(&upstream).await;
    let more = "cookie: session=1\r\nx-api-key: mine\r\nx-forwarded-for: 192.0.2.1\r\nforwarded: for=192.0.2.1\r\n\
                x-user-id: admin\r\nx-evil: 1\r\nopenai-organization: theirs\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\
                connection: accept\r\naccept: text/html\r\nuser-agent: evil\r\nanthropic-version: 2023-06-01\r\n";
    let request = format!("{}{more}content-length: {}\r\n\r\n{HELLO}", world.head(), HELLO.len());
    let answer = world.ask(&request).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(ANSWER), "{answer}");

    let came = upstream.came().remove(0);
    let (head, body) = parts(&came);
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{head}");
    let mut names: Vec<&str> = head.lines().skip(1).map(|line| line.split(':').next().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["anthropic-version", "authorization", "content-length", "content-type", "host"]);
    assert_eq!(header(&came, "authorization"), [format!("Bearer {KEY}")]);
    assert_eq!(header(&came, "host"), [upstream.url().trim_start_matches("http://")]);
    assert_eq!(body, HELLO);
    world.key.replace("sk-renewed".into()).unwrap();
    world.ask(&world.chat(HELLO)).await;
    assert_eq!(header(&upstream.came()[1], "authorization"), ["Bearer sk-renewed"]);
}

#[tokio::test]
async fn a_header_that_was_allowed_goes_on() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let beta = http::HeaderName::from_static("x-beta");
    let world = World::with(&upstream.url(), |forward| forward.allow_request_header(beta)).await;
    let request =
        format!("{}x-beta: 1\r\nx-gamma: 1\r\ncontent-length: {}\r\n\r\n{HELLO}", world.head(), HELLO.len());
    world.ask(&request).await;
    let came = upstream.came().remove(0);
    assert_eq!((header(&came, "x-beta"), header(&came, "x-gamma")), (vec!["1"], vec![]));
}

#[tokio::test]
async fn whatever_frames_a_request_it_goes_on_in_one_piece_with_one_length_and_nothing_behind_it() {
    let smuggled = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx-smuggled: 1\r\n\r\n";
    let chunked = format!("{:x}\r\n{HELLO}\r\n0\r\n\r\n", HELLO.len());
    let length = HELLO.len();
    let attempts = [
        format!(
            "content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n{chunked}{smuggled}",
            chunked.len() + smuggled.len()
        ),
        format!("transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n{chunked}{smuggled}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n{chunked}{smuggled}"),
        format!("transfer-encoding: identity, chunked\r\ncontent-length: {length}\r\n\r\n{HELLO}{smuggled}"),
        format!("transfer-encoding : chunked\r\ncontent-length: {length}\r\n\r\n{HELLO}{smuggled}"),
        format!("transfer-encoding: \x0bchunked\r\ncontent-length: {length}\r\n\r\n{HELLO}{smuggled}"),
        format!("content-length: {length}\r\ncontent-length: 5\r\n\r\n{HELLO}{smuggled}"),
        format!("content-length: {length}, {length}\r\n\r\n{HELLO}{smuggled}"),
        format!("content-length: +{length}\r\n\r\n{HELLO}{smuggled}"),
        format!("content-length: {length}\r\nx: y\r\n z\r\n\r\n{HELLO}{smuggled}"),
        format!("content-length: {length}\r\nx: y\nx-evil: 1\r\n\r\n{HELLO}{smuggled}"),
        format!("connection: content-length\r\ncontent-length: {length}\r\n\r\n{HELLO}"),
        format!("transfer-encoding: chunked\r\n\r\n{chunked}"),
        format!(
            "transfer-encoding: chunked\r\ntrailer: x-evil\r\n\r\n{length:x}\r\n{HELLO}\r\n0\r\nx-evil: 1\r\n\r\n"
        ),
    ];
    let mut passed = 0;
    for attempt in attempts {
        let upstream = Upstream::answering(ok(ANSWER)).await;
        let world = World::of(&upstream).await;
        world.ask(&(world.head() + &attempt)).await;
        for came in upstream.came() {
            passed += 1;
            let (head, body) = parts(&came);
            assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{attempt}: {came}");
            assert_eq!(body, HELLO, "{attempt}");
            assert_eq!(header(&came, "content-length"), [length.to_string()], "{attempt}: {came}");
            assert!(header(&came, "transfer-encoding").is_empty(), "{attempt}: {came}");
            assert!(!came.contains("evil") && !came.contains("smuggled"), "{attempt}: {came}");
        }
    }
    assert!(passed >= 3, "what is framed rightly goes on: {passed}");
}

#[tokio::test]
async fn of_the_answers_headers_the_listed_ones_come_back_and_none_that_tells_the_credential() {
    let headers = format!(
        "set-cookie: a=b\r\nserver: upstream/1\r\nvia: 1.1 inside\r\nx-evil: 1\r\nauthorization: Bearer {KEY}\r\n\
         openai-organization: ours\r\nlocation: http://inside/\r\ncache-control: no-store, {KEY}\r\nretry-after: 5\r\n\
         connection: retry-after\r\nproxy-authenticate: Basic\r\ntrailer: x-more\r\n"
    );
    let length = ANSWER.len();
    for framing in [
        format!("content-length: {length}\r\n\r\n{ANSWER}"),
        format!("transfer-encoding: chunked\r\n\r\n{length:x}\r\n{ANSWER}\r\n0\r\nx-more: {KEY}\r\n\r\n"),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}{framing}");
        let upstream = Upstream::answering(answer).await;
        let world = World::of(&upstream).await;
        let answer = world.ask(&world.chat(HELLO)).await;
        let (head, body) = parts(&answer);
        assert_eq!(body, ANSWER);
        assert!(!answer.contains(KEY), "{answer}");
        for name in [
            "set-cookie",
            "server",
            "via",
            "x-evil",
            "openai-organization",
            "location",
            "cache-control",
            "retry-after",
            "trailer",
        ] {
            assert!(header(&answer, name).is_empty(), "{name}: {head}");
        }
        assert_eq!(
            (header(&answer, "content-length").len(), header(&answer, "transfer-encoding").len()),
            (1, 0)
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_framed_in_two_ways_or_breaks_off_is_no_answer() {
    for answer in [
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{ANSWER}"
        ),
        "HTTP/1.1 200 OK\r\nx\0y: z\r\n\r\n".to_owned(),
        "220 smtp.inside ESMTP\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{ANSWER}"),
        String::new(),
    ] {
        let upstream = Upstream::start([Act::Send(answer.clone().into_bytes()), Act::Close]).await;
        let world = World::of(&upstream).await;
        let came = world.ask(&world.chat(HELLO)).await;
        assert!(came.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{answer}: {came}");
        assert!(!came.contains("127.0.0.1") && !came.contains("inside"), "{came}");
        assert_eq!(world.record()["status"], 502);
    }
}

#[tokio::test]
async fn a_query_goes_on_only_where_it_is_listed() {
    let upstream = Upstream::answering(ok(ANSWER)).await;
    let world =
        World::with(&upstream.url(), |forward| forward.allow_query("api-version").base_path("/openai")).await;
    let path = |query: &str| {
        world.chat(HELLO).replacen("/v1/chat/completions", &format!("/v1/chat/completions{query}"), 1)
    };
    let answer = world.ask(&path("?api-version=2026-01-01")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        upstream.came()[0]
            .starts_with("POST /openai/v1/chat/completions?api-version=2026-01-01 HTTP/1.1\r\n")
    );
    for query in ["?key=mine", "?api-version=1&key=mine", "?api%2dversion=1", "?%6bey=mine", "?x"] {
        let answer = world.ask(&path(query)).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{query}: {answer}");
    }
    assert_eq!(upstream.came().len(), 1);
}
