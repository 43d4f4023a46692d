//! Odd uses of what is allowed: sources that are none, calls with arguments that make no sense, ends that look like
//! no end. The sandbox itself never fails over them.

use rlef_sandbox::{Batch, Job, Language, Limits, Outcome, Start, Status};

use crate::support::{canary, exec_job, job, limits, printed, run_all, run_with, sandbox, text};

const LIBC: &str =
    "import ctypes, os, signal, sys, time\nlibc = ctypes.CDLL(None, use_errno=True)\n";

fn by(start: Start, source: &[u8]) -> Outcome {
    let job = match start {
        Start::Exec => exec_job(source),
        Start::Fork => job(source),
    };
    sandbox()
        .run(&job, b"7\n", &limits())
        .unwrap_or_else(|error| panic!("{:?}: failed to {error}", text(source)))
}

/// Whatever the bytes, both ways of starting end alike; only the fork names a source that does not compile.
fn ends_alike(source: &[u8]) {
    let (forked, fresh) = (by(Start::Fork, source), by(Start::Exec, source));
    let status = match forked.status {
        Status::CompileError => Status::Exited(1),
        other => other,
    };
    assert_eq!(
        (status, &forked.stdout, text(&forked.stderr)),
        (fresh.status, &fresh.stdout, text(&fresh.stderr)),
        "{:?}",
        text(source)
    );
}

#[test]
fn a_source_that_names_every_encoding() {
    for name in "ascii latin-1 utf-8 utf-8-sig utf-16 utf-32 utf-7 cp037 cp1252 koi8-r big5 gb18030 shift_jis iso2022_jp \
        hz punycode idna mbcs oem undefined unicode_escape raw_unicode_escape rot13 base64 hex zlib bz2 quopri uu \
        ../main . a.b os __main__ charmap string_escape \u{7f} \0 x"
        .split(' ')
    {
        ends_alike(format!("# coding: {name}\nprint(int(input()) * 2)\n").as_bytes());
    }
    ends_alike(&[b"# coding: ", "a".repeat(100_000).as_bytes(), b"\nprint(1)"].concat());
    canary();
}

#[test]
fn random_bytes_as_a_source() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let words: Vec<&[u8]> = vec![
        b"print",
        b"(",
        b")",
        b"\n",
        b" ",
        b":",
        b"if",
        b"\t",
        b"'",
        b"\"\"\"",
        b"\\",
        b"\0",
        b"\xff",
        b"1",
        b"=",
        b"def f",
        b"lambda",
        b"*",
        b"@",
        b"#",
        b"\r",
        b"\x0c",
        b"\xef\xbb\xbf",
        b"{",
        b"}",
        b"f'{",
        b"async ",
        b"return",
    ];
    for round in 0..40 {
        let length = 1 + next() as usize % 24;
        let source: Vec<u8> = if round % 4 == 0 {
            (0..length * 3).map(|_| next() as u8).collect()
        } else {
            (0..length)
                .flat_map(|_| words[next() as usize % words.len()].to_vec())
                .collect()
        };
        ends_alike(&source);
    }
    canary();
}

/// `python3 main.py` runs a compiled file whatever its name, without looking at it closely.
#[test]
fn a_compiled_file_in_place_of_a_source() {
    let make = "import importlib.util, marshal, sys\ncode = marshal.dumps(compile('print(int(input()) * 2)', 'x', 'exec'))\nsys.stdout.buffer.write(importlib.util.MAGIC_NUMBER + bytes(12) + code)";
    let whole = by(Start::Fork, make.as_bytes()).stdout;
    assert!(whole.len() > 16);
    for start in [Start::Fork, Start::Exec] {
        let outcome = by(start, &whole);
        assert_eq!(
            (outcome.status, text(&outcome.stdout).as_str()),
            (Status::Exited(0), "14\n"),
            "{start:?}: {}",
            text(&outcome.stderr)
        );
    }
    // Cut and spoilt it may crash, but only itself.
    for at in (16..whole.len()).step_by(7) {
        let mut spoilt = whole.clone();
        spoilt[at] ^= 0xff;
        assert_ne!(by(Start::Fork, &spoilt).status, Status::Denied);
        by(Start::Fork, &whole[..at]);
    }
    canary();
}

#[test]
fn a_source_larger_than_the_place_for_it() {
    let source = [b"#".as_slice(), &vec![b'x'; 300 << 20], b"\nprint(1)"].concat();
    for start in [Start::Fork, Start::Exec] {
        let outcome = sandbox().run(
            &Job {
                start,
                language: Language::Python,
                source: source.clone(),
                files: None,
            },
            b"",
            &limits(),
        );
        let outcome = outcome.unwrap_or_else(|error| panic!("{start:?}: failed to {error}"));
        assert_ne!(outcome.status, Status::Exited(0));
    }
    canary();
}

#[test]
fn a_main_thread_that_leaves_before_the_others() {
    let source = format!(
        "{LIBC}import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f, daemon=True).start()\nprint('gone', flush=True)\nsys.setswitchinterval(1000)\nctypes.PyDLL(None).syscall(60, 0)"
    );
    let short = Limits {
        cpu_ms: 300,
        wall_ms: 2_000,
        ..limits()
    };
    assert_eq!(run_with(source, "", &short).status, Status::TimeLimit);
    canary();
}

#[test]
fn another_program_in_a_second_thread() {
    let source = "import os, sys, threading, time\nif len(sys.argv) > 1:\n    print('other', os.getpid() == int(sys.argv[1]))\n    sys.exit(5)\nthreading.Thread(target=os.execv, args=(sys.executable, [sys.executable, __file__, str(os.getpid())])).start()\ntime.sleep(100)";
    let outcome = run_with(source, "", &limits());
    assert_eq!(
        (outcome.status, text(&outcome.stdout).as_str()),
        (Status::Exited(5), "other True\n")
    );
    canary();
}

/// The kernel sends a signal of choice to a process of choice when something can be read.
#[test]
fn signals_by_what_can_be_read_to_the_parent() {
    let source = "import fcntl, socket\nfor number in (9, 19, 15, 2, 11, 34):\n    for owner in (1, -1, -os.getpgid(1)):\n        a, b = socket.socketpair()\n        r, w = os.pipe()\n        for f in (a.fileno(), r):\n            try:\n                fcntl.fcntl(f, 8, owner)\n                fcntl.fcntl(f, 10, number)\n                fcntl.fcntl(f, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)\n            except OSError: pass\n        b.send(b'x'); os.write(w, b'x')\nprint(os.getppid())";
    // Its own group may meet the signal as well; nobody else does.
    for outcome in run_all(
        format!("{LIBC}signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n{source}"),
        &[b"", b""],
    ) {
        assert!(
            matches!(outcome.status, Status::Exited(0) | Status::Signalled(_)),
            "{outcome:?}"
        );
    }
    canary();
}

#[test]
fn every_file_of_proc_is_written_to() {
    let source = "import os\nfor top, names, files in os.walk('/proc'):\n    names[:] = [n for n in names if n not in ('fd', 'map_files', 'cwd', 'root')]\n    for name in files:\n        for text in (b'0', b'1', b'-1000', b'0 0 1', b'x' * 5000):\n            try:\n                f = os.open(top + '/' + name, os.O_WRONLY | os.O_NONBLOCK)\n                os.write(f, text)\n                os.close(f)\n            except OSError: pass\nprint('end')";
    for outcome in run_all(source, &[b"", b""]) {
        assert_eq!(text(&outcome.stdout), "end\n", "{outcome:?}");
    }
    canary();
}

#[test]
fn the_scratch_places_themselves_cannot_be_removed_or_replaced() {
    let source = "import os\nfor path in ('/box', '/tmp', '/dev/shm', '/program', '/dev', '/proc'):\n    for attempt in (lambda: os.rmdir(path), lambda: os.rename(path, '/box/x'), lambda: os.rename('/tmp', path), lambda: os.symlink('/etc', path), lambda: os.unlink(path), lambda: os.chmod(path, 0), lambda: os.chown(path, 0, 0)):\n        try: attempt()\n        except OSError: pass\nprint('end')";
    for outcome in run_all(source, &[b"", b""]) {
        assert_eq!(text(&outcome.stdout), "end\n", "{outcome:?}");
    }
    let usable = "for path in ('/box', '/tmp', '/dev/shm'):\n    open(path + '/f', 'w').write('x')\nprint('usable')";
    for outcome in run_all(usable, &[b"", b""]) {
        assert_eq!(text(&outcome.stdout), "usable\n", "{outcome:?}");
    }
    canary();
}

/// Every flag of clone but the namespaces, alone and in pairs.
#[test]
#[cfg(target_arch = "x86_64")]
fn processes_made_with_every_flag() {
    let source = "spaces = 0x7e020000\nbits = [1 << n for n in range(8, 32) if not (1 << n) & spaces]\nfor one in bits:\n    for other in bits:\n        child = os.fork()\n        if child == 0:\n            signal.alarm(1)\n            libc.syscall(56, one | other | 17, 0, 0, 0, 0)\n            os._exit(0)\n        for _ in range(20):\n            if os.waitpid(child, os.WNOHANG)[0]: break\n            time.sleep(0.002)\n        else:\n            os.kill(child, 9); os.waitpid(child, 0)\nprint('end')";
    let roomy = Limits {
        cpu_ms: 20_000,
        wall_ms: 60_000,
        ..limits()
    };
    let source = job(format!("{LIBC}{source}"));
    let outcomes = sandbox()
        .run_batch(&Batch::new(&source, &[b"", b""], &roomy))
        .unwrap();
    for outcome in outcomes {
        assert_eq!(text(&outcome.stdout), "end\n", "{outcome:?}");
    }
    canary();
}

/// System calls of every number with arguments of every kind, thousands of them, each family in a process of its own.
#[test]
fn random_system_calls() {
    let source = "import random\nrandom.seed(int(input()))\nbuffer = ctypes.create_string_buffer(1 << 16)\nsome = [0, 1, 2, 3, -1, 1 << 12, 1 << 31, 1 << 63, ctypes.addressof(buffer), ctypes.addressof(buffer) + 100, os.getpid(), -100]\ncall = libc.syscall\ncall.argtypes = [ctypes.c_long] * 7\nfor _ in range(60):\n    child = os.fork()\n    if child == 0:\n        signal.alarm(1)\n        for _ in range(60):\n            number = random.randrange(0, 470)\n            # Those that only wait, or end the child.\n            if number in (34, 60, 231, 130): continue\n            call(number, *[random.choice(some) for _ in range(6)])\n        os._exit(0)\n    for _ in range(15):\n        if os.waitpid(child, os.WNOHANG)[0]: break\n        time.sleep(0.002)\n    else:\n        os.kill(child, 9); os.waitpid(child, 0)\nos.write(1, b'end')";
    let roomy = Limits {
        cpu_ms: 20_000,
        wall_ms: 60_000,
        ..limits()
    };
    let inputs: [&[u8]; 4] = [b"1", b"2", b"3", b"4"];
    let source = job(format!("{LIBC}{source}"));
    let outcomes = sandbox()
        .run_batch(&Batch::new(&source, &inputs, &roomy))
        .unwrap();
    assert_eq!(outcomes.len(), 4);
    for outcome in outcomes {
        // The children share its output, and may end it by a signal.
        assert!(
            outcome.status != Status::Exited(0) || outcome.stdout.ends_with(b"end"),
            "{outcome:?}"
        );
    }
    canary();
}

/// A compiler may be told to leave a tree deeper than any walk by recursion can follow.
#[test]
fn a_compiler_that_leaves_a_deep_tree() {
    let java = sandbox()
        .languages()
        .into_iter()
        .any(|state| state.language == Language::Java && state.usable);
    if !java {
        eprintln!("skipped: this host has no Java");
        return;
    }
    let package = vec!["a"; 1_500].join(".");
    let source = format!(
        "package {package};\npublic class Main {{ public static void main(String[] s) {{ System.out.println(1); }} }}\n"
    );
    let outcome = sandbox().run(
        &Job {
            language: Language::Java,
            source: source.into_bytes(),
            start: Start::Fork,
            files: None,
        },
        b"",
        &Limits {
            cpu_ms: 10_000,
            wall_ms: 60_000,
            memory_bytes: 512 << 20,
            ..limits()
        },
    );
    outcome.unwrap_or_else(|error| panic!("failed to {error}"));
    canary();
}

#[test]
fn the_own_priority_and_place_last_no_longer_than_the_test() {
    let source = "import os\nprint(os.nice(0), len(os.sched_getaffinity(0)) > 0, os.getpriority(os.PRIO_USER, 0), os.umask(0o22), os.getcwd())\nos.nice(19)\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nfor kind in (os.PRIO_PROCESS, os.PRIO_PGRP, os.PRIO_USER):\n    for who in (0, 1, os.getuid()):\n        try: os.setpriority(kind, who, 19)\n        except OSError: pass\nos.umask(0); os.chdir('/tmp')";
    let outcomes = run_all(source, &[b"", b""]);
    assert_eq!(outcomes[0].stdout, outcomes[1].stdout, "{outcomes:?}");
    assert_eq!(
        printed("import os\nprint(os.nice(0), os.getcwd())", ""),
        printed("import os\nprint(os.nice(0), os.getcwd())", "")
    );
    canary();
}
