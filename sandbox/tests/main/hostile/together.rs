//! What many processes take together, which only control groups see; a host without them fails these tests.

use rlef_sandbox::{Limits, Safeguard, Status};

use crate::support::{canary, job, limits, needs_control_group, run, run_with, sandbox};

#[test]
fn memory_by_many_children() {
    needs_control_group(Safeguard::MemoryLimit);
    let source = "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(50 << 20)\n        time.sleep(5)\n        os._exit(0)\nfor _ in range(8): os.wait()\nprint('all')";
    assert_eq!(run(source, "").status, Status::MemoryLimit);
    canary();
}

#[test]
fn children_that_nobody_waits_for_are_charged() {
    needs_control_group(Safeguard::CpuLimit);
    let source = "import os, signal\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(40):\n    if os.fork() == 0:\n        n = 0\n        for i in range(400000): n += i\n        os._exit(0)\n    try: os.wait()\n    except ChildProcessError: pass\nprint('free lunch')";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 300,
            ..limits()
        },
    );
    assert_eq!(outcome.status, Status::TimeLimit, "{:?}", outcome.usage);
    canary();
}

#[test]
fn memory_by_very_many_small_children() {
    needs_control_group(Safeguard::MemoryLimit);
    let source = "import os, time\nfor _ in range(60):\n    if os.fork() == 0:\n        x = bytearray(3 << 20)\n        time.sleep(5)\n        os._exit(0)\nfor _ in range(60): os.wait()\nprint('all')";
    let outcomes = sandbox()
        .run_batch(&job(source), &[b"", b""], &limits(), &mut |_, _| true)
        .unwrap();
    for outcome in outcomes {
        assert_eq!(outcome.status, Status::MemoryLimit);
    }
    canary();
}
