//! An evaluation is recorded, gated and replayed.

use super::*;

/// Answers to copies of [`PROBLEM`], one line a sample: right, or wrong at the first turn, or always wrong.
fn samples(count: usize, wrong: usize, at_first: usize) -> String {
    let right = "```python\nprint(2 * int(input()))\n```";
    let bad = "```python\nprint(3 * int(input()))\n```";
    (0..count)
        .map(|index| {
            let said = if index < wrong {
                vec![bad, bad]
            } else if index < wrong + at_first {
                vec![bad, right]
            } else {
                vec![right]
            };
            serde_json::json!({"problem_id": format!("p{index}"), "completions": said}).to_string()
                + "\n"
        })
        .collect()
}

#[test]
fn an_evaluation_is_recorded_and_gated() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let problems: String = (0..40)
        .map(|index| {
            // Problems of one statement would be one cluster, and one cluster tells nothing.
            PROBLEM
                .replace("\"double\"", &format!("\"p{index}\""))
                .replace("Double it.", &format!("Double it, please, time {index}."))
                .replacen(
                    '{',
                    &format!(r#"{{"labels":{{"topic":"t{}"}},"#, index % 2),
                    1,
                )
                + "\n"
        })
        .collect();
    write(at, "problems.jsonl", &problems);
    write(at, "old.jsonl", &samples(40, 0, 10));
    write(at, "new.jsonl", &samples(40, 12, 10));
    let evaluate = |policy: &str, out: &str, more: &[&str]| {
        let policy = format!("replay:{policy}");
        let mut arguments = vec![
            "eval",
            "--problems",
            "problems.jsonl",
            "--policy",
            &policy,
            "--turns",
            "2",
            "--rollouts",
            "1",
            "--style",
            "full",
            "--out",
            out,
        ];
        arguments.extend(more);
        let output = rlef(at, &arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let table = evaluate("old.jsonl", "old.json", &[]);
    assert!(
        table.contains("75.0% solved at the first turn, 25.0% more by later turns, 0.0% not in"),
        "{table}"
    );
    evaluate("old.jsonl", "again.json", &[]);
    evaluate("new.jsonl", "new.json", &[]);
    evaluate("old.jsonl", "silent.json", &["--feedback", "silent"]);
    // Fresh answers at the same budget and answers that are read again go through the same door.
    evaluate("old.jsonl", "fresh.json", &["--feedback", "independent"]);
    evaluate("old.jsonl", "self.json", &["--feedback", "self-repair"]);
    let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
    assert_eq!(read("old.json"), read("again.json"));
    replayed(at, &|journal: &str| {
        evaluate("old.jsonl", "journalled.json", &["--journal", journal]);
    });
    let gate = |candidate: &str, more: &[&str]| {
        let mut arguments = vec!["gate", "--baseline", "old.json", "--candidate", candidate];
        arguments.extend(more);
        let output = rlef(at, &arguments);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, said) = gate("again.json", &["--margin", "10"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = gate("again.json", &["--margin", "1"]);
    assert!(
        code == Some(3) && said.starts_with("inconclusive"),
        "{said}"
    );
    assert_eq!(
        gate("again.json", &["--margin", "1", "--inconclusive", "pass"]).0,
        Some(0)
    );
    let (code, said) = gate(
        "new.json",
        &["--json", "--junit", "gate.xml", "--summary", "summary.md"],
    );
    assert_eq!(code, Some(1), "{said}");
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["verdict"], "regression");
    // All 12 went down: 2^-12.
    assert!((report["overall"]["p"].as_f64().unwrap() - 0.5_f64.powi(12)).abs() < 1e-12);
    assert!(read("gate.xml").contains("failures=\"13\""));
    // A label of one's own is kept with the evaluation.
    let (_, said) = gate("new.json", &["--json", "--slice", "topic"]);
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    for name in ["topic=t0", "topic=t1"] {
        assert_eq!(report["slices"][name]["problems"], 20, "{report}");
    }
    assert!(read("summary.md").contains("Newly failing: 12"));
    assert_eq!(
        gate("new.json", &["--turn", "1", "--golden", "p30"]).0,
        Some(1)
    );
    write(at, "golden.txt", "\n# none\n");
    let list = ["--golden", "@golden.txt"];
    let gate_of = ["gate", "--baseline", "old.json", "--candidate", "new.json"];
    refused(
        at,
        &[&gate_of[..], &list].concat(),
        2,
        &["@golden.txt", "no id is in it"],
    );
    let (code, said) = gate("silent.json", &[]);
    assert!(
        code == Some(3) && said.contains("silent") && said.contains("--allow feedback"),
        "{said}"
    );
    refused(
        at,
        &[
            "gate",
            "--baseline",
            "problems.jsonl",
            "--candidate",
            "old.json",
        ],
        2,
        &["problems.jsonl"],
    );
    refused(
        at,
        &[
            "gate",
            "--baseline",
            "old.json",
            "--candidate",
            "old.json",
            "--alpha",
            "2",
        ],
        2,
        &["alpha"],
    );
    write(
        at,
        "bad.json",
        &read("old.json").replace("\"n\":1,\"c\":[1,1]", "\"n\":1,\"c\":[1,2]"),
    );
    refused(
        at,
        &["gate", "--baseline", "old.json", "--candidate", "bad.json"],
        2,
        &["bad.json", "problem p", "c is 2"],
    );
}

/// A journal judged again says nothing; one whose verdict or tests were changed says where and why.
fn replayed(at: &Path, play: &dyn Fn(&str)) {
    play("journal.jsonl");
    let run = |arguments: &[&str]| {
        let output = rlef(
            at,
            &[&["replay", "--journal", "journal.jsonl"], arguments].concat(),
        );
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    assert_eq!(
        run(&["--problems", "problems.jsonl"]),
        (Some(0), String::new())
    );
    let problems = std::fs::read_to_string(at.join("problems.jsonl")).unwrap();
    write(
        at,
        "changed.jsonl",
        &problems.replacen("\"expected\":\"10\\n\"", "\"expected\":\"11\\n\"", 1),
    );
    let (code, said) = run(&["--problems", "changed.jsonl"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "p0 step 0 sample 0, all tests: was accepted, is wrong answer; test 1 expected '11' and got '10'\n"
    );
    let journal = std::fs::read_to_string(at.join("journal.jsonl")).unwrap();
    let episodes: Vec<&str> = (journal.lines())
        .filter(|line| !line.starts_with("{\"event\":"))
        .collect();
    write(
        at,
        "other.jsonl",
        &episodes
            .join("\n")
            .replacen("wrong_answer", "time_limit", 1),
    );
    assert_eq!(run(&["--against", "journal.jsonl"]).0, Some(0));
    let (code, said) = run(&["--against", "other.jsonl", "--json"]);
    assert_eq!(code, Some(1));
    let change: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(
        (&change["turn"], &change["what"]["is"]["grade"]),
        (&1.into(), &"time_limit".into())
    );
}
