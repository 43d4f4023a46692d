//! C++ by the host's g++ or clang++: compiled once, `bits/stdc++.h` in advance, linked statically where possible.

use super::toolchain::{Compile, Launch, Output, Precompiled, Toolchain, words};
use super::{Definition, always_main, gcc};

const STANDARD: &str = "-std=gnu++17";

pub(crate) const DEFINITION: Definition = Definition {
    title: "C++",
    tags: &[
        "cpp", "c++", "cc", "cxx", "c++17", "cpp17", "c++20", "cpp20", "c++14", "c++11",
    ],
    extensions: &["cpp", "cc", "cxx"],
    find,
    unit: always_main,
    wanted_memory: |last| last.signal == libc::SIGABRT && last.contain("std::bad_alloc"),
};

fn find() -> Result<Toolchain, String> {
    let driver = gcc::find(&["g++", "clang++"], &["libc.a", "libm.a", "libstdc++.a"])?;
    let basic = || {
        let mut command = vec![driver.executable.clone()];
        // Warnings would drown the errors, and only the first errors help.
        command.extend(words([STANDARD, "-O2", "-w", "-fdiagnostics-color=never"]));
        command.push(
            if driver.clang {
                "-ferror-limit=5"
            } else {
                "-fmax-errors=5"
            }
            .to_owned(),
        );
        command
    };
    let mut command = basic();
    command.extend(words(["-pipe", "-o", "/box/out", "/program/main.cpp"]));
    command.extend(driver.link.iter().cloned());
    let mut header = basic();
    header.extend(words([
        "-x",
        "c++-header",
        "-o",
        "/box/out",
        "/program/main.hpp",
    ]));
    // Clang wants its precompiled headers named on the command line, which changes what a program means.
    let precompiled = (!driver.clang).then(|| Precompiled {
        header: "#include <bits/stdc++.h>\n",
        command: header,
        inside: "/precompiled/bits/stdc++.h.gch",
        arguments: words(["-I", "/precompiled"]),
        suits: includes_everything,
    });
    Ok(Toolchain {
        version: driver.version,
        identity: driver.identity,
        compile: Some(Compile {
            launch: Launch::compiler("main.cpp", command, driver.tools),
            output: Output::Artifact,
            precompiled,
        }),
        run: Launch::native(),
    })
}

/// Whether the source may include the header. The compiler itself ignores the precompiled one where something
/// before the inclusion would change its meaning.
fn includes_everything(source: &[u8]) -> bool {
    let name = b"bits/stdc++.h";
    source.windows(name.len()).any(|part| part == name)
}
