//! Files of programs against a fake runner: what is read, written and refused.

use rlef_sandbox::{Batch, Cancel, Interaction, Limits, Outcome, Side, Status, Usage};

use super::*;
use crate::comparator::Comparison;
use crate::judge::{JudgeConfig, Judges, Parts};
use crate::problem::TestCase;
use crate::verdict::{Runner, TestJudge};

/// Prints the program's own source back, which makes `1` right; a program `break` breaks the sandbox.
struct Echo;

#[derive(Debug, thiserror::Error)]
#[error("the jail died")]
struct Died;

impl Runner for Echo {
    type Error = Died;

    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, Died> {
        if batch.job.source == b"break" {
            return Err(Died);
        }
        let usage = Usage {
            cpu_us: 1000,
            wall_us: 2000,
            memory_bytes: 0,
            fuel: None,
        };
        let outcome = Outcome {
            status: Status::Exited(0),
            stdout: batch.job.source.clone(),
            stderr: Vec::new(),
            usage,
        };
        let run = (0..batch.inputs.len())
            .take_while(|&index| index == 0 || batch.goes_on(index - 1, &outcome));
        Ok(run.map(|_| outcome.clone()).collect())
    }

    fn run_pair(&self, _: &Cancel, _: Side<'_>, _: Side<'_>) -> Result<(Outcome, Outcome), Died> {
        Err(Died)
    }

    fn run_interactive(
        &self,
        _: &Cancel,
        _: Side<'_>,
        _: &[u8],
        _: Side<'_>,
    ) -> Result<Interaction, Died> {
        Err(Died)
    }
}

fn problems() -> Vec<Problem> {
    let test = |expected: &str| TestCase::Stdin {
        input: "in".into(),
        expected: expected.into(),
    };
    let problem = |id: &str, public, private| Problem {
        id: id.into(),
        statement: String::new(),
        public_tests: public,
        private_tests: private,
        limits: Limits::default(),
        comparison: Comparison::Lines,
        preamble: String::new(),
        references: Vec::new(),
        wrong: Vec::new(),
        files: None,
        labels: BTreeMap::new(),
    };
    vec![
        problem("one", vec![test("1")], vec![test("1")]),
        problem("secret", vec![test("1")], vec![test("2")]),
    ]
}

const fn options(json: bool) -> Options {
    Options {
        stop: StopAt::Never,
        json,
        show_private: false,
        to_the_end: false,
    }
}

const PROGRAMS: &str = r#"{"problem_id": "one", "program": "1"}
{"task_id": "one", "completion": "no code", "extra": true}

{"task_id": "one", "completion": "```python\n5\n```"}
{"problem_id": "secret", "program": "1"}
{"problem_id": "one", "program": "break"}
"#;

fn read_text(text: &str, problems: &[Problem]) -> Result<usize, String> {
    let read = read(text, Path::new("programs.jsonl"), problems, None);
    read.map(|answers| answers.len())
        .map_err(|error| error.to_string())
}

fn output(json: bool, out: impl Write) -> (io::Result<Counts>, usize) {
    let problems = problems();
    let answers = read(PROGRAMS, Path::new("programs.jsonl"), &problems, None).unwrap();
    let mut calls = 0;
    let judge = TestJudge::new(Echo).with_workers(2);
    let counts = judge_all(&judge, &answers, options(json), out, &mut |_, _| {
        calls += 1;
    });
    (counts, calls)
}

#[test]
fn verdicts_are_printed_in_order_without_private_data() {
    for json in [true, false] {
        let mut out = Vec::new();
        let (counts, calls) = output(json, &mut out);
        let counts = counts.unwrap();
        assert_eq!((counts.errors, counts.rejected(), calls), (1, 3, 5));
        let name = if json { "json" } else { "table" };
        insta::assert_snapshot!(name, format!("{}{counts}", String::from_utf8(out).unwrap()));
    }
}

#[test]
fn bad_lines_are_named_before_anything_runs() {
    let problems = problems();
    assert_eq!(read_text(PROGRAMS, &problems), Ok(5));
    let cases = [
        "",
        "{\"problem_id\": \"one\", \"program\": \"1\"}\n{\"problem_id\"",
        r#"{"problem_id": "two", "program": "1"}"#,
        r#"{"problem_id": "one"}"#,
        r#"{"problem_id": "one", "program": "1", "completion": "1"}"#,
        r#"{"program": "1"}"#,
    ];
    let messages: Vec<String> = cases
        .iter()
        .map(|case| read_text(case, &problems).unwrap_err())
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn a_field_that_is_nearly_one_that_decides_is_refused() {
    let problems = problems();
    let read = |field: &str| {
        let line = format!(r#"{{"problem_id":"one","program":"1","{field}":"python"}}"#);
        read_text(&line, &problems)
    };
    for (field, known) in [
        ("langauge", "language"),
        ("Language", "language"),
        ("lang", "language"),
        ("progam", "program"),
        ("completions", "completion"),
    ] {
        let said = read(field).unwrap_err();
        let wanted = format!("unknown field `{field}` (did you mean {known}?)");
        assert!(said.contains("line 1") && said.contains(&wanted), "{said}");
    }
    for field in [
        "result",
        "seed",
        "completion_id",
        "model",
        "_identifier",
        "passed",
    ] {
        assert_eq!(read(field), Ok(1), "{field}");
    }
}

#[test]
fn a_completion_continues_a_preamble() {
    let mut problems = problems();
    problems[0].preamble = "def f():\n".into();
    assert_eq!(
        read_text(
            r#"{"problem_id": "one", "completion": "    return 1"}"#,
            &problems
        ),
        Ok(1)
    );
}

struct Closed(io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_left_ends_the_run_and_a_full_disk_is_an_error() {
    let (counts, calls) = output(true, Closed(io::ErrorKind::BrokenPipe));
    assert!(counts.is_ok());
    assert_eq!(calls, 1);
    let (counts, _) = output(true, Closed(io::ErrorKind::StorageFull));
    assert!(counts.is_err());
}

/// The answers of a text, in words.
fn lines(text: &str) -> Result<Vec<String>, ProgramsError> {
    let mut set = problems();
    set[0].id = "MBPP/11".into();
    let read = read(text, Path::new("programs.jsonl"), &set, None)?;
    Ok(read
        .into_iter()
        .map(|one| format!("{} {}", one.problem.id, one.found.unwrap().program.source))
        .collect())
}

#[test]
fn ids_are_read_as_problem_files_have_them() {
    for line in [
        r#"{"task_id": 11, "program": "1"}"#,
        r#"{"task_id": "11", "program": "1"}"#,
        r#"{"problem_id": "MBPP/11", "solution": "1"}"#,
        "\u{feff}{\"problem_id\": 11, \"program\": \"1\"}",
    ] {
        assert_eq!(lines(line).unwrap(), ["MBPP/11 1"], "{line}");
    }
    for (line, says) in [
        (r#"{"task_id": 12, "program": "1"}"#, "`12`"),
        (r#"{"task_id": 1.5, "program": "1"}"#, "line 1"),
        (
            r#"{"task_id": 11, "solution": "1", "completion": "2"}"#,
            "`solution`",
        ),
        (r#"{"task_id": 11}"#, "add one"),
    ] {
        let message = lines(line).unwrap_err().to_string();
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn ids_move_no_cursor() {
    let mut set = problems();
    set.truncate(1);
    set[0].id = "a\x1b]0;t\x07\nFAKE accepted".into();
    let answer = Answer {
        problem: &set[0],
        text: String::new(),
        found: Err(NoProgram::NoFence),
    };
    for result in [
        Err(JudgeError::Unsupported {
            id: set[0].id.clone(),
            what: "x",
        }),
        Err(JudgeError::Stopped),
    ] {
        let row = line::row(&answer, &result, 3);
        assert!(!row.contains(char::is_control), "{row:?}");
    }
}

/// Scores of other judges stand beside the verdict; without a verdict nothing is judged.
#[test]
fn scores_are_written_beside_the_verdict_and_never_in_its_place() {
    let set = problems();
    let text = r#"{"problem_id": "one", "completion": "```python\n1\n```"}"#;
    let answers = read(text, Path::new("programs.jsonl"), &set, None).unwrap();
    let parts = Parts {
        tests: std::sync::Arc::new(TestJudge::new(Echo)),
    };
    let config = |kind: &str, settings: &str| JudgeConfig {
        kind: kind.into(),
        weight: 1.0,
        at_least: None,
        settings: serde_json::from_str(settings).unwrap(),
    };
    let (tests, rules) = (
        config("tests", "{}"),
        config("rules", r#"{"forbid": ["python"]}"#),
    );
    let written = |configs: &[JudgeConfig]| {
        let judge = Judges::default().build(configs, &parts).unwrap();
        let mut out = Vec::new();
        let counts = judge_all(&judge, &answers, options(true), &mut out, &mut |_, _| {});
        (counts.unwrap(), String::from_utf8(out).unwrap())
    };
    let (counts, line) = written(&[tests, rules.clone()]);
    assert_eq!(counts.grades[&Grade::Accepted], 1);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["verdict"], "accepted");
    assert_eq!(line["scores"][0]["judge"], "rules");
    assert_eq!(line["scores"][1]["span"]["start"], 3);
    let (counts, line) = written(&[rules]);
    assert_eq!((counts.grades.len(), counts.errors), (0, 1));
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["verdict"], serde_json::Value::Null);
    assert!(line["error"].as_str().unwrap().contains("gives no verdict"));
}
