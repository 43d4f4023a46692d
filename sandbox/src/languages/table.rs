//! Languages that are a row each: what they need of the host, how a source is compiled and how it is started.
//!
//! `{0}`, `{1}` ... in a command stand for the tools, by their real paths, and `{home0}`, `{home1}` ... for what they are
//! installed in, two levels above; `{unit}`, `{memory_mb}` and `{stack_kb}` as in any command. The last column of `sandbox/README.md` says on which versions a row was tried.

mod rows;

use std::path::PathBuf;

use self::rows::ROWS;
use super::toolchain::{Compile, Launch, Output, Toolchain, Tools, ask, fingerprint, on_path};
use super::{Definition, LastWords, gcc};

/// A language.
struct Row {
    title: &'static str,
    tags: &'static [&'static str],
    extensions: &'static [&'static str],
    /// Executables that it needs, each under the first of its names that is there.
    tools: &'static [&'static [&'static str]],
    /// What says the version of the first.
    version: &'static str,
    /// Directories that it needs beside those that every jail shows.
    shown: &'static [&'static str],
    /// The name of the source, the command that compiles or checks it, and what comes of that.
    compile: (&'static str, &'static [&'static str], Output),
    /// The name of the program, and the command that starts it; none where it is executed itself.
    run: (&'static str, &'static [&'static str]),
    environment: &'static [(&'static str, &'static str)],
    /// Memory and threads that the runtime itself takes, and whether it reserves far more addresses.
    own: (u64, u64, bool),
    /// Whether a C compiler links its programs.
    links: bool,
    /// What a program that had too little memory says last.
    out_of_memory: &'static str,
    /// What takes the place of `{unit}`.
    unit: fn(&[u8]) -> String,
}

/// The definition of a row.
pub(crate) const fn definition<const ROW: usize>() -> Definition {
    Definition {
        title: ROWS[ROW].title,
        tags: ROWS[ROW].tags,
        extensions: ROWS[ROW].extensions,
        find: || find(&ROWS[ROW]),
        unit: ROWS[ROW].unit,
        wanted_memory: |last: &LastWords<'_>| {
            last.exit_code != Some(0) && last.contain(ROWS[ROW].out_of_memory)
        },
    }
}

fn find(row: &Row) -> Result<Toolchain, String> {
    let mut paths = Vec::new();
    let mut real = Vec::new();
    for names in row.tools {
        let named =
            on_path(names).ok_or_else(|| format!("{} is not on the search path", names[0]))?;
        let path = named
            .canonicalize()
            .map_err(|error| format!("{}: {error}", named.display()))?;
        paths.extend([named, path.clone()]);
        real.push(path);
    }
    let first = real.first().ok_or("no tool is named")?;
    let version = ask(first, &[row.version]).map_or_else(
        |_| first.display().to_string(),
        |said| {
            said.lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or_default()
                .to_owned()
        },
    );
    // A runtime's own home, as a JDK's, stands two levels above its executable.
    let homes = real.iter().filter_map(|path| path.parent()?.parent());
    paths.extend(
        homes
            .filter(|home| home.components().count() > 3)
            .map(PathBuf::from),
    );
    paths.extend(row.shown.iter().map(PathBuf::from));
    let mut identity: String = real.iter().map(|path| fingerprint(path) + " ").collect();
    if row.links {
        let linker = gcc::find(&["gcc", "clang", "cc"], &[])
            .map_err(|reason| format!("{} needs a C compiler to link: {reason}", row.title))?;
        identity.push_str(&linker.identity);
        paths.push(PathBuf::from("/usr/bin/gcc"));
        paths.extend(linker.tools.binds);
    }
    let tools = Tools::new(paths);
    let command = |parts: &[&str]| {
        let filled = parts.iter().map(|part| {
            real.iter()
                .enumerate()
                .fold((*part).to_owned(), |text, (index, path)| {
                    let home = path.parent().and_then(|folder| folder.parent());
                    let home = home.unwrap_or(path).to_string_lossy();
                    text.replace(&format!("{{{index}}}"), &path.to_string_lossy())
                        .replace(&format!("{{home{index}}}"), &home)
                })
        });
        filled.collect::<Vec<String>>()
    };
    let (own_memory_bytes, own_threads, reserves_addresses) = row.own;
    let launch = |file: &str, parts: &[&str]| Launch {
        environment: row
            .environment
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        own_memory_bytes,
        own_threads,
        reserves_addresses,
        ..Launch::compiler(file, command(parts), tools.clone())
    };
    let (source, compile, output) = row.compile;
    let run = if row.run.1.is_empty() {
        Launch {
            own_memory_bytes,
            own_threads,
            reserves_addresses,
            ..Launch::native()
        }
    } else {
        launch(row.run.0, row.run.1)
    };
    Ok(Toolchain {
        identity: format!("{version} {identity}"),
        version,
        compile: Some(Compile {
            launch: Launch {
                own_threads: own_threads.max(16),
                reserves_addresses: true,
                ..launch(source, compile)
            },
            output,
            precompiled: Vec::new(),
            libraries: Vec::new(),
        }),
        run,
    })
}
