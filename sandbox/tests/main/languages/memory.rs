//! Where a control group counts, a program gets its limit and no megabyte more, whatever its jail did before.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use rlef_sandbox::{Batch, Language, Limits, Safeguard, Sandbox, Status};

use super::{if_usable, job, limits};
use crate::support::{config, interpreter, needs_control_group};

/// A C program that writes to so many megabytes.
fn touch(megabytes: f64) -> String {
    format!(
        "#include <stdio.h>\n#include <stdlib.h>\nint main(void) {{ size_t n = (size_t)({megabytes} * (1 << 20)); volatile char *p = malloc(n);\n\
         for (size_t i = 0; i < n; i += 4096) p[i] = 1; puts(p[n - 4096] ? \"1\" : \"0\"); return 0; }}\n"
    )
}

fn check(sandbox: &Sandbox, after: &str) {
    for limit in [64_u32, 256] {
        let limits = Limits {
            memory_bytes: u64::from(limit) << 20,
            ..limits()
        };
        for (extra, status) in [(-1.0, Status::Exited(0)), (1.0, Status::MemoryLimit)] {
            let source = touch(f64::from(limit) + extra);
            let outcome = sandbox
                .run(&job(Language::C, &source), b"", &limits)
                .unwrap();
            assert_eq!(
                outcome.status, status,
                "{limit} {extra} after {after}: {:?}",
                outcome.usage
            );
        }
    }
}

#[test]
fn a_memory_limit_is_exact_to_a_megabyte() {
    needs_control_group(Safeguard::MemoryLimit);
    if_usable(Language::C, || {
        let sandbox = Sandbox::new(config(1)).unwrap();
        check(&sandbox, "nothing");
        // Its first process holds some megabytes of code, and the next program's does not.
        let large = format!(
            "def f():\n    return [{}]\nprint(1)\n",
            (0..150_000)
                .map(|n| format!("'{n}'"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let inputs: [&[u8]; 3] = [b"", b"", b""];
        let python = job(Language::Python, &large);
        let outcomes = sandbox
            .run_batch(&Batch::new(&python, &inputs, &limits()))
            .unwrap();
        for outcome in outcomes {
            assert_eq!(outcome.status, Status::Exited(0), "{outcome:?}");
        }
        check(&sandbox, "a large program");
        // Its memory ends up in page tables, which the kernel frees late.
        let many = "import os\nfor _ in range(20):\n    if os.fork() == 0:\n        bytearray(8 << 20)\n        os._exit(0)\n    os.wait()\n";
        let outcome = sandbox
            .run(&job(Language::Python, many), b"", &limits())
            .unwrap();
        assert_eq!(outcome.status, Status::Exited(0), "{outcome:?}");
        check(&sandbox, "many processes");
    });
}

/// Has the kernel forget what it holds of the files below a folder, as far as nobody uses it.
fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            forget(&path);
        } else if let Ok(file) = File::open(&path) {
            let _ = posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        }
    }
}

/// The folders of the interpreter's library.
fn library() -> Vec<PathBuf> {
    let python = fs::canonicalize(interpreter()).unwrap();
    let library = python.parent().unwrap().parent().unwrap().join("lib");
    let folders = fs::read_dir(library).into_iter().flatten().flatten();
    let is_pythons = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with("python3")
    };
    folders
        .map(|entry| entry.path())
        .filter(is_pythons)
        .collect()
}

#[test]
fn a_jail_that_reads_its_interpreter_from_disk_gives_no_more_memory() {
    needs_control_group(Safeguard::MemoryLimit);
    if_usable(Language::C, || {
        for folder in &library() {
            forget(folder);
        }
        check(&Sandbox::new(config(1)).unwrap(), "a cold start");
    });
}

/// What the kernel keeps for a program is taken back before the next one comes, which must not be in want meanwhile.
#[test]
fn after_a_program_that_read_many_files_the_next_has_all_its_memory() {
    needs_control_group(Safeguard::MemoryLimit);
    let sandbox = Sandbox::new(config(1)).unwrap();
    let reads = "import os\nn = 0\nfor at, _, names in os.walk(os.path.dirname(os.__file__)):\n    for name in names:\n        try:\n            if n < 20000000: n += len(open(os.path.join(at, name), 'rb').read())\n        except OSError:\n            pass\nprint(n > 1000000)\n";
    // Its first process wants megabytes as soon as it is there.
    let large = format!("print(1)\n# {}\n", "x".repeat(2 << 20));
    let limits = Limits {
        cpu_ms: 20_000,
        ..limits()
    };
    for _ in 0..3 {
        for folder in &library() {
            forget(folder);
        }
        for (source, said) in [(reads, &b"True\n"[..]), (&large, b"1\n")] {
            let outcome = sandbox
                .run(&job(Language::Python, source), b"", &limits)
                .unwrap();
            let stderr = String::from_utf8_lossy(&outcome.stderr);
            assert_eq!(outcome.status, Status::Exited(0), "{stderr}");
            assert_eq!(outcome.stdout, said);
        }
    }
}
