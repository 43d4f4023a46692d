//! Programs among files: what is given lies where they start, what is wanted comes back, and no name leads elsewhere.

use rlef_sandbox::{
    Batch, Folder, FoundFiles, Job, Language, Limits, Outcome, Sandbox, SandboxConfig,
    SandboxError, Status,
};

use crate::support::{canary, config, exec_job, job, limits, sandbox, text};

type Ran = Result<(Outcome, FoundFiles), SandboxError>;

fn run_among(job: &Job, folder: &Folder) -> Ran {
    run_among_in(sandbox(), job, folder, &limits())
}

fn run_among_in(sandbox: &Sandbox, job: &Job, folder: &Folder, limits: &Limits) -> Ran {
    sandbox.run_among(&Batch::new(job, &[b"5\n"], limits), folder)
}

/// Files of up to a megabyte, in memory enough for as much again.
fn small() -> Limits {
    Limits {
        file_bytes: 1 << 20,
        ..limits()
    }
}

fn folder(given: &[(&str, &str)], wanted: &[&str]) -> Folder {
    Folder {
        given: given
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
            .collect(),
        wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
    }
}

const ADDS: &str = "n = int(input())\nm = int(open('data/deep/m.txt').read())\n\
                    open('sum.txt', 'w').write(str(n + m))\nprint('said')";

#[test]
fn files_lie_where_the_program_starts_and_those_wanted_come_back() {
    let around = folder(
        &[("data/deep/m.txt", "4"), ("unread", "")],
        &["sum.txt", "data/deep/m.txt", "unread", "nowhere", "data"],
    );
    for job in [job(ADDS), exec_job(ADDS)] {
        let (outcome, files) = run_among(&job, &around).unwrap();
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{}",
            text(&outcome.stderr)
        );
        assert_eq!(text(&outcome.stdout), "said\n");
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), text(bytes)))
            .collect();
        let expected = [
            ("sum.txt", "9".to_owned()),
            ("data/deep/m.txt", "4".to_owned()),
            ("unread", String::new()),
        ];
        assert_eq!(files, expected);
    }
    // Nothing of it is left for the next.
    let (outcome, _) =
        run_among(&job("import os\nprint(os.listdir())"), &Folder::default()).unwrap();
    assert_eq!(text(&outcome.stdout), "[]\n");
}

#[test]
fn a_module_given_is_imported_by_the_program() {
    let around = folder(&[("helper_of_mine.py", "def f(x): return x + 1")], &[]);
    let (outcome, _) =
        run_among(&job("from helper_of_mine import f\nprint(f(1))"), &around).unwrap();
    assert_eq!(text(&outcome.stdout), "2\n", "{}", text(&outcome.stderr));
}

#[test]
fn other_languages_have_them_too() {
    let source = "#include <fstream>\nint main(){int n;std::ifstream(\"in.txt\")>>n;std::ofstream(\"out.txt\")<<n*n;}";
    let job = Job {
        language: Language::Cpp,
        ..job(source)
    };
    let (outcome, files) = run_among(&job, &folder(&[("in.txt", "7")], &["out.txt"])).unwrap();
    assert_eq!(outcome.status, Status::Exited(0));
    assert_eq!(files, [("out.txt".to_owned(), b"49".to_vec())]);
}

#[test]
fn what_a_program_puts_in_the_place_of_a_file_leads_nowhere() {
    for source in [
        "import os\nos.symlink('/program/main.py', 'x')",
        "import os\nos.symlink('/proc/self/environ', 'x')",
        "import os\nos.symlink('/', 'x')",
        "import os\nos.mkfifo('x')",
        "import os\nos.mkdir('x')",
        "import os\nopen('x', 'w').write('s')\nos.chmod('x', 0)",
    ] {
        let around = folder(&[], &["x", "x/etc/passwd", "x/program/main.py"]);
        let (outcome, files) = run_among(&job(source), &around).unwrap();
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{}",
            text(&outcome.stderr)
        );
        assert!(files.is_empty(), "{source}: {files:?}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_runs() {
    for name in ["/etc/passwd", "../x", "a/../../x", "", "a/", "a\0"] {
        for around in [folder(&[(name, "x")], &[]), folder(&[], &[name])] {
            let error = run_among(&job("print(1)"), &around).unwrap_err();
            assert!(
                matches!(error, SandboxError::BadFiles(_)),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn what_holds_more_than_it_may_is_the_programs_excess() {
    let megabyte = "open('a', 'wb').write(bytes(1 << 20))";
    let link = "import os\nfor name in 'bcd': os.link('a', name)";
    let names = ["a", "b", "c", "d"];
    for (source, given) in [
        // One file of many names takes the room of one.
        (format!("{megabyte}\n{link}"), &[][..]),
        // Sparse ones take none.
        (
            "for name in 'abcd': open(name, 'wb').truncate(1 << 20)".to_owned(),
            &[],
        ),
        // As large as it likes, where it lifts its own bound.
        (
            "import resource as r\n_, most = r.getrlimit(r.RLIMIT_FSIZE)\nr.setrlimit(r.RLIMIT_FSIZE, (most, most))\n\
             open('a', 'wb').truncate(most)"
                .to_owned(),
            &[],
        ),
        // What was given takes part in it.
        (
            format!("import os\nos.remove('b')\n{megabyte}\n{link}"),
            &[("b", "given")],
        ),
    ] {
        for job in [job(&source), exec_job(&source)] {
            let around = folder(given, &names);
            let (outcome, files) = run_among_in(sandbox(), &job, &around, &small()).unwrap();
            let said = text(&outcome.stderr);
            assert_eq!(outcome.status, Status::OutputLimit, "{source}: {said}");
            assert!(files.is_empty(), "{source}");
        }
    }
    // How it ended otherwise is not hidden by it.
    let source = format!("{megabyte}\n{link}\nos.kill(os.getpid(), 11)");
    let (outcome, files) =
        run_among_in(sandbox(), &job(source), &folder(&[], &names), &small()).unwrap();
    assert_eq!(outcome.status, Status::Signalled(11));
    assert!(files.is_empty());
    canary();
}

#[test]
fn as_much_as_there_is_room_for_comes_back() {
    let source = "import os\nfree = os.statvfs('.')\nfree = free.f_bavail * free.f_bsize\n\
                  open('a', 'wb').write(b'a' * (free // 2 - 4096))\nopen('b', 'wb').write(b'b' * (free // 2 - 4096))\n\
                  print(free)";
    let given = "x".repeat(3 << 20);
    let around = folder(&[("given", &given)], &["a", "given", "b"]);
    let (outcome, files) = run_among_in(sandbox(), &job(source), &around, &small()).unwrap();
    assert_eq!(
        outcome.status,
        Status::Exited(0),
        "{}",
        text(&outcome.stderr)
    );
    let free: usize = text(&outcome.stdout).trim().parse().unwrap();
    let half = free / 2 - 4096;
    assert!(free > 900 << 10, "{free}");
    assert_eq!(
        files,
        [
            ("a".to_owned(), vec![b'a'; half]),
            ("given".to_owned(), given.into_bytes()),
            ("b".to_owned(), vec![b'b'; half]),
        ]
    );
}

/// Programs that use up what bringing their files home takes, or end their jail while it is done.
const SPENDERS: [&str; 7] = [
    // All room there is, in all three places.
    "for place in ('/box', '/tmp', '/dev/shm'):\n  try:\n    for i in range(99): open('%s/%d' % (place, i), 'wb').write(bytes(1 << 20))\n  \
     except OSError: pass",
    // All names there are.
    "try:\n  for i in range(99999): open(str(i), 'w').close()\nexcept OSError: pass",
    // Half of all memory in files, and processes that hold the rest when it ends.
    "import os\ntry: open('0', 'wb').write(bytes(60 << 20))\nexcept OSError: pass\n\
     if os.fork() == 0:\n  held = bytearray(60 << 20)\n  os.setsid()\n  import time\n  time.sleep(60)",
    // Larger than memory, without taking any of it yet.
    "open('0', 'wb').truncate(64 << 20)\nopen('1', 'wb').truncate(60 << 20)",
    // More memory than there is, while there are files.
    "open('0', 'wb').write(bytes(30 << 20))\nheld = []\nwhile True: held.append(bytearray(1 << 20))",
    // Nothing can be opened below a folder that says no.
    "import os\nopen('0', 'w').write('s')\nos.chmod('.', 0)",
    // Processes without end.
    "import os\nopen('0', 'w').write('s')\nwhile True:\n  try: os.fork()\n  except OSError: pass",
];

/// Whatever they do, it is an outcome of theirs, and the next program gets its due.
fn spend(sandbox: &Sandbox) {
    let limits = Limits {
        cpu_ms: 500,
        wall_ms: 5_000,
        ..limits()
    };
    for source in SPENDERS {
        for job in [job(source), exec_job(source)] {
            let around = folder(&[("given", "g")], &["0", "1", "given"]);
            let (outcome, files) = run_among_in(sandbox, &job, &around, &limits)
                .unwrap_or_else(|error| panic!("{source}: failed to {error}"));
            let given = files.iter().filter(|(name, _)| name == "given");
            assert!(
                given.into_iter().all(|(_, bytes)| bytes == b"g"),
                "{source}: {:?}",
                outcome.status
            );
        }
        let around = folder(&[("given", "g")], &["given"]);
        let (outcome, files) = run_among_in(sandbox, &job("print(1)"), &around, &limits).unwrap();
        assert_eq!(text(&outcome.stdout), "1\n");
        assert_eq!(files, [("given".to_owned(), b"g".to_vec())], "{source}");
    }
}

#[test]
fn what_a_program_uses_up_is_an_outcome_of_its_own() {
    spend(sandbox());
}

#[test]
fn the_same_without_control_groups() {
    let bare = Sandbox::new(SandboxConfig {
        use_cgroups: false,
        ..config(1)
    });
    spend(&bare.unwrap_or_else(|error| panic!("failed to {error}")));
}
