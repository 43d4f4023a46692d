//! Many programs at once, and the cache.

use std::sync::Condvar;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::judge::{AHEAD, Cached, Judge, JudgeCounts, Judgement, Reruns, Submission};

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

    fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, Broken> {
        let guard = self.lock.lock().unwrap();
        let first = self.begun.fetch_add(1, Ordering::SeqCst) == 0;
        self.changed.notify_all();
        let waits = |(): &mut ()| first && self.begun.load(Ordering::SeqCst) <= self.others;
        drop(self.changed.wait_while(guard, waits).unwrap());
        if self.waits_for_cancel && batch.job.source.starts_with(b"late") {
            while !batch.cancel.is_cancelled() {
                std::thread::sleep(Duration::from_millis(1));
            }
            self.cancelled.fetch_add(1, Ordering::SeqCst);
            return Err(Broken);
        }
        Ok(vec![printed("1")?])
    }

    fn run_pair(&self, _: &Cancel, _: Side<'_>, _: Side<'_>) -> Result<(Outcome, Outcome), Broken> {
        Err(Broken)
    }

    fn run_interactive(
        &self,
        _: &Cancel,
        _: Side<'_>,
        _: &[u8],
        _: Side<'_>,
    ) -> Result<Interaction, Broken> {
        Err(Broken)
    }
}

fn tasks<'a>(set: &'a Problem, program: &'a Program, many: usize) -> Vec<Submission<'a>> {
    vec![Submission::of(set, Some(program), Scope::All, StopAt::Never); many]
}

/// The verdict of a judgement by tests.
fn verdict_of(result: Result<Judgement, JudgeError>) -> Result<Verdict, JudgeError> {
    result.map(|judgement| judgement.verdict.expect("tests give a verdict"))
}

/// However slowly verdicts are taken, only so many are kept.
#[test]
fn nobody_judges_far_ahead_of_a_slow_reader() {
    let (set, program) = (problem(vec![stdin_test("", "1")], vec![]), program());
    let judge = TestJudge::new(Slow::default()).with_workers(4);
    let mut most = 0;
    let work = tasks(&set, &program, 3 * AHEAD);
    judge.judge_all(&work, &Cancel::never(), &mut |index, _| {
        if index == 0 {
            while judge.runner().begun.load(Ordering::SeqCst) < AHEAD {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Time for whoever would go further.
            std::thread::sleep(Duration::from_millis(50));
        }
        most = most.max(judge.runner().begun.load(Ordering::SeqCst) - index);
    });
    assert_eq!(most, AHEAD);
    assert_eq!(judge.runner().begun.load(Ordering::SeqCst), 3 * AHEAD);
}

#[test]
fn a_slow_program_keeps_the_others_from_nothing_up_to_the_bound() {
    let (set, program) = (problem(vec![stdin_test("", "1")], vec![]), program());
    let judge = TestJudge::new(Slow {
        others: AHEAD - 1,
        ..Slow::default()
    })
    .with_workers(2);
    let mut seen = 0;
    let work = tasks(&set, &program, 2 * AHEAD);
    judge.judge_all(&work, &Cancel::never(), &mut |index, result| {
        let grade = verdict_of(result).unwrap().grade;
        assert_eq!((index, grade), (seen, Grade::Accepted));
        seen += 1;
    });
    assert_eq!(seen, 2 * AHEAD);
}

#[test]
fn what_is_under_way_is_cancelled_when_the_reader_stops_or_panics() {
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let (early, late) = (program(), Program::bare("late", Language::Python));
    for panics in [false, true] {
        let judge = TestJudge::new(Slow {
            waits_for_cancel: true,
            ..Slow::default()
        })
        .with_workers(3);
        let cancel = Cancel::new().unwrap();
        let mut work = tasks(&set, &early, 1);
        work.extend(tasks(&set, &late, 100));
        let done = AtomicBool::new(false);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            judge.judge_all(&work, &cancel, &mut |_, _| {
                while judge.runner().begun.load(Ordering::SeqCst) < 4 {
                    std::thread::sleep(Duration::from_millis(1));
                }
                done.store(true, Ordering::SeqCst);
                assert!(!panics, "on purpose");
                cancel.cancel();
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
    let tasks: Vec<Submission<'_>> = (0..20)
        .map(|index| {
            let program = (index % 2 == 0).then_some(&program);
            Submission::of(&set, program, Scope::All, StopAt::Never)
        })
        .collect();
    let judge = TestJudge::new(Fake::new((0..20).map(|_| printed("1")))).with_workers(4);
    let cancel = Cancel::new().unwrap();
    let mut seen = Vec::new();
    judge.judge_all(&tasks, &cancel, &mut |index, result| {
        seen.push((index, verdict_of(result).unwrap().grade));
        if index == 9 {
            cancel.cancel();
        }
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

fn ask(judge: &impl Judge, program: &Program, problem: &Problem) -> Result<Verdict, JudgeError> {
    let submission = Submission::of(problem, Some(program), Scope::Public, StopAt::FirstFailure);
    let mut found = None;
    judge.judge_all(&[submission], &Cancel::never(), &mut |_, result| {
        found = Some(result);
    });
    verdict_of(found.unwrap())
}

/// A judge with a script, and a cache in this folder.
fn cached(
    script: impl IntoIterator<Item = Result<Outcome, Broken>>,
    stamp: &str,
    folder: &std::path::Path,
) -> Cached<TestJudge<Fake>> {
    let cache = VerdictCache::open(folder, CACHE_BYTES).unwrap();
    let judge = TestJudge::new(Fake::new(script))
        .with_retries(0)
        .with_stamp(stamp);
    Cached::new(judge, cache.into())
}

#[test]
fn the_cache_runs_a_program_once_and_keeps_no_errors() {
    let folder = tempfile::tempdir().unwrap();
    let script = vec![Err(Broken), printed("1"), printed("2"), printed("x")];
    let judge = cached(script, "one", folder.path());
    assert!(ask(&judge, &program(), &three()).is_err());
    let first = ask(&judge, &program(), &three()).unwrap();
    assert_eq!(ask(&judge, &program(), &three()).unwrap(), first);
    let other = Program::bare("print(0)", Language::Python);
    let other = ask(&judge, &other, &three()).unwrap();
    assert_eq!(other.grade, Grade::WrongAnswer);
    let counts = judge.counts();
    assert_eq!((counts.cached, counts.judged), (1, 2));
    // Another process finds them too; its script is empty, so that a run would panic.
    let judge = cached(Vec::new(), "one", folder.path());
    assert_eq!(ask(&judge, &program(), &three()).unwrap(), first);
}

#[test]
fn whatever_a_verdict_depends_on_is_in_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let grade = |stamp: &str, source: &str, problem: &Problem| {
        let judge = cached(["1", "2"].map(printed), stamp, folder.path());
        ask(&judge, &Program::bare(source, Language::Python), problem).unwrap();
        judge.counts().cached
    };
    let set = three();
    assert_eq!(grade("one", "a", &set), 0);
    assert_eq!(grade("one", "a", &set), 1);
    assert_eq!(grade("two", "a", &set), 0);
    assert_eq!(grade("one", "b", &set), 0);
    for change in [
        |set: &mut Problem| set.limits.cpu_ms += 1,
        |set: &mut Problem| set.comparison = Comparison::Exact,
        |set: &mut Problem| set.preamble = "import sys".into(),
        |set: &mut Problem| set.public_tests[0] = stdin_test("9", "1"),
        |set: &mut Problem| set.public_tests[1] = stdin_test("2", "2 "),
    ] {
        let mut other = three();
        change(&mut other);
        assert_eq!(grade("one", "a", &other), 0, "{other:?}");
        assert_eq!(grade("one", "a", &other), 1, "{other:?}");
    }
    // What a problem is called, or says, or which private tests it has, does not matter to its public tests.
    let mut same = three();
    same.id = "other".into();
    same.statement = "x".into();
    same.private_tests.clear();
    assert_eq!(grade("one", "a", &same), 1);
}

fn late(cpu_ms: u64) -> Result<Outcome, Broken> {
    let mut outcome = ended(Status::TimeLimit, "", "")?;
    outcome.usage.cpu_us = 1000 * cpu_ms;
    Ok(outcome)
}

/// How a script of outcomes is judged with reruns, and whether the verdict is kept.
fn rerun(script: Vec<Result<Outcome, Broken>>) -> (Grade, JudgeCounts, bool) {
    let folder = tempfile::tempdir().unwrap();
    let set = problem(vec![stdin_test("", "1")], vec![]);
    let tests = TestJudge::new(Fake::new(script)).with_stamp("one");
    let reruns = Reruns::new(&tests);
    let cache = VerdictCache::open(folder.path(), CACHE_BYTES).unwrap();
    let verdict = ask(&Cached::new(&reruns, cache.into()), &program(), &set).unwrap();
    assert!(tests.runner().script.lock().unwrap().is_empty());
    let fresh = cached([printed("1")], "one", folder.path());
    ask(&fresh, &program(), &set).unwrap();
    (verdict.grade, reruns.counts(), fresh.counts().cached == 1)
}

#[test]
fn a_timeout_near_the_limit_is_judged_again_and_never_kept() {
    let (grade, counts, kept) = rerun(vec![late(10_000), printed("1"), printed("1")]);
    assert_eq!((grade, kept), (Grade::Accepted, false));
    assert_eq!((counts.near_limit, counts.changed), (1, 1));
    let (grade, counts, kept) = rerun(vec![late(10_000), printed("1"), late(10_000), late(10_000)]);
    assert_eq!((grade, kept), (Grade::TimeLimit, false));
    assert_eq!((counts.near_limit, counts.changed), (1, 0));
}

#[test]
fn a_timeout_that_more_time_does_not_help_is_kept_unless_it_only_waited() {
    let (grade, counts, kept) = rerun(vec![late(10_000), late(12_500)]);
    assert_eq!((grade, kept), (Grade::TimeLimit, true));
    assert_eq!((counts.near_limit, counts.changed), (0, 0));
    let (grade, _, kept) = rerun(vec![late(100), late(100)]);
    assert_eq!((grade, kept), (Grade::TimeLimit, false));
}
