//! What a program does to those that run beside it, or after it in the same jail: their share of the cores, their
//! memory, what the host keeps in memory for all.

use std::thread;

use rlef_sandbox::{Batch, Cancel, Limits, Sandbox, SandboxError, Side, Status};

use crate::support::{canary, config, job, limits, printed, run_all, run_with, text};

/// A program that needs half a second of CPU time gets it in due time while the crowd takes all it can.
fn is_not_starved_by(crowd: &str) {
    let busy = Limits {
        cpu_ms: 600_000,
        wall_ms: 600_000,
        ..limits()
    };
    let victim = "import time\nn = 0\nwhile time.process_time() < 0.5: n += 1\nprint('done')";
    let tight = Limits {
        cpu_ms: 2_000,
        wall_ms: 4_000,
        ..limits()
    };
    let cancel = Cancel::new().unwrap();
    // One of its own: two crowds in the shared one would leave no worker for their victims.
    let sandbox = Sandbox::new(config(2)).unwrap();
    let source = job(crowd);
    thread::scope(|scope| {
        let crowd = scope
            .spawn(|| sandbox.run_batch(&Batch::new(&source, &[b""], &busy).cancelled_by(&cancel)));
        thread::sleep(std::time::Duration::from_millis(500));
        let outcome = sandbox.run(&job(victim), b"", &tight).unwrap();
        cancel.cancel();
        assert!(matches!(
            crowd.join().unwrap(),
            Err(SandboxError::Cancelled)
        ));
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "done\n"),
            "{outcome:?}"
        );
    });
    canary();
}

#[test]
fn a_crowd_of_processes_does_not_starve_the_others() {
    is_not_starved_by(
        "import os\nfor _ in range(60):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass\nwhile True: pass",
    );
}

#[test]
fn a_crowd_of_threads_does_not_starve_the_others() {
    is_not_starved_by(
        "import hashlib, threading\ndef f():\n    while True: hashlib.pbkdf2_hmac('sha256', b'x', b'y', 10 ** 6)\nfor _ in range(50): threading.Thread(target=f).start()\nf()",
    );
}

/// The time a program waits for a core is given back to it, but not for ever.
#[test]
fn crowding_itself_puts_the_wall_limit_off_only_so_far() {
    let short = Limits {
        cpu_ms: 150,
        wall_ms: 150,
        ..limits()
    };
    // Works in bursts, all at once, and sleeps in between.
    let source = "import os, time\nfor _ in range(40):\n    if os.fork() == 0: break\nwhile True:\n    end = time.monotonic() + 0.2\n    n = 0\n    for _ in range(2000): n += 1\n    time.sleep(max(0, end - time.monotonic()))";
    let outcome = run_with(source, "", &short);
    assert_eq!(outcome.status, Status::TimeLimit);
    assert!(outcome.usage.wall_us < 60_000_000, "{outcome:?}");
    canary();
}

#[test]
fn what_the_host_keeps_in_memory_cannot_be_thrown_out() {
    let source = "import os, sys\nf = os.open(os.__file__, os.O_RDONLY)\ntry: os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED); print('thrown out')\nexcept OSError: print('refused')";
    assert_eq!(printed(source, ""), "refused\n");
    canary();
}

/// A file without a name lives as long as somebody holds it, and nobody does.
#[test]
fn files_without_a_name_are_gone_with_their_test() {
    // The kernel may take a moment to find that nobody holds what those before left on its way.
    let source = "import array, os, socket, time\nf = os.open('/tmp', os.O_TMPFILE | os.O_RDWR)\nn = 0\nwhile n < 40 << 20:\n    try: n += os.write(f, bytes(1 << 20))\n    except OSError: time.sleep(0.01)\na, b = socket.socketpair()\na.sendmsg([b'x'], [(1, 1, array.array('i', [f, a.fileno(), b.fileno()]))])\nprint('all')";
    for outcome in run_all(source, &[&b""[..]; 4]) {
        assert_eq!(
            text(&outcome.stdout),
            "all\n",
            "{:?} {}",
            outcome.status,
            text(&outcome.stderr)
        );
    }
    canary();
}

/// An ordinary user's pipes get shorter where a program of the same user hoards them, and nothing fails.
#[test]
fn pipes_hoarded_by_one_do_not_fail_those_beside_it() {
    let busy = Limits {
        wall_ms: 600_000,
        ..limits()
    };
    let hoarder = "import os, time\nfor _ in range(50):\n    if os.fork() == 0:\n        try:\n            while True: os.pipe()\n        except OSError: time.sleep(600)\ntime.sleep(600)";
    let cancel = Cancel::new().unwrap();
    let sandbox = Sandbox::new(config(2)).unwrap();
    let source = job(hoarder);
    thread::scope(|scope| {
        let hoard = scope
            .spawn(|| sandbox.run_batch(&Batch::new(&source, &[b""], &busy).cancelled_by(&cancel)));
        thread::sleep(std::time::Duration::from_secs(1));
        let preface = vec![b'x'; 300_000];
        for _ in 0..3 {
            let both = sandbox
                .run_interactive(&Cancel::never(), Side::new(&job("import sys\nprint('go', flush=True)\nsys.exit(len(sys.stdin.read()) - 300003)"), &limits()), &preface, Side::new(&job("print(input())"), &limits()))
                .unwrap_or_else(|error| panic!("failed to {error}"));
            assert_eq!(
                (both.interactor.status, both.program.status),
                (Status::Exited(0), Status::Exited(0)),
                "{both:?}"
            );
            let printed = sandbox
                .run(&job("print('x' * 100000)"), b"", &limits())
                .unwrap();
            assert_eq!(
                (printed.status, printed.stdout.len()),
                (Status::Exited(0), 100_001)
            );
        }
        cancel.cancel();
        assert!(matches!(
            hoard.join().unwrap(),
            Err(SandboxError::Cancelled)
        ));
    });
    canary();
}
