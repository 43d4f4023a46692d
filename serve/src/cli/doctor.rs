//! `rlef doctor`: what this machine can enforce and run, as found by starting the sandbox; with `--problems`, what state
//! the problems of a file are in.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_judge::judge::Judges;
use rlef_sandbox::{Isolation, SandboxError};

use super::machine::{Device, Machine};
use super::output::{print, print_json};
use super::{exit, output, source};

mod problems;

/// Arguments of `rlef doctor`.
#[derive(ClapArgs)]
#[command(
    after_help = "Exit codes: 0 programs can be judged, 3 a required protection or Python is missing, 4 the sandbox does not work \
    for another reason; with --problems, 1 where a problem is not usable.\n\n\
    Examples:\n  \
    rlef doctor\n  \
    rlef doctor --problems MbppPlus.jsonl.gz --quarantine mbpp-quarantine.json\n  \
    rlef doctor --problems train.jsonl --against HumanEval.jsonl.gz \\\n      \
    --against mbpp.jsonl --quarantine seen.json"
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

/// Looks, and prints what was found, with the devices that this program can compute on; nothing is changed.
pub fn run(args: Args, judges: &Judges, devices: Vec<Device>) -> anyhow::Result<ExitCode> {
    if let Some(path) = &args.quarantine {
        output::check_file(path)?;
    }
    if let Some(name) = &args.problems {
        return problems::run(&args.schema.applied(name)?, &args);
    }
    anyhow::ensure!(
        args.schema.schema.is_none(),
        "failed to use --schema: there are no problems to read; give --problems FILE"
    );
    let (machine, failed) = Machine::look(args.isolation, args.python.as_deref(), judges, devices);
    if args.json {
        print_json(&serde_json::to_string_pretty(&machine)?);
    } else {
        print(machine.to_string().trim_end());
    }
    Ok(match failed {
        None if machine.error.is_none() => ExitCode::SUCCESS,
        Some(SandboxError::NoPython { .. } | SandboxError::MissingProtection { .. }) => {
            ExitCode::from(exit::PROTECTION)
        }
        _ => ExitCode::from(exit::INFRASTRUCTURE),
    })
}
