//! `rlef train`: learning from execution feedback, or from a data set, with an evaluation before and after.

mod args;
mod check;
mod collapse;
mod configuration;
mod dry;
mod ended;
mod folders;
mod frozen;
mod help;
mod load;
mod problems;
mod sets;
mod tasks;
mod values;
mod watch;

use std::process::ExitCode;

use super::judging::interrupted;
use super::output::{insist, print, say};
use crate::config::commented;
use crate::judge::Judges;
use crate::train::{self, End};
pub use args::Args;
use check::Checked;
use ended::ended;
use load::Loaded;
use watch::Watcher;

/// Evaluates, trains, evaluates again, and prints the comparison.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    if args.print_config {
        print(&commented(&configuration::configuration(args)?));
        return Ok(ExitCode::SUCCESS);
    }
    let checked = Checked::new(args, judges)?;
    if args.dry_run {
        print(&dry::told(args, &checked)?);
        return Ok(ExitCode::SUCCESS);
    }
    let (loaded, begun) = Loaded::begin(checked)?;
    let (judge, others) = (loaded.watched(), loaded.watched_tasks());
    let tasks = loaded.tasks(&others)?;
    let session = loaded.session(begun, args, &judge, &tasks)?;
    let folder = session.run.folder().to_owned();
    let mut watcher = Watcher::new(&folder, &loaded);
    let resume = watcher.resume.clone();
    let end = train::run(session, &mut watcher);
    watcher.finish();
    tasks::tell(&judge, &tasks);
    match end? {
        End::Stopped { rounds } => {
            insist!("stopped after round {rounds}; continue with: {resume}");
            Ok(interrupted())
        }
        End::Done => {
            say!("{}", ended(&loaded, watcher.solved, &folder));
            Ok(ExitCode::SUCCESS)
        }
    }
}
