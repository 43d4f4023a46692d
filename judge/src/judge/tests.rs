//! Judges that are no tests, and judges over judges.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rlef_sandbox::Language;

use super::*;
use crate::program::Program;
use crate::verdict::{CACHE_BYTES, Grade, StopAt, Verdict, VerdictCache};

mod checked;
mod named;

fn problem(id: &str) -> Problem {
    Problem {
        id: id.to_owned(),
        ..Problem::default()
    }
}

fn said<'a>(problem: &'a Problem, text: &'a str) -> Submission<'a> {
    Submission {
        text,
        ..Submission::of(problem, None, Scope::Public, StopAt::Never)
    }
}

/// Scores an answer by its length; answers that say "fail" break it. Counts what it was asked.
#[derive(Default)]
struct Length {
    asked: Mutex<Vec<String>>,
    batches: AtomicUsize,
    batched: bool,
}

impl Judge for Length {
    fn name(&self) -> &'static str {
        "length"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        "length/1".into()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let text = submission.text;
        self.asked.lock().unwrap().push(text.to_owned());
        if text == "fail" {
            return Err(JudgeError::Failed {
                judge: "length".into(),
                id: submission.problem.id.clone(),
                cause: std::sync::Arc::new(std::io::Error::other("the ruler broke")),
            });
        }
        Ok(Judgement::of_scores(vec![Score {
            judge: "length".into(),
            value: Some(text.len() as f64),
            span: None,
            reason: String::new(),
        }]))
    }

    fn is_batched(&self) -> bool {
        self.batched
    }

    fn judge_all(
        &self,
        submissions: &[Submission<'_>],
        cancel: &Cancel,
        on_judgement: OnJudgement<'_>,
    ) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        // As they come, which is not in order.
        for (place, submission) in submissions.iter().enumerate().rev() {
            if cancel.is_cancelled() {
                return;
            }
            on_judgement(place, self.judge(submission, cancel));
        }
    }

    fn compares(&self) -> bool {
        true
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        _: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let longer = |text: &str| {
            let others = submissions.iter();
            others.filter(|other| other.text.len() > text.len()).count()
        };
        Ok(Preference {
            places: (submissions.iter())
                .map(|submission| longer(submission.text))
                .collect(),
            certainty: None,
            beats: Vec::new(),
            reason: "longer is better".into(),
        })
    }
}

/// Accepts whatever says "good"; likes what comes first in the alphabet.
struct Strict;

impl Judge for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }

    fn supports(&self, problem: &Problem, _: Scope) -> Result<(), JudgeError> {
        if problem.id == "other" {
            return Err(JudgeError::Unsupported {
                id: problem.id.clone(),
                what: "another problem",
            });
        }
        Ok(())
    }

    fn stamp(&self) -> String {
        "strict/1".into()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let mut verdict = Verdict::no_program(1);
        if submission.text == "good" {
            verdict.grade = Grade::Accepted;
        }
        Ok(verdict.into())
    }

    fn gives_verdicts(&self) -> bool {
        true
    }

    fn compares(&self) -> bool {
        true
    }

    fn compare(
        &self,
        submissions: &[Submission<'_>],
        _: &Cancel,
    ) -> Result<Preference, JudgeError> {
        let before = |text: &str| {
            let others = submissions.iter();
            others.filter(|other| other.text < text).count()
        };
        Ok(Preference {
            places: (submissions.iter())
                .map(|submission| before(submission.text))
                .collect(),
            certainty: None,
            beats: Vec::new(),
            reason: String::new(),
        })
    }
}

/// Another that gives verdicts.
struct Lenient;
impl Judge for Lenient {
    fn name(&self) -> &'static str {
        "lenient"
    }
    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }
    fn stamp(&self) -> String {
        String::new()
    }
    fn judge(&self, _: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        Ok(Judgement::of_scores(Vec::new()))
    }
    fn gives_verdicts(&self) -> bool {
        true
    }
}

fn mixture() -> Mixture {
    let members: Vec<(Box<dyn Judge>, f64)> =
        vec![(Box::new(Strict), 1.0), (Box::<Length>::default(), 0.25)];
    Mixture::of(members).unwrap()
}

#[test]
fn a_mixture_gives_the_verdict_of_one_and_the_scores_of_all() {
    let set = problem("p");
    let texts = ["good", "fail", "bad!!"];
    let answers = texts.map(|text| said(&set, text));
    let judge = mixture();
    let mut come = Vec::new();
    judge.judge_all(&answers, &Cancel::never(), &mut |place, result| {
        come.push((place, result));
    });
    come.sort_by_key(|(place, _)| *place);
    for (place, result) in &come {
        let alone = judge.judge(&answers[*place], &Cancel::never());
        match (result, alone) {
            (Ok(one), Ok(other)) => assert_eq!(*one, other),
            // The error of one is the error of all: a score of the rest would say less than was asked.
            (Err(_), Err(_)) => assert_eq!(*place, 1),
            (one, other) => panic!("{one:?} and {other:?}"),
        }
    }
    assert_eq!(come.len(), 3);
    let first = come[0].1.as_ref().unwrap();
    assert_eq!(first.verdict.as_ref().unwrap().grade, Grade::Accepted);
    assert_eq!(
        (first.scores[0].judge.as_str(), first.scores[0].value),
        ("length", Some(4.0))
    );
    let grade = come[2].1.as_ref().unwrap().verdict.as_ref().unwrap().grade;
    assert_eq!(grade, Grade::NoProgram);
    // For a verdict alone only who gives one is asked.
    let asks = Submission {
        asks: Asks::Verdict,
        ..answers[1]
    };
    let verdict = all(&judge, &[asks], &Cancel::never()).remove(0).unwrap();
    assert!(verdict.verdict.is_some() && verdict.scores.is_empty());
    assert!(judge.supports(&problem("other"), Scope::All).is_err());
    assert!(judge.stamp().contains("strict/1") && judge.stamp().contains("length/1"));
}

#[test]
fn a_mixture_compares_by_weighted_votes() {
    let set = problem("p");
    let answers = ["bbbb", "a", "cc"].map(|text| said(&set, text));
    // The alphabet says a, bbbb, cc with four times the weight of the length, which says bbbb, cc, a.
    let voted = mixture().compare(&answers, &Cancel::never()).unwrap();
    assert_eq!(voted.places, [1, 0, 2]);
    assert!(voted.reason.contains("longer is better"), "{voted:?}");
    let alone: Vec<(Box<dyn Judge>, f64)> = vec![(Box::<Length>::default(), 1.0)];
    let alone = Mixture::of(alone).unwrap();
    let ties = ["bb", "aa", "c"].map(|text| said(&set, text));
    assert_eq!(
        alone.compare(&ties, &Cancel::never()).unwrap().places,
        [0, 0, 2]
    );
    let rules = Rules::new(RulesConfig {
        program: true,
        ..RulesConfig::default()
    })
    .unwrap();
    let error = rules.compare(&answers, &Cancel::never()).unwrap_err();
    assert!(
        error.to_string().contains("gives no preferences"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_mixed_is_refused_by_name() {
    let two = |one: Box<dyn Judge>, other: Box<dyn Judge>| {
        Mixture::of(vec![(one, 1.0), (other, 1.0)])
            .map(drop)
            .unwrap_err()
    };
    assert!(two(Box::new(Strict), Box::new(Lenient)).contains("both `strict` and `lenient`"));
    assert!(two(Box::<Length>::default(), Box::<Length>::default()).contains("named twice"));
    assert!(Mixture::of(Vec::new()).is_err());
}

/// Whatever judge is wrapped: the same answer is judged once, an error is judged again, another stamp or text is another
/// judgement, and a judge that likes batches gets one.
#[test]
fn a_cache_keeps_the_judgements_of_any_judge() {
    let set = problem("p");
    let texts = ["one", "fail", "three", "one"];
    for batched in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let open = || {
            VerdictCache::open(folder.path(), CACHE_BYTES)
                .unwrap()
                .into()
        };
        let answers = texts.map(|text| said(&set, text));
        let length = Length {
            batched,
            ..Length::default()
        };
        let judge = Cached::new(&length, open());
        let first = distinct(&judge, &answers, &Cancel::never());
        assert!(first[1].is_err());
        assert_eq!(first[0].as_ref().unwrap(), first[3].as_ref().unwrap());
        let mut asked = length.asked.lock().unwrap().clone();
        asked.sort();
        assert_eq!(asked, ["fail", "one", "three"]);
        assert_eq!(length.batches.load(Ordering::Relaxed), usize::from(batched));
        // Another process, which is asked about the error alone.
        let length = Length {
            batched,
            ..Length::default()
        };
        let judge = Cached::new(&length, open());
        let again = distinct(&judge, &answers, &Cancel::never());
        assert_eq!(*length.asked.lock().unwrap(), ["fail"]);
        assert_eq!(again[2].as_ref().unwrap(), first[2].as_ref().unwrap());
        assert_eq!(judge.counts().cached, 2);
    }
}

#[test]
fn the_key_of_a_judge_of_texts_has_all_it_reads() {
    let (one, other) = (problem("p"), problem("q"));
    let keys = Keys::default();
    let key = |submission: &Submission<'_>, stamp: &str| {
        Keys::default().of(submission, Reads::Text, stamp)
    };
    let plain = said(&one, "text");
    assert_eq!(keys.of(&plain, Reads::Text, "s"), key(&plain, "s"));
    let program = Program::bare("1", Language::Python);
    let others = [
        said(&one, "texts"),
        said(&other, "text"),
        Submission { turn: 1, ..plain },
        Submission {
            scope: Scope::All,
            ..plain
        },
        Submission {
            asks: Asks::Verdict,
            ..plain
        },
        Submission {
            program: Some(&program),
            ..plain
        },
    ];
    for other in &others {
        assert_ne!(key(other, "s"), key(&plain, "s"), "{other:?}");
    }
    assert_ne!(key(&plain, "t"), key(&plain, "s"));
    // Without a program there is nothing that a judge of programs would keep.
    assert_eq!(keys.of(&plain, Reads::Program, "s"), None);
}

/// Two problems that lie at the same place one after the other are two problems.
#[test]
fn a_problem_is_never_taken_for_one_that_was_there_before() {
    let mut found = Vec::new();
    let mut place = Box::new(problem("p"));
    for id in ["p", "q"] {
        place.id = id.to_owned();
        place.statement = id.to_owned();
        let keys = Keys::among([&*place]);
        found.push(keys.of(&said(&place, ""), Reads::Text, ""));
        assert!(keys.keeps(&place));
    }
    assert_ne!(found[0], found[1]);
}

#[test]
fn hashes_are_kept_of_the_problems_that_keys_were_made_for_and_change_nothing() {
    let (one, other) = (problem("p"), problem("q"));
    let keys = Keys::among([&one]);
    for problem in [&one, &other] {
        let answer = said(problem, "text");
        for _ in 0..2 {
            let found = keys.of(&answer, Reads::Text, "s");
            assert_eq!(found, Keys::default().of(&answer, Reads::Text, "s"));
        }
    }
    assert!(keys.keeps(&one) && !keys.keeps(&other));
}

#[test]
fn a_judge_that_is_cancelled_says_so_of_what_is_left() {
    let set = problem("p");
    let answers = ["a", "b", "c"].map(|text| said(&set, text));
    let cancel = Cancel::new().unwrap();
    cancel.cancel();
    for result in distinct(&mixture(), &answers, &cancel) {
        assert!(matches!(result, Err(JudgeError::Stopped)), "{result:?}");
    }
}
