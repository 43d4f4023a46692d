//! After sudden death of any of its processes nothing of the sandbox is left on the host. `many` does the same after
//! many programs, good and bad.

mod many;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rlef_sandbox::Sandbox;

use crate::support::{cache_directory, config, job, limits};
use crate::usage::{alone, cgroups_of, descendants, eventually, is_alone};

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
        .env("XDG_CACHE_HOME", cache_directory().parent().unwrap())
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
