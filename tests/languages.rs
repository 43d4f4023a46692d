//! Programs in other languages through the judge: verdicts, compile errors in feedback, real C++ of HumanEvalPack.

use rlef::feedback::{self, FeedbackOptions, FeedbackStyle};
use rlef::problem::TestCase;
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, PublicVerdict, Scope, StopAt, Verdict};
use rlef_sandbox::Language;

use super::host::{call, judge, problem, stdin};

fn verdict(source: &str, tests: Vec<TestCase>) -> Verdict {
    let program = Program::bare(source, Language::Cpp);
    let problem = problem(tests);
    match judge().verdict(&program, &problem, Scope::All, StopAt::Never) {
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

/// One in eight, for each is compiled, and one whose declaration is wrong.
#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn cpp_of_humanevalpack_is_judged_right() {
    cpp_of_humanevalpack((0..164).step_by(8).chain([22, 38, 162]));
}

#[test]
#[ignore = "minutes: all problems"]
fn all_cpp_of_humanevalpack_is_judged_right() {
    cpp_of_humanevalpack(0..164);
}

/// Every canonical solution ends its tests, every buggy one does not. Two take a library that is no part of C++: without it
/// none of theirs compiles.
fn cpp_of_humanevalpack(indices: impl Iterator<Item = usize>) {
    let Some(path) = super::datasets::data("humanevalpack/cpp.jsonl") else {
        return;
    };
    let problems = rlef::problem::load(&path).unwrap_or_else(|error| panic!("failed to {error}"));
    assert_eq!(problems.len(), 164);
    let mut wrong = Vec::new();
    for problem in indices.map(|index| &problems[index]) {
        let there = [("<openssl/", "openssl/md5.h"), ("<boost/", "boost/any.hpp")]
            .iter()
            .filter(|(include, _)| problem.preamble.contains(include))
            .all(|(_, header)| std::path::Path::new("/usr/include").join(header).exists());
        let mut problem = problem.clone();
        problem.limits.cpu_ms = 2_000;
        let (right, buggy) = (&problem.references[0], &problem.wrong[0]);
        for (reference, right) in [(right, true), (buggy, false)] {
            let program = Program::bare(reference.source.clone(), reference.language);
            // Without the library no program can be judged, which says nothing of the program.
            match judge().verdict(&program, &problem, Scope::All, StopAt::Never) {
                Err(JudgeError::BrokenTest { .. }) if !there => {}
                Ok(verdict) if there && verdict.is_accepted() == right => {}
                other => wrong.push((problem.id.clone(), right, other)),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn cpp_test(code: &str) -> TestCase {
    TestCase::Asserted {
        entry_point: "f".into(),
        code: code.into(),
        language: Language::Cpp,
    }
}

#[test]
fn test_code_in_cpp_decides_by_its_end_and_tells_what_failed() {
    let tests = "#undef NDEBUG\n#include <assert.h>\nint main(){\n    assert (f(2) == 4);\n    assert (f(5) == 10);\n}\n";
    let right = verdict("int f(int x) { return 2 * x; }\n", vec![cpp_test(tests)]);
    assert_eq!((right.grade, right.passed), (Grade::Accepted, 1));
    let wrong = verdict("int f(int x) { return x * x; }\n", vec![cpp_test(tests)]);
    assert_eq!(wrong.grade, Grade::WrongAnswer);
    assert_eq!(wrong.failures[0].expected, "f(5) == 10");
    // No exit code, and nothing that a program can know of its tests, ends them well.
    for cheat in [
        "#include <cstdlib>\nint f(int x) { std::exit(0); }\n",
        "#include <unistd.h>\nint f(int x) { _exit(0); }\n",
        "#include <cstdio>\n#include <cstdlib>\nint f(int x) { std::puts(\"ok\"); std::quick_exit(0); }\n",
        "#include <cstdlib>\nstruct Early { Early() { std::exit(0); } } early;\nint f(int x) { return 1; }\n",
    ] {
        let cheated = verdict(cheat, vec![cpp_test(tests)]);
        assert_eq!(cheated.grade, Grade::RuntimeError, "{cheat}");
    }
    let broken = verdict("int f(int x) { return y; }\n", vec![cpp_test(tests)]);
    assert_eq!(broken.grade, Grade::CompileError);
    let other = Program::bare("def f(x):\n    return 2 * x\n", Language::Python);
    let refused = judge()
        .verdict(
            &other,
            &problem(vec![cpp_test(tests)]),
            Scope::All,
            StopAt::Never,
        )
        .unwrap();
    assert_eq!(refused.grade, Grade::CompileError);
    assert!(
        refused.failures[0].trace.contains("write it in C++"),
        "{refused:?}"
    );
}
