//! Programs that attack their interactor: its hidden input, what it hears, and who is blamed.

use rlef_sandbox::{Cancel, Interaction, Limits, Side, Status};

use crate::support::{canary, job, limits, sandbox, text};

const SECRET: &str = "734912";

/// Knows the secret by its preface, and exits with 0 if the program says it.
const INTERACTOR: &str = "import sys\nsecret = input()\nprint('guess', flush=True)\nguess = input()\n\
    print(guess, file=sys.stderr)\nsys.exit(0 if guess == secret else 1)";

fn talk(program: &str) -> Interaction {
    let patient = Limits {
        cpu_ms: 10_000,
        wall_ms: 60_000,
        ..limits()
    };
    let short = Limits {
        wall_ms: 3_000,
        ..limits()
    };
    let preface = format!("{SECRET}\n");
    let both = sandbox()
        .run_interactive(
            &Cancel::never(),
            Side::new(&job(INTERACTOR), &patient),
            preface.as_bytes(),
            Side::new(&job(program), &short),
        )
        .unwrap_or_else(|error| panic!("failed to {error}"));
    canary();
    both
}

/// The interactor did not accept, whatever it heard.
fn is_not_accepted(program: &str) -> Interaction {
    let both = talk(program);
    assert!(
        both.waited || both.interactor.status != Status::Exited(0),
        "{program}: {}",
        text(&both.interactor.stderr)
    );
    both
}

/// Every descriptor, opened anew for reading at once, before the interactor can have read anything.
#[test]
fn the_interactors_preface_cannot_be_read_from_any_descriptor() {
    for number in 0..3 {
        let both = is_not_accepted(&format!(
            "import os, sys\nheard = b''\nfor _ in range(200):\n    try: heard += os.read(os.open('/proc/self/fd/{number}', os.O_RDONLY | os.O_NONBLOCK), 1 << 20)\n    except OSError: pass\nsys.stderr.write('heard %r' % heard)\nprint(heard.split()[-1].decode() if heard.split() else 'nothing', flush=True)"
        ));
        assert!(!text(&both.program.stderr).contains(SECRET), "{both:?}");
    }
}

#[test]
fn nor_by_any_other_name_of_the_process() {
    let both = is_not_accepted(
        "import os, sys\nfound = b''\nfor top in ('/proc', '/dev', '/box', '/tmp', '/program'):\n    for folder, _, names in os.walk(top):\n        for name in names:\n            try: f = os.open(folder + '/' + name, os.O_RDONLY | os.O_NONBLOCK)\n            except OSError: continue\n            try: found += os.read(f, 1 << 16)\n            except OSError: pass\n            os.close(f)\nsys.stderr.write(str(b'734' b'912' in found))\nprint(1, flush=True)",
    );
    assert!(!text(&both.program.stderr).contains("True"), "{both:?}");
}

/// What was put into the interactor's ear first stays there.
#[test]
fn what_the_interactor_reads_cannot_be_replaced() {
    for take in [
        "os.read(os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK), 1 << 20)",
        "os.read(1, 1 << 20)",
        "os.ftruncate(1, 0)",
        "os.pwrite(1, b'55', 0)",
        "os.write(os.open('/proc/self/fd/0', os.O_WRONLY | os.O_NONBLOCK), b'55\\n55\\n')",
        "__import__('fcntl').fcntl(1, 1031, 4096)",
    ] {
        let both = is_not_accepted(&format!(
            "import os\ntry: {take}\nexcept OSError: pass\nos.write(1, b'55\\n55\\n')\nos.read(0, 99)"
        ));
        if both.interactor.status == Status::Exited(1) {
            assert_eq!(text(&both.interactor.stderr), "55\n", "{take}");
        }
    }
}

/// Settings of the descriptors that both sides' pipes have in common reach nobody else.
#[test]
fn settings_of_the_pipes_do_not_confuse_the_other_side() {
    let both = talk(&format!(
        "import fcntl, os\nfor d in (0, 1):\n    fcntl.fcntl(d, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND | os.O_ASYNC)\n    try: fcntl.fcntl(d, 1031, 4096)\n    except OSError: pass\n    try: os.fchmod(d, 0)\n    except OSError: pass\n    try: fcntl.flock(d, fcntl.LOCK_EX | fcntl.LOCK_NB)\n    except OSError: pass\nos.write(1, b'{SECRET}\\n')"
    ));
    assert_eq!(both.interactor.status, Status::Exited(0), "{both:?}");
    assert_eq!(both.program.status, Status::Exited(0), "{both:?}");
}

/// No end of the program is one of the interactor, or of the sandbox.
#[test]
fn every_way_to_go_is_the_programs_own() {
    for (end, heard) in [
        ("os._exit(0)", false),
        ("os.kill(os.getpid(), 9)", true),
        ("os.close(1); os.close(0); os._exit(1)", true),
        ("os.close(1); time.sleep(100)", false),
        (
            "os.dup2(os.open('/dev/null', 2), 1); time.sleep(100)",
            false,
        ),
        ("os.write(1, b'9' * 5000000)", true),
        ("[os.write(1, b'9' * 65536) for _ in range(1 << 30)]", true),
        ("bytearray(1 << 40)", true),
    ] {
        let both = is_not_accepted(&format!("import os, time\nos.read(0, 99)\n{end}"));
        assert_eq!(both.waited, heard, "{end}: {both:?}");
    }
}
