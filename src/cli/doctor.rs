//! `rlef doctor`: what this machine can enforce and run, as found by starting the sandbox; with `--problems`, what state
//! the problems of a file are in.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_sandbox::{Isolation, Language, LanguageState, Protection, Sandbox, SandboxError};
use serde::Serialize;

use super::output::{print, print_json};
use super::{exit, output, source};
use crate::policy::device::Processor;
use crate::verdict::{HostJudge, chain, chosen_judge};

mod problems;
mod twins;

/// Arguments of `rlef doctor`.
#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 programs can be judged, 3 a required protection or Python is missing, 4 the \
    sandbox does not work for another reason; with --problems, 1 where a problem is not usable.\n\n\
    Examples:\n  rlef doctor\n  rlef doctor --problems MbppPlus.jsonl.gz --quarantine mbpp-quarantine.json\n  \
    rlef doctor --problems train.jsonl --against HumanEval.jsonl.gz --against mbpp.jsonl --quarantine seen.json"
)]
pub struct Args {
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Try the references and the known-wrong programs of these problems, and sort the problems by what came of it.
    #[arg(long)]
    problems: Option<String>,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Write the problems that are not usable to this list; `rlef eval` and `rlef train` leave them out.
    #[arg(long, requires = "problems")]
    quarantine: Option<PathBuf>,
    /// Also report problems that are in this set too, by statement or by tests; may be repeated.
    #[arg(long, requires = "problems", value_name = "PROBLEMS")]
    against: Vec<String>,
    /// Programs tried of each list of a problem at most.
    #[arg(long, default_value_t = 3, requires = "problems")]
    most: usize,
}

/// What was found.
#[derive(Serialize)]
struct Report<'a> {
    version: &'a str,
    cores: usize,
    devices: Vec<Device>,
    /// What can be judged, as programs that were run show; empty where the sandbox does not start.
    languages: Vec<LanguageState>,
    /// Where compiled programs are kept, or why they are not.
    compiled: Option<String>,
    /// Null where the sandbox does not start.
    protection: Option<&'a Protection>,
    /// Why it does not.
    error: Option<String>,
}

/// Something a policy can be trained and sampled on.
#[derive(Serialize)]
struct Device {
    name: String,
    built_in: bool,
    /// How many there are, as far as this build can see.
    count: usize,
}

/// Looks, and prints what was found; nothing is changed.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.quarantine {
        output::check_file(path)?;
        if let Some(name) = &args.problems {
            let (_, problems) = source::named(name);
            output::check_apart(path, &[("the file of the problems", problems)])?;
        }
    }
    if let Some(name) = &args.problems {
        let options = problems::Options {
            isolation: args.isolation,
            python: args.python.as_deref(),
            most: args.most.max(1),
            json: args.json,
            quarantine: args.quarantine.as_deref(),
            against: &args.against,
        };
        return problems::run(&args.schema.applied(name)?, &options);
    }
    anyhow::ensure!(
        args.schema.schema.is_none(),
        "failed to use --schema: there are no problems to read; give --problems FILE"
    );
    let judge = chosen_judge(args.isolation, args.python.as_deref(), 1);
    let sandbox = (judge.as_ref().ok()).map(|judge| judge.judge().runner());
    let languages = sandbox.map(Sandbox::tried_languages).unwrap_or_default();
    let no_python = languages
        .iter()
        .find(|state| state.language == Language::Python && !state.usable)
        .map(|state| format!("failed to run Python: {}", state.tools));
    let works = no_python.is_none();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        devices: devices(),
        languages,
        compiled: sandbox.map(|sandbox| match sandbox.cache_directory() {
            Ok(directory) => format!("kept in {}", directory.display()),
            Err(reason) => format!("not kept: {reason}"),
        }),
        protection: judge.as_ref().ok().map(HostJudge::protection),
        error: judge
            .as_ref()
            .err()
            .map(|error| format!("failed to {}", chain(error)))
            .or(no_python),
    };
    if args.json {
        print_json(&serde_json::to_string_pretty(&report)?);
    } else {
        print(table(&report).trim_end());
    }
    Ok(match judge {
        Ok(_) if works => ExitCode::SUCCESS,
        Err(SandboxError::NoPython { .. } | SandboxError::MissingProtection { .. }) => {
            ExitCode::from(exit::PROTECTION)
        }
        Ok(_) | Err(_) => ExitCode::from(exit::INFRASTRUCTURE),
    })
}

fn devices() -> Vec<Device> {
    Processor::ALL
        .map(|processor| Device {
            name: processor.to_string(),
            built_in: processor.is_built_in(),
            count: processor.count(),
        })
        .into()
}

fn table(report: &Report<'_>) -> String {
    let mut text = format!("rlef {}\ncores        {}\n", report.version, report.cores);
    for device in &report.devices {
        let state = match (device.built_in, device.name.as_str(), device.count) {
            (false, name, _) => format!("not built in; rebuild with --features {name}"),
            (true, "cpu", _) => "built in".to_owned(),
            (true, _, 0) => "built in, but its driver names none on this machine".to_owned(),
            (true, name, count) => format!("built in, {count} found; taken with --device {name}"),
        };
        // Writing to a String can't fail.
        let _ = writeln!(text, "device       {:<6} {state}", device.name);
    }
    if let Some(protection) = report.protection {
        let _ = writeln!(
            text,
            "isolation    {}\ninterpreter  {}",
            protection.isolation, protection.interpreter
        );
        for safeguard in &protection.safeguards {
            let mark = if safeguard.in_force { "yes" } else { "NO " };
            let _ = writeln!(
                text,
                "{mark} {:<20} {}",
                safeguard.name.to_string(),
                safeguard.means
            );
            if let Some(remedy) = &safeguard.remedy {
                let _ = writeln!(text, "    {:<20} remedy: {remedy}", "");
            }
        }
    }
    for gap in report.protection.iter().flat_map(|found| &found.gaps) {
        let _ = writeln!(text, "gap {gap}");
    }
    for state in &report.languages {
        let mark = if state.usable { "yes" } else { "NO " };
        let _ = writeln!(
            text,
            "{mark} {:<20} {}",
            state.language.title(),
            state.tools
        );
    }
    if let Some(compiled) = &report.compiled {
        let _ = writeln!(text, "compiled programs are {compiled}");
    }
    match &report.error {
        None => text.push_str("programs can be judged on this machine\n"),
        Some(error) => {
            let _ = writeln!(text, "programs can NOT be judged on this machine: {error}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use rlef_sandbox::protection::{Safeguard, SafeguardState};

    use super::*;

    #[test]
    fn the_table_names_what_is_missing_and_the_remedy() {
        let state = |name, in_force, remedy: Option<&str>| SafeguardState {
            name,
            in_force,
            means: "some means".into(),
            remedy: remedy.map(str::to_owned),
        };
        let protection = Protection {
            isolation: "process".into(),
            interpreter: "/usr/bin/python3 (3.11.2)".into(),
            safeguards: vec![
                state(Safeguard::UserNamespace, true, None),
                state(
                    Safeguard::MemoryLimit,
                    false,
                    Some("delegate a control group"),
                ),
            ],
            gaps: vec!["it has no threads".into()],
        };
        let devices = || {
            vec![
                Device {
                    name: "cpu".into(),
                    built_in: true,
                    count: 1,
                },
                Device {
                    name: "cuda".into(),
                    built_in: false,
                    count: 0,
                },
            ]
        };
        let good = Report {
            version: "1.2.3",
            cores: 2,
            devices: devices(),
            languages: Vec::new(),
            compiled: None,
            protection: Some(&protection),
            error: None,
        };
        let languages = vec![
            LanguageState {
                language: Language::Cpp,
                usable: true,
                tools: "g++ 12.2.0".into(),
            },
            LanguageState {
                language: Language::Go,
                usable: false,
                tools: "go is not on the search path".into(),
            },
        ];
        let bad = Report {
            languages: Vec::new(),
            protection: None,
            error: Some("failed to find a Python".into()),
            devices: devices(),
            ..good
        };
        insta::assert_snapshot!(format!(
            "{}\n{}",
            table(&bad),
            table(&Report {
                devices: devices(),
                languages,
                compiled: Some("kept in /home/somebody/.cache/rlef".into()),
                protection: Some(&protection),
                error: None,
                ..bad
            })
        ));
    }
}
