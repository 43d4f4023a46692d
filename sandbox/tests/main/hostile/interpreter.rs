//! Programs that turn on the interpreter they run in: patched builtins, hooks, raw memory, odd sources.

use rlef_sandbox::{Limits, Status};

use crate::support::{canary, exec_job, limits, printed, run, run_all, run_with, sandbox, text};

/// The attack is made in the first test of a program; the second must run as if there had been none.
fn does_not_reach_the_next_test(attack: &str) {
    let source = format!(
        "turn = input()\nif turn == 'attack':\n    try:\n        {}\n    except Exception: pass\nelse:\n    import json, random, time\n    print(sum(map(int, turn.split())), json.dumps([1]), random.Random(1).randrange(9), isinstance(time.time(), float), len(str(open)))",
        attack.replace('\n', "\n        ")
    );
    let outcomes = run_all(source, &[b"attack\n", b"1 2 3\n", b"attack\n", b"1 2 3\n"]);
    for outcome in [&outcomes[1], &outcomes[3]] {
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "6 [1] 2 True 24\n"),
            "{attack}: {}",
            text(&outcome.stderr)
        );
    }
    canary();
}

macro_rules! contained {
    ($($name:ident: $attack:expr;)*) => {
        $(#[test]
        fn $name() {
            does_not_reach_the_next_test($attack);
        })*
    };
}

contained! {
    patched_builtins: "import builtins\nbuiltins.print = builtins.open = builtins.sum = builtins.map = lambda *a, **k: None\nbuiltins.__import__ = None";
    patched_modules: "import json, random, time, sys, os, io\njson.dumps = lambda *a: 'forged'\nrandom.Random = None\ntime.time = lambda: 0\nsys.modules['json'] = None\nos.fork = os._exit = os.write = os.close = None\nio.open = None";
    patched_types_in_c: "import ctypes, gc\nd = ctypes.cast(id(int.__dict__) + 16, ctypes.POINTER(ctypes.py_object))[0]\nd['__add__'] = lambda a, b: 42";
    a_small_number_changed_in_memory: "import ctypes, sys\nctypes.c_long.from_address(id(6) + 24).value = 7\nctypes.c_long.from_address(id(2) + 24).value = 3";
    counts_of_references_spoilt: "import ctypes\nfor o in (None, True, (), 'a', int, dict): ctypes.c_long.from_address(id(o)).value = 1";
    trace_profile_and_audit_hooks: "import sys, threading, os\nsys.settrace(lambda *a: os._exit(3)); threading.settrace(lambda *a: os._exit(3)); sys.setprofile(lambda *a: os._exit(3))\nsys.addaudithook(lambda *a: os._exit(4))";
    exit_hooks: "import atexit, os, signal, sys\natexit.register(os._exit, 5)\nsys.excepthook = sys.unraisablehook = sys.displayhook = lambda *a: os._exit(6)\nsignal.signal(signal.SIGALRM, lambda *a: os._exit(7)); signal.setitimer(signal.ITIMER_REAL, 0.0001)";
    import_machinery: "import sys\nsys.meta_path.insert(0, None); sys.path_hooks.clear(); sys.path.insert(0, '/tmp'); sys.path_importer_cache.clear()\nopen('/tmp/json.py', 'w').write('1/0'); open('/box/random.py', 'w').write('1/0')";
    collector_and_thresholds: "import gc\ngc.unfreeze(); gc.callbacks.append(lambda *a: 1/0); gc.set_threshold(1); gc.collect()";
    own_limits_set_to_nothing: "import resource\nfor k in range(16):\n    try: resource.setrlimit(k, (0, 0))\n    except (OSError, ValueError): pass";
    streams_replaced: "import sys, io\nsys.stdout = sys.__stdout__ = sys.stdin = sys.stderr = io.StringIO()";
    a_crash_in_c: "import ctypes\nctypes.string_at(0)";
    code_of_a_library_overwritten: "import ctypes\nlibc = ctypes.CDLL(None)\nfor name in ('write', 'fork', 'getpid', 'read', 'exit'):\n    at = ctypes.cast(getattr(libc, name), ctypes.c_void_p).value & ~4095\n    libc.mprotect(ctypes.c_void_p(at), 8192, 7)\n    ctypes.memset(at, 0xcc, 4096)";
    working_directory_and_mask: "import os\nos.mkdir('/tmp/x'); os.chdir('/tmp/x'); os.umask(0o777); os.rmdir('/tmp/x')";
    locale_and_clock_settings: "import os, time, decimal, locale\nos.environ['TZ'] = 'Asia/Tokyo'; time.tzset(); decimal.getcontext().prec = 1; decimal.DefaultContext.prec = 1";
}

/// What lies in the interpreter's memory of ours has no descriptor to speak through and no way to the next test.
#[test]
fn whatever_is_found_of_ours_is_powerless() {
    let source = "import gc, sys, types\ngc.unfreeze()\nours = [o for o in gc.get_objects() if type(o).__module__.startswith('rlef_')]\n\
        ours += [o.__self__ for o in gc.get_objects() if isinstance(o, types.MethodType) and type(o.__self__).__module__.startswith('rlef_')]\n\
        names = sorted({type(o).__name__ for o in ours})\nturn = input()\nprint(turn, flush=True)\n\
        for o in ours:\n    for name in ('send', 'serve', 'resize_scratch', 'install', 'become_test', 'plan', 'leave', '__call__', 'note'):\n        for a in ((), (b'E' + bytes(36),), (1,), ([0, 1, 2], None)):\n            try: getattr(o, name)(*a)\n            except BaseException: pass\n\
        for o in ours:\n    for k, v in list(getattr(o, '__dict__', {}).items()):\n        try: v.send(b'E' + bytes(36)); print('sent by', k)\n        except BaseException: pass\n        try: setattr(o, k, None)\n        except BaseException: pass";
    for outcome in run_all(source, &[b"1\n", b"2\n"])
        .iter()
        .zip(["1\n", "2\n"])
    {
        let said = text(&outcome.0.stdout);
        assert!(
            said.starts_with(outcome.1) && !said.contains("sent by"),
            "{said}"
        );
    }
    canary();
}

#[test]
fn crashes_in_c_are_signals_of_the_program() {
    for (source, signals) in [
        ("import ctypes\nctypes.string_at(0)", vec![11]),
        ("import os\nos.abort()", vec![6]),
        ("import ctypes\nctypes.CFUNCTYPE(None)(1)()", vec![11]),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            vec![9],
        ),
        (
            "import signal\nsignal.alarm(1)\nwhile True: signal.pause()",
            vec![14],
        ),
        (
            "import ctypes\nctypes.memset(id(None), 255, 16)\n[None] * 3",
            vec![11, 6, 7],
        ),
    ] {
        let outcome = run(source, "");
        let Status::Signalled(signal) = outcome.status else {
            panic!("{source}: {:?}", outcome.status);
        };
        assert!(signals.contains(&signal), "{source}: {signal}");
        canary();
    }
}

#[test]
fn a_crash_that_is_handled_for_ever_is_ended_by_the_time_limit() {
    let source = "import ctypes, signal\nlibc = ctypes.CDLL(None)\nhandler = ctypes.CFUNCTYPE(None, ctypes.c_int)(lambda n: None)\nlibc.signal(11, handler)\nctypes.string_at(0)";
    let outcome = run_with(
        source,
        "",
        &Limits {
            cpu_ms: 300,
            ..limits()
        },
    );
    assert!(
        matches!(outcome.status, Status::TimeLimit | Status::Signalled(11)),
        "{:?}",
        outcome.status
    );
    canary();
}

/// The program's own clocks say nothing happened; the kernel's say what did.
#[test]
fn clocks_that_lie_do_not_change_the_usage() {
    let source = "import resource, time\nclock = time.process_time\ntime.time = time.monotonic = time.perf_counter = lambda: 0\nresource.getrusage = lambda *a: (0,) * 16\nstart = clock()\nwhile clock() - start < 0.2: pass\ntime.process_time = lambda: 0\nprint('instantly')";
    let outcome = run(source, "");
    assert_eq!(outcome.status, Status::Exited(0));
    assert!(outcome.usage.cpu_us >= 190_000, "{:?}", outcome.usage);
    canary();
}

/// Compiles, but nests too deeply for the format of compiled files.
#[test]
fn code_too_deep_to_be_stored_runs_all_the_same() {
    for depth in [900, 1200, 1400] {
        let source = format!("f = {}1\nprint('ok', input())", "lambda: ".repeat(depth));
        let outcomes = run_all(&source, &[b"a\n", b"b\n"]);
        let fresh = sandbox()
            .run(&exec_job(&source), b"a\n", &limits())
            .unwrap();
        assert_eq!(
            (outcomes[0].status, &outcomes[0].stdout),
            (fresh.status, &fresh.stdout),
            "{depth}"
        );
        assert_eq!(outcomes[1].status, fresh.status, "{depth}");
    }
    canary();
}

/// Sources that are odd rather than wrong: encodings, byte order marks, line ends, depth, size.
#[test]
fn odd_sources_end_as_under_a_fresh_interpreter() {
    let mut sources: Vec<Vec<u8>> = [
        "utf-8",
        "latin-1",
        "utf-7",
        "idna",
        "punycode",
        "unicode_escape",
        "rot13",
        "zlib",
        "hex",
        "undefined",
        "../../etc/passwd",
        "no-such",
        "mbcs",
        "utf-16",
        "cp037",
    ]
    .iter()
    .map(|name| format!("# coding: {name}\nprint(1)\n").into_bytes())
    .collect();
    sources.extend([
        b"\xef\xbb\xbf# coding: latin-1\nprint(1)".to_vec(),
        b"\xff\xfeprint(1)".to_vec(),
        b"print(1)\0print(2)".to_vec(),
        b"print(1)\r\rprint(2)\r\n\x0cprint(3)\x1a".to_vec(),
        b"".to_vec(),
        b"\n\n\n".to_vec(),
        b"\\\n".to_vec(),
        b"'''".to_vec(),
        b"print('\xff')".to_vec(),
        "print('\u{1f600}', '\u{0}')".into(),
        "\u{ff50}rint(1)".into(),
        "x = \u{1d7d9}\nprint(x)".into(),
        "from __future__ import annotations, no_such\n".into(),
        "from __future__ import braces\n".into(),
        "return 1\n".into(),
        "await x\n".into(),
        "if 1:\n\tx = 1\n        y = 2\n".into(),
        format!("print({}1{})", "(".repeat(150), ")".repeat(150)).into_bytes(),
        format!("print({}1{})", "(".repeat(250), ")".repeat(250)).into_bytes(),
        format!("x = {}1", "a.".repeat(3000)).into_bytes(),
        "0x\nx = 1__0\n".into(),
        "print(1 is 1, '\\d')\n".into(),
        format!("x = {}", "9".repeat(5000)).into_bytes(),
        "import sys\nprint(__doc__, __name__, __file__, __spec__, __loader__ is None, __package__)\n".into(),
    ]);
    for source in sources {
        let forked = run(&source, "");
        let fresh = sandbox().run(&exec_job(&source), b"", &limits()).unwrap();
        // A fresh interpreter compiles by itself, and ends as it does after any uncaught exception.
        let status = match forked.status {
            Status::CompileError => Status::Exited(1),
            status => status,
        };
        assert_eq!(
            (status, text(&forked.stdout), text(&forked.stderr)),
            (fresh.status, text(&fresh.stdout), text(&fresh.stderr)),
            "{:?}",
            text(&source)
        );
    }
    canary();
}

#[test]
fn a_flood_of_compiler_warnings_is_output_like_any_other() {
    let source = "1 is 1\n".repeat(20_000) + "print('end')";
    let outcome = run_with(
        &source,
        "",
        &Limits {
            cpu_ms: 10_000,
            ..limits()
        },
    );
    assert!(
        matches!(outcome.status, Status::OutputLimit | Status::TimeLimit),
        "{:?}",
        outcome.status
    );
    canary();
}

#[test]
fn slow_algorithms_of_the_library_are_judged_by_the_time_limit() {
    for source in [
        "import re\nre.match('(a*)*$', 'a' * 40 + 'b')",
        "d = {}\nfor i in range(1 << 20): d[i * ((1 << 61) - 1)] = 1",
        "sorted(range(10 ** 9), key=lambda n: -n)",
        "pow(3, 10 ** 9)",
        "'a' * 10 ** 6 in 'a' * 10 ** 9",
    ] {
        let outcome = run_with(
            source,
            "",
            &Limits {
                cpu_ms: 300,
                ..limits()
            },
        );
        assert!(
            matches!(outcome.status, Status::TimeLimit | Status::MemoryLimit),
            "{source}: {:?}",
            outcome.status
        );
    }
    canary();
}

#[test]
fn an_interpreter_started_by_the_program_is_jailed_with_it() {
    let source = "import os, subprocess, sys\nprobe = 'import os; print(os.getuid(), sorted(n for n in os.listdir(\"/etc\") if n != \"alternatives\"), [l.split()[1] for l in open(\"/proc/self/status\") if l.startswith((\"CapEff\", \"Seccomp:\", \"NoNewPrivs\"))], os.path.exists(\"/proc/1\"))'\nprint(subprocess.run([sys.executable, '-c', probe], capture_output=True, text=True).stdout)";
    assert_eq!(
        printed(source, ""),
        "1000 ['group', 'ld.so.cache', 'passwd'] ['0000000000000000', '1', '2'] False\n\n"
    );
    canary();
}
