//! Go by the host's go: one file, the standard library only, no network.

use std::path::PathBuf;

use super::toolchain::{
    Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path, words,
};
use super::{Definition, always_main};

pub(crate) const DEFINITION: Definition = Definition {
    title: "Go",
    tags: &["go", "golang"],
    extensions: &["go"],
    find,
    unit: always_main,
    wanted_memory: |last| {
        last.exit_code == Some(2)
            && (last.contain("fatal error: runtime: out of memory")
                || last.contain("fatal error: runtime: cannot allocate memory"))
    },
};

fn find() -> Result<Toolchain, String> {
    let named = on_path(&["go"]).ok_or("go is not on the search path")?;
    let root = PathBuf::from(ask(&named, &["env", "GOROOT"])?.trim());
    let executable = root.join("bin/go");
    let version = ask(&executable, &["version"])?.trim().to_owned();
    // Debian keeps the sources of the standard library elsewhere, behind links.
    let mut paths: Vec<PathBuf> = ["src", "pkg", "pkg/include", "bin"]
        .iter()
        .filter_map(|part| root.join(part).canonicalize().ok())
        .collect();
    paths.push(root.clone());
    let mut command = vec![executable.to_string_lossy().into_owned()];
    // No -trimpath: with it a compiled standard library, where there is one, is of no use, and all of it is compiled each time.
    command.extend(words([
        "build",
        "-ldflags=-s -w",
        "-o",
        "/box/out",
        "/program/main.go",
    ]));
    let environment = [
        ("GOROOT", root.to_string_lossy().as_ref()),
        ("GOPATH", "/box/go"),
        ("GOCACHE", "/box/cache"),
        ("GOTMPDIR", "/box"),
        ("GO111MODULE", "off"),
        ("GOPROXY", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOFLAGS", "-p=2"),
        ("CGO_ENABLED", "0"),
        ("GOTELEMETRY", "off"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Ok(Toolchain {
        identity: format!("{version} {}", fingerprint(&executable)),
        version,
        compile: Some(Compile {
            launch: Launch {
                environment: environment.to_vec(),
                own_threads: 128,
                reserves_addresses: true,
                ..Launch::compiler("main.go", command, Tools::new(paths))
            },
            output: Output::Artifact,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run: Launch {
            own_threads: 16,
            own_memory_bytes: 16 << 20,
            reserves_addresses: true,
            ..Launch::native()
        },
    })
}
