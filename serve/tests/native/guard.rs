//! Who is let in.

use proptest::prelude::*;
use rlef_serve::{Bounds, Config, Machine, Server, Token};
use serde_json::json;

use crate::client::{Client, get};
use crate::straw::{Straw, config, server, sets};

#[test]
fn who_has_no_token_gets_nothing_but_health() {
    let straw = Straw::new(1);
    let tokens = vec![
        Token::new("one-long-token-of-ours"),
        Token::new("another-long-token"),
    ];
    let config = Config { tokens, ..config() };
    let server =
        Server::start(config, straw.clone() as std::sync::Arc<dyn Machine>, sets()).unwrap();
    let body = json!({"problem_id": "toy/1", "program": "print 1"});
    let with =
        |header: &str, path: &str| Client::new(server.address()).with(header).post(path, &body);
    for header in [
        "X-Nothing: 1",
        "Authorization: Bearer wrong-token-of-theirs",
        "Authorization: Bearer one-long-token-of-our",
        "Authorization: one-long-token-of-ours",
        "Authorization: Basic b25l",
    ] {
        for path in [
            "/v1/judge",
            "/run_code",
            "/reset",
            "/slime",
            "/verify",
            "/api/v2/execute",
        ] {
            let answer = with(header, path);
            assert_eq!(answer.status, 401, "{header} {path}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
    for path in ["/metrics", "/v1/problems", "/v1/version", "/ws", "/v1/ping"] {
        assert_eq!(get(server.address(), path).status, 401, "{path}");
    }
    assert_eq!(get(server.address(), "/health").status, 200);
    assert_eq!(
        with("Authorization: Bearer another-long-token", "/v1/judge").status,
        200
    );
    // As http://any:TOKEN@host has it.
    let basic = "Authorization: Basic YW55OmFub3RoZXItbG9uZy10b2tlbg==";
    assert_eq!(with(basic, "/v1/judge").status, 200);
    assert_eq!(straw.begun.lock().unwrap().len(), 2);
}

#[test]
fn pages_of_the_web_are_kept_out() {
    let straw = Straw::new(1);
    let server = server(&straw, Bounds::default());
    let body = json!({"problem_id": "toy/1", "program": "print 1"});
    let page = Client::new(server.address())
        .with("Origin: http://evil.example")
        .post("/v1/judge", &body);
    assert_eq!(page.status, 403);
    // Nor may one of them send what needs no leave.
    let text = body.to_string();
    let mut client = Client::new(server.address());
    let head = format!(
        "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    std::io::Write::write_all(&mut client.stream, head.as_bytes()).unwrap();
    assert_eq!(client.receive().unwrap().status, 415);
    let mut client = Client::new(server.address());
    std::io::Write::write_all(
        &mut client.stream,
        b"GET /v1/problems HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    )
    .unwrap();
    assert_eq!(client.receive().unwrap().status, 403);
    assert!(straw.begun.lock().unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is shown in place of a token, nobody gets in by it.
    #[test]
    fn nothing_but_a_token_is_one(
        scheme in prop::sample::select(vec!["Bearer ", "bearer ", "Basic ", "Token ", "", "Bearer\t", "Digest "]),
        shown in "[ -~]{0,40}",
        near in any::<prop::sample::Index>(),
        is_near in any::<bool>(),
        path in prop::sample::select(vec!["/v1/judge", "/run_code", "/ws", "/metrics", "/openenv/reset", "/nowhere"]),
    ) {
        static SERVER: std::sync::OnceLock<Server> = std::sync::OnceLock::new();
        const OURS: &str = "one-long-token-of-ours";
        let server = SERVER.get_or_init(|| {
            let tokens = vec![Token::new(OURS)];
            let machine = Straw::new(1) as std::sync::Arc<dyn Machine>;
            Server::start(Config { tokens, ..config() }, machine, sets()).unwrap()
        });
        // Also what differs from it in one letter.
        let shown = if is_near {
            let mut letters = OURS.to_owned().into_bytes();
            let place = near.index(letters.len());
            letters[place] ^= 1;
            String::from_utf8(letters).unwrap()
        } else {
            shown
        };
        let body = json!({"problem_id": "toy/1", "program": "print 1"});
        let answer = Client::new(server.address())
            .with(&format!("Authorization: {scheme}{shown}"))
            .post(path, &body);
        prop_assert_eq!(answer.status, 401, "{:?}", answer);
    }
}
