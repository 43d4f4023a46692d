//! Episodes that go their own ways, with a judge and policies that take their time.

mod groups;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rlef_sandbox::Cancel;

use super::*;
use crate::completion::Completion;
use crate::episode::StopReason;
use crate::judge::{JudgeError, Judgement, Reads, Submission};
use crate::policy::{LostAnswer, Next, Sample, SampleQueue, SampleRequest, Wait};
use crate::problem::TestCase;
use crate::verdict::{Failure, Scope, Verdict};

/// Accepts programs that say `right`, is lost where they say `lost`, and takes a while that differs from call to call.
#[derive(Default)]
struct Toy {
    calls: AtomicUsize,
    asked: Mutex<Vec<String>>,
    /// Factor of the waits; 0 waits for nothing.
    pace: u64,
}

impl Judge for Toy {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) as u64;
        std::thread::sleep(Duration::from_millis(call * 7 % 5 * self.pace));
        let Some(program) = submission.program else {
            return Ok(Verdict::no_program(1).into());
        };
        let (id, source) = (&submission.problem.id, &program.source);
        let name = format!("{id} {:?} {source}", submission.scope);
        self.asked.lock().unwrap().push(name);
        if source.contains("lost") {
            return Err(JudgeError::NoVerdict {
                judge: "toy".to_owned(),
                id: id.clone(),
            });
        }
        let mut verdict = crate::episode::tests::verdict(if source.contains("right") {
            Grade::Accepted
        } else {
            Grade::WrongAnswer
        });
        if !verdict.is_accepted() {
            verdict.failures.push(Failure {
                test: 0,
                grade: Grade::WrongAnswer,
                input: "1".to_owned(),
                expected: "1".to_owned(),
                got: source.clone(),
                trace: String::new(),
            });
        }
        Ok(verdict.into())
    }

    fn reads(&self) -> Reads {
        Reads::Program
    }

    fn gives_verdicts(&self) -> bool {
        true
    }

    fn workers(&self) -> usize {
        3
    }
}

/// Answers by what is asked alone, from some threads, each of which takes a while that differs from answer to answer.
struct Talker {
    threads: usize,
    pace: u64,
}

/// What the talker says: some are right at once, some at the second turn, some never; one has no answer.
fn said(request: &SampleRequest) -> Sample {
    let (number, turn) = (request.seed % 7, request.turn);
    let source = match number {
        0 => "print('right')".to_owned(),
        1 if turn == 1 => "print('right')".to_owned(),
        2 if turn == 2 => "print('lost')".to_owned(),
        3 if turn == 1 => return Err(LostAnswer::TooLong("no room".to_owned())),
        // What was said before decides, too.
        number => format!("print({number}, {turn}, {})", request.dialogue.len()),
    };
    Ok(Completion::of_text(format!("```python\n{source}\n```")))
}

impl Policy for Talker {
    fn sample(&self, queue: &dyn SampleQueue, _: &Sampling) -> Result<(), PolicyError> {
        std::thread::scope(|threads| {
            for thread in 0..self.threads {
                threads.spawn(move || {
                    let mut wait = thread as u64;
                    while let Next::Request(number, request) = queue.next(Wait::Always) {
                        wait = (wait * 5 + 3) % 8;
                        std::thread::sleep(Duration::from_millis(wait * self.pace));
                        queue.on_sample(number, said(&request), None);
                    }
                });
            }
        });
        Ok(())
    }
}

fn problems(count: usize) -> Vec<Problem> {
    let test = TestCase::Stdin {
        input: "1\n".to_owned(),
        expected: "1\n".to_owned(),
    };
    let problem = |number: usize| Problem {
        id: format!("p{number}"),
        statement: format!("Number {number}."),
        public_tests: vec![test.clone()],
        private_tests: vec![test.clone()],
        ..Problem::default()
    };
    (0..count).map(problem).collect()
}

fn config(feedback: FeedbackSource) -> RolloutConfig {
    RolloutConfig {
        group: 3,
        turns: 3,
        feedback,
        ..RolloutConfig::default()
    }
}

const ALL: [FeedbackSource; 5] = [
    FeedbackSource::Real,
    FeedbackSource::Silent,
    FeedbackSource::Random,
    FeedbackSource::SelfRepair,
    FeedbackSource::Independent,
];

#[test]
fn episodes_are_the_same_whatever_finishes_first() {
    let set = problems(7);
    let some: Vec<&Problem> = set.iter().collect();
    for feedback in ALL {
        let played = |threads, pace| {
            let judge = Toy {
                pace,
                ..Toy::default()
            };
            let talker = Talker { threads, pace };
            play(&talker, &judge, &some, &config(feedback), 5).unwrap()
        };
        let (alone, cost) = played(1, 0);
        assert!(cost.lost_answers > 0 && cost.lost_verdicts > 0, "{cost:?}");
        for (threads, pace) in [(2, 1), (5, 1), (30, 2)] {
            let (groups, other) = played(threads, pace);
            assert_eq!(groups, alone, "{feedback:?}, {threads} threads");
            assert_eq!(
                (other.programs, other.lost_answers, other.lost_verdicts),
                (cost.programs, cost.lost_answers, cost.lost_verdicts)
            );
        }
        let ids: Vec<&str> = alone.iter().map(|group| &*group.problem_id).collect();
        assert_eq!(ids, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
        let turns: Vec<usize> = (alone.iter().flat_map(|group| &group.episodes))
            .map(|episode| episode.turns.len())
            .collect();
        assert!(turns.contains(&3) && turns.contains(&1), "{turns:?}");
    }
}

/// Withholds the first answer until there is nothing else left to say.
struct Withheld {
    others: AtomicUsize,
}

impl Policy for Withheld {
    fn sample(&self, queue: &dyn SampleQueue, _: &Sampling) -> Result<(), PolicyError> {
        let Next::Request(first, request) = queue.next(Wait::Always) else {
            panic!("there is a first request");
        };
        while let Next::Request(number, request) = queue.next(Wait::WhileJudging) {
            self.others.fetch_add(1, Ordering::Relaxed);
            queue.on_sample(number, said(&request), None);
        }
        queue.on_sample(first, said(&request), None);
        while let Next::Request(number, request) = queue.next(Wait::Always) {
            queue.on_sample(number, said(&request), None);
        }
        Ok(())
    }
}

#[test]
fn nobody_waits_for_the_slowest() {
    let set = problems(5);
    let some: Vec<&Problem> = set.iter().collect();
    let policy = Withheld {
        others: AtomicUsize::new(0),
    };
    let (groups, _) = play(
        &policy,
        &Toy::default(),
        &some,
        &config(FeedbackSource::Real),
        5,
    )
    .unwrap();
    let first = &groups[0].episodes[0];
    let episodes = groups.iter().flat_map(|group| &group.episodes);
    let answers: usize = episodes
        .map(|episode| match episode.stop {
            // The answer that was lost was asked for, too.
            Some(StopReason::Aborted) => episode.turns.len() + 1,
            _ => episode.turns.len(),
        })
        .sum();
    let own = match first.stop {
        Some(StopReason::Aborted) => first.turns.len() + 1,
        _ => first.turns.len(),
    };
    assert_eq!(policy.others.load(Ordering::Relaxed), answers - own);
}

#[test]
fn what_is_said_again_is_judged_once() {
    let set = problems(3);
    let some: Vec<&Problem> = set.iter().collect();
    let judge = Toy {
        pace: 1,
        ..Toy::default()
    };
    let talker = Talker {
        threads: 9,
        pace: 0,
    };
    play(&talker, &judge, &some, &config(FeedbackSource::Silent), 5).unwrap();
    let mut asked = judge.asked.into_inner().unwrap();
    asked.retain(|name| !name.contains("lost"));
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all);
}

/// A judge that looks something up by a problem's hash, and notes whether that was there.
#[derive(Default)]
struct LooksUp {
    toy: Toy,
    kept: Mutex<HashMap<String, Vec<bool>>>,
}

impl Judge for LooksUp {
    fn name(&self) -> &'static str {
        "looks up"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, _: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        unreachable!("whoever plays keeps the hashes");
    }

    fn judge_with(
        &self,
        keys: &Keys<'_>,
        submission: &Submission<'_>,
        cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let problem = submission.problem;
        let before = keys.keeps(problem);
        self.key(keys, submission);
        let mut kept = self.kept.lock().unwrap();
        kept.entry(problem.id.clone()).or_default().push(before);
        drop(kept);
        self.toy.judge(submission, cancel)
    }

    fn gives_verdicts(&self) -> bool {
        true
    }
}

#[test]
fn a_problem_is_hashed_once_however_often_it_is_played() {
    let set = problems(3);
    let some: Vec<&Problem> = set.iter().collect();
    let judge = LooksUp::default();
    let talker = Talker {
        threads: 1,
        pace: 0,
    };
    // As an evaluation or a run wraps it.
    let wrapped: Box<dyn Judge> = Box::new(&judge);
    play(&talker, &wrapped, &some, &config(FeedbackSource::Real), 5).unwrap();
    drop(wrapped);
    let kept = judge.kept.into_inner().unwrap();
    assert_eq!(kept.len(), 3);
    for asked in kept.values() {
        assert!(asked.len() > 2 && !asked[0], "{asked:?}");
        assert!(asked[1..].iter().all(|kept| *kept), "{asked:?}");
    }
}
