//! A program and the interactor that talks with it: what becomes of them depends on what they say alone.

use rlef_sandbox::{Cancel, Interaction, Limits, Side, Status};

use crate::support::{job, limits, sandbox, text};

fn interact(interactor: &str, preface: &[u8], program: &str, limits: &Limits) -> Interaction {
    let patient = Limits {
        cpu_ms: 10_000,
        wall_ms: 60_000,
        ..crate::support::limits()
    };
    sandbox()
        .run_interactive(
            &Cancel::never(),
            Side::new(&job(interactor), &patient),
            preface,
            Side::new(&job(program), limits),
        )
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

/// Reads a guess, says what it thinks of it, and exits with 1 if it was wrong.
const GUESS: &str = "import sys\nsecret = int(input())\nguess = int(input())\nprint(guess == secret, flush=True)\n\
    sys.exit(0 if guess == secret else 1)";

#[test]
fn an_interactor_reads_its_preface_and_then_the_program() {
    let reader = "import sys\nall = sys.stdin.read()\nprint(len(all), all[-6:], file=sys.stderr)";
    // More than any pipe holds.
    let preface = vec![b'x'; 3_000_000];
    let both = interact(reader, &preface, "print('hello')", &limits());
    assert_eq!(both.interactor.status, Status::Exited(0));
    assert_eq!(text(&both.interactor.stderr), "3000006 hello\n\n");
    assert_eq!(
        (both.program.status, both.waited),
        (Status::Exited(0), false)
    );
}

#[test]
fn a_rejection_stands_however_the_program_ends() {
    for end in [
        "",
        "1/0",
        "import os\nos.kill(os.getpid(), 11)",
        "while True: pass",
        "while True: print(1)",
        "while True: print(1, flush=True)",
        "import time\ntime.sleep(100)",
        "while True: input()",
        "import sys\nsys.stdout.close()\nwhile True: input()",
    ] {
        for _ in 0..3 {
            let program = format!("print(6, flush=True)\n{end}");
            let both = interact(GUESS, b"7\n", &program, &limits());
            assert_eq!(
                (both.interactor.status, both.waited),
                (Status::Exited(1), false),
                "{end}: {both:?}"
            );
        }
    }
}

#[test]
fn a_failure_stands_if_the_interactor_waits_for_more() {
    for (program, status) in [
        ("1/0", Status::Exited(1)),
        (
            "print('7', end='', flush=True)\nraise SystemExit(3)",
            Status::Exited(3),
        ),
        ("while True: pass", Status::TimeLimit),
        ("input()", Status::TimeLimit),
        ("def f(:", Status::CompileError),
    ] {
        for _ in 0..2 {
            let short = Limits {
                wall_ms: 1_500,
                ..limits()
            };
            let both = interact(GUESS, b"7\n", program, &short);
            assert_eq!(
                (both.program.status, both.waited),
                (status, true),
                "{program}: {both:?}"
            );
        }
    }
}

#[test]
fn what_was_said_before_a_failure_is_heard() {
    let slow = "import sys\nsecret = input()\nx = 0\nfor n in range(300000): x += n\nguess = input()\n\
        sys.exit(0 if guess == secret else 1)";
    for (guess, status) in [(7, Status::Exited(0)), (6, Status::Exited(1))] {
        let program = format!("print({guess}, flush=True)\n1/0");
        let both = interact(slow, b"7\n", &program, &limits());
        assert_eq!(
            (both.interactor.status, both.waited),
            (status, false),
            "{both:?}"
        );
    }
}

/// A program that has said its last word need not wait for the answer.
#[test]
fn nobody_fails_because_the_other_is_gone() {
    let talks = "import sys\nsecret = int(input())\nguess = int(input())\nx = 0\nfor n in range(300000): x += n\n\
        for _ in range(1000): print('well done', flush=True)\nsys.exit(0 if guess == secret else 1)";
    for _ in 0..3 {
        let both = interact(talks, b"7\n", "print(7)", &limits());
        assert_eq!(
            (both.interactor.status, both.program.status),
            (Status::Exited(0), Status::Exited(0)),
            "{}",
            text(&both.interactor.stderr)
        );
        // Nor one that talks on when it was accepted.
        let program = "print(7, flush=True)\nfor _ in range(100000): print('more')";
        let both = interact(GUESS, b"7\n", program, &limits());
        assert_eq!(
            (both.interactor.status, both.program.status),
            (Status::Exited(0), Status::Exited(0)),
            "{}",
            text(&both.program.stderr)
        );
    }
}

#[test]
fn the_end_of_a_programs_words_is_told_if_it_ended_well() {
    let counts = "import sys\ninput()\nsys.exit(len(sys.stdin.read().split()))";
    let both = interact(counts, b"\n", "print(1)\nprint(2)", &limits());
    assert_eq!(
        (both.interactor.status, both.waited),
        (Status::Exited(2), false)
    );
    let both = interact(
        counts,
        b"\n",
        "print(1, flush=True)\nraise SystemExit(1)",
        &limits(),
    );
    assert!(both.waited, "{both:?}");
}

#[test]
fn a_flood_is_bounded_by_the_programs_own_limit() {
    let hears = "import sys\ninput()\ninput()";
    let both = interact(
        hears,
        b"\n",
        "while True: print('1' * 99999, end='')",
        &limits(),
    );
    assert_eq!(
        (both.program.status, both.waited),
        (Status::OutputLimit, true)
    );
    let ends = "import sys\ninput()\nfor _ in range(8): input()\nsys.exit(1)";
    for _ in 0..3 {
        let both = interact(ends, b"\n", "while True: print(1)", &limits());
        assert_eq!(
            (both.interactor.status, both.waited),
            (Status::Exited(1), false)
        );
    }
}

/// Of an interactor that has an exit code of its own for that, no other lets the program go on.
#[test]
fn which_exit_code_is_content_is_the_interactors_own() {
    let patient = limits();
    let program = job("print(6, flush=True)\ninput()\nprint('more' * 99999)\nraise SystemExit(5)");
    for (code, status) in [(42, Some(Status::Exited(5))), (43, None), (0, None)] {
        let says = format!("import sys\ninput()\nprint('on', flush=True)\nsys.exit({code})");
        let both = sandbox()
            .run_interactive(
                &Cancel::never(),
                Side::new(&job(&says), &patient).content_with(42),
                b"",
                Side::new(&program, &patient),
            )
            .unwrap_or_else(|error| panic!("failed to {error}"));
        assert_eq!(both.interactor.status, Status::Exited(code));
        if let Some(status) = status {
            assert_eq!((both.program.status, both.waited), (status, false));
        }
    }
}

/// By any exit code but the one that is content.
#[test]
fn a_program_that_never_ends_is_ended_by_a_rejection() {
    let patient = limits();
    let endless = job("print(6, flush=True)\nwhile True: pass");
    let long = Limits {
        cpu_ms: 3_000,
        wall_ms: 30_000,
        ..limits()
    };
    for code in [0, 43] {
        let says = format!("import sys\ninput()\nsys.exit({code})");
        let both = sandbox()
            .run_interactive(
                &Cancel::never(),
                Side::new(&job(&says), &patient).content_with(42),
                b"",
                Side::new(&endless, &long),
            )
            .unwrap_or_else(|error| panic!("failed to {error}"));
        assert_eq!(both.interactor.status, Status::Exited(code));
        assert!(both.program.usage.cpu_us < 1_500_000, "{both:?}");
    }
}

#[test]
fn an_interactor_that_fails_ends_the_program() {
    let both = interact("1/0", b"", "while True: input()", &limits());
    assert_eq!(
        (both.interactor.status, both.waited),
        (Status::Exited(1), false)
    );
    let both = interact("print(", b"", "print(1)", &limits());
    assert_eq!(
        (both.interactor.status, both.waited),
        (Status::CompileError, false)
    );
}
