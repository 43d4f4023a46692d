//! However a program ends: exit code and output are those of the same interpreter started by itself.

use std::io::Write;
use std::process::{Command, Stdio};

use rlef_sandbox::{Limits, Status};

use crate::support::{interpreter, limits, run_with, text};

/// Exit code and output of the interpreter itself, in a directory of its own.
fn by_itself(source: &str, input: &str) -> (i32, String) {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("main.py"), source).unwrap();
    let mut child = Command::new(interpreter())
        .args(["-s", "main.py"])
        .current_dir(place.path())
        .env_clear()
        .envs([("PYTHONHASHSEED", "0"), ("LANG", "C.UTF-8")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program may end without reading.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let code = output.status.code().unwrap_or_else(|| {
        use std::os::unix::process::ExitStatusExt;
        -output.status.signal().unwrap()
    });
    (code, text(&output.stdout))
}

fn in_sandbox(source: &str, input: &str) -> (i32, String) {
    let limits = Limits {
        cpu_ms: 5_000,
        wall_ms: 60_000,
        ..limits()
    };
    let outcome = run_with(source, input, &limits);
    let code = match outcome.status {
        Status::Exited(code) => code,
        Status::Signalled(signal) => -signal,
        other => panic!("{other:?}: {source}\n{}", text(&outcome.stderr)),
    };
    (code, text(&outcome.stdout))
}

#[track_caller]
fn same(programs: &[&str]) {
    for source in programs {
        assert_eq!(
            in_sandbox(source, "5 7\n"),
            by_itself(source, "5 7\n"),
            "{source}"
        );
    }
}

#[test]
fn plain_exits() {
    same(&[
        "",
        "print(1)",
        "import sys\nprint(1)\nsys.exit()",
        "import sys\nprint(1)\nsys.exit(3)",
        "import sys\nsys.exit(-1)",
        "import sys\nsys.exit(256)",
        "import sys\nsys.exit(2**31)",
        "import sys\nsys.exit(2**40 + 7)",
        "import sys\nsys.exit(-2**63)",
        "import sys\nsys.exit(2**70)",
        "import sys\nsys.exit(True)",
        "import sys\nsys.exit(None)",
        "import sys\nsys.exit('words')",
        "import sys\nsys.exit('')",
        "import sys\nsys.exit(2.5)",
        "import sys\nsys.exit((1, 2))",
        "import sys\nsys.exit((3,))",
        "import sys\nsys.exit(())",
        "import sys\nsys.exit([0])",
        "import sys\nsys.exit(1, 2)",
        "import sys\nclass Code(int): pass\nsys.exit(Code(9))",
        "exit(4)",
        "quit()",
        "quit('words')",
        "exit(code=6)",
        "from sys import exit as leave\nleave(5)",
        "import sys\ngetattr(sys, 'ex' + 'it')(8)",
        "raise SystemExit",
        "raise SystemExit(7)",
        "raise SystemExit(1, 2)",
        "class Leave(SystemExit): code = 12\nraise Leave",
        "import os\nprint(1, flush=True)\nos._exit(11)",
        "import os\nos.abort()",
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
        "print(1)\n1 / 0",
        "print(1)\nraise ValueError('x' * 10)",
        "print(1)\nraise KeyboardInterrupt",
        "print(1)\nraise BaseException(3)",
        "raise GeneratorExit",
        "def f(): f()\nf()",
    ]);
}

#[test]
fn exits_that_are_caught_changed_or_raised_again() {
    same(&[
        "import sys\ntry: sys.exit(1)\nexcept: b = sys.exc_info()[1]\ntry: sys.exit(0)\nexcept: pass\nprint(1)\nraise b",
        "import sys\ntry: sys.exit(0)\nexcept:\n    e = sys.exc_info()[1]\n    e.code = 3\n    raise",
        "import sys\ntry: sys.exit(1)\nexcept: pass\nprint(1)",
        "import sys\ntry: sys.exit(1)\nexcept BaseException: sys.exit(2)",
        "import sys\ntry: sys.exit(1)\nexcept SystemExit as e: raise SystemExit(e.code + 4)",
        "import sys\ntry: sys.exit(1)\nexcept Exception: print(2)",
        "import sys\ndef f():\n    try: sys.exit(1)\n    finally: return 2\nprint(f())",
        "import sys\ndef f():\n    try: sys.exit(1)\n    finally: return 2\nf()\nsys.exit(5)",
        "import sys\nfor i in range(3):\n    try: sys.exit(i)\n    finally: continue\nprint(i)",
        "import sys\ntry: sys.exit(1)\nfinally: sys.exit(2)",
        "import sys\ntry:\n    try: sys.exit(1)\n    finally: raise ValueError\nexcept ValueError as e: raise e.__context__",
        "import sys\nclass A:\n    def __enter__(self): pass\n    def __exit__(self, *a): return True\nwith A(): sys.exit(3)\nprint(1)",
        "import sys\nclass A:\n    def __enter__(self): pass\n    def __exit__(self, k, e, t): e.code = 9\nwith A(): sys.exit(3)",
        "import sys\nA = type('A', (), {'__enter__': lambda s: s, '__exit__': lambda *a: 1})\nwith A(): sys.exit(3)\nexit(2)",
        "import sys, contextlib\nwith contextlib.suppress(SystemExit): sys.exit(3)\nprint(1)",
        "import sys, contextlib\nwith contextlib.ExitStack() as s:\n    s.push(lambda *a: True)\n    sys.exit(3)\nexit(6)",
        "import sys\nkind = Exception.__base__\ntry: sys.exit(1)\nexcept kind: pass\nsys.exit(0)",
        "import sys\ndef g():\n    try: yield\n    except: yield 1\ni = g()\nnext(i)\ni.throw(SystemExit(4))\nexit(2)",
        "import _thread\n_thread.exit()",
        "import sys\ntry: sys.exit(1)\nexcept: pass\nimport _thread\n_thread.exit()",
        "import sys\nsorted([1, 2], key=lambda v: sys.exit(v))",
        "import sys\nclass A:\n    def __eq__(self, o): sys.exit(4)\nA() in [1]",
        "import sys\nclass A:\n    def __del__(self): sys.exit(4)\nA()\nprint(1)",
        "import sys, weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda r: sys.exit(4))\ndel a\nprint(1)\nexit(3)",
        "import argparse\nargparse.ArgumentParser().parse_args(['--no'])",
        "import signal, sys, os\nsignal.signal(signal.SIGUSR1, lambda *a: sys.exit(21))\nos.kill(os.getpid(), signal.SIGUSR1)\nwhile 1: pass",
        "import asyncio, sys\nasync def f(): sys.exit(13)\nasyncio.run(f())",
        "from concurrent.futures import ThreadPoolExecutor as P\nimport sys\nwith P(1) as p: f = p.submit(sys.exit, 3)\nf.result()",
        "import os, sys\np = os.fork()\nif p == 0: sys.exit(3)\nprint(os.waitpid(p, 0)[1])\nsys.exit(4)",
    ]);
}

#[test]
fn what_only_looks_like_an_uncaught_exception() {
    same(&[
        "import code\nc = code.InteractiveInterpreter()\nc.runsource('1/0')\nprint(1)",
        "import sys\nsys.last_type = ValueError\nprint(1)",
        "import sys\nsys.last_type = sys.last_value = sys.last_traceback = None\nprint(1)",
        "import sys\ntry: 1 / 0\nexcept Exception as e: sys.last_type, sys.last_value, sys.last_traceback = type(e), e, e.__traceback__",
        "import sys\ntry: 1 / 0\nexcept Exception as e: sys.last_type, sys.last_traceback = type(e), e.__traceback__\nsys.exit(0)",
        "import sys\nsys.last_type = KeyboardInterrupt\nraise ValueError",
        "import sys\nsys.excepthook = lambda *a: print('hook')\n1 / 0",
        "import sys\nsys.excepthook = lambda *a: sys.exit(8)\n1 / 0",
        "import sys\nsys.excepthook = lambda *a: 1 / 0\nraise KeyError",
        "try: 1 / 0\nexcept ZeroDivisionError: raise\n",
        "try: 1 / 0\nexcept ZeroDivisionError as e: raise e.with_traceback(None)\n",
        "try:\n    1 / 0\nfinally:\n    print(1)",
        "with open('x', 'w') as f:\n    1 / 0",
        "def f(n):\n    if n: f(n - 1)\n    raise KeyError(n)\nf(5)",
        "raise ValueError from KeyError()",
        "def f():\n    try: 1 / 0\n    except Exception as e: return e\nraise f()",
        "del __file__\nimport sys\nsys.exit(3)",
        "del __file__\nprint(1)",
        "globals().pop('__file__'), globals().pop('__cached__')\nraise SystemExit(3)",
        "import sys\nleave = sys.exit\nglobals().clear()",
        "__file__ = __cached__ = 1\nprint(1)",
        "assert False, 'no'",
        "import sys\nsys.stdout.close()",
        "import sys\nprint(1)\nsys.stdout.close()\nsys.exit(3)",
        "import os\nprint(1)\nos.close(1)",
        "import sys\nsys.stdout = None\nprint(1)",
        "import sys\ndel sys.stdout",
        "import sys\nsys.stdout = 5",
    ]);
}

#[test]
fn what_is_left_to_the_end_still_happens() {
    same(&[
        "import atexit\natexit.register(print, 'last')\nprint('first')",
        "import atexit, sys\natexit.register(print, 'last')\nsys.exit(4)",
        "import atexit\natexit.register(lambda: 1 / 0)\natexit.register(print, 2)\nprint(1)",
        "import atexit, sys\natexit.register(lambda: sys.exit(3))\nprint(1)",
        "import atexit, os\natexit.register(lambda: os._exit(9))\nprint(1)",
        "import threading, time\ndef f():\n    time.sleep(0.05)\n    print('late')\nthreading.Thread(target=f).start()\nprint('early')",
        "import threading, time, sys\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()\nsys.exit(2)",
        "import threading, time\nthreading.Thread(target=lambda: time.sleep(9), daemon=True).start()\nprint(1)",
        "import threading, sys\nt = threading.Thread(target=lambda: sys.exit(5))\nt.start()\nt.join()\nprint(1)",
        "import threading\nthreading.Thread(target=lambda: 1 / 0).start()",
        "f = open(1, 'w', closefd=False)\nf.write('unflushed')",
        "def main():\n    f = open(1, 'w', closefd=False)\n    f.write('unflushed')\n    exit(0)\nmain()",
        "import sys\nsys.stdout = open(1, 'w', closefd=False)\nprint('reassigned')",
        "import sys\nsys.log = open(1, 'w', closefd=False)\nsys.log.write('kept by sys')",
        "import builtins\nbuiltins.log = open(1, 'w', closefd=False)\nlog.write('kept by builtins')",
        "import os\nout = os.fdopen(1, 'w')\nout.write('owned')",
        "import sys\nsys.stdout = sys.__stdout__ = open('/dev/stdout', 'w')\nprint('both')",
        "import io, os\nclass Out(io.IOBase):\n    def __init__(self): self.text = ''\n    def write(self, t): self.text += t\n    def flush(self): os.write(1, self.text.encode()); self.text = ''\nout = Out()\nout.write('written at its end')",
        "import io, os, sys\nclass Out(io.RawIOBase):\n    def writable(self): return True\n    def write(self, b): return os.write(1, b)\nsys.stdout = io.TextIOWrapper(io.BufferedWriter(Out()))\nprint('wrapped')",
        "import sys, io\nsys.stdout = io.StringIO()\nprint('lost')",
        "def g():\n    try: yield 1\n    finally: print('closed')\ni = g()\nnext(i)",
        "class A:\n    def __del__(self): print('gone')\na = A()",
        "class A:\n    def __del__(self): print('gone')\nimport sys\na = A()\nsys.exit(2)",
        "import weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')",
        "import contextlib\nf = open(1, 'w', closefd=False)\nwith contextlib.redirect_stdout(f): print('redirected')",
        "import logging, sys\nlogging.basicConfig(stream=sys.stdout)\nlogging.warning('said')",
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'print(1)'])\nimport time\ntime.sleep(2)",
        "import sys\nsys.stdout.write('no line')\nsys.stdout.buffer.write(b'!')",
        "import sys\nsys.stdout.reconfigure(line_buffering=True)\nprint(1, end='')",
        "import sys\nfrom code import interact\ninteract(banner='', exitmsg='')",
    ]);
}
