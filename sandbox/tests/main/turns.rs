//! Who runs when: at most so many at once, everybody in turn, until the caller has seen enough or leaves.

use std::process::id;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rlef_sandbox::{
    Batch, Cancel, Job, Language, Limits, Sandbox, SandboxError, Side, Start, Status,
};

use crate::support::{config, limits, text};
use crate::usage::{
    alone, cgroups_of, descendants, eventually, is_alone, is_dead, kill_descendants,
    names_of_descendants,
};

/// Helper, zygote, the program's first process and its test.
const PROCESSES_OF_A_RUN: usize = 4;
/// Of these, a jail that waits for a program has two.
const PROCESSES_OF_A_JAIL: usize = 2;

/// A program for the jail that a sandbox starts with; one that imports nothing gets another kind when it first comes.
fn job(source: &str) -> Job {
    crate::support::job(format!("import re\n{source}"))
}

/// Limits far beyond what any of these tests takes.
fn endless() -> Limits {
    Limits {
        cpu_ms: 600_000,
        wall_ms: 600_000,
        ..limits()
    }
}

fn running() -> usize {
    descendants(id()).len()
}

#[test]
fn a_program_with_many_tests_lets_one_with_a_single_test_through() {
    let sandbox = Sandbox::new(config(1)).unwrap();
    let done = AtomicUsize::new(0);
    let inputs: Vec<Vec<u8>> = (0..1000).map(|n| n.to_string().into_bytes()).collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(Vec::as_slice).collect();
    thread::scope(|scope| {
        let large = scope.spawn(|| {
            let source = job("import time\ntime.sleep(0.002)\nprint(int(input()) * 2)");
            sandbox.run_batch(
                &Batch::new(&source, &inputs, &limits()).going_on_while(&|_, _| {
                    done.fetch_add(1, Ordering::SeqCst);
                    true
                }),
            )
        });
        eventually("the large program runs", || {
            done.load(Ordering::SeqCst) >= 5
        });
        for number in 1..=3 {
            let outcome = sandbox.run(&job("print(input())"), b"small", &limits());
            assert_eq!(text(&outcome.unwrap().stdout), "small\n");
            let done = done.load(Ordering::SeqCst);
            assert!(
                done < 900,
                "the small program {number} waited for {done} tests"
            );
        }
        let outcomes = large.join().unwrap().unwrap();
        for (number, outcome) in outcomes.iter().enumerate() {
            assert_eq!(
                (outcome.status, text(&outcome.stdout)),
                (Status::Exited(0), format!("{}\n", 2 * number))
            );
        }
        assert_eq!(outcomes.len(), 1000);
    });
}

/// Several programs with many tests each: none is ahead of the others by more than its turn.
#[test]
fn large_programs_proceed_side_by_side() {
    let sandbox = Sandbox::new(config(1)).unwrap();
    let done = [const { AtomicUsize::new(0) }; 3];
    let finished = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for index in 0..3 {
            let (sandbox, done, finished) = (&sandbox, &done, &finished);
            scope.spawn(move || {
                let inputs: Vec<&[u8]> = vec![b""; 60];
                let source = job("import time\ntime.sleep(0.02)");
                let outcomes = sandbox.run_batch(
                    &Batch::new(&source, &inputs, &limits()).going_on_while(&|_, _| {
                        done[index].fetch_add(1, Ordering::SeqCst);
                        true
                    }),
                );
                let others: Vec<usize> = done
                    .iter()
                    .map(|done| done.load(Ordering::SeqCst))
                    .collect();
                finished.lock().unwrap().push(others);
                assert_eq!(outcomes.unwrap().len(), 60);
            });
        }
    });
    let finished = finished.into_inner().unwrap();
    // When the first is done, in turns all of them are nearly done; one after the other, none had begun.
    assert!(
        finished[0].iter().all(|&done| done >= 30),
        "when the first was done, tests done were {finished:?}"
    );
}

#[test]
fn no_more_programs_run_at_once_than_there_are_workers() {
    if !is_alone() {
        return alone("turns::no_more_programs_run_at_once_than_there_are_workers");
    }
    let sandbox = Sandbox::new(config(2)).unwrap();
    let over = AtomicBool::new(false);
    let mut most = 0;
    thread::scope(|scope| {
        let callers: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let inputs: Vec<&[u8]> = vec![b""; 4];
                    let source = job("import time; time.sleep(0.02)");
                    let outcomes = sandbox
                        .run_batch(&Batch::new(&source, &inputs, &limits()))
                        .unwrap();
                    assert!(outcomes.iter().all(|one| one.status == Status::Exited(0)));
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::SeqCst) {
                most = most.max(running());
            }
            most
        });
        for caller in callers {
            caller.join().unwrap();
        }
        over.store(true, Ordering::SeqCst);
        most = watcher.join().unwrap();
    });
    assert!(
        (PROCESSES_OF_A_RUN..=2 * PROCESSES_OF_A_RUN).contains(&most),
        "{most}"
    );
}

#[test]
fn a_cancelled_run_leaves_nothing_running_and_the_jail_usable() {
    if !is_alone() {
        return alone("turns::a_cancelled_run_leaves_nothing_running_and_the_jail_usable");
    }
    let sandbox = Sandbox::new(config(1)).unwrap();
    let jail = descendants(id());
    for source in [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import os\nfor _ in range(3):\n    if os.fork() == 0: os.setsid()\nwhile True: pass",
    ] {
        let cancel = Cancel::new().unwrap();
        thread::scope(|scope| {
            let run = scope.spawn(|| {
                sandbox.run_batch(
                    &Batch::new(&job(source), &[b""], &endless())
                        .cancelled_by(&cancel)
                        .going_on_while(&|_, _| panic!("there is no outcome to be asked about")),
                )
            });
            eventually("the program runs", || running() >= PROCESSES_OF_A_RUN);
            let waits = scope.spawn(|| {
                sandbox.run_batch(
                    &Batch::new(&job("print(1)"), &[b""], &endless()).cancelled_by(&cancel),
                )
            });
            cancel.cancel();
            for result in [run.join().unwrap(), waits.join().unwrap()] {
                assert!(matches!(result, Err(SandboxError::Cancelled)), "{result:?}");
            }
        });
        assert_eq!(descendants(id()), jail, "{source}");
        let next = sandbox.run(&job("print(1)"), b"", &limits()).unwrap();
        assert_eq!(text(&next.stdout), "1\n");
    }
    drop(sandbox);
    assert_eq!((running(), cgroups_of(id())), (0, 0));
}

#[test]
fn a_cancelled_pair_leaves_nothing_running() {
    if !is_alone() {
        return alone("turns::a_cancelled_pair_leaves_nothing_running");
    }
    let sandbox = Sandbox::new(config(2)).unwrap();
    let cancel = Cancel::new().unwrap();
    thread::scope(|scope| {
        let pair = scope.spawn(|| {
            let (left, right) = (job("input()"), job("while True: pass"));
            sandbox.run_pair(
                &cancel,
                Side::new(&left, &endless()),
                Side::new(&right, &endless()),
            )
        });
        eventually("both run", || running() >= 2 * PROCESSES_OF_A_RUN);
        cancel.cancel();
        let result = pair.join().unwrap();
        assert!(matches!(result, Err(SandboxError::Cancelled)), "{result:?}");
    });
    assert_eq!(running(), 2 * PROCESSES_OF_A_JAIL);
    let next = sandbox.run(&job("print(1)"), b"", &limits()).unwrap();
    assert_eq!(text(&next.stdout), "1\n");
}

#[test]
fn a_cancelled_compilation_leaves_no_compiler() {
    if !is_alone() {
        return alone("turns::a_cancelled_compilation_leaves_no_compiler");
    }
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::new(rlef_sandbox::SandboxConfig {
        cache_directory: Some(directory.path().join("cache")),
        compile_limits: endless(),
        ..config(1)
    })
    .unwrap();
    let bomb = Job {
        language: Language::Cpp,
        // Doubles the work at each of its steps.
        source: b"constexpr int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2) + f(n - 3); }\ntemplate <int N> struct A { static constexpr int x = f(22 + N % 3) + A<N - 1>::x; };\ntemplate <> struct A<0> { static constexpr int x = 0; };\nint main() { return A<800>::x; }".into(),
        start: Start::Fork, files: None, };
    let compiles = || {
        names_of_descendants()
            .iter()
            .any(|name| name.starts_with("cc1plus"))
    };
    let cancel = Cancel::new().unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            sandbox.run_batch(&Batch::new(&bomb, &[b""], &limits()).cancelled_by(&cancel))
        });
        eventually("the compiler runs", compiles);
        // Waits for the one that makes the same program.
        let waits = scope.spawn(|| {
            sandbox.run_batch(&Batch::new(&bomb, &[b""], &limits()).cancelled_by(&cancel))
        });
        thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        for result in [run.join().unwrap(), waits.join().unwrap()] {
            assert!(matches!(result, Err(SandboxError::Cancelled)), "{result:?}");
        }
    });
    assert!(!compiles(), "{:?}", names_of_descendants());
}

#[test]
fn a_program_that_imports_nothing_gets_a_lighter_jail_which_is_kept() {
    if !is_alone() {
        return alone("turns::a_program_that_imports_nothing_gets_a_lighter_jail_which_is_kept");
    }
    let sandbox = Sandbox::new(config(1)).unwrap();
    let modules = "import sys\nprint('heapq' in sys.modules)";
    for (source, lighter) in [
        (modules.to_owned(), true),
        (format!("{modules}\nimport heapq"), false),
    ] {
        for _ in 0..2 {
            let job = Job {
                start: Start::Fork,
                ..crate::support::job(&source)
            };
            let outcome = sandbox.run(&job, b"", &limits()).unwrap();
            let words = text(&outcome.stdout);
            let has_heapq = if lighter { "False\n" } else { "True\n" };
            assert_eq!(words, has_heapq, "{source}");
            assert_eq!(running(), 2 * PROCESSES_OF_A_JAIL);
        }
    }
    drop(sandbox);
    assert_eq!((running(), cgroups_of(id())), (0, 0));
}

/// A caller that is dropped rather than told: what holds its guard goes, and so does the run.
#[test]
fn a_dropped_caller_leaves_nothing_running() {
    if !is_alone() {
        return alone("turns::a_dropped_caller_leaves_nothing_running");
    }
    let sandbox = Sandbox::new(config(1)).unwrap();
    let cancel = Cancel::new().unwrap();
    thread::scope(|scope| {
        let guard = cancel.on_drop();
        let run = scope.spawn(|| {
            let source = job("while True: pass");
            sandbox.run_batch(&Batch::new(&source, &[b""], &endless()).cancelled_by(&cancel))
        });
        eventually("the program runs", || running() >= PROCESSES_OF_A_RUN);
        drop(guard);
        assert!(matches!(run.join().unwrap(), Err(SandboxError::Cancelled)));
    });
    assert_eq!(running(), PROCESSES_OF_A_JAIL);
}

#[test]
fn a_lost_jail_is_made_anew_in_the_background() {
    if !is_alone() {
        return alone("turns::a_lost_jail_is_made_anew_in_the_background");
    }
    let sandbox = Sandbox::new(config(1)).unwrap();
    thread::scope(|scope| {
        let run =
            scope.spawn(|| sandbox.run(&job("import time; time.sleep(100)"), b"", &endless()));
        eventually("the program runs", || running() >= PROCESSES_OF_A_RUN);
        kill_descendants();
        let result = run.join().unwrap();
        assert!(result.is_err(), "{result:?}");
    });
    // Nobody asks for it.
    eventually("another jail is warm", || running() == PROCESSES_OF_A_JAIL);
    let made = descendants(id());
    let next = sandbox.run(&job("print(1)"), b"", &limits()).unwrap();
    assert_eq!(text(&next.stdout), "1\n");
    assert_eq!(descendants(id()), made);
    drop(sandbox);
    assert_eq!((running(), cgroups_of(id())), (0, 0));
}

/// Whoever comes next does not find out by a failed run.
#[test]
fn a_jail_that_died_while_nobody_used_it_is_replaced() {
    if !is_alone() {
        return alone("turns::a_jail_that_died_while_nobody_used_it_is_replaced");
    }
    let sandbox = Sandbox::new(config(2)).unwrap();
    let jails = descendants(id());
    kill_descendants();
    eventually("all are dead", || jails.iter().all(|&pid| is_dead(pid)));
    for _ in 0..3 {
        let outcome = sandbox.run(&job("print(1)"), b"", &limits()).unwrap();
        assert_eq!(text(&outcome.stdout), "1\n");
    }
}

#[test]
fn a_batch_ends_at_the_first_outcome_that_its_caller_does_not_like() {
    let sandbox = Sandbox::new(config(1)).unwrap();
    let inputs: [&[u8]; 5] = [b"1", b"1", b"0", b"1", b"1"];
    let asked = Mutex::new(Vec::new());
    let outcomes = sandbox.run_batch(
        &Batch::new(&job("print(1 // int(input()))"), &inputs, &limits()).going_on_while(
            &|index, outcome| {
                asked.lock().unwrap().push((index, outcome.status));
                outcome.status == Status::Exited(0)
            },
        ),
    );
    assert_eq!(outcomes.unwrap().len(), 3);
    let end = [Status::Exited(0), Status::Exited(0), Status::Exited(1)];
    let asked = asked.into_inner().unwrap();
    assert_eq!(asked, end.into_iter().enumerate().collect::<Vec<_>>());
}
