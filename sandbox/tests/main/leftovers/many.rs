//! Thousands of tests, honest and hostile, and owners killed in the middle of them: memory stays flat, and no process,
//! zombie, mount, control group, directory or descriptor is left.
//!
//! The tests do a tenth of the work; all of it, with a line of figures each hundred programs, is
//! `cargo test --release -p rlef-sandbox --test main leftovers::many -- --ignored --nocapture --test-threads 1`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rlef_sandbox::{Batch, Job, Limits, Sandbox, Start, Status};

use crate::support::{config, job, limits, text};
use crate::usage::{alone, cgroups_of, descendants, eventually, is_alone, is_dead, resident_kb};

const TESTS_A_PROGRAM: usize = 20;
/// What the process itself may take more, once it is warm.
const FLAT_KB: u64 = 4_096;
/// What one idle jail may take more.
const FLAT_JAIL_KB: u64 = 1_024;

/// Honest programs, as different as the modules they use. Each prints twice the number it reads.
const HONEST: [&str; 8] = [
    "print(int(input()) * 2)",
    "import sys\nsys.stdout.write('%d\\n' % (int(sys.stdin.read()) * 2))",
    "import collections, heapq, itertools\nh = [3, 1, 2]\nheapq.heapify(h)\nprint(int(input()) * 2)",
    "import numpy as np\nprint(int(np.int64(int(input())) * 2))\nprint(len(np.zeros(100000)), end='')",
    "import re, json, random, string\nprint(json.loads(input()) * 2)",
    "import threading\nn = int(input())\nt = threading.Thread(target=lambda: print(n * 2))\nt.start()\nt.join()",
    "open('/tmp/x', 'w').write('y' * 10000)\nprint(int(input()) * 2)",
    "import os\nif os.fork() == 0: os._exit(0)\nos.wait()\nprint(int(input()) * 2)",
];

/// Hostile ones: each takes something and keeps it, or fights whoever ends it.
const HOSTILE: [&str; 14] = [
    "import os\nwhile True: os.fork()",
    "import os\nfor _ in range(5): os.fork()",
    "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass",
    "import os, signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\nfor _ in range(4):\n    if os.fork() == 0: break\ntime.sleep(1000)",
    "x = [bytearray(1 << 20) for _ in range(9999)]",
    "while True: pass",
    "while True: print('x' * 100000)",
    "import os\nn = 0\nwhile True:\n    open('/tmp/%d' % n, 'wb').write(bytes(1 << 16)); n += 1",
    "import os\np = '/box'\nfor _ in range(500):\n    p += '/d'; os.mkdir(p)\nos.chmod('/box/d', 0)",
    "import socket\nkept = []\nwhile True: kept.extend(socket.socketpair())",
    "import os\nfor n in range(64):\n    try: os.close(n)\n    except OSError: pass\nos.kill(-1, 9)",
    "import ctypes\nctypes.CDLL(None).syscall(101, 0, 0, 0, 0)",
    "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,)).start()",
    "print(1",
];

/// What this process has of the host.
#[derive(Debug, PartialEq, Eq)]
struct Footprint {
    descriptors: usize,
    processes: usize,
    cgroups: usize,
    mounts: usize,
    files: BTreeSet<String>,
}

impl Footprint {
    fn now() -> Self {
        Self {
            descriptors: fs::read_dir("/proc/self/fd").unwrap().count(),
            processes: descendants(id()).len(),
            cgroups: cgroups_of(id()),
            mounts: mounts().lines().count(),
            files: files(),
        }
    }

    fn line(&self, what: &str, programs: usize) {
        println!(
            "{what},{programs},{},{},{},{},{},{},{}",
            resident_kb(id()),
            jails_kb(),
            self.descriptors,
            self.processes,
            self.cgroups,
            self.mounts,
            self.files.len()
        );
    }
}

const HEAD: &str = "what,programs,own_kb,jails_kb,descriptors,processes,cgroups,mounts,files";

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// What lies where jails are built, and in a folder for temporary files that only this process has.
fn files() -> BTreeSet<String> {
    let own = std::env::temp_dir();
    let sites = ["/mnt", "/media", "/srv"].map(Path::new);
    let own = is_alone().then_some(own.as_path());
    sites
        .into_iter()
        .chain(own)
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path().display().to_string())
        .collect()
}

/// Memory of the jails that wait for a program.
fn jails_kb() -> u64 {
    descendants(id())
        .into_iter()
        .filter(|pid| Path::new(&format!("/proc/{pid}")).exists() && !is_dead(*pid))
        .map(resident_kb)
        .sum()
}

fn honest(sandbox: &Sandbox, number: usize) {
    let source = HONEST[number % HONEST.len()];
    let inputs: Vec<String> = (0..TESTS_A_PROGRAM)
        .map(|test| format!("{}\n", number + test))
        .collect();
    let inputs: Vec<&[u8]> = inputs.iter().map(String::as_bytes).collect();
    let outcomes = sandbox
        .run_batch(&Batch::new(&job(source), &inputs, &limits()))
        .unwrap();
    let without_numpy = source.contains("numpy") && outcomes[0].status == Status::Exited(1);
    for (test, outcome) in outcomes.iter().enumerate() {
        let right =
            text(&outcome.stdout).lines().next() == Some(&(2 * (number + test)).to_string());
        assert!(right || without_numpy, "{source}: {outcome:?}");
    }
}

fn hostile(sandbox: &Sandbox, number: usize) {
    let short = Limits {
        cpu_ms: 50,
        wall_ms: 1_000,
        ..limits()
    };
    let start = if number / HOSTILE.len() % 4 == 3 {
        Start::Exec
    } else {
        Start::Fork
    };
    let source = Job {
        start,
        ..job(HOSTILE[number % HOSTILE.len()])
    };
    sandbox
        .run_batch(&Batch::new(&source, &[b"", b""], &short))
        .unwrap();
    // A correct program is judged correctly whatever came before.
    if number.is_multiple_of(10) {
        let outcome = sandbox
            .run(&job("print(input())"), b"1", &limits())
            .unwrap();
        assert_eq!(text(&outcome.stdout), "1\n");
    }
}

/// Runs `programs` on two threads and watches that nothing grows.
fn grow_nothing(what: &str, programs: usize, run: fn(&Sandbox, usize)) {
    let outside = Footprint::now();
    let mounted = mounts();
    println!("{HEAD}");
    outside.line(what, 0);
    {
        let sandbox = Sandbox::new(config(2)).unwrap();
        let next = AtomicUsize::new(0);
        let until = |end: usize| {
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while let Ok(number) =
                            next.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |number| {
                                (number < end).then_some(number + 1)
                            })
                        {
                            run(&sandbox, number);
                        }
                    });
                }
            });
        };
        let warm = (programs / 5).max(30);
        until(warm);
        let (before, own, jails) = (Footprint::now(), resident_kb(id()), jails_kb());
        before.line(what, warm);
        for end in (warm..=programs)
            .step_by((programs / 10).max(20))
            .skip(1)
            .chain([programs])
        {
            until(end);
            Footprint::now().line(what, end);
        }
        eventually("every jail is whole again", || {
            descendants(id()).len() == before.processes
        });
        assert_eq!(Footprint::now(), before);
        let (own_now, jails_now) = (resident_kb(id()), jails_kb());
        assert!(
            own_now < own + FLAT_KB,
            "memory grew from {own} kB to {own_now} kB"
        );
        assert!(
            jails_now < jails + 2 * FLAT_JAIL_KB,
            "memory of the jails grew from {jails} kB to {jails_now} kB"
        );
    }
    eventually("no process is left", || descendants(id()).is_empty());
    let end = Footprint::now();
    end.line(what, programs);
    assert_eq!(end, outside);
    assert_eq!(mounts(), mounted);
}

/// An owner at work until it is killed: this binary, told to run `work_without_end`.
struct Owner {
    process: std::process::Child,
    processes: Vec<u32>,
}

impl Owner {
    fn killed_after(programs: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "leftovers::many::work_without_end",
                "--include-ignored",
            ])
            .env("RLEF_SANDBOX_ALONE", "1")
            .env("RLEF_SANDBOX_COUNT", &count)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the owner has run programs", || {
            fs::read_to_string(&count).is_ok_and(|text| text.len() >= programs)
        });
        let processes = descendants(process.id());
        process.kill().unwrap();
        process.wait().unwrap();
        Self { process, processes }
    }
}

fn survive_owners(owners: usize) {
    println!("{HEAD}");
    let before = Footprint::now();
    before.line("killed owners", 0);
    for number in 1..=owners {
        let owner = Owner::killed_after(number);
        assert!(owner.processes.len() >= 4, "{:?}", owner.processes);
        eventually("every process is gone", || {
            owner.processes.iter().all(|&pid| is_dead(pid))
        });
        eventually("every control group is gone", || {
            cgroups_of(owner.process.id()) == 0
        });
        Footprint::now().line("killed owners", number);
    }
    let after = Footprint::now();
    assert_eq!(after, before);
    // The next owner finds nothing in its way.
    let sandbox = Sandbox::new(config(2)).unwrap();
    for number in 0..8 {
        honest(&sandbox, number);
    }
}

#[test]
#[ignore = "never ends: run by other tests, which kill it"]
fn work_without_end() {
    let count = std::env::var_os("RLEF_SANDBOX_COUNT").expect("started by another test");
    let count = Mutex::new(fs::File::create(count).unwrap());
    let sandbox = Sandbox::new(config(2)).unwrap();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number.is_multiple_of(2) {
                        honest(&sandbox, number);
                    } else {
                        hostile(&sandbox, number);
                    }
                    std::io::Write::write_all(&mut *count.lock().unwrap(), b".").unwrap();
                }
            });
        }
    });
}

#[test]
fn honest_programs_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::honest_programs_leave_nothing");
    }
    grow_nothing("honest", 100, honest);
}

#[test]
fn hostile_programs_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::hostile_programs_leave_nothing");
    }
    grow_nothing("hostile", 70, hostile);
}

#[test]
fn owners_killed_in_the_middle_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::owners_killed_in_the_middle_leave_nothing");
    }
    survive_owners(3);
}

#[test]
#[ignore = "a minute: 1,000 programs of 20 tests each"]
fn a_thousand_honest_programs_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::a_thousand_honest_programs_leave_nothing");
    }
    grow_nothing("honest", 1_000, honest);
}

#[test]
#[ignore = "minutes: 500 hostile programs of 2 tests each"]
fn five_hundred_hostile_programs_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::five_hundred_hostile_programs_leave_nothing");
    }
    grow_nothing("hostile", 500, hostile);
}

#[test]
#[ignore = "a minute: 20 owners, killed after 1 to 20 programs"]
fn twenty_owners_killed_in_the_middle_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many::twenty_owners_killed_in_the_middle_leave_nothing");
    }
    survive_owners(20);
}
