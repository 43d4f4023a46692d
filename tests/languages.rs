//! Programs in other languages through the judge: verdicts, compile errors in feedback, real C++ of HumanEvalPack.

use rlef::feedback::{self, FeedbackOptions, FeedbackStyle};
use rlef::problem::TestCase;
use rlef::program::Program;
use rlef::verdict::{Grade, PublicVerdict, Scope, StopAt, Verdict};
use rlef_sandbox::{Language, Limits};

use super::host::{call, judge, problem, stdin};

fn verdict(source: &str, tests: Vec<TestCase>) -> Verdict {
    let program = Program::bare(source, Language::Cpp);
    let problem = problem(tests);
    match judge().judge(&program, &problem, Scope::All, StopAt::Never) {
        Ok(verdict) => verdict,
        Err(error) => panic!("failed to {error}"),
    }
}

const DOUBLE: &str =
    "#include <iostream>\nint main() { long n; std::cin >> n; std::cout << 2 * n << \"\\n\"; }\n";

#[test]
fn cpp_is_judged_by_what_it_prints() {
    let right = verdict(DOUBLE, vec![stdin("1\n", "2\n"), stdin("21\n", "42\n")]);
    assert_eq!((right.grade, right.passed), (Grade::Accepted, 2));
    let wrong = verdict(DOUBLE, vec![stdin("1\n", "2\n"), stdin("21\n", "43\n")]);
    assert_eq!((wrong.grade, wrong.passed), (Grade::WrongAnswer, 1));
}

#[test]
fn a_compile_error_is_told_with_the_compilers_first_words() {
    let verdict = verdict("int main() { return x; }\n", vec![stdin("1\n", "2\n")]);
    assert_eq!((verdict.grade, verdict.passed), (Grade::CompileError, 0));
    let mut shown = problem(Vec::new());
    shown.public_tests = vec![stdin("1\n", "2\n")];
    let public = PublicVerdict::of(verdict, &shown);
    let style = |style| FeedbackOptions {
        style,
        ..FeedbackOptions::default()
    };
    let full = feedback::render(&public, style(FeedbackStyle::Full));
    assert!(
        full.starts_with("Your code does not compile:\nmain.cpp:") && full.contains("error:"),
        "{full}"
    );
    let compact = feedback::render(&public, style(FeedbackStyle::Compact));
    assert!(
        compact.starts_with("error: main.cpp:1:") && compact.contains("not declared"),
        "{compact}"
    );
}

#[test]
fn a_call_of_a_python_function_is_refused_in_cpp() {
    let verdict = verdict(DOUBLE, vec![call(vec![1.into()], 2.into())]);
    assert_eq!(verdict.grade, Grade::CompileError);
    assert!(verdict.failures[0].trace.contains("Python"), "{verdict:?}");
}

/// Every canonical solution with its own test as `main` ends well; every buggy one does not.
#[test]
fn cpp_of_humanevalpack_is_judged_right() {
    let Some(path) = super::datasets::data("humanevalpack/cpp.jsonl") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let limits = Limits {
        cpu_ms: 2_000,
        ..Limits::default()
    };
    let (mut wrong, mut judged) = (Vec::new(), 0);
    // One in eight, in order of the file: each is compiled.
    for line in text.lines().step_by(8) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row[name].as_str().unwrap().to_owned();
        // Needs a library that is no part of C++.
        if field("declaration").contains("openssl") || field("declaration").contains("boost") {
            continue;
        }
        judged += 1;
        for (name, right) in [("canonical_solution", true), ("buggy_solution", false)] {
            let source = format!("{}{}\n{}", field("declaration"), field(name), field("test"));
            let mut problem = problem(vec![stdin("", "")]);
            problem.limits = limits.clone();
            let program = Program::bare(source, Language::Cpp);
            let verdict = judge()
                .judge(&program, &problem, Scope::All, StopAt::Never)
                .unwrap_or_else(|error| panic!("failed to {error}"));
            if verdict.is_accepted() != right || verdict.grade == Grade::CompileError {
                wrong.push((field("task_id"), name, verdict));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(judged >= 18, "{judged}");
}
