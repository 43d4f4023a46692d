//! Limits decide, and tell which of them did.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rlef_sandbox::{Limits, Status};

use crate::support::{exec_job, job, limits, run, run_with, sandbox, text};

#[test]
fn an_endless_loop_is_a_time_limit_close_to_the_limit() {
    let outcome = run_with(
        "while True: pass",
        "",
        &Limits {
            cpu_ms: 300,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    assert!(
        (300_000..500_000).contains(&outcome.usage.cpu_us),
        "{:?}",
        outcome.usage
    );
}

#[test]
fn sleeping_is_ended_by_the_wall_limit() {
    let short = Limits {
        cpu_ms: 100,
        wall_ms: 300,
        ..limits()
    };
    let outcome = run_with("import time; time.sleep(100)", "", &short);
    assert_eq!(outcome.status, Status::TimeLimit);
    assert!(
        (300_000..5_000_000).contains(&outcome.usage.wall_us),
        "{:?}",
        outcome.usage
    );
}

#[test]
fn children_that_work_together_exceed_the_limit_together() {
    let source = "import os\nfor _ in range(4): os.fork()\nwhile True: pass";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 500,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit);
    assert!(outcome.usage.cpu_us < 2_000_000, "{:?}", outcome.usage);
}

#[test]
fn too_much_memory_is_a_memory_limit_however_it_is_taken() {
    for source in [
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "x = 'a'\nwhile True: x += x",
        "import mmap\nm = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): m[i] = 1",
        "x = bytearray(10 ** 15)",
        "x = [0] * 10 ** 18",
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::MemoryLimit,
            "{source}: {}",
            text(&outcome.stderr)
        );
    }
}

#[test]
fn memory_below_the_limit_is_given() {
    let outcome = run("x = bytearray(90 << 20)\nprint(len(x) >> 20)", "");
    assert_eq!(
        (outcome.status, outcome.stdout.as_slice()),
        (Status::Exited(0), &b"90\n"[..])
    );
}

#[test]
fn a_handled_memory_error_is_no_memory_limit() {
    let outcome = run(
        "try:\n    x = [0] * 10 ** 18\nexcept MemoryError:\n    print('handled')",
        "",
    );
    assert_eq!(
        (outcome.status, outcome.stdout.as_slice()),
        (Status::Exited(0), &b"handled\n"[..])
    );
}

#[test]
fn output_up_to_the_cap_is_kept_and_beyond_it_is_an_output_limit() {
    let cap = Limits {
        output_bytes: 100_000,
        ..limits()
    };
    let exact = run_with("print('x' * 99999)", "", &cap);
    assert_eq!(
        (exact.status, exact.stdout.len()),
        (Status::Exited(0), 100_000)
    );
    for stream in ["stdout", "stderr"] {
        let outcome = run_with(
            format!("import sys\nwhile True: sys.{stream}.write('x' * 1000)"),
            "",
            &cap,
        );
        assert_eq!(outcome.status, Status::OutputLimit, "{stream}");
        assert_eq!(outcome.stdout.len().max(outcome.stderr.len()), 100_000);
    }
}

#[test]
fn ten_megabytes_on_both_streams_come_through() {
    let roomy = Limits {
        output_bytes: 16 << 20,
        cpu_ms: 10_000,
        ..limits()
    };
    let source = "import sys\nfor _ in range(1000):\n    sys.stdout.write('o' * 10000); sys.stderr.write('e' * 10000)";
    let outcome = run_with(source, "", &roomy);
    assert_eq!(outcome.status, Status::Exited(0));
    assert_eq!(
        (outcome.stdout.len(), outcome.stderr.len()),
        (10_000_000, 10_000_000)
    );
}

#[test]
fn ten_megabytes_of_input_come_through() {
    let input = "12345678\n".repeat(1_200_000);
    let roomy = Limits {
        cpu_ms: 10_000,
        memory_bytes: 512 << 20,
        ..limits()
    };
    let outcome = run_with(
        "import sys\nprint(sum(map(int, sys.stdin)))",
        &input,
        &roomy,
    );
    assert_eq!(
        text(&outcome.stdout),
        format!("{}\n", 12_345_678_u64 * 1_200_000)
    );
}

#[test]
fn open_files_are_bounded() {
    let few = Limits {
        open_files: 16,
        ..limits()
    };
    let source =
        "n = []\ntry:\n    while True: n.append(open('/dev/null'))\nexcept OSError: print(len(n))";
    assert_eq!(text(&run_with(source, "", &few).stdout), "13\n");
}

#[test]
fn processes_are_bounded() {
    let few = Limits {
        processes: 10,
        ..limits()
    };
    let source = "import os, time\nn = 0\ntry:\n    while n < 100:\n        if os.fork() == 0: time.sleep(9)\n        n += 1\nexcept OSError: print(n)";
    let outcome = run_with(source, "", &few);
    assert_eq!(text(&outcome.stdout), "9\n");
}

#[test]
fn files_are_bounded_one_by_one_and_together() {
    let few = Limits {
        file_bytes: 1 << 20,
        ..limits()
    };
    let source =
        "try:\n    open('a', 'wb').write(bytes(2 << 20))\nexcept OSError as e: print(e.errno)";
    assert_eq!(text(&run_with(source, "", &few).stdout), "27\n");
    let source = "try:\n    for i in range(9): open(str(i), 'wb').write(bytes(200 << 10))\nexcept OSError as e: print(i, e.errno)";
    assert_eq!(text(&run_with(source, "", &few).stdout), "5 28\n");
}

#[test]
fn the_stack_is_bounded() {
    let source = "import sys\nsys.setrecursionlimit(1 << 30)\nclass A:\n    def __getattr__(self, n): return getattr(self, n + 'x')\nA().y";
    let outcome = run_with(
        source,
        "",
        &Limits {
            stack_bytes: 1 << 20,
            cpu_ms: 5000,
            ..limits()
        },
    );
    assert_ne!(outcome.status, Status::Exited(0));
}

#[test]
fn a_large_source_is_read_and_a_larger_one_is_judged_by_the_limits() {
    let mut source = "x = 1\n".repeat(20_000);
    source.push_str("print('end')\n");
    let roomy = Limits {
        cpu_ms: 10_000,
        memory_bytes: 1 << 30,
        ..limits()
    };
    assert_eq!(text(&run_with(&source, "", &roomy).stdout), "end\n");
    let huge = format!("x = [{}]\nprint(len(x))", "1,".repeat(5_000_000));
    let outcome = run_with(
        &huge,
        "",
        &Limits {
            cpu_ms: 60_000,
            wall_ms: 90_000,
            ..limits()
        },
    );
    assert_eq!(
        outcome.status,
        Status::MemoryLimit,
        "{}",
        text(&outcome.stderr)
    );
    let comment = format!("#{}\nprint('end')", "x".repeat(10_000_000));
    assert_eq!(text(&run_with(&comment, "", &roomy).stdout), "end\n");
}

#[test]
fn waiting_for_a_turn_is_not_charged() {
    let tight = Limits {
        cpu_ms: 1_000,
        wall_ms: 3_000,
        ..limits()
    };
    let source = "n = 0\nfor i in range(1000000): n += i\nprint('done')";
    let began = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|_| scope.spawn(|| sandbox().run(&job(source), b"", &tight).unwrap()))
            .collect();
        for thread in threads {
            let outcome = thread.join().unwrap();
            assert_eq!(
                (outcome.status, outcome.stdout.as_slice()),
                (Status::Exited(0), &b"done\n"[..]),
                "{outcome:?}"
            );
        }
    });
    assert!(began.elapsed() < Duration::from_mins(2));
}

#[test]
fn a_loaded_machine_makes_no_false_time_limit() {
    let tight = Limits {
        cpu_ms: 1_000,
        wall_ms: 20_000,
        ..limits()
    };
    let source = "import time\nn = 0\nwhile time.process_time() < 0.23: n += 1\nprint('done')";
    let over = AtomicBool::new(false);
    let cores = thread::available_parallelism().unwrap().get();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let threads: Vec<_> = (0..4 * cores)
            .map(|_| scope.spawn(|| sandbox().run(&job(source), b"", &tight).unwrap()))
            .collect();
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        over.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            assert_eq!(
                (outcome.status, outcome.stdout.as_slice()),
                (Status::Exited(0), &b"done\n"[..]),
                "{outcome:?}"
            );
        }
    });
}

#[test]
fn limits_hold_for_a_fresh_interpreter_too() {
    let short = Limits {
        cpu_ms: 300,
        ..limits()
    };
    let run = |source: &str| {
        sandbox()
            .run(&exec_job(source), b"", &short)
            .unwrap()
            .status
    };
    assert_eq!(run("while True: pass"), Status::TimeLimit);
    assert_eq!(
        run("x = []\nwhile True: x.append(bytearray(1 << 20))"),
        Status::MemoryLimit
    );
    assert_eq!(run("while True: print('x' * 1000)"), Status::OutputLimit);
}
