//! A number that is none is a judge's failure, whoever asks and however.

use std::sync::Arc;

use super::super::*;
use super::{Strict, problem, said};

/// Gives the number that an answer is; prefers by a certainty that is none.
struct Literal {
    batched: bool,
}

impl Judge for Literal {
    fn name(&self) -> &'static str {
        "literal"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        "literal/1".into()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let score = |value, span| Score {
            judge: "literal".into(),
            value: Some(value),
            span,
            reason: String::new(),
        };
        // Of the whole it says something sound, of a part what the answer says.
        let value = submission.text.parse().unwrap();
        Ok(Judgement::of_scores(vec![
            score(0.5, None),
            score(value, Some(0..1)),
        ]))
    }

    fn is_batched(&self) -> bool {
        self.batched
    }

    fn compares(&self) -> bool {
        true
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        _: &Cancel,
    ) -> Result<Preference, JudgeError> {
        Ok(Preference {
            places: vec![0; submissions.len().min(2)],
            certainty: submissions[0].text.parse().ok(),
            beats: Vec::new(),
            reason: String::new(),
        })
    }
}

const ROW: Row = Row {
    name: "literal",
    about: "the answer itself",
    build: |_, _| Ok(Box::new(Literal { batched: false })),
};

fn built(kinds: &[&str]) -> Box<dyn Judge> {
    let configs = kinds.iter().map(|kind| JudgeConfig {
        kind: (*kind).to_owned(),
        weight: 1.0,
        at_least: None,
        settings: Settings::new(),
    });
    let parts = Parts {
        tests: Arc::new(Strict),
    };
    let configs: Vec<JudgeConfig> = configs.collect();
    Judges::default().with(ROW).build(&configs, &parts).unwrap()
}

#[test]
fn a_score_that_is_not_finite_is_a_failure_and_never_a_score() {
    let set = problem("p");
    let texts = ["1.5", "NaN", "inf", "-inf"];
    let answers = texts.map(|text| said(&set, text));
    let judges: [Box<dyn Judge>; 4] = [
        built(&["literal"]),
        built(&["tests", "literal"]),
        Box::new(Literal { batched: false }),
        Box::new(Literal { batched: true }),
    ];
    for (number, judge) in judges.iter().enumerate() {
        let together = all(judge, &answers, &Cancel::never());
        let alone = answers.map(|answer| judge.judge(&answer, &Cancel::never()));
        for (place, text) in texts.iter().enumerate() {
            // What nobody has wrapped is looked at where it is asked for an environment.
            let asked = [&together[place], &alone[place]];
            for found in &asked[..if number < 2 { 2 } else { 1 }] {
                match found {
                    Ok(judgement) if place == 0 => assert_eq!(judgement.scores[1].value, Some(1.5)),
                    Err(JudgeError::NotFinite { judge, id, found }) if place > 0 => {
                        assert_eq!((judge.as_str(), id.as_str()), ("literal", "p"));
                        assert_eq!(format!("{found}"), *text);
                    }
                    other => panic!("{number} {text}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_preference_that_makes_no_sense_is_a_failure() {
    let set = problem("p");
    let words = |judge: &dyn Judge, texts: &[&str]| {
        let answers: Vec<_> = texts.iter().map(|text| said(&set, text)).collect();
        judge.compare(&answers, &Cancel::never())
    };
    let judge = built(&["literal"]);
    assert!(words(&*judge, &["0.5", "1"]).is_ok());
    for text in ["NaN", "1.5", "-0.1"] {
        let error = words(&*judge, &[text, "1"]).unwrap_err().to_string();
        assert!(error.contains("from 0 to 1"), "{error}");
    }
    for kinds in [&["literal"][..], &["tests", "literal"]] {
        let error = words(&*built(kinds), &["1", "1", "1"]).unwrap_err();
        assert!(error.to_string().contains("placed"), "{error}");
    }
}
