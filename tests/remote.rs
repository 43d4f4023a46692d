//! A policy behind a real HTTP server that misbehaves: faults are survived, each answer counts once, the key stays secret.

mod verbs;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rlef::completion::{FinishReason, Sampling};
use rlef::dialogue::Message;
use rlef::policy::remote::{Endpoint, RemoteConfig, RemotePolicy, Sent};
use rlef::policy::{PolicyError, Sample, SampleRequest, sample_all};
use rlef::server::{Prices, ServerConfig, ServerError, Usage};
use serde_json::{Value, json};
pub(crate) use verbs::{eval, problems};

const KEY: &str = "sk-SECRET-4711";

/// Heads and bodies of the requests a server saw.
pub(crate) type Requests = Arc<Mutex<Vec<(String, Value)>>>;

/// What the server does with one request.
#[derive(Clone, Copy)]
pub(crate) enum Deed {
    /// Answers with this status and body.
    Send(u16, &'static str),
    /// Announces a whole answer and hangs up in its middle.
    HangUp,
    /// Says this; the flag is whether the limit cut it.
    Say(&'static str, bool),
}

/// Serves until the test ends, and returns its address and the requests it saw: whole heads, and bodies as JSON.
/// `deed` is given the first user message, how often it was asked before, and the number of messages.
pub(crate) fn serve(
    deed: impl Fn(&str, usize, usize) -> Deed + Send + Sync + 'static,
) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, deed) = (Arc::clone(&seen), Arc::new(deed));
    let asked = Arc::new(Mutex::new(HashMap::new()));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (log, deed, asked) = (Arc::clone(&log), Arc::clone(&deed), Arc::clone(&asked));
            std::thread::spawn(move || handle(stream.unwrap(), &log, &asked, &*deed));
        }
    });
    (url, seen)
}

fn handle(
    mut stream: TcpStream,
    log: &Mutex<Vec<(String, Value)>>,
    asked: &Mutex<HashMap<String, usize>>,
    deed: &dyn Fn(&str, usize, usize) -> Deed,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let length = head
        .lines()
        .find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length:")?
                .trim()
                .parse()
                .ok()
        })
        .unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    // A prompt of the completions endpoint counts as one message.
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let first = match messages.iter().find(|message| message["role"] == "user") {
        Some(message) => message["content"].as_str().unwrap().to_owned(),
        None => body["prompt"].as_str().unwrap().to_owned(),
    };
    let before = {
        let mut asked = asked.lock().unwrap();
        let count = asked.entry(first.clone()).or_insert(0);
        *count += 1;
        *count - 1
    };
    log.lock().unwrap().push((head, body));
    let (status, text, cut) = match deed(&first, before, messages.len()) {
        Deed::Send(status, text) => (status, text.to_owned(), text.len()),
        Deed::HangUp => (200, "x".repeat(1000), 10),
        Deed::Say(text, length) => {
            let reason = if length { "length" } else { "stop" };
            let mut choice = json!({"finish_reason": reason});
            if messages.is_empty() {
                choice["text"] = text.into();
            } else {
                choice["message"] = json!({"role": "assistant", "content": text});
            }
            let usage = json!({"prompt_tokens": 100, "completion_tokens": 7});
            let text = json!({"choices": [choice], "usage": usage}).to_string();
            (200, text.clone(), text.len())
        }
    };
    let retry = if status == 429 {
        "Retry-After: 0\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\n{retry}Connection: close\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&text.as_bytes()[..cut]);
}

fn policy(url: &str) -> RemotePolicy {
    let config = RemoteConfig {
        server: ServerConfig {
            url: url.to_owned(),
            model: "m".to_owned(),
            concurrency: 4,
            tries: 6,
            timeout: Duration::from_mins(1),
            backoff: Duration::from_millis(1),
        },
        endpoint: Endpoint::Chat,
        system: Some("Be brief.".to_owned()),
        sent: Sent {
            temperature: true,
            top_p: true,
            seed: true,
        },
        prices: Some(Prices {
            read: 2.0,
            written: 10.0,
        }),
    };
    RemotePolicy::new(config, Some(KEY.to_owned())).unwrap()
}

fn requests(statements: &[&str]) -> Vec<SampleRequest> {
    let each = statements.iter().enumerate();
    each.map(|(sample, text)| SampleRequest {
        problem_id: "p".to_owned(),
        sample,
        turn: 0,
        dialogue: vec![Message::user(*text)],
        prefix: None,
        opening: 0,
        seed: 7 + sample as u64,
    })
    .collect()
}

/// Asks for one answer to each statement.
fn propose(policy: &RemotePolicy, statements: &[&str]) -> Result<Vec<Sample>, PolicyError> {
    let sampling = Sampling {
        temperature: 0.5,
        top_p: 0.9,
        max_tokens: 33,
        ..Sampling::default()
    };
    sample_all(policy, requests(statements), &sampling)
}

/// Cuts and stop texts are asked of a server only where they are set: not every server knows them.
#[test]
fn cuts_and_stop_texts_are_the_server_s_to_honour() {
    let (url, seen) = serve(|_, _, _| Deed::Say("a", false));
    let sampling = Sampling {
        top_k: 7,
        stop: vec!["\n\n".to_owned(), "END".to_owned()],
        ..Sampling::default()
    };
    sample_all(&policy(&url), requests(&["one"]), &sampling).unwrap();
    let (_, body) = seen.lock().unwrap()[0].clone();
    assert_eq!(
        (&body["top_k"], &body["stop"]),
        (&json!(7), &json!(["\n\n", "END"]))
    );
}

#[test]
fn faults_are_survived_and_each_answer_counts_once() {
    let (url, seen) = serve(|first, before, _| match before {
        0 => Deed::Send(429, r#"{"error":{"message":"slow down"}}"#),
        1 => Deed::Send(500, "oops"),
        2 => Deed::HangUp,
        3 => Deed::Send(200, r#"{"choices":[{"mess"#),
        4 => Deed::Send(200, r#"{"unexpected":true}"#),
        _ if first == "cut" => Deed::Say("a", true),
        _ => Deed::Say("é", false),
    });
    let policy = policy(&url);
    let answers = propose(&policy, &["one", "two", "cut", "four", "five"]).unwrap();
    let texts: Vec<&str> = answers
        .iter()
        .map(|answer| answer.as_ref().unwrap().text.as_str())
        .collect();
    assert_eq!(texts, ["é", "é", "a", "é", "é"]);
    assert_eq!(answers[2].as_ref().unwrap().stop, FinishReason::Length);
    assert_eq!(answers[3].as_ref().unwrap().stop, FinishReason::End);
    assert_eq!(seen.lock().unwrap().len(), 30);
    let usage = policy.usage(&Usage::default());
    assert_eq!((usage.answers, usage.retries, usage.uncounted), (5, 25, 0));
    assert_eq!(
        (usage.prompt_tokens, usage.completion_tokens),
        (Some(500), Some(35))
    );
    assert!(
        answers
            .iter()
            .flatten()
            .all(|said| said.sampled.is_none() && said.tokens == Some(7))
    );
    assert!((usage.cost.unwrap() - (500.0 * 2.0 + 35.0 * 10.0) / 1e6).abs() < 1e-12);
    let (head, body) = seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert!(head.contains(&format!("Bearer {KEY}")), "{head}");
    assert_eq!(
        body,
        json!({"model": "m", "temperature": 0.5, "top_p": 0.9, "max_tokens": 33, "seed": 7, "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "one"}]})
    );
}

#[test]
fn what_is_refused_from_the_start_on_ends_the_run_and_one_question_loses_its_answer() {
    let (url, seen) = serve(|first, _, _| match first {
        "long" => Deed::Send(
            400,
            r#"{"error":{"message":"too long for sk-SECRET-4711"}}"#,
        ),
        "down" => Deed::Send(503, ""),
        _ => Deed::Say("yes", false),
    });
    let answers = propose(&policy(&url), &["fine", "long", "down", "fine"]).unwrap();
    let fine: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, false, false, true]);
    let lost = answers[1].as_ref().unwrap_err().to_string();
    assert!(lost.contains("400: too long for [key]"), "{lost}");
    let lost = answers[2].as_ref().unwrap_err().to_string();
    assert!(
        lost.contains("6 requests failed") && lost.contains("503"),
        "{lost}"
    );
    let before = seen.lock().unwrap().len();
    assert_eq!(before, 1 + 1 + 6 + 1);
    let answers = propose(&policy(&url), &["long", "fine"]).unwrap();
    assert!(answers[0].is_err() && answers[1].is_ok());
    let before = before + 2;
    for (questions, asked) in [(&["long"][..], 1), (&["long"; 9], 1 + 2)] {
        let earlier = seen.lock().unwrap().len();
        let error = propose(&policy(&url), questions).unwrap_err();
        assert!(
            matches!(
                error,
                PolicyError::Server(ServerError::Refused { status: 400, .. })
            ),
            "{error}"
        );
        // Those under way beside them are asked, too.
        let since = seen.lock().unwrap().len() - earlier;
        assert!((asked..=9).contains(&since), "{since}");
    }
    assert!(seen.lock().unwrap().len() > before);
    let error = propose(&policy(&url), &["down", "fine"]).unwrap_err();
    assert!(
        matches!(
            error,
            PolicyError::Server(ServerError::NoAnswer { tries: 6, .. })
        ),
        "{error}"
    );
}
