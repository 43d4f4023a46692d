//! A sandbox for people: `doctor` says what protects this host, `run FILE` runs one program on standard input.
//!
//! Also the helper that becomes a jail in this crate's tests.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rlef_sandbox::{
    Isolation, Job, Language, Limits, Safeguard, Sandbox, SandboxConfig, SandboxError, Start,
    Status, jail_entry,
};

/// Writes a line; a reader that went away is no failure.
macro_rules! tell {
    ($to:expr, $($words:tt)*) => {{
        let _ = writeln!($to, $($words)*);
    }};
}

const USAGE: &str = "\
usage: rlef-sandbox [--isolation KIND] [--python PATH] [--may-lack NAME]... doctor
       rlef-sandbox [--isolation KIND] [--python PATH] [--may-lack NAME]... run [--exec] FILE < INPUT
KIND: process, wasm, or auto (default: processes where this host can jail them, else wasm)
FILE: its extension names the language (py, cpp, c, rs, java, js, go, wasm, wat); others are taken for Python
NAME: system_call_filter, proc_filesystem or network_namespace
";

fn main() -> ExitCode {
    jail_entry();
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(isolation) = take_isolation(&mut arguments) else {
        return misused();
    };
    let Some(python) = take_python(&mut arguments) else {
        return misused();
    };
    let Some(may_lack) = take_opt_outs(&mut arguments) else {
        return misused();
    };
    let config = SandboxConfig {
        isolation,
        workers: 1,
        python,
        may_lack,
        ..SandboxConfig::default()
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["doctor"] => doctor(config),
        ["run", file] => run(config, file, Start::Fork),
        ["run", "--exec", file] => run(config, file, Start::Exec),
        _ => return misused(),
    };
    result.unwrap_or_else(|error| {
        let mut text = format!("failed to {error}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        let _ = writeln!(io::stderr(), "{text}");
        let missing = matches!(
            error,
            SandboxError::MissingProtection { .. }
                | SandboxError::NoPython { .. }
                | SandboxError::MissingLanguage { .. }
        );
        ExitCode::from(if missing { 3 } else { 4 })
    })
}

fn misused() -> ExitCode {
    let _ = io::stderr().write_all(USAGE.as_bytes());
    ExitCode::from(2)
}

/// The leading `--isolation KIND`, the default without it, or nothing if the kind is none.
fn take_isolation(arguments: &mut Vec<String>) -> Option<Isolation> {
    if arguments.first().is_none_or(|first| first != "--isolation") {
        return Some(Isolation::default());
    }
    let kind = arguments.drain(..2.min(arguments.len())).nth(1)?;
    kind.parse().ok()
}

/// The path behind a leading `--python`, none without it, or nothing if the path is missing.
#[expect(
    clippy::option_option,
    reason = "not asked for and asked for wrongly are two answers"
)]
fn take_python(arguments: &mut Vec<String>) -> Option<Option<PathBuf>> {
    if arguments.first().is_none_or(|first| first != "--python") {
        return Some(None);
    }
    let path = arguments.drain(..2.min(arguments.len())).nth(1)?;
    Some(Some(path.into()))
}

/// The leading `--may-lack NAME` pairs, or nothing if a name is none.
fn take_opt_outs(arguments: &mut Vec<String>) -> Option<BTreeSet<Safeguard>> {
    let mut named = BTreeSet::new();
    while arguments.first().is_some_and(|first| first == "--may-lack") {
        let name = arguments.drain(..2.min(arguments.len())).nth(1)?;
        named.insert(serde_json::from_value(name.into()).ok()?);
    }
    Some(named)
}

fn doctor(config: SandboxConfig) -> Result<ExitCode, SandboxError> {
    let sandbox = Sandbox::new(config)?;
    let protection = sandbox.protection();
    tell!(
        io::stdout(),
        "isolation    {}\ninterpreter  {}",
        protection.isolation,
        protection.interpreter
    );
    for state in &protection.safeguards {
        tell!(
            io::stdout(),
            "{} {:<20} {}",
            if state.in_force { "ok  " } else { "no  " },
            state.name.to_string(),
            state.means
        );
        if let Some(remedy) = &state.remedy {
            tell!(io::stdout(), "     to improve: {remedy}");
        }
    }
    for gap in &protection.gaps {
        tell!(io::stdout(), "gap  {gap}");
    }
    for state in sandbox.tried_languages() {
        let mark = if state.usable { "ok  " } else { "no  " };
        tell!(
            io::stdout(),
            "{mark} {:<20} {}",
            state.language.title(),
            state.tools
        );
    }
    match sandbox.cache_directory() {
        Ok(directory) => tell!(
            io::stdout(),
            "compiled programs are kept in {}",
            directory.display()
        ),
        Err(reason) => tell!(io::stdout(), "compiled programs are not kept: {reason}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn run(config: SandboxConfig, file: &str, start: Start) -> Result<ExitCode, SandboxError> {
    let read = |what, result: io::Result<Vec<u8>>| {
        result.map_err(|source| SandboxError::MakeStream { what, source })
    };
    let source = read("program from its file", std::fs::read(file))?;
    let mut input = Vec::new();
    let input = read(
        "standard input",
        io::stdin().read_to_end(&mut input).map(|_| input),
    )?;
    let extension = Path::new(file).extension().unwrap_or_default();
    let language = Language::from_extension(&extension.to_string_lossy());
    let job = Job {
        language: language.unwrap_or(Language::Python),
        source,
        start,
        files: None,
    };
    let outcome = Sandbox::new(config)?.run(&job, &input, &Limits::default())?;
    // A reader that went away is no failure of the program.
    let _ = io::stdout().write_all(&outcome.stdout);
    let _ = io::stderr().write_all(&outcome.stderr);
    tell!(io::stderr(), "{:?} {:?}", outcome.status, outcome.usage);
    Ok(if outcome.status == Status::Exited(0) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
