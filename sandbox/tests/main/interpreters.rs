//! Interpreters as people have them: environments anywhere, behind shims and links, and some that can't be kept warm.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rlef_sandbox::{
    Isolation, Language, Limits, Outcome, Sandbox, SandboxConfig, SandboxError, Status,
};

use crate::support::{config, interpreter, job, limits, run_with, text};

/// A virtual environment of the interpreter that the other tests use, made without pip.
fn environment(place: &Path) -> PathBuf {
    let made = Command::new(interpreter())
        .args(["-m", "venv", "--without-pip"])
        .arg(place)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    place.join("bin/python3")
}

fn site_packages(place: &Path) -> PathBuf {
    let lib = fs::read_dir(place.join("lib")).unwrap().next().unwrap();
    lib.unwrap().path().join("site-packages")
}

fn with_python(python: &Path) -> Result<Sandbox, SandboxError> {
    Sandbox::new(SandboxConfig {
        python: Some(python.to_owned()),
        ..config(1)
    })
}

fn roomy() -> Limits {
    Limits {
        cpu_ms: 5_000,
        wall_ms: 60_000,
        ..limits()
    }
}

fn run_in(sandbox: &Sandbox, source: &str) -> Outcome {
    sandbox.run(&job(source), b"3\n", &roomy()).unwrap()
}

#[track_caller]
fn prints(outcome: &Outcome, expected: &str) {
    assert_eq!(
        (outcome.status, text(&outcome.stdout)),
        (Status::Exited(0), expected.to_owned()),
        "{}",
        text(&outcome.stderr)
    );
}

/// A directory that jails have one of their own of, and that this user may write to.
fn hidden_places() -> Vec<PathBuf> {
    ["/tmp", "/dev/shm"]
        .map(PathBuf::from)
        .into_iter()
        .filter(|place| tempfile::tempdir_in(place).is_ok())
        .collect()
}

#[test]
fn an_environment_is_found_where_jails_have_scratch_space() {
    for place in hidden_places() {
        let outer = tempfile::Builder::new()
            .prefix("rlef")
            .tempdir_in(&place)
            .unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let home = outer.path().join("deep/env");
        let python = environment(&home);
        fs::write(site_packages(&home).join("rlef_own.py"), "WORD = 'mine'\n").unwrap();
        let sandbox = with_python(&python).unwrap();
        let source = "import sys, rlef_own\nprint(rlef_own.WORD, sys.prefix)";
        let expected = format!("mine {}\n", home.display());
        prints(&run_in(&sandbox, source), &expected);
        // It is still there after the space was wiped, and whatever a program does to it.
        let name = outer.path().display();
        let vandal = format!(
            "import os, shutil\nopen('{place}/x', 'w').write('y')\nopen('/box/x', 'w')\n\
             def tried(f, *a):\n    try: f(*a)\n    except OSError as e: return type(e).__name__\n    return 'done'\n\
             print(tried(os.rename, '{name}', '{name}x'), tried(os.rmdir, '{name}'), tried(os.chmod, '{name}', 0),\n\
             tried(os.mkdir, '{name}/new'), tried(open, '{home}/new', 'w'))\n\
             shutil.rmtree('{name}', ignore_errors=True)",
            place = place.display(),
            home = home.display(),
        );
        let outcome = run_in(&sandbox, &vandal);
        assert_eq!(outcome.status, Status::Exited(0), "{outcome:?}");
        assert!(!text(&outcome.stdout).contains("done"), "{outcome:?}");
        prints(&run_in(&sandbox, source), &expected);
        let left = format!(
            "import os\nprint(os.listdir('{}') == ['{}'], os.listdir('/box'))",
            place.display(),
            outer.path().file_name().unwrap().to_string_lossy()
        );
        prints(&run_in(&sandbox, &left), "True []\n");
    }
}

#[test]
fn a_shim_and_a_chain_of_links_are_followed() {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = outer.path().join("versions/1");
    environment(&home);
    symlink("1", outer.path().join("versions/current")).unwrap();
    let shim = outer.path().join("shim");
    let target = outer.path().join("versions/current/bin/python3");
    fs::write(
        &shim,
        format!("#!/bin/sh\nexec '{}' \"$@\"\n", target.display()),
    )
    .unwrap();
    fs::set_permissions(&shim, fs::Permissions::from_mode(0o755)).unwrap();
    let source = "import sys\nprint(sys.prefix != sys.base_prefix)";
    // By the shim, by the link, by the environment's folder.
    for python in [shim, target, home] {
        let sandbox = with_python(&python).unwrap();
        prints(&run_in(&sandbox, source), "True\n");
    }
}

#[test]
fn an_interpreter_that_cannot_be_kept_warm_is_started_afresh_and_that_is_said() {
    let outer = tempfile::tempdir().unwrap();
    fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let home = outer.path().join("env");
    let python = environment(&home);
    // Ends every interpreter that is about to become a zygote, and no other.
    let hostile = "import os; os.environ.get('PYTHONPATH') == '/zygote' and os.abort()\n";
    fs::write(site_packages(&home).join("cold.pth"), hostile).unwrap();
    fs::write(site_packages(&home).join("rlef_own.py"), "WORD = 'mine'\n").unwrap();
    let sandbox = with_python(&python).unwrap();
    let protection = sandbox.protection();
    assert!(
        protection
            .interpreter
            .starts_with(&python.display().to_string()),
        "{protection:?}"
    );
    assert!(
        protection
            .gaps
            .iter()
            .any(|gap| gap.contains("can't be kept warm") && gap.contains("SIG")),
        "{protection:?}"
    );
    let source = "import sys, rlef_own\nprint(rlef_own.WORD, sys.prefix, int(input()))";
    let expected = format!("mine {} 3\n", home.display());
    prints(&run_in(&sandbox, source), &expected);
    let failed = run_in(&sandbox, "import sys\nsys.exit(7)");
    assert_eq!(failed.status, Status::Exited(7));
    let digits = Limits {
        int_digits: Some(0),
        ..roomy()
    };
    let long = sandbox.run(&job("print(len(str(10 ** 5000)))"), b"", &digits);
    prints(&long.unwrap(), "5001\n");
}

/// A module that is imported in advance where it is there, and that starts a thread or dies while a zygote imports it.
#[test]
fn a_module_that_cannot_be_kept_warm_is_imported_afresh_and_that_is_said() {
    let threads = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n";
    let dies = "import os\nif os.environ.get('PYTHONPATH') == '/zygote': os.abort()\n";
    for module in [threads, dies] {
        let outer = tempfile::tempdir().unwrap();
        fs::set_permissions(outer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let home = outer.path().join("env");
        let python = environment(&home);
        let numpy = site_packages(&home).join("numpy");
        fs::create_dir(&numpy).unwrap();
        let source = format!("{module}VALUE, __version__ = 5, '0.1'\n");
        fs::write(numpy.join("__init__.py"), source).unwrap();
        let sandbox = with_python(&python).unwrap();
        let uses = "import numpy\nprint(numpy.VALUE + int(input()))";
        prints(&run_in(&sandbox, uses), "8\n");
        prints(&run_in(&sandbox, uses), "8\n");
        let broken = run_in(&sandbox, "import numpy\nprint(");
        assert_eq!(broken.status, Status::CompileError, "{broken:?}");
        let states = sandbox.languages();
        let python = states
            .iter()
            .find(|state| state.language == Language::Python)
            .unwrap();
        assert!(
            python.tools.contains("imported afresh by each test"),
            "{}",
            python.tools
        );
        // Programs that don't name it are forked as ever.
        prints(&run_in(&sandbox, "print(int(input()))"), "3\n");
    }
}

#[test]
fn what_keeps_a_jail_from_its_interpreter_is_said() {
    let error = with_python(Path::new("/no/such/python"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("/no/such/python") && error.contains("cannot be started"),
        "{error}"
    );
    let error = with_python(Path::new("no-such-python-3"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no-such-python-3"), "{error}");
    // WebAssembly stands in for a host without Python, not for an interpreter that was named and isn't there.
    let named = Sandbox::new(SandboxConfig {
        isolation: Isolation::Auto,
        python: Some("/no/such/python".into()),
        ..config(1)
    });
    assert!(
        matches!(named, Err(SandboxError::NoPython { .. })),
        "{named:?}"
    );
}

#[test]
fn an_environment_whose_site_prints_is_usable() {
    let folder = tempfile::tempdir().unwrap();
    let python = environment(&folder.path().join("e"));
    let site = site_packages(&folder.path().join("e")).join("sitecustomize.py");
    fs::write(site, "print('hello')\nprint({}, end='')\n").unwrap();
    let sandbox = with_python(&python).unwrap();
    let outcome = run_in(&sandbox, "import sys\nsys.stderr.write(sys.prefix)");
    let prefix = folder.path().join("e").display().to_string();
    assert!(
        text(&outcome.stderr).ends_with(&prefix),
        "{}",
        text(&outcome.stderr)
    );
}

#[test]
fn every_language_that_is_said_to_be_here_has_run_a_program() {
    let states = crate::support::sandbox().tried_languages();
    let python = states
        .iter()
        .find(|state| state.language == Language::Python)
        .unwrap();
    assert!(python.usable, "{}", python.tools);
    for state in states {
        let said = !state.usable || !state.tools.contains("does not run");
        assert!(said, "{}", state.tools);
    }
}

#[test]
fn the_rule_on_digits_is_the_limits_and_holds_for_what_a_program_starts() {
    let source = "import subprocess, sys\nn = 10 ** int(input())\n\
        def tried(f):\n    try: return f()\n    except ValueError: return 'no'\n\
        print(tried(lambda: len(str(n))), tried(lambda: int('1' * 5001) % 2), \
        getattr(sys, 'get_int_max_str_digits', lambda: None)())\n\
        print(subprocess.run([sys.executable, '-c', 'print(len(str(10 ** 5000)))'], capture_output=True, text=True).stdout)";
    let with = |int_digits| {
        let limits = Limits {
            int_digits,
            ..roomy()
        };
        text(&run_with(source, "5000\n", &limits).stdout)
    };
    let has_rule = text(
        &Command::new(interpreter())
            .args([
                "-c",
                "import sys; print(hasattr(sys, 'set_int_max_str_digits'))",
            ])
            .output()
            .unwrap()
            .stdout,
    ) == "True\n";
    if has_rule {
        assert_eq!(with(Some(0)), "5001 1 0\n5001\n\n");
        assert_eq!(with(Some(5_000)), "no no 5000\n\n");
        assert_eq!(with(None), "no no 4300\n\n");
    } else {
        assert_eq!(with(Some(0)), "5001 1 None\n5001\n\n");
    }
    // A literal in the source is read under the same rule.
    let literal = format!("print({} % 10)", "7".repeat(6000));
    let lifted = Limits {
        int_digits: Some(0),
        ..roomy()
    };
    prints(&run_with(&literal, "", &lifted), "7\n");
    let refused = crate::support::sandbox().run(
        &job(""),
        b"",
        &Limits {
            int_digits: Some(100),
            ..roomy()
        },
    );
    assert!(matches!(refused, Err(SandboxError::BadLimits(_))));
}

/// Between the parts of a library in a wheel there are pages that nobody may read, and a file may be shorter than what is
/// mapped of it: code is moved to huge pages without dying of either.
#[test]
fn code_with_gaps_is_moved_without_dying() {
    let script = r"
import ctypes, mmap, os, sys, tempfile
sys.path.insert(0, sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
def mapped(size):
    file = tempfile.TemporaryFile(dir='/var/tmp')
    file.write(b'code' * (size // 4))
    file.flush()
    start = libc.mmap(None, size, 5, 2, file.fileno(), 0)
    if start in (None, ctypes.c_void_p(-1).value):
        print('no code may be mapped here')
        sys.exit()
    return file, start
file, start = mapped(24 << 20)
assert libc.mprotect(start + (9 << 20), 4 << 20, 0) == 0
short, other = mapped(8 << 20)
short.truncate(0)
import rlef_pages
rlef_pages.move_code()
print(ctypes.string_at(start, 4), ctypes.string_at(start + (23 << 20), 4))
";
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/src/languages/python");
    let output = Command::new(interpreter())
        .args(["-c", script, python])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    assert!(
        said == "b'code' b'code'\n" || said == "no code may be mapped here\n",
        "{output:?}"
    );
}
