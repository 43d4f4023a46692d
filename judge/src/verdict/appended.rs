//! Asserted tests in C++: put behind the program, compiled with it and run as one, for no pipe can carry the types of C++.
//!
//! Unlike everywhere else, program and test code share a process, so that a program which searches its own memory can
//! find out what the tests hold. An exit code still decides nothing: a word that the source does not contain in the
//! program's part is printed once the tests have ended, and only that counts.

use std::fmt::Write as _;

use rlef_sandbox::{Job, Limits, Outcome, Start, Status};
use sha2::{Digest, Sha256};

use super::run::{Run, trace_of};
use super::{Failure, Grade, JudgeError, Runner, head, source, tail};
use crate::program::Program;

/// Where the test code begins.
const ENTRY: &str = "int main";

/// Runs test code behind the program.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    preamble: &str,
    entry_point: &str,
    code: &str,
    limits: &Limits,
) -> Result<(), JudgeError> {
    let (source, word) = joined(program, preamble, entry_point, code);
    let job = Job {
        language: program.language,
        source: source.into_bytes(),
        start: Start::default(),
        files: None,
    };
    run.batch(&job, &[b""], limits, &|_, outcome| {
        failure(outcome, entry_point, &word)
    })
}

/// The whole source, and the word that it prints in the end.
fn joined(program: &Program, preamble: &str, entry_point: &str, code: &str) -> (String, String) {
    let program = source::judged_cpp(preamble, &program.source, entry_point);
    let mut word = String::new();
    for byte in Sha256::digest(format!("{program}\0{code}")) {
        let _ = write!(word, "{byte:02x}");
    }
    // The result type is whatever its returns say, for a main may do without.
    let tests = match code.rfind(ENTRY) {
        Some(at) => format!(
            "{}static auto rlef_tests{}",
            &code[..at],
            &code[at + ENTRY.len()..]
        ),
        None => code.to_owned(),
    };
    let end = format!(
        "#include <cstdio>\nsigned main() {{ rlef_tests(); std::puts(\"{word}\"); return 0; }}\n"
    );
    (format!("{program}\n{tests}\n{end}"), word)
}

fn failure(outcome: &Outcome, entry_point: &str, word: &str) -> Option<Failure> {
    let said = tail(&outcome.stderr);
    let ended = Grade::of(outcome.status);
    let printed = String::from_utf8_lossy(&outcome.stdout);
    if ended.is_none() && printed.lines().any(|line| line.ends_with(word)) {
        return None;
    }
    let broken = said
        .lines()
        .rfind(|line| line.contains("Assertion `") && line.ends_with("' failed."));
    let asserted = broken.and_then(|line| {
        let (_, text) = line.split_once("Assertion `")?;
        text.strip_suffix("' failed.").map(str::to_owned)
    });
    let (grade, trace) = match (ended, &asserted, outcome.status) {
        (_, Some(_), Status::Signalled(_)) => (Grade::WrongAnswer, String::new()),
        (Some(grade), ..) => (grade, trace_of(outcome, said)),
        (None, ..) => (
            Grade::RuntimeError,
            "the program ended before the tests did".to_owned(),
        ),
    };
    Some(Failure {
        test: 0,
        grade,
        input: format!("the tests of {entry_point}"),
        expected: head(asserted.unwrap_or_default().as_bytes()),
        got: String::new(),
        trace,
    })
}

#[cfg(test)]
mod tests {
    use rlef_sandbox::Language;

    use super::*;

    #[test]
    fn the_word_is_in_the_tests_part_only_and_differs_by_program() {
        let program = |source: &str| Program::bare(source, Language::Cpp);
        let code = "#include <assert.h>\nint main(){\n    assert(f(1) == 2);\n}\n";
        let declaration = "#include <vector>\nint f(int x){\n";
        let (one, word) = joined(&program("    return 2 * x;\n}\n"), declaration, "f", code);
        let (_, other) = joined(&program("    return x + 1;\n}\n"), declaration, "f", code);
        assert_ne!(word, other);
        assert_eq!(one.matches(&word).count(), 1);
        assert!(one.starts_with("#include <vector>\nint f(int x){\n    return 2 * x;\n}\n"));
        assert!(one.contains("static auto rlef_tests(){") && !one.contains("int main"));
    }
}
