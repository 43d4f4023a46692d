//! Where the sandbox keeps what it made.

use std::path::Path;
use std::process::Command;

use crate::support::helper;

/// Runs a file with the sandbox's own program; `variables` alone say where things are kept.
fn run(file: &Path, variables: &[(&str, &Path)]) {
    let output = Command::new(helper())
        .env_remove("RLEF_CACHE")
        .env_remove("XDG_CACHE_HOME")
        .env_remove("HOME")
        .envs(variables.iter().copied())
        .arg("run")
        .arg(file)
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"kept\n", "{output:?}");
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.path().is_file()).count()
}

#[test]
fn one_variable_moves_every_store() {
    let place = tempfile::tempdir().unwrap();
    let [named, users] = ["named", "users"].map(|name| place.path().join(name));
    let program = place.path().join("program.c");
    std::fs::write(
        &program,
        "#include <stdio.h>\nint main(void) { puts(\"kept\"); }",
    )
    .unwrap();
    let variables = [
        ("RLEF_CACHE", named.as_path()),
        ("XDG_CACHE_HOME", users.as_path()),
    ];
    run(&program, &variables);
    assert_eq!((files(&named.join("programs")), users.exists()), (1, false));
    #[cfg(feature = "wasm")]
    {
        let module = place.path().join("module.wat");
        std::fs::write(&module, MODULE).unwrap();
        run(&module, &variables);
        assert_eq!(
            (files(&named.join("wasm/modules")), users.exists()),
            (1, false)
        );
    }
    run(&program, &variables[1..]);
    assert_eq!(files(&users.join("rlef/programs")), 1);
}

/// Prints the same.
#[cfg(feature = "wasm")]
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\08\00\00\00\05\00\00\00kept\n")
    (func (export "_start") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#;
