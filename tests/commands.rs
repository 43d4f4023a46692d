//! What several commands say of the same thing: one answer has one verdict, and a mistake is found before it is judged by.

use serde_json::{Value, json};

use super::cli::{refused, rlef, write};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn joined(rows: impl Iterator<Item = Value>) -> String {
    rows.map(|row| row.to_string() + "\n").collect()
}

/// Answers to a prompt that ends inside its function, and to one on standard input.
const ANSWERS: [(&str, &str); 10] = [
    ("body", "    return 2 * x\n"),
    ("body", "    return 2 * x\n```\nIt doubles.\n"),
    ("body", "return 2 * x\n"),
    (
        "body",
        "```python\ndef double(x):\n    return x + x\n```<|im_end|>",
    ),
    (
        "body",
        "```python\ndef double(x):\n    return x + x\n```\n```python\nassert double(1) == 2\n```\n",
    ),
    ("body", "I don't know."),
    (
        "stdin",
        "<think>\n```python\nprint(0)\n```\n</think>\n~~~python\nprint(2 * int(input()))\n~~~\n",
    ),
    (
        "stdin",
        "analysisDraft:\n```python\nprint(2 * int(input()))\n```\nno, that",
    ),
    ("stdin", "print(2 * int(input()))\n```"),
    (
        "stdin",
        "1. So:\n   ```python\n   print(2 * int(input()))\n   ```\n   which prints\n   ```\n   4\n   ```\n",
    ),
];

#[test]
fn judge_and_eval_take_the_same_program_of_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let problem = |number: usize, kind: &str| {
        let id = format!("X/{number}");
        if kind == "body" {
            json!({"task_id": id, "prompt": "def double(x):\n    \"\"\"Twice.\"\"\"\n", "entry_point": "double",
                "canonical_solution": "    return 2 * x\n", "test": "def check(candidate):\n    assert candidate(2) == 4\n"})
        } else {
            json!({"id": id, "statement": "Double it.",
                "private_tests": [{"kind": "stdin", "input": "2\n", "expected": "4\n"}]})
        }
    };
    let all = || ANSWERS.iter().enumerate();
    let id = |number: usize| format!("X/{number}");
    write(
        at,
        "problems.jsonl",
        &joined(all().map(|(number, (kind, _))| problem(number, kind))),
    );
    write(
        at,
        "programs.jsonl",
        &joined(
            all().map(
                |(number, (_, answer))| json!({"problem_id": id(number), "completion": answer}),
            ),
        ),
    );
    write(
        at,
        "replayed.jsonl",
        &joined(all().map(
            |(number, (_, answer))| json!({"problem_id": id(number), "completions": [answer]}),
        )),
    );
    let problems = ["--problems", "problems.jsonl"];
    let judge = ["judge", "--programs", "programs.jsonl", "--json"];
    let output = rlef(at, &[&judge[..], &problems].concat());
    let judged = lines(&String::from_utf8_lossy(&output.stdout));
    let eval = ["eval", "--policy", "replay:replayed.jsonl", "--turns", "1"];
    let more = ["--rollouts", "1", "--journal", "journal.jsonl"];
    let output = rlef(at, &[&eval[..], &problems, &more].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let journal = lines(&std::fs::read_to_string(at.join("journal.jsonl")).unwrap());
    for (number, (_, answer)) in all() {
        let episode = journal
            .iter()
            .find(|line| line["turns"].is_array() && line["problem_id"] == id(number))
            .unwrap();
        let turn = &episode["turns"][0];
        let line = &judged[number];
        assert_eq!(line["problem_id"], id(number));
        assert_eq!(
            (&turn["grade"], &turn["program"]),
            (&line["verdict"], &line["program"]),
            "{answer}"
        );
    }
    let accepted = judged.iter().filter(|line| line["verdict"] == "accepted");
    assert_eq!(accepted.count(), 7, "{judged:?}");
}

#[test]
fn doctor_finds_a_checker_that_rejects_the_expected_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let problem = |id: &str, source: &str| {
        json!({"id": id, "statement": id, "private_tests": [{"kind": "stdin", "input": "2\n", "expected": "1 1\n"}],
            "comparison": {"rule": "checker", "language": "python", "protocol": "testlib", "source": source}})
    };
    let counts = |most: usize| {
        format!(
            "import sys\nsys.exit(0 if len(open(sys.argv[2]).read().split()) == {most} else 1)\n"
        )
    };
    let rows = [
        problem("rejects", &counts(3)),
        problem("fails", "raise ValueError('no')\n"),
        problem("fine", &counts(2)),
    ];
    write(at, "problems.jsonl", &joined(rows.into_iter()));
    let output = rlef(at, &["doctor", "--problems", "problems.jsonl"]);
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{found}");
    let of = |id: &str| {
        found
            .lines()
            .find(|line| line.starts_with(id))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        of("rejects").contains("rejects the expected answer"),
        "{found}"
    );
    assert!(of("fails").contains("broken_test"), "{found}");
    assert_eq!(of("fine"), "", "{found}");
}

/// Judging by another interpreter than the one named would give other verdicts, and nobody would look at the reason.
#[test]
fn an_interpreter_that_is_named_and_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(
        at,
        "problems.jsonl",
        r#"{"id":"a","statement":"","private_tests":[{"kind":"stdin","input":"","expected":"1\n"}]}"#,
    );
    write(
        at,
        "programs.jsonl",
        r#"{"problem_id":"a","program":"print(1)"}"#,
    );
    let judge = ["judge", "--problems", "problems.jsonl", "--programs"];
    let named = ["programs.jsonl", "--python", "/no/such/python"];
    refused(at, &[&judge[..], &named].concat(), 3, &["/no/such/python"]);
}
