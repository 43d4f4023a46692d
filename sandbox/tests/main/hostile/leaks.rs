//! Programs that leave something for their next test, or for the next program.

use rlef_sandbox::Batch;

use crate::support::{canary, job, limits, sandbox, text};

/// Runs the source twice in one batch and once as another program: each run must see a clean place.
fn sees_nothing(source: &str) {
    let outcomes = sandbox()
        .run_batch(&Batch::new(&job(source), &[b"", b""], &limits()))
        .unwrap();
    let again = sandbox().run(&job(source), b"", &limits()).unwrap();
    for outcome in outcomes.iter().chain([&again]) {
        assert_eq!(
            text(&outcome.stdout),
            "clean\n",
            "{source}: {}",
            text(&outcome.stderr)
        );
    }
    canary();
}

#[test]
fn files_in_every_writable_place() {
    sees_nothing(
        "import os\nplaces = [p for p in ('/box', '/tmp', '/dev/shm', '/program', '/scratch', '/etc', '/') if os.access(p, os.W_OK)]\nprint('clean' if places == ['/box', '/tmp', '/dev/shm'] and not any(map(os.listdir, places)) else places)\nfor p in places:\n    open(p + '/left', 'w').write('x')\n    os.mkdir(p + '/.hidden')\n    open(p + '/.hidden/deep', 'w').close()\n    os.chmod(p + '/.hidden', 0)",
    );
}

#[test]
fn odd_names() {
    sees_nothing(
        "import os\nprint('clean' if not os.listdir(b'.') else 'left')\nfor n in (b'\\xff\\xfe', b' ', b'-rf', b'a\\nb', b'x' * 255, b'0', b'1'): os.mkdir(n); os.mkdir(n + b'/0' if len(n) < 250 else n + b'/1')\nos.symlink('/', 'root'); os.mkfifo('pipe'); os.symlink('loop', 'loop')",
    );
}

#[test]
fn times_and_modes_of_directories() {
    sees_nothing(
        "import os\ns = [os.stat(p) for p in ('/box', '/tmp', '/dev/shm')]\nprint('clean' if all((t.st_mode & 0o7777, t.st_mtime, t.st_atime) == (0o755, 0, 0) for t in s) else s)\nfor p in ('/box', '/tmp', '/dev/shm'):\n    os.utime(p, (123, 456))\n    os.chmod(p, 0o1700)",
    );
}

#[test]
fn extended_attributes() {
    sees_nothing(
        "import os\ntry: print('left', os.getxattr('/box', 'user.mark'))\nexcept OSError: print('clean')\ntry: os.setxattr('/box', 'user.mark', b'x')\nexcept OSError: pass",
    );
}

#[test]
fn flags_of_directories() {
    sees_nothing(
        "import fcntl, os, struct\nfor p in ('/box', '/tmp', '/dev/shm'):\n    d = os.open(p, os.O_RDONLY)\n    flags = 0\n    try: flags = struct.unpack('i', fcntl.ioctl(d, 0x80086601, bytes(4)))[0]\n    except OSError: pass\n    if flags & 0xe0: print('left', p, flags)\n    try: fcntl.ioctl(d, 0x40086602, struct.pack('i', 0x40 | 0x80)); print('marked', p)\n    except OSError: pass\nprint('clean')",
    );
}

#[test]
fn abstract_and_named_sockets() {
    sees_nothing(
        "import os, socket\ns = socket.socket(socket.AF_UNIX)\ntry: s.connect('\\0mark'); print('left')\nexcept OSError: print('clean')\nt = socket.socket(socket.AF_UNIX); t.bind('\\0mark'); t.listen()\nif os.fork() == 0:\n    os.setsid()\n    while True: t.accept()",
    );
}

#[test]
fn shared_memory_of_every_kind() {
    sees_nothing(
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nprint('clean' if libc.shmget(7, 4096, 0o666) < 0 and libc.semget(7, 1, 0o666) < 0 and libc.msgget(7, 0o666) < 0 else 'left')\nlibc.shmget(7, 4096, 0o1666); libc.semget(7, 1, 0o1666); libc.msgget(7, 0o1666)\nlibc.shm_open(b'/x', 66, 0o666)",
    );
}

#[test]
fn file_locks_and_leases() {
    sees_nothing(
        "import fcntl, os\nf = open('/program/main.py')\ntry: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB); print('clean')\nexcept OSError: print('left')\nif os.fork() == 0:\n    os.setsid()\n    while True: pass",
    );
}

#[test]
fn the_source_and_compiled_files() {
    sees_nothing(
        "import os, sys\nprint('clean' if open(__file__).read().endswith('pass') and not os.path.exists('/program/__pycache__') else 'left')\nfor f in (lambda: open(__file__, 'a').write('poison'), lambda: os.chmod(__file__, 0o777), lambda: os.unlink(__file__), lambda: os.rename(__file__, '/tmp/m')):\n    try: f()\n    except OSError: pass",
    );
}

#[test]
fn modules_beside_the_program_or_in_the_home() {
    sees_nothing(
        "import os, sys\nprint('clean' if not os.path.exists(os.path.expanduser('~/.local')) else 'left')\nos.makedirs(os.path.expanduser('~/.local/lib/python3.%d/site-packages' % sys.version_info[1]))\nopen('random.py', 'w').write('1/0')\nopen('usercustomize.py', 'w').write('1/0')",
    );
}

#[test]
fn one_test_does_not_see_the_input_of_another() {
    let source = "import gc\nline = input()\nopen('/tmp/' + line, 'w').write(line)\ngc.unfreeze()\nprint(line, sum(isinstance(o, dict) and any(isinstance(v, str) and v.startswith('secret') for v in list(o.values())) and o is not globals() for o in gc.get_objects()))";
    let outcomes = sandbox()
        .run_batch(&Batch::new(
            &job(source),
            &[b"secret1\n", b"secret2\n"],
            &limits(),
        ))
        .unwrap();
    assert_eq!(text(&outcomes[0].stdout), "secret1 0\n");
    assert_eq!(text(&outcomes[1].stdout), "secret2 0\n");
    canary();
}

/// Inodes are numbered, and a number would tell how many files the programs before have made. Those of a few files remain.
#[test]
fn numbers_of_files_tell_little_of_earlier_programs() {
    let sandbox = rlef_sandbox::Sandbox::new(crate::support::config(1)).unwrap();
    let number = || -> u64 {
        let source = "import os\nprint(os.fstat(os.open('/box/x', os.O_CREAT)).st_ino)";
        let printed = text(&sandbox.run(&job(source), b"", &limits()).unwrap().stdout);
        printed.trim().parse().unwrap()
    };
    for makes in [
        "for _ in range(1234):\n    os.close(os.open('/box/y', os.O_CREAT)); os.unlink('/box/y')",
        "for _ in range(777): os.close(os.open('/tmp', os.O_TMPFILE | os.O_RDWR))",
        "for n in range(999): os.mkdir('/dev/shm/%d' % n)",
    ] {
        let source = format!("import os\n{makes}\nprint(os.stat('/box').st_ino)");
        let outcome = sandbox.run(&job(source), b"", &limits()).unwrap();
        assert!(!outcome.stdout.is_empty(), "{}", text(&outcome.stderr));
        assert!(number() <= 140, "{makes}: {}", number());
    }
    canary();
}
