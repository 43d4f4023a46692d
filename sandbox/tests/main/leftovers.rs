//! After many programs, good and bad, and after sudden death, nothing of the sandbox is left on the host.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rlef_sandbox::{Limits, Sandbox};

use crate::support::{config, job, limits, text};

/// Descendants of a process, whatever they are called inside.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut todo = vec![pid];
    while let Some(pid) = todo.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
            continue;
        };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            todo.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
        }
        found.push(pid);
    }
    found.retain(|&child| child != pid);
    found
}

/// Control groups whose name carries a process id.
fn cgroups_of(pid: u32) -> usize {
    let wanted = format!("rlef-{pid}-");
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let points = mounts
        .lines()
        .filter(|line| line.contains(" - cgroup"))
        .filter_map(|line| line.split(' ').nth(4));
    points
        .map(|point| count_named(Path::new(point), &wanted, 3))
        .sum()
}

fn count_named(directory: &Path, wanted: &str, depth: u32) -> usize {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| {
            let here = usize::from(entry.file_name().to_string_lossy().starts_with(wanted));
            here + if depth > 0 {
                count_named(&entry.path(), wanted, depth - 1)
            } else {
                0
            }
        })
        .sum()
}

fn resident_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn eventually(what: &str, check: impl Fn() -> bool) {
    let began = Instant::now();
    while !check() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// In a process of its own, so that other tests' jails do not count: this binary, told to run one test.
fn alone(test: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--include-ignored"])
        .env("RLEF_SANDBOX_ALONE", "1")
        .output()
        .unwrap();
    let words = text(&output.stdout) + &text(&output.stderr);
    assert!(
        output.status.success() && words.contains("1 passed"),
        "{words}"
    );
}

fn is_alone() -> bool {
    std::env::var_os("RLEF_SANDBOX_ALONE").is_some()
}

#[test]
fn many_programs_leave_nothing() {
    if !is_alone() {
        return alone("leftovers::many_programs_leave_nothing");
    }
    let own = std::process::id();
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let before = descriptors();
    {
        let sandbox = Sandbox::new(config(2)).unwrap();
        let short = Limits {
            cpu_ms: 50,
            wall_ms: 2_000,
            ..limits()
        };
        let programs = [
            "print(input())",
            "import os\nfor _ in range(5): os.fork()",
            "while True: pass",
            "x = [bytearray(1 << 20) for _ in range(9999)]",
            "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass",
            "print(1",
            "import os; open('/tmp/a', 'w').write('x' * 100000); os.kill(-1, 9)",
        ];
        let run_all = |rounds: usize| {
            for round in 0..rounds {
                let inputs: Vec<&[u8]> = vec![b"1\n"; 3];
                sandbox
                    .run_batch(
                        &job(programs[round % programs.len()]),
                        &inputs,
                        &short,
                        &mut |_, _| true,
                    )
                    .unwrap();
            }
        };
        run_all(21);
        let (resident, open, running) = (resident_kb(own), descriptors(), descendants(own).len());
        run_all(140);
        assert!(
            resident_kb(own) < resident + 4_096,
            "memory grew from {resident} kB to {} kB",
            resident_kb(own)
        );
        assert_eq!(descriptors(), open);
        assert_eq!(descendants(own).len(), running);
        assert!(running <= 4, "{running}");
    }
    assert_eq!(descriptors(), before);
    eventually("no process is left", || descendants(own).is_empty());
    assert_eq!(cgroups_of(own), 0);
    assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
}

#[test]
fn sudden_death_of_the_supervisor_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("sleep.py");
    fs::write(
        &program,
        "import os, time\nfor _ in range(3):\n    if os.fork() == 0: os.setsid()\ntime.sleep(1000)",
    )
    .unwrap();
    let mut supervisor = Command::new(env!("CARGO_BIN_EXE_rlef-sandbox"))
        .arg("run")
        .arg(&program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = supervisor.id();
    // helper, zygote, program, test and its seven children
    eventually("the program runs", || descendants(pid).len() >= 11);
    let all = descendants(pid);
    supervisor.kill().unwrap();
    supervisor.wait().unwrap();
    eventually("every process is gone", || {
        all.iter()
            .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
    });
    eventually("every control group is gone", || cgroups_of(pid) == 0);
}

#[test]
fn sudden_death_of_the_helper_is_an_error_and_the_next_run_works() {
    if !is_alone() {
        return alone("leftovers::sudden_death_of_the_helper_is_an_error_and_the_next_run_works");
    }
    let sandbox = Sandbox::new(config(1)).unwrap();
    let helpers = descendants(std::process::id());
    thread::scope(|scope| {
        let running =
            scope.spawn(|| sandbox.run(&job("import time; time.sleep(100)"), b"", &limits()));
        thread::sleep(Duration::from_millis(300));
        for pid in helpers {
            // Already dead once its parent is.
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid as i32),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        let result = running.join().unwrap();
        assert!(result.is_err(), "{result:?}");
    });
    assert_eq!(
        sandbox
            .run(&job("print(1)"), b"", &limits())
            .unwrap()
            .stdout,
        b"1\n"
    );
    drop(sandbox);
    assert_eq!(cgroups_of(std::process::id()), 0);
}
