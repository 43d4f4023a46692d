//! The client alone: text in, text out, as whoever has no policy asks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::interface::{CHAT, Options, Question};
use super::*;
use crate::dialogue::Message;

/// Answers each request with the next of these, as status and body; its address, and the bodies it was sent.
fn serve(answers: Vec<(u16, &'static str)>) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for (status, text) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                reader.read_line(&mut head).unwrap();
            }
            let length = head.to_lowercase();
            let length = length
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let mut body = vec![0; length.unwrap().trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            sender.send(String::from_utf8(body).unwrap()).unwrap();
            let length = text.len();
            write!(
                stream,
                "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{text}"
            )
            .unwrap();
        }
    });
    (url, receiver)
}

fn server(url: &str) -> Server {
    let config = ServerConfig {
        url: url.to_owned(),
        model: "m".to_owned(),
        concurrency: 1,
        tries: 2,
        timeout: Duration::from_mins(1),
        backoff: Duration::from_millis(1),
    };
    Server::new(&config, CHAT, None).unwrap()
}

#[test]
fn text_goes_in_and_text_comes_out() {
    let (url, bodies) = serve(vec![
        (503, "busy"),
        (
            200,
            r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}"#,
        ),
        (400, r#"{"error":{"message":"no such option"}}"#),
    ]);
    let server = server(&url);
    let messages = [Message::system("Judge."), Message::user("Is 2 even?")];
    let options = Options {
        temperature: Some(0.0),
        max_tokens: Some(4),
        ..Options::default()
    };
    let asked = server.ask(&Question::of_text(&messages, &options, 1));
    let Outcome::Said(reply) = asked.outcome else {
        panic!("{:?}", asked.outcome);
    };
    assert_eq!((reply.text.as_str(), asked.requests), ("yes", 2));
    assert_eq!(reply.usage, Some((9, 1)));
    let body = bodies.iter().nth(1).unwrap();
    assert_eq!(
        body,
        r#"{"max_tokens":4,"messages":[{"content":"Judge.","role":"system"},{"content":"Is 2 even?","role":"user"}],"model":"m","temperature":0.0}"#
    );
    // It has answered before: a refusal is of this request alone.
    let asked = server.ask(&Question::of_text(&messages, &options, 2));
    let refused = LostAnswer::Refused {
        status: 400,
        message: "no such option".to_owned(),
    };
    assert!(
        matches!(&asked.outcome, Outcome::Lost(lost) if *lost == refused),
        "{:?}",
        asked.outcome
    );
}

#[test]
fn an_address_that_would_tell_a_secret_is_refused() {
    for url in [
        "ftp://host",
        "http://",
        "http://me:key@host",
        "http://host/?key=1",
    ] {
        let config = ServerConfig {
            url: url.to_owned(),
            ..server("http://localhost").config().clone()
        };
        let error = Server::new(&config, CHAT, None).map(drop).unwrap_err();
        let message = error.to_string();
        assert!(
            !message.contains("key@") && !message.contains("key=1"),
            "{message}"
        );
    }
}

/// What became of a question that is answered by these, and how often it was asked.
fn asked(answers: Vec<(u16, &'static str)>) -> (Outcome<Reply>, u64) {
    let (url, _bodies) = serve(answers);
    let messages = [Message::user("Is 2 even?")];
    let options = Options::default();
    let asked = server(&url).ask(&Question::of_text(&messages, &options, 1));
    (asked.outcome, asked.requests)
}

#[test]
fn an_answer_that_the_server_broke_off_is_none() {
    let broken = r#"{"choices":[{"message":{"content":""},"finish_reason":"error","error":{"message":"upstream died"}}]}"#;
    let good = r#"{"choices":[{"message":{"content":"yes"},"finish_reason":"model_length"}]}"#;
    let (outcome, requests) = asked(vec![(200, broken), (200, good)]);
    let Outcome::Said(reply) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reply.cut && requests == 2, "{reply:?}");
    let (outcome, _) = asked(vec![(200, broken), (200, broken)]);
    assert!(
        format!("{outcome:?}").contains("upstream died"),
        "{outcome:?}"
    );
}

#[test]
fn words_beside_no_answer_are_told_and_codes_may_be_texts() {
    let silent = r#"{"code":500,"msg":"model is loading","success":false}"#;
    let (outcome, _) = asked(vec![(200, silent), (200, silent)]);
    assert!(
        format!("{outcome:?}").contains("model is loading"),
        "{outcome:?}"
    );
    let refused = r#"{"error":{"message":"no credit","code":"402"}}"#;
    let (outcome, requests) = asked(vec![(200, refused)]);
    assert!(
        format!("{outcome:?}").contains("no credit") && requests == 1,
        "{outcome:?}"
    );
}
