//! Rust by the host's rustc, with the C compiler as its linker.

use std::path::Path;

use super::toolchain::{
    Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path, words,
};
use super::{Definition, always_main, gcc};

pub(crate) const DEFINITION: Definition = Definition {
    title: "Rust",
    tags: &["rust", "rs"],
    extensions: &["rs"],
    find,
    unit: always_main,
    wanted_memory: |last| last.signal == libc::SIGABRT && last.contain("memory allocation of "),
};

fn find() -> Result<Toolchain, String> {
    let named = on_path(&["rustc"]).ok_or("rustc is not on the search path")?;
    let linker = gcc::find(&["gcc", "clang", "cc"], &[])
        .map_err(|reason| format!("rustc needs a C compiler to link: {reason}"))?;
    // What is on the search path may be rustup's proxy, which would look for toolchains in the home directory.
    let root = ask(&named, &["--print", "sysroot"])?;
    let root = Path::new(root.trim())
        .canonicalize()
        .map_err(|error| format!("{}: {error}", root.trim()))?;
    let executable = root.join("bin/rustc");
    let version = ask(&executable, &["--version"])?.trim().to_owned();
    let mut command = vec![executable.to_string_lossy().into_owned()];
    command.extend(words([
        "--edition=2021",
        "--crate-name=main",
        "--cap-lints=allow",
        "--color=never",
        "-Copt-level=2",
        "-Cdebuginfo=0",
        "-Cstrip=symbols",
    ]));
    command.push(format!("-Clinker={}", linker.executable));
    command.extend(words(["-o", "/box/out", "/program/main.rs"]));
    let mut paths = vec![executable.clone(), root.join("lib")];
    paths.extend(linker.tools.binds);
    Ok(Toolchain {
        identity: format!("{version} {} {}", fingerprint(&executable), linker.identity),
        version,
        compile: Some(Compile {
            launch: Launch {
                own_threads: 32,
                ..Launch::compiler("main.rs", command, Tools::new(paths))
            },
            output: Output::Artifact,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run: Launch::native(),
    })
}
