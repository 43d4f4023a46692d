//! Public problem sets through the loaders and a real sandbox. The sets are no part of the repository: they are
//! looked for in `RLEF_DATA`, else in `shared/data` beside it; where that folder is missing there is nothing to
//! test, where it is there it must be whole.

mod rows;

use std::path::PathBuf;

use rlef::judge::{Judge as _, Submission};
use rlef::problem::{self, Problem, contest};
use rlef::program::Program;
use rlef::verdict::{Grade, PublicVerdict, Scope, StopAt};
use rlef::{feedback, verdict};

use rlef_sandbox::Cancel;

use super::host::judge;

/// The file, or `None` where the whole folder is absent.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let folder = match std::env::var_os("RLEF_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    if folder.is_dir() {
        return Some(folder.join(file));
    }
    eprintln!(
        "skipped: {} does not exist; set RLEF_DATA to the folder with the problem sets",
        folder.display()
    );
    None
}

fn load(file: &str) -> Option<Vec<Problem>> {
    let path = data(file)?;
    Some(problem::load(&path).unwrap_or_else(|error| panic!("failed to {error}")))
}

/// Grades of one program a problem, by every test.
fn grades(
    problems: &[Problem],
    source_of: impl Fn(&Problem) -> String,
    stop: StopAt,
) -> Vec<verdict::Verdict> {
    let programs: Vec<Program> = problems
        .iter()
        .map(|problem| Program::bare(source_of(problem), problem.language()))
        .collect();
    let submissions: Vec<Submission<'_>> = problems
        .iter()
        .zip(&programs)
        .map(|(problem, program)| Submission::of(problem, Some(program), Scope::All, stop))
        .collect();
    let mut verdicts = Vec::new();
    rlef::judge::side_by_side(
        &submissions,
        2,
        &Cancel::never(),
        &mut |index, result| {
            let judgement =
                result.unwrap_or_else(|error| panic!("{}: failed to {error}", problems[index].id));
            verdicts.push(judgement.verdict.unwrap());
        },
        &|submission, cancel| judge().judge(submission, cancel),
    );
    verdicts
}

#[track_caller]
fn assert_all_accepted(problems: &[Problem], verdicts: &[verdict::Verdict]) {
    let rejected: Vec<_> = problems
        .iter()
        .zip(verdicts)
        .filter(|(_, verdict)| !verdict.is_accepted())
        .map(|(problem, verdict)| (&problem.id, verdict))
        .collect();
    assert!(rejected.is_empty(), "{rejected:#?}");
}

fn reference(problem: &Problem) -> String {
    problem.references[0].source.clone()
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn humaneval_accepts_its_references() {
    let Some(problems) = load("humaneval/HumanEval.jsonl.gz") else {
        return;
    };
    assert_eq!(problems.len(), 164);
    assert!(
        problems
            .iter()
            .all(|problem| problem.public_tests.is_empty())
    );
    assert_all_accepted(&problems, &grades(&problems, reference, StopAt::Never));
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn humaneval_pack_accepts_references_and_no_buggy_program() {
    let Some(mut problems) = load("humanevalpack/python.jsonl") else {
        return;
    };
    assert_eq!(problems.len(), 164);
    assert_all_accepted(&problems, &grades(&problems, reference, StopAt::Never));
    // A few buggy programs never end; they need not take ten seconds each to show it.
    for problem in &mut problems {
        problem.limits.cpu_ms = 2000;
    }
    let buggy = grades(
        &problems,
        |problem| problem.labels["buggy_solution"].clone(),
        StopAt::FirstFailure,
    );
    let accepted: Vec<_> = problems
        .iter()
        .zip(&buggy)
        .filter(|(_, verdict)| verdict.is_accepted())
        .collect();
    assert!(accepted.is_empty(), "{accepted:#?}");
    for (problem, verdict) in problems.iter().zip(buggy) {
        let grade = verdict.grade;
        let text = feedback::render(
            &PublicVerdict::of(verdict, problem),
            feedback::FeedbackOptions::default(),
        );
        let says = match grade {
            Grade::WrongAnswer => "Expected output '",
            Grade::RuntimeError => "Traceback",
            Grade::TimeLimit => "took too long",
            Grade::MemoryLimit => "Out of memory",
            other => panic!("{}: {other:?}", problem.id),
        };
        assert!(
            text.contains(says) && text.contains("Give it another try."),
            "{}: {text}",
            problem.id
        );
        assert!(text.contains("- input '"), "{}: {text}", problem.id);
    }
}

#[test]
fn humaneval_pack_of_another_language_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("php.jsonl");
    let row = serde_json::json!({"task_id": "PHP/0", "prompt": "fn f() {", "entry_point": "f", "test": "x",
        "declaration": "fn f() {"});
    std::fs::write(&path, row.to_string()).unwrap();
    let message = problem::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("line 1") && message.contains("`PHP/0`"),
        "{message}"
    );
}

/// Reads everything, so that every byte of every input goes through.
const READER: &str = "import sys\nprint(len(sys.stdin.buffer.read()))\n";

#[track_caller]
fn every_input_runs(file: &str, problems: usize, tests: usize, with_public: usize) {
    let Some(set) = load(file) else { return };
    assert_eq!(set.len(), problems);
    assert_eq!(
        set.iter()
            .map(|problem| Scope::All.tests(problem).len())
            .sum::<usize>(),
        tests
    );
    assert_eq!(
        set.iter()
            .filter(|problem| !problem.public_tests.is_empty())
            .count(),
        with_public
    );
    for (problem, verdict) in set
        .iter()
        .zip(grades(&set, |_| READER.to_owned(), StopAt::Never))
    {
        assert_eq!(
            verdict.passed + verdict.failures.len(),
            verdict.total,
            "{}",
            problem.id
        );
        let other: Vec<_> = verdict
            .failures
            .iter()
            .filter(|failure| failure.grade != Grade::WrongAnswer)
            .collect();
        assert!(other.is_empty(), "{}: {other:?}", problem.id);
    }
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn every_input_of_the_codecontests_sample_runs() {
    every_input_runs("codecontests/sample-20-commonoj-format.jsonl", 20, 2233, 19);
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn every_input_of_the_codecontests_test_set_runs() {
    every_input_runs(
        "codecontests/test-165-deepcoder-format.json",
        165,
        1837,
        139,
    );
}

#[test]
fn contest_accepts_its_references() {
    let problems = contest::generate(contest::Split::Test, &contest::ContestConfig::default());
    assert_all_accepted(&problems, &grades(&problems, reference, StopAt::Never));
}

/// One problem in eight, for those that never end take their time.
#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn a_replayed_repair_of_humanevalpack_is_scored_by_turn() {
    repaired(8, 21);
}

#[test]
#[ignore = "two minutes: all problems"]
fn a_replayed_repair_of_all_of_humanevalpack_is_scored_by_turn() {
    repaired(1, 164);
}

/// Buggy first, canonical second: nothing is solved in one turn, everything in two, with real feedback between.
fn repaired(step: usize, wanted: usize) {
    let Some(path) = data("humanevalpack/python.jsonl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let rows = std::fs::read_to_string(&path).unwrap();
    let some: Vec<&str> = rows.lines().step_by(step).collect();
    let path = folder.path().join("some.jsonl");
    std::fs::write(&path, some.join("\n")).unwrap();
    let answers: Vec<String> = problem::load(&path)
        .unwrap_or_else(|error| panic!("failed to {error}"))
        .iter()
        .map(|problem| {
            let fenced = |body: &str| format!("```python\n{}{body}\n```", problem.preamble);
            let completions = [
                fenced(&problem.labels["buggy_solution"]),
                fenced(&problem.references[0].source),
            ];
            serde_json::json!({"problem_id": problem.id, "completions": completions}).to_string()
        })
        .collect();
    std::fs::write(folder.path().join("answers.jsonl"), answers.join("\n")).unwrap();
    let problems = path.to_string_lossy();
    let arguments = [
        "eval",
        "--problems",
        &problems,
        "--policy",
        "replay:answers.jsonl",
        "--turns",
        "2",
        "--rollouts",
        "1",
        "--style",
        "full",
        "--journal",
        "journal.jsonl",
        "--json",
    ];
    let output = super::cli::rlef(folder.path(), &arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let report: rlef::eval::Report = serde_json::from_slice(&output.stdout).unwrap();
    let solved: Vec<f64> = report.solved_by_turn.iter().map(|turn| turn.mean).collect();
    assert_eq!((report.episodes, solved), (wanted, vec![0.0, 1.0]));
    let journal: Vec<rlef::journal::EpisodeRecord> =
        rlef::journal::read(&folder.path().join("journal.jsonl")).unwrap();
    assert!(
        journal
            .iter()
            .all(|episode| episode.turns[0].feedback.contains("try"))
    );
}

/// pass@k on 800 problems of 10 real samples against the figures their authors published with them.
#[test]
fn pass_at_k_of_published_samples_is_the_published_one() {
    for task in ["input", "output"] {
        let file = format!(
            "cruxeval/samples/evaluation_results/sample_scored_codellama-7b_temp0.2_{task}.json"
        );
        let Some(path) = data(&file) else { return };
        let value: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let problems = value["raw_scored_generations"].as_object().unwrap();
        assert_eq!(problems.len(), 800);
        for (k, name) in [(1, "pass_at_1"), (5, "pass_at_5")] {
            let sum: f64 = problems
                .values()
                .map(|verdicts| {
                    let verdicts = verdicts.as_array().unwrap();
                    let c = verdicts
                        .iter()
                        .filter(|v| v.as_bool() == Some(true))
                        .count();
                    rlef::eval::estimators::pass_at_k(verdicts.len(), c, k)
                })
                .sum();
            let published = value[name].as_f64().unwrap();
            assert!(
                (sum / 8.0 - published).abs() < 1e-9,
                "{task} {name}: {} {published}",
                sum / 8.0
            );
        }
    }
}

/// Every set there is, in every form of our own and back.
#[test]
fn every_set_survives_conversion() {
    for (file, problems) in [
        ("humaneval/HumanEval.jsonl.gz", 164),
        ("humanevalplus/HumanEvalPlus-Mini.jsonl.gz", 164),
        ("mbppplus/MbppPlus.jsonl.gz", 378),
        ("humanevalpack/python.jsonl", 164),
        ("humanevalpack/cpp.jsonl", 164),
        ("codecontests/sample-20-commonoj-format.jsonl", 20),
        ("codecontests/test-165-deepcoder-format.json", 165),
        ("cruxeval/data/cruxeval.jsonl", 800),
        ("apps/on-disk-layout", 5),
        ("livecodebench/sample-3.jsonl", 3),
        ("introclass/introclass.tar.gz", 6),
    ] {
        let Some(set) = load(file) else { return };
        assert_eq!(set.len(), problems, "{file}");
        let folder = tempfile::tempdir().unwrap();
        for name in ["set.jsonl.gz", "set.parquet"] {
            let path = folder.path().join(name);
            problem::save(&path, &set).unwrap();
            let back = problem::load(&path).unwrap();
            assert!(back == set, "{file} as {name}");
        }
    }
}

/// One reference in `step` of a set, by all tests.
#[track_caller]
fn references_are_accepted(file: &str, step: usize) {
    let Some(set) = load(file) else { return };
    let some: Vec<Problem> = (set.into_iter().step_by(step))
        .filter(|problem| !problem.references.is_empty())
        .collect();
    assert!(some.len() > 2, "{file}");
    assert_all_accepted(&some, &grades(&some, reference, StopAt::FirstFailure));
}
