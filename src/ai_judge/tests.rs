//! Models as judges behind a server that answers by rule, misbehaves, or is not there.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rlef_sandbox::{Cancel, Language};
use serde_json::json;

use super::*;
use crate::judge::{Judge, JudgeError, Judgement, Submission};
use crate::problem::Problem;
use crate::program::Program;
use crate::verdict::{Grade, Scope, StopAt, Verdict};
use fake::{Said, serve};

mod fake;
mod settings;

/// Tests that accept programs that say "right".
struct Reading(AtomicUsize);

impl Judge for Reading {
    fn name(&self) -> &'static str {
        "tests"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        "reading".to_owned()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut verdict = Verdict::no_program(1);
        if let Some(program) = submission.program {
            let right = program.source.contains("right");
            verdict.grade = if right {
                Grade::Accepted
            } else {
                Grade::WrongAnswer
            };
        }
        Ok(verdict.into())
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn parts() -> Parts {
    Parts {
        tests: Arc::new(Reading(AtomicUsize::new(0))),
    }
}

fn config(url: &str) -> AiConfig {
    AiConfig {
        url: url.to_owned(),
        model: "m".to_owned(),
        tries: 1,
        timeout_s: 20.0,
        cache: false,
        ..AiConfig::default()
    }
}

fn problem() -> Problem {
    Problem {
        id: "p".to_owned(),
        statement: "Say it.".to_owned(),
        ..Problem::default()
    }
}

fn said<'a>(problem: &'a Problem, text: &'a str) -> Submission<'a> {
    Submission {
        text,
        ..Submission::of(problem, None, Scope::All, StopAt::Never)
    }
}

fn plain(text: &str) -> Said {
    (200, text.to_owned(), Vec::new())
}

/// Which of two texts stands first in a prompt.
fn is_first(prompt: &str, one: &str, other: &str) -> bool {
    prompt.find(one) < prompt.find(other)
}

#[test]
fn both_orders_are_averaged_and_what_is_likely_is_said() {
    // Prefers ALPHA, and what is shown first: 0.9 where ALPHA is first, 0.6 for it where it is second.
    let (url, seen) = serve(|prompt| {
        if is_first(prompt, "ALPHA", "BETA") {
            (200, "1".to_owned(), vec![("1", 0.72), ("2", 0.08)])
        } else {
            (200, "2".to_owned(), vec![("2", 0.6), ("1", 0.4)])
        }
    });
    let judge = AiJudge::new(Kind::Pairwise, config(&url), &parts()).unwrap();
    let set = problem();
    let answers = [said(&set, "BETA"), said(&set, "ALPHA is longer")];
    let preference = judge.compare(&answers, &Cancel::never()).unwrap();
    assert_eq!(preference.places, [1, 0]);
    // (0.9 + 0.6) / 2.
    assert!(
        (preference.certainty.unwrap() - 0.75).abs() < 1e-6,
        "{preference:?}"
    );
    assert!((preference.beats[1][0].unwrap() - 0.75).abs() < 1e-6);
    assert_eq!(preference.beats[0][0], None);
    let bodies = seen.lock().unwrap();
    assert_eq!(bodies.len(), 2);
    assert_eq!(
        (&bodies[0]["logprobs"], &bodies[0]["top_logprobs"]),
        (&json!(true), &json!(20))
    );
    let notes = judge.notes().join("\n");
    assert!(
        notes.contains("2 questions asked, 200 tokens read and 2 written"),
        "{notes}"
    );
    assert!(
        notes.contains("2 opinions, 2 of them by token probabilities"),
        "{notes}"
    );
    assert!(notes.contains("position: 0%"), "{notes}");
    assert!(notes.contains("the longer answer wins 100%"), "{notes}");
}

#[test]
fn four_answers_are_put_in_order_by_all_their_pairs() {
    // The higher digit is better; nothing is said of 3 against 4.
    let (url, seen) = serve(|prompt| {
        let digit = |number: &u32| prompt.contains(&format!("digit {number}"));
        let shown: Vec<u32> = (1..=4).filter(digit).collect();
        if shown == [3, 4] {
            return plain("They are equal.");
        }
        let better = format!("digit {}", shown[1]);
        let worse = format!("digit {}", shown[0]);
        plain(if is_first(prompt, &better, &worse) {
            "1"
        } else {
            "2"
        })
    });
    let judge = AiJudge::new(Kind::Pairwise, config(&url), &parts()).unwrap();
    let set = problem();
    let texts = ["digit 2", "digit 4", "digit 1", "digit 3"];
    let answers = texts.map(|text| said(&set, text));
    let preference = judge.compare(&answers, &Cancel::never()).unwrap();
    assert_eq!(preference.places, [2, 0, 3, 0]);
    assert_eq!((preference.beats[1][3], preference.certainty), (None, None));
    assert!(
        preference
            .reason
            .contains("1 and 3: what it says can't be read"),
        "{preference:?}"
    );
    assert_eq!(seen.lock().unwrap().len(), 12);
    let alone = judge.compare(&answers[..1], &Cancel::never());
    assert!(matches!(alone, Err(JudgeError::NoComparison { .. })));
    let equal = judge.compare(&[answers[1], answers[3]], &Cancel::never());
    assert!(
        matches!(equal, Err(JudgeError::NoOpinion { .. })),
        "{equal:?}"
    );
}

#[test]
fn ratings_requirements_and_rubrics_are_scores() {
    let (url, _) = serve(|prompt| match prompt {
        prompt if prompt.contains("a whole number from 1 to 10") => (
            200,
            "7".to_owned(),
            vec![("7", 0.5), ("8", 0.25), ("6", 0.25), ("x", 0.0)],
        ),
        prompt if prompt.contains("has a comment") => {
            (200, "Yes".to_owned(), vec![("Yes", 0.8), ("No", 0.2)])
        }
        _ => (200, "no".to_owned(), vec![("no", 0.6), ("yes", 0.2)]),
    });
    let set = problem();
    let judged = |kind, change: &dyn Fn(&mut AiConfig)| {
        let mut config = config(&url);
        change(&mut config);
        let judge = AiJudge::new(kind, config, &parts()).unwrap();
        let judged = judge.judge(&said(&set, "it"), &Cancel::never()).unwrap();
        (judged.scores[0].clone(), judge.stamp())
    };
    let (rating, _) = judged(Kind::Rating, &|_| {});
    assert_eq!(
        (rating.judge.as_str(), rating.value),
        ("ai_rating", Some(7.0))
    );
    let requirement =
        |text: &'static str| move |config: &mut AiConfig| config.requirement = text.to_owned();
    let (met, one) = judged(Kind::Constraint, &requirement("It has a comment."));
    let (unmet, other) = judged(Kind::Constraint, &requirement("It has a test."));
    assert_eq!((met.value, unmet.value), (Some(1.0), Some(0.0)));
    assert!(unmet.reason.contains("met with 0.250"), "{unmet:?}");
    assert_ne!(one, other);
    let (rubric, _) = judged(Kind::Rubric, &|config| {
        config.points = serde_json::from_str(
            r#"["It has a comment.", {"text": "It has a test.", "weight": 3.0}]"#,
        )
        .unwrap();
    });
    // (0.8 + 3 * 0.25) / 4.
    assert!((rubric.value.unwrap() - 0.3875).abs() < 1e-6, "{rubric:?}");
    assert!(
        rubric.reason.contains("It has a test.: 0.250"),
        "{rubric:?}"
    );
}

#[test]
fn a_refusal_nonsense_and_an_answer_cut_short_are_no_opinion() {
    let (url, _) = serve(|prompt| {
        if prompt.contains("forbidden") {
            return (400, String::new(), Vec::new());
        }
        let first = ["sorry", "nonsense", "cut"]
            .iter()
            .find(|word| prompt.contains(*word));
        plain(match first {
            Some(&"sorry") => "I'm sorry, I can't help with that.",
            Some(&"nonsense") => "11",
            Some(_) => "CUT 7",
            None => "7",
        })
    });
    let judge = AiJudge::new(Kind::Rating, config(&url), &parts()).unwrap();
    let set = problem();
    let judged = |text: &str| judge.judge(&said(&set, text), &Cancel::never()).unwrap();
    // Without token probabilities it is what the text says.
    assert_eq!(judged("plain").scores[0].value, Some(7.0));
    for (text, words) in [
        ("sorry", "it refuses"),
        ("nonsense", "can't be read: 11"),
        ("cut", "raise max_tokens"),
        ("forbidden", "the server refused with 400"),
    ] {
        let judged = judged(text);
        assert_eq!(judged.scores[0].value, None, "{text}");
        assert!(judged.scores[0].reason.contains(words), "{judged:?}");
        assert!(!judged.repeatable);
    }
    let notes = judge.notes().join("\n");
    assert!(
        notes.contains("without one: 1 cut at the limit, 2 refused, 1 unreadable"),
        "{notes}"
    );
}

#[test]
fn a_server_that_is_down_or_talks_nonsense_is_an_error_and_no_score() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let set = problem();
    let (broken, _) = serve(|_| (500, String::new(), Vec::new()));
    let (slow, _) = serve(|_| {
        std::thread::sleep(std::time::Duration::from_secs(5));
        plain("7")
    });
    for url in [format!("http://{free}"), broken, slow] {
        let config = AiConfig {
            timeout_s: 0.5,
            ..config(&url)
        };
        for kind in [Kind::Rating, Kind::Pairwise] {
            let judge = AiJudge::new(kind, config.clone(), &parts()).unwrap();
            let error = match kind {
                Kind::Pairwise => {
                    let answers = [said(&set, "one"), said(&set, "two")];
                    judge.compare(&answers, &Cancel::never()).map(drop)
                }
                _ => judge.judge(&said(&set, "one"), &Cancel::never()).map(drop),
            };
            assert!(
                matches!(error, Err(JudgeError::Failed { .. })),
                "{url}: {error:?}"
            );
        }
    }
}

/// Prefers what is shown first, whatever it is.
#[test]
fn a_judge_that_goes_by_the_place_is_not_believed_for_long() {
    let (url, seen) = serve(|_| plain("1"));
    let tests = Arc::new(Reading(AtomicUsize::new(0)));
    let parts = Parts {
        tests: Arc::clone(&tests) as Arc<dyn Judge>,
    };
    let judge = AiJudge::new(Kind::Pairwise, config(&url), &parts).unwrap();
    let set = problem();
    let right = Program::bare("right", Language::Python);
    let wrong = Program::bare("wrong", Language::Python);
    let answers = [(&right, "one"), (&wrong, "two")].map(|(program, text)| Submission {
        program: Some(program),
        ..said(&set, text)
    });
    for _ in 0..10 {
        let preference = judge.compare(&answers, &Cancel::never()).unwrap();
        // Averaged it knows nothing, and says so.
        assert_eq!(
            (preference.places, preference.certainty),
            (vec![0, 0], Some(0.5))
        );
    }
    let error = judge.compare(&answers, &Cancel::never()).unwrap_err();
    assert!(matches!(error, JudgeError::Distrusted { .. }), "{error:?}");
    assert!(
        error.to_string().contains("turns with the order"),
        "{error}"
    );
    assert_eq!(seen.lock().unwrap().len(), 20);
    assert_eq!(tests.0.load(Ordering::Relaxed), 20);
    let notes = judge.notes().join("\n");
    assert!(
        notes.contains("position: 100%") && notes.contains("1.000 on average"),
        "{notes}"
    );
    assert!(
        notes.contains("of 10 pairs with one right answer it prefers that one in 50%"),
        "{notes}"
    );
    assert!(notes.contains("not to be trusted"), "{notes}");
}
