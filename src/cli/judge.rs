//! `rlef judge`, by all who can judge here.

use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_serve::cli::judge;

use super::judging::JudgingArgs;
use crate::judge::Judges;

/// Arguments of `rlef judge`.
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    programs: judge::Args,
    #[command(flatten)]
    judging: JudgingArgs,
}

/// Judges the programs.
pub fn run(args: Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    judge::run(
        &args.programs,
        || {
            let judging = args.judging.judging(judges)?;
            judging.require_single("judge")?;
            Ok(judging)
        },
        |found| judge::Judging {
            host: &found.host,
            judge: &*found.judge,
        },
        |found| args.judging.tell(found),
    )
}
