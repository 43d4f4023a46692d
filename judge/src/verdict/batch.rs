//! Tests that one job runs: which they are, and who runs each kind.

use rlef_sandbox::Language;

use super::run::Run;
use super::{Runner, asserted, call, checker, cpp, foreign, interact, source, stdin};
use crate::comparator::Decider;
use crate::judge::JudgeError;
use crate::problem::{Problem, TestCase};
use crate::program::Program;

/// Whether two neighbouring tests can be run by one job.
pub(super) fn is_one(one: &TestCase, other: &TestCase) -> bool {
    match (one, other) {
        (TestCase::Stdin { .. }, TestCase::Stdin { .. }) => true,
        (
            TestCase::Call { function: one, .. },
            TestCase::Call {
                function: other, ..
            },
        ) => one == other,
        _ => false,
    }
}

/// Runs tests of one kind, by what that kind needs.
pub(super) fn run<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    problem: &Problem,
    batch: &[&TestCase],
) -> Result<(), JudgeError> {
    let called = batch.iter().find_map(|test| match test {
        TestCase::Stdin { .. } => None,
        TestCase::Call { .. } => Some(Language::Python),
        TestCase::Asserted { language, .. } => Some(*language),
    });
    if let Some(language) = called.filter(|&language| program.language != language) {
        let title = language.title();
        run.refuse(&format!(
            "the tests of this problem call a {title} function; write it in {title}"
        ));
        return Ok(());
    }
    let joined = |entry_point| source::judged(&problem.preamble, &program.source, entry_point);
    match batch.first() {
        None => Ok(()),
        Some(TestCase::Stdin { .. }) => {
            let cases: Vec<stdin::Case<'_>> = batch
                .iter()
                .filter_map(|test| match test {
                    TestCase::Stdin { input, expected } => Some(stdin::Case { input, expected }),
                    _ => None,
                })
                .collect();
            let program = Program {
                language: program.language,
                source: joined(None),
            };
            let (limits, files) = (&problem.limits, problem.files.as_ref());
            match problem.comparison.decider() {
                Decider::Checker(checker) => {
                    checker::judge(run, &program, &cases, limits, checker, files)
                }
                Decider::Interactor(interactor) => {
                    interact::judge(run, &program, &cases, limits, interactor)
                }
                Decider::Bytes(rule) => stdin::judge(run, &program, &cases, limits, rule, files),
            }
        }
        Some(TestCase::Call { function, .. }) => {
            let cases: Vec<call::Case<'_>> = batch
                .iter()
                .filter_map(|test| match test {
                    TestCase::Call {
                        function,
                        arguments,
                        expected,
                    } => Some(call::Case {
                        function,
                        arguments,
                        expected,
                    }),
                    _ => None,
                })
                .collect();
            call::judge(
                run,
                &joined(Some(function)),
                &cases,
                &problem.limits,
                &problem.comparison,
            )
        }
        Some(TestCase::Asserted {
            entry_point,
            code,
            language: Language::Cpp,
        }) => {
            let case = cpp::Case {
                preamble: &problem.preamble,
                entry_point,
                code,
                references: &problem.references,
            };
            cpp::judge(run, program, &case, &problem.limits)
        }
        Some(TestCase::Asserted {
            entry_point,
            code,
            language,
        }) if foreign::is_foreign(*language) => {
            let case = foreign::Case {
                language: *language,
                preamble: &problem.preamble,
                entry_point,
                code,
            };
            foreign::judge(run, program, &case, &problem.limits)
        }
        Some(TestCase::Asserted {
            entry_point, code, ..
        }) => {
            let case = asserted::Case {
                preamble: &problem.preamble,
                entry_point,
                code,
            };
            asserted::judge(run, &program.source, &case, &problem.limits)
        }
    }
}
