//! How C and C++ become WebAssembly modules that are WASI commands, where the host has clang, lld, wasi-libc and, for C++,
//! libc++ for wasm32-wasi.

use std::path::Path;

use super::gcc;
use super::toolchain::{
    Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path, words,
};
use crate::job::Language;

const TARGET: &str = "--target=wasm32-wasi";
const LINKERS: [&str; 5] = [
    "wasm-ld",
    "wasm-ld-19",
    "wasm-ld-16",
    "wasm-ld-15",
    "wasm-ld-14",
];
/// Bytes of the C stack; deep recursion needs it, and pages that are not touched are not there.
const STACK: &str = "-Wl,-z,stack-size=67108864";
/// Without it printing a `long double` aborts.
const LONG_DOUBLE: &str = "-lc-printscan-long-double";

/// What compiles programs of this language to modules on this host, or what is missing.
pub(crate) fn compiler(language: Language) -> Result<Toolchain, String> {
    let (names, file, standard, header): (&[&str], _, _, _) = match language {
        Language::C => (
            &["clang", "clang-19", "clang-16", "clang-14"],
            "main.c",
            "-std=gnu17",
            "stdio.h",
        ),
        Language::Cpp => (
            &["clang++", "clang++-19", "clang++-16", "clang++-14"],
            "main.cpp",
            "-std=gnu++17",
            "vector",
        ),
        _ => return Err("only C and C++ are compiled to WebAssembly".to_owned()),
    };
    let driver = gcc::find(names, &[])?;
    if !driver.clang {
        return Err(format!("{} is no clang", driver.executable));
    }
    let mut tools = driver.tools;
    // Which of its names a driver asks for is that driver's affair.
    let linkers: Vec<_> = LINKERS.iter().filter_map(|name| on_path(&[name])).collect();
    let Some(linker) = linkers.first() else {
        return Err("there is no wasm-ld (lld) on the search path".to_owned());
    };
    let identity = format!("{} {}", driver.identity, fingerprint(linker));
    tools.binds.extend(linkers);
    let tools = Tools::new(tools.binds);
    // Headers and libraries of the target, which clang alone does not bring.
    let includes = ["-include", header, "-fsyntax-only"];
    let language_flag = if language == Language::C { "c" } else { "c++" };
    let mut probe = vec![TARGET, standard, "-x", language_flag];
    probe.extend(includes);
    probe.push("/dev/null");
    ask(Path::new(&driver.executable), &probe)
        .map_err(|reason| format!("the libraries for wasm32-wasi are missing: {reason}"))?;
    let libraries: &[&str] = if language == Language::C {
        &["libc.a", "libc-printscan-long-double.a"]
    } else {
        &["libc.a", "libc-printscan-long-double.a", "libc++.a"]
    };
    for library in libraries {
        let name = format!("-print-file-name={library}");
        let found = ask(Path::new(&driver.executable), &[TARGET, &name])?;
        if !Path::new(found.trim()).is_absolute() {
            return Err(format!("{library} for wasm32-wasi is missing"));
        }
    }
    let mut command = vec![driver.executable];
    command.extend(words([
        TARGET,
        standard,
        "-O2",
        "-w",
        "-fdiagnostics-color=never",
        "-ferror-limit=5",
        "-o",
        "/box/out",
    ]));
    command.push(format!("/program/{file}"));
    command.extend(words([STACK, LONG_DOUBLE]));
    Ok(Toolchain {
        version: format!("{}, for wasm32-wasi", driver.version),
        identity,
        compile: Some(Compile {
            launch: Launch::compiler(file, command, tools),
            output: Output::Artifact,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run: Launch::native(),
    })
}
