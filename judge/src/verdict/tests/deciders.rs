//! Checkers and interactors: whose fault it is that one can't tell, and which of two ends decides.

use super::*;
use crate::comparator::{Checker, Protocol};

fn python(source: &str) -> Checker {
    Checker {
        language: Language::Python,
        source: source.into(),
        protocol: Protocol::Testlib,
        flags: Vec::new(),
    }
}

fn decided(comparison: Comparison) -> Problem {
    Problem {
        comparison,
        ..problem(vec![stdin_test("in", "SECRET")], vec![])
    }
}

fn of(comparison: Comparison, script: Vec<Result<Outcome, Broken>>) -> Result<Verdict, JudgeError> {
    judged(script, &decided(comparison), Scope::All, StopAt::Never)
}

fn checked(script: Vec<Result<Outcome, Broken>>) -> Result<Verdict, JudgeError> {
    of(Comparison::Checker(python("")), script)
}

fn talked(script: Vec<Result<Outcome, Broken>>) -> Result<Verdict, JudgeError> {
    of(Comparison::Interactor(python("")), script)
}

fn exited(code: i32) -> Result<Outcome, Broken> {
    ended(Status::Exited(code), "", "")
}

fn waited() -> Result<Outcome, Broken> {
    ended(Status::TimeLimit, "", "WAITED")
}

#[test]
fn a_checker_that_fails_on_the_output_alone_rejects_it() {
    for failure in [
        Status::Exited(3),
        Status::Exited(33),
        Status::Signalled(6),
        Status::MemoryLimit,
        Status::TimeLimit,
        Status::OutputLimit,
    ] {
        let fails = || ended(failure, "", "ValueError: 'abc'");
        for expected in [0, 1] {
            let script = vec![printed("abc"), fails(), fails(), exited(expected)];
            let verdict = checked(script).unwrap();
            assert_eq!(verdict.grade, Grade::WrongAnswer, "{failure:?}");
            let trace = &verdict.failures[0].trace;
            // What a program said before it broke a limit is left out.
            let quoted = !matches!(failure, Status::Exited(_) | Status::Signalled(_))
                || trace.contains("ValueError");
            assert!(
                trace.contains("not on the expected answer") && quoted,
                "{trace}"
            );
        }
        let script = vec![printed("abc"), fails(), fails(), fails()];
        let error = checked(script).unwrap_err();
        assert!(matches!(error, JudgeError::BrokenChecker { .. }), "{error}");
        // One that failed by chance is asked again.
        let script = vec![printed("abc"), fails(), exited(0), fails()];
        assert!(checked(script).unwrap().is_accepted());
    }
}

#[test]
fn part_of_the_points_is_no_accepted_answer() {
    for code in [1, 2, 4, 7, 8, 16, 50, 90, 250] {
        let verdict = checked(vec![printed("x"), exited(code)]).unwrap();
        assert_eq!(verdict.grade, Grade::WrongAnswer, "{code}");
    }
    assert!(
        checked(vec![printed("x"), exited(0)])
            .unwrap()
            .is_accepted()
    );
}

#[test]
fn which_end_decides() {
    let (well, crash) = (Status::Exited(0), Status::Signalled(11));
    let limits = [Status::TimeLimit, Status::MemoryLimit, Status::OutputLimit];
    let mut rows = vec![
        (exited(0), well, Grade::Accepted),
        (exited(0), crash, Grade::RuntimeError),
        (exited(0), Status::TimeLimit, Grade::TimeLimit),
        (waited(), crash, Grade::RuntimeError),
        (waited(), Status::TimeLimit, Grade::TimeLimit),
        (waited(), Status::OutputLimit, Grade::OutputLimit),
        (waited(), Status::Unsupported, Grade::Unsupported),
        (waited(), Status::CompileError, Grade::CompileError),
        (exited(1), Status::CompileError, Grade::CompileError),
        (ended(Status::OutputLimit, "", ""), well, Grade::WrongAnswer),
    ];
    for program in [well, crash].into_iter().chain(limits) {
        for code in [1, 2, 7, 50] {
            rows.push((exited(code), program, Grade::WrongAnswer));
        }
    }
    for (interactor, program, grade) in rows {
        let said = format!("{interactor:?}");
        let verdict = talked(vec![interactor, ended(program, "", "")]).unwrap();
        assert_eq!(verdict.grade, grade, "{said} {program:?}");
        assert_eq!(verdict.is_accepted(), verdict.passed == 1);
    }
}

/// 42 accepts and 43 rejects, and nothing else says anything.
#[test]
fn kattis_interactors_have_codes_of_their_own() {
    let kattis = || {
        Comparison::Interactor(Checker {
            protocol: Protocol::Kattis,
            ..python("")
        })
    };
    let talked = |code, program| of(kattis(), vec![exited(code), ended(program, "", "")]);
    let (well, crash) = (Status::Exited(0), Status::Exited(1));
    for (code, program, grade) in [
        (42, well, Grade::Accepted),
        (42, crash, Grade::RuntimeError),
        (42, Status::TimeLimit, Grade::TimeLimit),
        (43, well, Grade::WrongAnswer),
        (43, crash, Grade::WrongAnswer),
    ] {
        assert_eq!(talked(code, program).unwrap().grade, grade, "{code}");
    }
    for code in [0, 1, 3] {
        let fails = || [exited(code), ended(well, "", "")];
        let script = fails().into_iter().chain(fails()).chain(fails());
        let error = of(kattis(), script.collect()).unwrap_err();
        assert!(
            matches!(error, JudgeError::BrokenInteractor { .. }),
            "{error}"
        );
    }
}

#[test]
fn an_interactor_that_fails_on_what_it_hears_rejects_it_and_one_that_fails_alone_is_broken() {
    for failure in [
        Status::Exited(3),
        Status::Signalled(9),
        Status::MemoryLimit,
        Status::TimeLimit,
    ] {
        let fails = || ended(failure, "", "");
        for program in [Status::Exited(0), Status::Signalled(11)] {
            let twice = || {
                vec![
                    fails(),
                    ended(program, "", ""),
                    fails(),
                    ended(program, "", ""),
                ]
            };
            // Beside a silent program it waits, or says something.
            for alone in [waited(), exited(0), exited(1)] {
                let mut script = twice();
                script.extend([alone, ended(Status::TimeLimit, "", "")]);
                let verdict = talked(script).unwrap();
                assert_eq!(verdict.grade, Grade::WrongAnswer, "{failure:?}");
                let trace = &verdict.failures[0].trace;
                assert!(trace.contains("what the program said"), "{trace}");
            }
            let mut script = twice();
            script.extend([fails(), ended(Status::TimeLimit, "", "")]);
            let error = talked(script).unwrap_err();
            assert!(
                matches!(error, JudgeError::BrokenInteractor { .. }) && error.is_of_problem(),
                "{error}"
            );
        }
        let script = vec![fails(), exited(0), exited(0), exited(0)];
        assert!(talked(script).unwrap().is_accepted());
    }
    for broken in [Status::CompileError, Status::Unsupported] {
        let error = talked(vec![ended(broken, "", "no"), exited(0)]).unwrap_err();
        assert!(
            matches!(error, JudgeError::BrokenInteractor { .. }),
            "{error}"
        );
    }
}

#[test]
fn what_the_interactor_knows_is_in_no_job_of_the_program() {
    let judge = TestJudge::new(Fake::new([exited(0), exited(0)]));
    let set = decided(Comparison::Interactor(python("")));
    judge
        .verdict(&program(), &set, Scope::All, StopAt::Never)
        .unwrap();
    let jobs = judge.runner().jobs.lock().unwrap();
    assert_eq!(jobs.len(), 2);
    for job in jobs.iter() {
        assert!(!String::from_utf8_lossy(&job.source).contains("SECRET"));
    }
}

#[test]
fn an_interactive_problem_without_its_interactor_is_not_judged() {
    let mut problem = decided(Comparison::Tokens);
    problem
        .labels
        .insert("interactive".into(), "no interactor".into());
    let error = judged(vec![], &problem, Scope::All, StopAt::Never).unwrap_err();
    assert!(matches!(error, JudgeError::Unsupported { .. }), "{error}");
}

/// Beside silence one that sleeps would look as if it waited for words.
#[test]
fn an_interactor_that_slept_is_tried_beside_a_program_that_speaks() {
    for (failure, speaks) in [(Status::TimeLimit, true), (Status::Exited(3), false)] {
        let fails = || ended(failure, "", "");
        let judge = TestJudge::new(Fake::new([
            fails(),
            exited(0),
            fails(),
            exited(0),
            fails(),
            exited(0),
        ]));
        let set = decided(Comparison::Interactor(python("")));
        let error = judge.verdict(&program(), &set, Scope::All, StopAt::Never);
        assert!(matches!(error, Err(JudgeError::BrokenInteractor { .. })));
        let jobs = judge.runner().jobs.lock().unwrap();
        let source = String::from_utf8_lossy(&jobs[5].source).into_owned();
        assert_eq!(source.contains("print(flush=True)"), speaks, "{failure:?}");
    }
}
