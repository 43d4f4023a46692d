//! A server that answers by rule.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What a server says to a prompt: a status, a text, and the likely tokens in the place of its only one.
pub(super) type Said = (u16, String, Vec<(&'static str, f64)>);

/// Serves until the test ends; its address, and the bodies it was sent.
pub(super) fn serve(
    say: impl Fn(&str) -> Said + Send + Sync + 'static,
) -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, say) = (Arc::clone(&seen), Arc::new(say));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, log, say) = (stream.unwrap(), Arc::clone(&log), Arc::clone(&say));
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut head).unwrap_or(0) == 0 {
                        return;
                    }
                }
                let length = head.to_lowercase();
                let mut length = length
                    .lines()
                    .filter_map(|line| line.strip_prefix("content-length:"));
                let mut body = vec![0; length.next().unwrap().trim().parse().unwrap()];
                reader.read_exact(&mut body).unwrap();
                let body: Value = serde_json::from_slice(&body).unwrap();
                let messages = body["messages"].as_array().unwrap();
                let prompt = messages.last().unwrap()["content"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                log.lock().unwrap().push(body);
                let (status, text, tokens) = say(&prompt);
                let tokens: Vec<Value> = (tokens.iter())
                    .map(|(token, share)| json!({"token": token, "logprob": share.ln()}))
                    .collect();
                let mut choice = json!({"message": {"content": text}, "finish_reason": "stop"});
                if let Some(first) = tokens.first() {
                    let mut place = first.clone();
                    place["top_logprobs"] = json!(tokens);
                    choice["logprobs"] = json!({"content": [place]});
                }
                if let Some(text) = text.strip_prefix("CUT ") {
                    choice = json!({"message": {"content": text}, "finish_reason": "length"});
                }
                let usage = json!({"prompt_tokens": 100, "completion_tokens": 1});
                let text = json!({"choices": [choice], "usage": usage}).to_string();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}",
                    text.len()
                );
            });
        }
    });
    (url, seen)
}
