//! The audit with a judge that takes a program for what it says.

use rlef_sandbox::{Cancel, Language};

use super::*;
use crate::judge::{Judgement, Submission};
use crate::problem::Reference;
use crate::verdict::{Failure, Grade, Scope, Verdict};

/// Programs say how they are judged: `ok`, `wrong`, `slow`, `lost`.
struct Says;

impl Judge for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let source = submission
            .program
            .map_or("", |program| program.source.trim());
        let grade = match source {
            "ok" => Grade::Accepted,
            "slow" => Grade::TimeLimit,
            "lost" => return Err(JudgeError::Stopped),
            _ => Grade::WrongAnswer,
        };
        let failure = Failure {
            test: 0,
            grade,
            input: String::new(),
            expected: "a".into(),
            got: "b".into(),
            trace: String::new(),
        };
        Ok(Verdict {
            grade,
            failures: (grade != Grade::Accepted)
                .then_some(failure)
                .into_iter()
                .collect(),
            ..Verdict::no_program(1)
        }
        .into())
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn problem(id: &str, references: &[&str], wrong: &[&str]) -> Problem {
    let programs = |sources: &[&str]| {
        let program = |source: &&str| Reference {
            language: Language::Python,
            source: (*source).to_owned(),
        };
        sources.iter().map(program).collect()
    };
    Problem {
        id: id.into(),
        statement: format!("Problem {id}, which says enough to be told from others."),
        references: programs(references),
        wrong: programs(wrong),
        ..Problem::default()
    }
}

#[test]
fn every_problem_is_told_and_the_unusable_ones_are_listed() {
    let mut set = vec![
        problem("fine", &["ok"], &["wrong"]),
        problem("bare", &[], &[]),
        problem("lenient", &["ok"], &["ok"]),
        problem("tight", &["slow"], &[]),
        problem("broken", &["wrong"], &[]),
        problem("gone", &["lost"], &[]),
        problem("twin", &["ok"], &[]),
    ];
    set[6].statement = set[0].statement.to_uppercase();
    let mut audit = Audit::default();
    let mut told = Vec::new();
    audit.examine(&Says, &set, 3, &mut Seen::default(), &mut |index, said| {
        told.push((index, matches!(said, Told::Lost(..))));
    });
    let states: Vec<&str> = (audit.findings.iter())
        .map(|one| one.state.name())
        .collect();
    let expected = [
        "fine",
        "no_reference",
        "accepts_wrong",
        "time_too_tight",
        "fails_its_solution",
        "duplicate",
    ];
    assert_eq!(states, expected);
    assert_eq!((audit.lost, audit.is_usable()), (1, false));
    let lost: Vec<usize> = told
        .iter()
        .filter(|(_, lost)| *lost)
        .map(|(index, _)| *index)
        .collect();
    assert_eq!((told.len(), lost), (7, vec![5]));
    let listed: Vec<&str> = (audit.entries.iter())
        .map(|entry| entry.problem_id.as_str())
        .collect();
    assert_eq!(listed, ["lenient", "tight", "broken", "twin"]);
    assert_eq!(audit.entries[3].detail, "the statement of fine");
    let summary = audit.summary();
    assert!(
        summary.starts_with("6 problems: 1 fine, 1 no_reference"),
        "{summary}"
    );
    assert!(
        summary.ends_with("references accepted 3 of 5, wrong programs rejected 1 of 2"),
        "{summary}"
    );
}
