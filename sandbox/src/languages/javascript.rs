//! JavaScript by Node.js; a source is checked once, and each test starts a fresh process.

use super::toolchain::{
    Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path, words,
};
use super::{Definition, always_main};

pub(crate) const DEFINITION: Definition = Definition {
    title: "JavaScript",
    tags: &["javascript", "js", "node", "nodejs"],
    extensions: &["js", "mjs", "cjs"],
    find,
    unit: always_main,
    wanted_memory: |last| {
        last.signal == libc::SIGABRT && last.contain("JavaScript heap out of memory")
            || last.exit_code == Some(1)
                && last.contain("RangeError: Array buffer allocation failed")
    },
};

fn find() -> Result<Toolchain, String> {
    let named = on_path(&["node", "nodejs"]).ok_or("node is not on the search path")?;
    let executable = named
        .canonicalize()
        .map_err(|error| format!("{}: {error}", named.display()))?;
    let version = ask(&executable, &["--version"])?;
    let version = format!("node {}", version.trim());
    // Debian's Node.js aborts without the parts of its library that are packages of their own there.
    let tools = Tools::new([executable.clone(), "/usr/share/nodejs".into()]);
    let node = executable.to_string_lossy().into_owned();
    let launch = |command| Launch {
        // io_uring is closed to every program; Node is told rather than killed.
        environment: vec![("UV_USE_IO_URING".to_owned(), "0".to_owned())],
        own_memory_bytes: 96 << 20,
        own_threads: 16,
        reserves_addresses: true,
        ..Launch::compiler("main.js", command, tools.clone())
    };
    let mut check = vec![node.clone()];
    check.extend(words(["--check", "/program/main.js"]));
    let mut run = vec![node];
    run.extend(words([
        "--max-old-space-size={memory_mb}",
        "/program/main.js",
    ]));
    Ok(Toolchain {
        identity: format!("{version} {}", fingerprint(&executable)),
        version,
        compile: Some(Compile {
            launch: launch(check),
            output: Output::Source,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run: launch(run),
    })
}
