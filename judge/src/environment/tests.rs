//! One episode by steps, and many together: the same game.

use std::sync::Mutex;

use super::*;
use crate::judge::{Asks, Score, Submission};
use crate::problem::TestCase;
use crate::verdict::{Failure, Grade, StopAt, Verdict};

/// What a program "prints" is its source; the tests of a turn want `public`, all tests want `private`. Scores the length of the
/// whole text. A program "break" breaks it. Notes what it was asked.
#[derive(Default)]
struct Toy {
    asked: Mutex<Vec<(String, Scope, StopAt, Asks)>>,
}

impl Judge for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn supports(&self, problem: &Problem, scope: Scope) -> Result<(), JudgeError> {
        if scope.tests(problem).is_empty() {
            return Err(JudgeError::NoTests {
                id: problem.id.clone(),
                scope,
            });
        }
        Ok(())
    }

    fn stamp(&self) -> String {
        "toy/1".into()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let scores = vec![Score {
            judge: "toy".into(),
            value: Some(submission.text.len() as f64),
            span: None,
            reason: String::new(),
        }];
        let tests = submission.scope.tests(submission.problem);
        let mut verdict = Verdict::no_program(tests.len());
        if let Some(program) = submission.program {
            let got = program.source.trim();
            self.asked.lock().unwrap().push((
                got.to_owned(),
                submission.scope,
                submission.stop,
                submission.asks,
            ));
            if got == "break" {
                return Err(JudgeError::Incomplete {
                    id: submission.problem.id.clone(),
                    got: 0,
                    expected: 1,
                });
            }
            let failing = tests
                .iter()
                .enumerate()
                .find_map(|(test, case)| match case {
                    TestCase::Stdin { expected, .. } if !got.contains(expected.as_str()) => {
                        Some((test, expected))
                    }
                    _ => None,
                });
            verdict.grade = if failing.is_some() {
                Grade::WrongAnswer
            } else {
                Grade::Accepted
            };
            verdict.passed = failing.map_or(tests.len(), |(test, _)| test);
            verdict.failures = failing
                .into_iter()
                .map(|(test, expected)| Failure {
                    test,
                    grade: Grade::WrongAnswer,
                    input: "in".into(),
                    expected: expected.clone(),
                    got: got.into(),
                    trace: String::new(),
                })
                .collect();
        }
        Ok(Judgement {
            scores,
            ..verdict.into()
        })
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn problem() -> Problem {
    let test = |expected: &str| TestCase::Stdin {
        input: "in".into(),
        expected: expected.into(),
    };
    Problem {
        id: "p".into(),
        statement: "Say it.".into(),
        public_tests: vec![test("1")],
        private_tests: vec![test("2")],
        ..Problem::default()
    }
}

fn config(feedback: FeedbackSource) -> PlayConfig {
    PlayConfig {
        turns: 3,
        style: PromptStyle::Compact,
        feedback,
        public_tests: PublicTests::Needed,
        rewards: RewardRule::default(),
    }
}

fn fenced(source: &str) -> String {
    format!("```python\n{source}\n```")
}

#[test]
fn a_person_plays_one_episode_to_its_end() {
    let (set, judge) = (problem(), Toy::default());
    let config = config(FeedbackSource::Real);
    let (mut environment, first) = Environment::open(&set, &judge, &config).unwrap();
    assert_eq!(first, "Say it.");
    let never = Cancel::never();
    let step = environment.step("I do not know.", &never).unwrap();
    assert_eq!(step.observation.as_deref(), Some("error: no code\n"));
    assert_eq!((step.reward, step.done), (Some(-0.2), None));
    let step = environment.step(&fenced("0"), &never).unwrap();
    let shown = "input: in\nexpected: 1\ngot: 0\n";
    assert_eq!(step.observation.as_deref(), Some(shown));
    assert_eq!((step.reward, step.done), (Some(0.0), None));
    assert_eq!(step.judged.verdict.unwrap().grade, Grade::WrongAnswer);
    let step = environment.step(&fenced("12"), &never).unwrap();
    assert_eq!(step.observation, None);
    assert_eq!(
        (step.reward, step.done),
        (Some(1.0), Some(StopReason::Solved))
    );
    assert_eq!(step.judged.scores[0].value, Some(fenced("12").len() as f64));
    let play = environment.play();
    assert_eq!(play.rewards(), Some(vec![-0.2, 0.0, 1.0]));
    assert_eq!(play.outcome().unwrap().total, 2);
    let asked = judge.asked.lock().unwrap();
    let scopes: Vec<_> = asked
        .iter()
        .map(|(_, scope, stop, asks)| (*scope, *stop, *asks))
        .collect();
    // One failing case is shown, so that the first failure says all.
    let turn = (Scope::Public, StopAt::FirstFailure, Asks::Everything);
    // Everything was said of the last answer before; its grade alone is asked for.
    let end = (Scope::Private, StopAt::FirstFailure, Asks::Verdict);
    assert_eq!(scopes, [turn, turn, end]);
}

#[test]
fn public_tests_stop_at_a_failure_only_where_nobody_reads_the_rest() {
    use FeedbackSource::{Independent, Random, Real, SelfRepair, Silent};
    let set = problem();
    for (feedback, style, public_tests, expected) in [
        (
            Real,
            PromptStyle::Compact,
            PublicTests::Needed,
            StopAt::FirstFailure,
        ),
        (Real, PromptStyle::Compact, PublicTests::All, StopAt::Never),
        (Real, PromptStyle::Full, PublicTests::Needed, StopAt::Never),
        (
            Random,
            PromptStyle::Compact,
            PublicTests::Needed,
            StopAt::FirstFailure,
        ),
        (
            Random,
            PromptStyle::Full,
            PublicTests::Needed,
            StopAt::Never,
        ),
        (
            Silent,
            PromptStyle::Full,
            PublicTests::Needed,
            StopAt::FirstFailure,
        ),
        (Silent, PromptStyle::Full, PublicTests::All, StopAt::Never),
        (
            SelfRepair,
            PromptStyle::Full,
            PublicTests::Needed,
            StopAt::FirstFailure,
        ),
        (
            Independent,
            PromptStyle::Full,
            PublicTests::Needed,
            StopAt::FirstFailure,
        ),
    ] {
        let (judge, config) = (
            Toy::default(),
            PlayConfig {
                style,
                public_tests,
                ..config(feedback)
            },
        );
        let play = Play::open(&set, &config);
        Environment::resume(play, &judge)
            .step(&fenced("0"), &Cancel::never())
            .unwrap();
        let asked = judge.asked.lock().unwrap();
        assert_eq!(
            asked[0].2, expected,
            "{feedback:?} {style:?} {public_tests:?}"
        );
    }
}

#[test]
fn public_tests_alone_do_not_solve_and_private_ones_are_never_shown() {
    let (set, judge) = (problem(), Toy::default());
    let config = config(FeedbackSource::Real);
    let (mut environment, _) = Environment::open(&set, &judge, &config).unwrap();
    let step = environment.step(&fenced("1"), &Cancel::never()).unwrap();
    assert_eq!(
        (step.observation, step.done),
        (None, Some(StopReason::Solved))
    );
    assert_eq!(step.reward, Some(-1.0));
    assert_eq!(
        environment.play().outcome().unwrap().grade,
        Grade::WrongAnswer
    );
}

#[test]
fn a_judge_that_fails_gives_no_reward_and_ends_the_episode() {
    let (set, judge) = (problem(), Toy::default());
    let config = config(FeedbackSource::Real);
    let (mut environment, _) = Environment::open(&set, &judge, &config).unwrap();
    assert!(
        environment
            .step(&fenced("break"), &Cancel::never())
            .is_err()
    );
    let play = environment.play();
    assert_eq!(
        (play.stop(), play.rewards()),
        (Some(StopReason::Aborted), None)
    );
    assert!(play.turns().is_empty());
}

#[test]
#[should_panic(expected = "no turn after its stop")]
fn an_episode_is_single_use() {
    let (set, judge) = (problem(), Toy::default());
    let config = config(FeedbackSource::Real);
    let (mut environment, _) = Environment::open(&set, &judge, &config).unwrap();
    for _ in 0..2 {
        let _ = environment.step(&fenced("12"), &Cancel::never());
    }
}

#[test]
fn what_cannot_be_judged_is_not_opened() {
    let config = config(FeedbackSource::Real);
    let bare = Problem {
        private_tests: Vec::new(),
        public_tests: Vec::new(),
        ..problem()
    };
    assert!(Environment::open(&bare, &Toy::default(), &config).is_err());
    let rules = crate::judge::Rules::new(crate::judge::RulesConfig {
        program: true,
        ..Default::default()
    });
    let set = problem();
    let error = Environment::open(&set, &rules.unwrap(), &config)
        .map(drop)
        .unwrap_err();
    assert!(
        error.to_string().contains("gives no verdict; add a judge"),
        "{error}"
    );
}

#[test]
fn who_reads_its_own_answers_goes_on_and_earlier_ones_are_graded() {
    let (set, judge) = (problem(), Toy::default());
    let config = config(FeedbackSource::SelfRepair);
    let (mut environment, _) = Environment::open(&set, &judge, &config).unwrap();
    for source in ["12", "0", "1"] {
        let step = environment.step(&fenced(source), &Cancel::never()).unwrap();
        assert_ne!(step.observation.as_deref(), Some(""), "{source}");
    }
    let play = environment.play();
    assert_eq!(play.stop(), Some(StopReason::Solved));
    let full: Vec<Option<Grade>> = play
        .turns()
        .iter()
        .map(|turn| turn.full.as_ref().map(|v| v.grade))
        .collect();
    assert_eq!(full, [Some(Grade::Accepted), None, None]);
    assert_eq!(play.outcome().unwrap().grade, Grade::WrongAnswer);
}

#[test]
fn a_problem_without_public_tests_has_one_turn() {
    let judge = Toy::default();
    let set = Problem {
        public_tests: Vec::new(),
        ..problem()
    };
    let config = config(FeedbackSource::Real);
    let (mut environment, _) = Environment::open(&set, &judge, &config).unwrap();
    let step = environment.step(&fenced("3"), &Cancel::never()).unwrap();
    assert_eq!(step.done, Some(StopReason::MaxTurns));
    assert_eq!(judge.asked.lock().unwrap().len(), 1);
}

/// Episodes that are played side by side are what each would be alone, and equal answers are judged once.
#[test]
fn many_together_are_each_alone() {
    let set = problem();
    let episodes: [&[&str]; 4] = [&["0", "12"], &["0", "0", "0"], &["break"], &["1"]];
    for feedback in [
        FeedbackSource::Real,
        FeedbackSource::Silent,
        FeedbackSource::SelfRepair,
        FeedbackSource::Independent,
    ] {
        let config = config(feedback);
        let judge = Toy::default();
        let mut plays: Vec<Play<'_>> = episodes.iter().map(|_| Play::open(&set, &config)).collect();
        for turn in 0..3 {
            let (mut live, texts): (Vec<&mut Play<'_>>, Vec<String>) = (plays.iter_mut())
                .zip(&episodes)
                .filter(|(play, _)| play.stop().is_none())
                .map(|(play, said)| (play, fenced(said[turn.min(said.len() - 1)])))
                .unzip();
            judge_answers(&judge, &mut live, texts, &Cancel::never());
            for play in live.iter_mut().filter(|play| play.stop().is_none()) {
                if feedback.is_one_dialogue() {
                    let said = play.next_message();
                    play.tell(said);
                }
            }
        }
        judge_ends(
            &judge,
            &mut plays.iter_mut().collect::<Vec<_>>(),
            &Cancel::never(),
        );
        for (play, said) in plays.iter().zip(&episodes) {
            let alone = Toy::default();
            let (mut environment, _) = Environment::open(&set, &alone, &config).unwrap();
            for turn in 0..3 {
                let text = fenced(said[turn.min(said.len() - 1)]);
                if environment
                    .step(&text, &Cancel::never())
                    .map_or(true, |step| step.done.is_some())
                {
                    break;
                }
            }
            let one = environment.play();
            assert_eq!(play.turns(), one.turns(), "{feedback:?} {said:?}");
            assert_eq!((play.stop(), play.outcome()), (one.stop(), one.outcome()));
            assert_eq!(play.rewards(), one.rewards());
        }
        let zeros = judge
            .asked
            .lock()
            .unwrap()
            .iter()
            .filter(|(got, ..)| got == "0")
            .count();
        // Two say it in the first turn, and one or two go on to say it again.
        assert!(zeros <= 3, "{feedback:?}: {zeros}");
    }
}
