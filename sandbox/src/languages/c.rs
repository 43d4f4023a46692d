//! C by the host's gcc or clang.

use super::toolchain::{Compile, Launch, Output, Toolchain, words};
use super::{Definition, always_main, gcc};

pub(crate) const DEFINITION: Definition = Definition {
    title: "C",
    tags: &["c", "c17", "c11", "c99"],
    extensions: &["c"],
    find,
    unit: always_main,
    // A null pointer from malloc says nothing.
    wanted_memory: |_| false,
};

fn find() -> Result<Toolchain, String> {
    let driver = gcc::find(&["gcc", "clang", "cc"], &["libc.a", "libm.a"])?;
    let mut command = vec![driver.executable];
    command.extend(words([
        "-std=gnu17",
        "-O2",
        "-w",
        "-fdiagnostics-color=never",
    ]));
    command.push(
        if driver.clang {
            "-ferror-limit=5"
        } else {
            "-fmax-errors=5"
        }
        .to_owned(),
    );
    command.extend(words(["-pipe", "-o", "/box/out", "/program/main.c"]));
    command.extend(driver.link);
    command.push("-lm".to_owned());
    Ok(Toolchain {
        version: driver.version,
        identity: driver.identity,
        compile: Some(Compile {
            launch: Launch::compiler("main.c", command, driver.tools),
            output: Output::Artifact,
            precompiled: Vec::new(),
            libraries: driver.libraries,
        }),
        run: Launch::native(),
    })
}
