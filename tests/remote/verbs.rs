//! `rlef eval` at such a server.

use super::*;

#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test, not a candidate"
)]
pub(crate) fn eval(folder: &Path, url: &str, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rlef"))
        .env("XDG_CACHE_HOME", crate::host::cache_home())
        .current_dir(folder)
        .env("RLEF_CACHE", folder.join("cache"))
        .env("THE_KEY", KEY)
        .args([
            "eval",
            "--problems",
            "problems.jsonl",
            "--model",
            "m",
            "--rollouts",
            "1",
        ])
        .args([
            "--turns",
            "2",
            "--workers",
            "1",
            "--style",
            "compact",
            "--api-key-env",
            "THE_KEY",
        ])
        .args(["--out", "out.json", "--journal", "journal.jsonl"])
        .args(if more.contains(&"--tries") {
            &[][..]
        } else {
            &["--tries", "1"]
        })
        .arg(format!("--policy=openai:{url}"))
        .args(more)
        .output()
        .unwrap()
}

pub(crate) fn problems(folder: &Path) {
    let line = |id: &str| {
        json!({"id": id, "statement": id, "public_tests": [{"kind": "stdin", "input": "2\n", "expected": "4\n"}],
            "private_tests": [{"kind": "stdin", "input": "5\n", "expected": "10\n"}]})
        .to_string()
    };
    let text = format!("{}\n{}\n", line("double"), line("lost"));
    std::fs::write(folder.join("problems.jsonl"), text).unwrap();
}

#[test]
fn a_failing_answer_aborts_its_episode_alone_and_repair_is_told_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    problems(folder.path());
    let (url, seen) = serve(|first, _, messages| match (first, messages) {
        ("lost", _) => Deed::Send(500, "broken sk-SECRET-4711"),
        (_, 1) => Deed::Say("```python\nprint(3)\n```", false),
        _ => Deed::Say("```python\nprint(2 * int(input()))\n```", false),
    });
    let output = eval(folder.path(), &url, &["--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["episodes"], &report["aborted"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    assert_eq!(report["solved_by_turn"][1]["mean"], 1.0, "{report}");
    assert_eq!(report["usage"]["completion_tokens"], 14, "{report}");
    assert_eq!(report["tokens_per_solved"], 14.0, "{report}");
    let bodies = seen.lock().unwrap().clone();
    let repair = bodies
        .iter()
        .find(|(_, body)| body["messages"].as_array().unwrap().len() == 3);
    let messages = &repair.unwrap().1["messages"];
    assert_eq!(
        messages[1],
        json!({"role": "assistant", "content": "```python\nprint(3)\n```"})
    );
    assert_eq!(messages[2]["role"], "user");
    let feedback = messages[2]["content"].as_str().unwrap();
    assert!(
        feedback.contains('4') && feedback.contains('3'),
        "{feedback}"
    );
    let mut all = said + &String::from_utf8_lossy(&output.stdout);
    for file in ["out.json", "journal.jsonl"] {
        all += &std::fs::read_to_string(folder.path().join(file)).unwrap();
    }
    assert!(!all.contains(KEY), "{all}");
    let allowed = eval(folder.path(), &url, &["--max-infra-rate", "0.5"]);
    assert_eq!(allowed.status.code(), Some(0));
    let table = String::from_utf8_lossy(&allowed.stdout).into_owned();
    assert!(
        table.contains("1 lost to the server or the sandbox"),
        "{table}"
    );
}

/// A server that completes text is given what was said so far and an open fence, and its fence is closed.
#[test]
fn a_server_that_completes_text_is_given_an_open_fence() {
    let folder = tempfile::tempdir().unwrap();
    problems(folder.path());
    let (url, seen) = serve(|first, _, _| {
        if first.contains("lost") {
            Deed::Say("python\nprint(2 * int(input", true)
        } else if first.contains("expected") {
            Deed::Say("python\nprint(2 * int(input()))", false)
        } else {
            Deed::Say("python\nprint(3)", false)
        }
    });
    let more = [
        "--endpoint",
        "completions",
        "--json",
        "--system",
        "Be brief.",
    ];
    let output = eval(folder.path(), &url, &more);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["solved_by_turn"][0]["mean"], 0.0, "{report}");
    assert_eq!(report["solved_by_turn"][1]["mean"], 0.5, "{report}");
    // The other one was cut in its fence, which gives no program.
    assert_eq!(report["grades"]["no_program"], 1, "{report}");
    let bodies = seen.lock().unwrap().clone();
    assert!(
        bodies[0].0.starts_with("POST /v1/completions "),
        "{}",
        bodies[0].0
    );
    assert_eq!(bodies[0].1["prompt"], "Be brief.\n\ndouble\n\n```");
    assert_eq!(bodies[0].1["stop"], json!(["\n```"]));
    let repair = bodies
        .iter()
        .find_map(|(_, body)| {
            body["prompt"]
                .as_str()
                .filter(|text| text.contains("expected"))
        })
        .unwrap();
    assert!(
        repair.starts_with("Be brief.\n\ndouble\n\n```python\nprint(3)\n```\n\n")
            && repair.ends_with("\n\n```"),
        "{repair}"
    );
}

#[test]
fn a_wrong_key_or_no_server_is_said_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    problems(folder.path());
    let (url, _) = serve(|_, _, _| {
        Deed::Send(
            401,
            r#"{"error":{"message":"Incorrect API key: sk-SECRET-4711"}}"#,
        )
    });
    let output = eval(folder.path(), &url, &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for part in ["401", "Incorrect API key: [key]", "--api-key-env"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(
        !said.contains(KEY) && !folder.path().join("out.json").exists(),
        "{said}"
    );
    std::fs::remove_file(folder.path().join("journal.jsonl")).unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = eval(folder.path(), &format!("http://{free}/v1"), &[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("check that the server runs"), "{said}");
}
