//! Servers as people have them, each through `rlef eval`: what they refuse is not sent, what they say is read wherever it
//! stands, and their own words reach the person.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::remote::{Deed, Requests, eval, problems, serve};

const RIGHT: &str = "```python\nprint(2 * int(input()))\n```";

/// Evaluates two problems, of which one is right at once wherever `RIGHT` is said.
fn evaluated(
    deed: impl Fn(&str, usize, usize) -> Deed + Send + Sync + 'static,
    more: &[&str],
) -> (Output, Requests) {
    let folder = tempfile::tempdir().unwrap();
    problems(folder.path());
    let (url, seen) = serve(deed);
    (eval(folder.path(), &url, more), seen)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(output)))
}

fn body(text: &Value) -> &'static str {
    String::leak(text.to_string())
}

fn message(message: &Value, reason: &str) -> Deed {
    let choice = json!({"index": 0, "message": message, "finish_reason": reason});
    Deed::Send(200, body(&json!({"choices": [choice]})))
}

#[test]
fn only_what_is_asked_for_is_sent() {
    let (output, seen) = evaluated(|_, _, _| Deed::Say(RIGHT, false), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let seen = seen.lock().unwrap().clone();
    for (_, body) in seen {
        let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["max_tokens", "messages", "model"]);
    }
    let more = ["--temperature", "0.2", "--top-p", "0.9", "--seed", "3"];
    let (output, seen) = evaluated(|_, _, _| Deed::Say(RIGHT, false), &more);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (_, body) = seen.lock().unwrap()[0].clone();
    assert_eq!(
        (&body["temperature"], &body["top_p"]),
        (&json!(0.2), &json!(0.9))
    );
    assert!(body["seed"].is_u64(), "{body}");
}

/// Wherever it stands among the problems; what all are refused for is told at once.
#[test]
fn a_question_that_is_refused_for_itself_ends_no_run() {
    let refusal = r#"{"error":{"message":"context of 512 exceeded"}}"#;
    for refused in ["double", "lost"] {
        let deed = move |first: &str, _, _| {
            if first.contains(refused) {
                Deed::Send(400, refusal)
            } else {
                Deed::Say(RIGHT, false)
            }
        };
        let (output, _) = evaluated(deed, &["--max-infra-rate", "1"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        for words in [
            "1 problem, 1 episode, 1 lost to the server (1 refused) or the sandbox and not counted, among them all of 1 more problem",
            "context of 512 exceeded",
        ] {
            assert!(table.replace('\n', " ").contains(words), "{table}");
        }
    }
    let (output, _) = evaluated(move |_, _, _| Deed::Send(400, refusal), &[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let words = "refused with 400: context of 512 exceeded";
    assert!(said(&output).contains(words), "{}", said(&output));
}

/// A model that wants the limit under its newer name says so, and gets it for the rest of the run.
#[test]
fn a_limit_is_sent_under_the_name_that_the_server_wants() {
    let refusal = r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}}"#;
    for status in [400, 422] {
        let first = std::sync::atomic::AtomicBool::new(true);
        let deed = move |_: &str, _, _| {
            if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                Deed::Send(status, refusal)
            } else {
                Deed::Say(RIGHT, false)
            }
        };
        let (output, seen) = evaluated(deed, &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let bodies: Vec<Value> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|(_, body)| body.clone())
            .collect();
        assert_eq!(bodies[0]["max_tokens"], 2048);
        for body in &bodies[1..] {
            assert_eq!(body["max_completion_tokens"], 2048, "{body}");
            assert!(body["max_tokens"].is_null(), "{body}");
        }
    }
}

#[test]
fn an_answer_is_read_whatever_form_its_content_has() {
    let thought = json!({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]});
    for content in [
        json!([thought, {"type": "text", "text": RIGHT}]),
        json!([{"type": "output_text", "text": "```python\n"}, {"type": "text", "text": "print(2 * int(input()))\n```"}]),
        json!([RIGHT]),
    ] {
        let deed = move |_: &str, _, _| message(&json!({"content": content}), "stop");
        let (output, _) = evaluated(deed, &["--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        assert_eq!(report(&output)["solved_by_turn"][0]["mean"], 1.0);
    }
}

#[test]
fn an_answer_that_is_only_a_thought_is_told_apart_and_said_again_as_none() {
    for reply in [
        json!({"content": "", "reasoning_content": "Let me think."}),
        json!({"content": null, "reasoning": "Let me think."}),
        json!({"content": [{"type": "thinking", "thinking": "hm"}]}),
    ] {
        let deed = move |_: &str, _, messages| {
            if messages == 1 {
                message(&reply, "length")
            } else {
                Deed::Say(RIGHT, false)
            }
        };
        let (output, seen) = evaluated(deed, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        for words in [
            "2 of 4 answers are empty: everything that was said is a thought",
            "2 of 4 answers were cut at the limit of tokens",
        ] {
            assert!(table.contains(words), "{table}");
        }
        // Some servers refuse a message without a word.
        let seen = seen.lock().unwrap().clone();
        let second = seen
            .iter()
            .find(|(_, body)| body["messages"].as_array().unwrap().len() == 3);
        assert_eq!(second.unwrap().1["messages"][1]["content"], "(no answer)");
    }
    // Nothing at all is no thought.
    let deed = |_: &str, _, _| message(&json!({"content": null}), "stop");
    let (output, _) = evaluated(deed, &["--json"]);
    let report = report(&output);
    assert!(report["by_turn"][0]["only_thought"].is_null(), "{report}");
    assert_eq!(report["by_turn"][0]["empty"], 2);
    assert_eq!(report["by_turn"][0]["public_grades"]["no_program"], 2);
}

#[test]
fn what_a_filter_or_the_model_declined_is_told_apart() {
    for (reply, reason) in [
        (json!({"content": ""}), "content_filter"),
        (json!({"content": null}), "content_filter"),
        (json!({"content": "", "refusal": "I can't."}), "stop"),
    ] {
        let deed = move |_: &str, _, _| message(&reply, reason);
        let (output, _) = evaluated(deed, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let table = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(table.contains("answers were declined"), "{table}");
        assert!(!table.contains("are empty"), "{table}");
    }
}

#[test]
fn an_error_behind_the_status_of_success_is_told_in_the_server_s_words() {
    let broke = |text: &'static str| move |_: &str, _, _| Deed::Send(200, text);
    for (text, code, words) in [
        // Whoever has no credit left has none for the next request either.
        (
            r#"{"error":{"message":"Insufficient credits","code":402}}"#,
            2,
            "402: Insufficient credits",
        ),
        (
            r#"{"id":"x","choices":null,"error":{"message":"model crashed"}}"#,
            4,
            "model crashed",
        ),
        (
            r#"{"error":{"message":"Provider returned error","code":502,"metadata":{"raw":"upstream is full"}}}"#,
            4,
            "Provider returned error: upstream is full",
        ),
    ] {
        let (output, _) = evaluated(broke(text), &[]);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
    }
    // One that passes is tried again.
    let deed = |_: &str, before, _| match before {
        0 => Deed::Send(200, r#"{"error":{"message":"overloaded","code":502}}"#),
        _ => Deed::Say(RIGHT, false),
    };
    let (output, _) = evaluated(deed, &["--json", "--tries", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(report(&output)["usage"]["retries"], 2);
}

#[test]
fn the_words_of_a_refusal_name_the_field() {
    let text = r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","top_k"],"msg":"Extra inputs are not permitted"}]}}"#;
    let (output, _) = evaluated(move |_, _, _| Deed::Send(422, text), &["--top-k", "5"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("body.top_k: Extra inputs are not permitted"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_nobody_counted_is_unknown() {
    let deed = |_: &str, _, _| message(&json!({"content": RIGHT}), "stop");
    let (output, _) = evaluated(deed, &["--price-in", "1", "--price-out", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        table.contains("tokens read unknown, written unknown"),
        "{table}"
    );
    for nought in ["cost", "sampled per solved", "tokens/s"] {
        assert!(!table.contains(nought), "{nought}: {table}");
    }
    let (output, _) = evaluated(deed, &["--json"]);
    let report = report(&output);
    assert!(report["usage"]["prompt_tokens"].is_null(), "{report}");
    assert!(report["tokens_per_solved"].is_null(), "{report}");
    assert!(report["by_turn"][0]["tokens"].is_null(), "{report}");
}

#[test]
fn what_the_server_refused_stands_beside_the_share_it_is_left_out_of() {
    let deed = |first: &str, _, _| match first {
        "lost" => Deed::Send(400, r#"{"error":{"message":"context of 512 exceeded"}}"#),
        _ => Deed::Say(RIGHT, false),
    };
    let (output, _) = evaluated(deed, &["--max-infra-rate", "1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for words in [
        "1 lost to the server (1 refused)",
        "shares of 1 episodes; the server refused 1 more. Of all 2, 50.0% were solved.",
        "refused with 400: context of 512 exceeded",
    ] {
        assert!(table.contains(words), "{table}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
fn from_environment(folder: &Path, url: Option<&str>) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rlef"));
    command
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env_remove("OPENAI_API_KEY")
        .env_remove("OPENAI_BASE_URL")
        .args([
            "eval",
            "--problems",
            "problems.jsonl",
            "--policy",
            "openai:",
        ])
        .args([
            "--model",
            "m",
            "--rollouts",
            "1",
            "--turns",
            "1",
            "--workers",
            "1",
        ])
        .args(["--out", "out.json"]);
    if let Some(url) = url {
        command.env("OPENAI_BASE_URL", url);
    }
    command.output().unwrap()
}

#[test]
fn the_address_may_stand_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    problems(folder.path());
    let (url, seen) = serve(|_, _, _| Deed::Say(RIGHT, false));
    let output = from_environment(folder.path(), Some(&url));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(seen.lock().unwrap().len(), 2);
    let record = std::fs::read_to_string(folder.path().join("out.json")).unwrap();
    assert!(record.contains(&format!("openai:{url} m")), "{record}");
    let output = from_environment(folder.path(), None);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said(&output).contains("OPENAI_BASE_URL"),
        "{}",
        said(&output)
    );
}
