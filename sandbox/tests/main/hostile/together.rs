//! What many processes take together, which only control groups see; a host without them fails these tests.

use rlef_sandbox::{Batch, Limits, Safeguard, Status};

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
        .run_batch(&Batch::new(&job(source), &[b"", b""], &limits()))
        .unwrap();
    for outcome in outcomes {
        assert_eq!(outcome.status, Status::MemoryLimit);
    }
    canary();
}

/// 250 MB of real memory is refused to the second test as it is to the first.
fn second_test_is_bounded_after(first: &str) {
    needs_control_group(Safeguard::MemoryLimit);
    let source = format!(
        "import os\nif input() == 'first':\n{}\nelse:\n    kept = bytearray(250 << 20)\n    for at in range(0, len(kept), 4096): kept[at] = 1\nprint('end')",
        first
            .lines()
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let roomy = Limits {
        cpu_ms: 5_000,
        ..limits()
    };
    let inputs: [&[u8]; 4] = [b"first", b"first", b"second", b"second"];
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &inputs, &roomy))
        .unwrap();
    for outcome in &outcomes[2..] {
        assert_eq!(outcome.status, Status::MemoryLimit, "{outcomes:?}");
    }
    assert_eq!(outcomes[0].status, Status::Exited(0), "{outcomes:?}");
    canary();
}

#[test]
fn files_read_by_one_test_give_the_next_no_more_memory() {
    second_test_is_bounded_after(
        "import time\nwhile time.process_time() < 1.5:\n  for top, _, names in os.walk('/usr/lib'):\n    for name in names:\n      try:\n        with open(top + '/' + name, 'rb', 0) as file:\n          while time.process_time() < 1.5 and file.read(1 << 20): pass\n      except OSError: pass\n    if time.process_time() >= 1.5: break",
    );
}

#[test]
fn names_looked_up_by_one_test_give_the_next_no_more_memory() {
    second_test_is_bounded_after(
        "import time\nn = 0\nwhile time.process_time() < 1.5:\n  n += 1\n  os.path.exists('/usr/lib/%0200d' % n)",
    );
}
