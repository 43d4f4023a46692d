//! Many programs at once, and the cache.

use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rlef_sandbox::Cancel;

use super::pool::AHEAD;
use super::*;

/// Says "1" to everything; the first program only once `others` more have begun.
#[derive(Default)]
struct Slow {
    begun: AtomicUsize,
    others: usize,
    waits_for_cancel: bool,
    cancelled: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Runner for Slow {
    type Error = Broken;

    fn run_batch(
        &self,
        _: &Job,
        _: &[&[u8]],
        _: &Limits,
        _: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, Broken> {
        let guard = self.lock.lock().unwrap();
        let first = self.begun.fetch_add(1, Ordering::SeqCst) == 0;
        self.changed.notify_all();
        let waits = |_: &mut ()| first && self.begun.load(Ordering::SeqCst) <= self.others;
        drop(self.changed.wait_while(guard, waits).unwrap());
        Ok(vec![printed("1")?])
    }

    fn run_pair(
        &self,
        _: &Job,
        _: &Limits,
        _: &Job,
        _: &Limits,
    ) -> Result<(Outcome, Outcome), Broken> {
        Err(Broken)
    }

    fn run_batch_until(
        &self,
        cancel: &Cancel,
        job: &Job,
        inputs: &[&[u8]],
        limits: &Limits,
        keep_going: &mut dyn FnMut(usize, &Outcome) -> bool,
    ) -> Result<Vec<Outcome>, Broken> {
        let outcomes = self.run_batch(job, inputs, limits, keep_going);
        if self.waits_for_cancel && job.source.starts_with(b"late") {
            while !cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.cancelled.fetch_add(1, Ordering::SeqCst);
            return Err(Broken);
        }
        outcomes
    }
}

fn tasks<'a>(set: &'a Problem, program: &'a Program, many: usize) -> Vec<Task<'a>> {
    let task = Task {
        program: Some(program),
        problem: set,
        scope: Scope::All,
        stop: StopAt::Never,
    };
    vec![task; many]
}

/// However slowly verdicts are taken, only so many are kept.
#[test]
fn nobody_judges_far_ahead_of_a_slow_reader() {
    let (set, program) = (problem(vec![stdin_test("", "1")], vec![]), program());
    let judge = Judge::new(Slow::default());
    let mut most = 0;
    judge.judge_all(&tasks(&set, &program, 3 * AHEAD), 4, &mut |index, _| {
        if index == 0 {
            while judge.runner().begun.load(Ordering::SeqCst) < AHEAD {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Time for whoever would go further.
            std::thread::sleep(Duration::from_millis(50));
        }
        most = most.max(judge.runner().begun.load(Ordering::SeqCst) - index);
        true
    });
    assert_eq!(most, AHEAD);
    assert_eq!(judge.runner().begun.load(Ordering::SeqCst), 3 * AHEAD);
}

#[test]
fn a_slow_program_keeps_the_others_from_nothing_up_to_the_bound() {
    let (set, program) = (problem(vec![stdin_test("", "1")], vec![]), program());
    let judge = Judge::new(Slow {
        others: AHEAD - 1,
        ..Slow::default()
    });
    let mut seen = 0;
    judge.judge_all(
        &tasks(&set, &program, 2 * AHEAD),
        2,
        &mut |index, result| {
            assert_eq!((index, result.unwrap().grade), (seen, Grade::Accepted));
            seen += 1;
            true
        },
    );
    assert_eq!(seen, 2 * AHEAD);
}

#[test]
fn what_is_under_way_is_cancelled_when_the_reader_stops_or_panics() {
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let (early, late) = (program(), Program::bare("late", Language::Python));
    for panics in [false, true] {
        let judge = Judge::new(Slow {
            waits_for_cancel: true,
            ..Slow::default()
        });
        let mut work = tasks(&set, &early, 1);
        work.extend(tasks(&set, &late, 100));
        let done = AtomicBool::new(false);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            judge.judge_all(&work, 3, &mut |_, _| {
                while judge.runner().begun.load(Ordering::SeqCst) < 4 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                done.store(true, Ordering::SeqCst);
                assert!(!panics, "on purpose");
                false
            });
        }));
        assert_eq!((result.is_err(), done.into_inner()), (panics, true));
        let runner = judge.runner();
        // Three threads, each with one under way, tried again as any failure would be.
        assert_eq!(runner.cancelled.load(Ordering::SeqCst), 9);
    }
}

#[test]
fn many_programs_come_back_in_order_and_stop_when_told() {
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let program = program();
    let tasks: Vec<Task<'_>> = (0..20)
        .map(|index| Task {
            program: (index % 2 == 0).then_some(&program),
            problem: &set,
            scope: Scope::All,
            stop: StopAt::Never,
        })
        .collect();
    let judge = Judge::new(Fake::new((0..20).map(|_| printed("1"))));
    let mut seen = Vec::new();
    judge.judge_all(&tasks, 4, &mut |index, result| {
        seen.push((index, result.unwrap().grade));
        index < 9
    });
    let expected: Vec<(usize, Grade)> = (0..10)
        .map(|index| {
            (
                index,
                if index % 2 == 0 {
                    Grade::Accepted
                } else {
                    Grade::NoProgram
                },
            )
        })
        .collect();
    assert_eq!(seen, expected);
}

#[test]
fn the_cache_runs_a_program_once_and_keeps_no_errors() {
    let judge = Judge::new(Fake::new([
        Err(Broken),
        printed("1"),
        printed("2"),
        printed("x"),
    ]))
    .with_retries(0);
    let cache = VerdictCache::new(8);
    let ask = |program: &Program| {
        cache.judge(
            &judge,
            program,
            &three(),
            Scope::Public,
            StopAt::FirstFailure,
        )
    };
    assert!(ask(&program()).is_err());
    let first = ask(&program()).unwrap();
    assert_eq!(ask(&program()).unwrap(), first);
    let other = ask(&Program::bare("print(0)", Language::Python)).unwrap();
    assert_eq!(other.grade, Grade::WrongAnswer);
}
