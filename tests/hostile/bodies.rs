//! Bodies: encodings, JSON that two parsers read in two ways, and what no parser should be made to read.

use crate::server::Server;

fn with_encoding(server: &Server, encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
        server.credential(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A zstd frame that repeats one byte 16 MiB long, in about five hundred bytes (RFC 8878 §3.1.1.2.2).
fn zstd_bomb() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for block in 0..128_u32 {
        let header = (128 * 1024) << 3 | 1 << 1 | u32::from(block == 127);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

#[tokio::test]
async fn a_body_counts_as_what_it_becomes_and_not_as_what_was_sent() {
    let server = Server::start().await;
    let bomb = zstd_bomb();
    assert!(bomb.len() < 600);
    let status = if cfg!(feature = "inflate") { 413 } else { 415 };
    assert_eq!(server.send(with_encoding(&server, "zstd", &bomb)).await.status(), status);
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let reply = server.send(with_encoding(&server, encoding, br#"{"prompt":"hi"}"#)).await;
        assert!(matches!(reply.status(), 400 | 413 | 415), "{encoding}: {}", reply.0);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn json_that_two_parsers_read_in_two_ways_is_refused() {
    let server = Server::start().await;
    let nested =
        |depth: usize| format!(r#"{{"prompt":"hi","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let (deep, deeper) = (nested(64), nested(30_000));
    let cases: &[&[u8]] = &[
        br#"{"prompt":"hi","prompt":"ho"}"#,
        br#"{"prompt":"hi","pr\u006fmpt":"ho"}"#,
        br#"{"prompt":"hi","parameters":{"n":1,"\u006e":9}}"#,
        br#"{"prompt":"hi","Prompt":"ho"}"#,
        br#"{"prompt":"hi","MAX_TOKENS":9}"#,
        "{\"prompt\":\"hi\",\"max_to\u{212a}ens\":9}".as_bytes(),
        br#"{"prompt":"hi"}{"prompt":"ho"}"#,
        br#"{"prompt":"hi"} x"#,
        b"{\"prompt\":\"hi\"}\0",
        b"\xEF\xBB\xBF{\"prompt\":\"hi\"}",
        b"\xFF\xFE{\0\"\0",
        b"{\"prompt\":\"\xC0\xAF\"}",
        b"{\"prompt\":\"\xED\xA0\x80\"}",
        br#"{"prompt":"\ud800"}"#,
        br#"{"prompt":"\udc00\ud800"}"#,
        b"{\"prompt\":\"a\nb\"}",
        br#"{"prompt":"hi",}"#,
        br#"{'prompt':'hi'}"#,
        br#"{"prompt":"hi" /* x */}"#,
        br#"{"prompt":"hi","max_tokens":NaN}"#,
        br#"{"prompt":"hi","max_tokens":01}"#,
        br#"{"prompt":[1,2,3]}"#,
        br#"{"prompt":["hi",[4,5]]}"#,
        br#"{"prompt":{"text":"hi"}}"#,
        br#"["prompt"]"#,
        b"",
        deep.as_bytes(),
        deeper.as_bytes(),
    ];
    for body in cases {
        let head = format!(
            "POST /generate HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            server.credential(),
            body.len()
        );
        let reply = server.send([head.as_bytes(), body].concat()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(reply.status(), 400, "{shown}: {}", reply.0);
        assert!(reply.body().len() < 1_000, "{shown}");
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn numbers_reach_the_handler_as_they_were_written() {
    let server = Server::start().await;
    let digits = "9".repeat(400);
    let body = format!(r#"{{"prompt":"hi","seed":{digits},"temperature":1e400,"top_p":-0.0}}"#);
    assert_eq!(server.ask("/generate", &body).await.status(), 200);
    assert_eq!(server.seen()[0].body, body);
}
