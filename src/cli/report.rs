//! `rlef report`: a run, or an evaluation, as one file that needs nothing else; and the same at the end of `train` and `eval`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;

use super::output::{self, insist, say};
use super::view::LOADERS;
use crate::config::TrainConfig;
use crate::eval::record::Evaluation;
use crate::problem::Problem;
use crate::view::{self, Pieces};

/// The report of a run, in its folder.
const NAME: &str = "report.html";

/// Arguments of `rlef report`.
#[derive(ClapArgs)]
#[command(
    after_help = "Curves, tables and some episodes, in one file without links to anything; train writes one into the run's folder at its \
    end, and eval --out FILE.json one beside it.\n\n\
    Examples:\n  \
    rlef report runs/train-001 --out report.html\n  \
    rlef report after.json --out after.html"
)]
pub struct Args {
    /// The folder of a run, or the record of an evaluation.
    #[arg(value_name = "RUN|EVALUATION")]
    of: PathBuf,
    /// File to write.
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
}

/// Reads, draws, writes.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    output::check_file(&args.out)?;
    of_itself(args)?;
    let text = if args.of.is_file() {
        let evaluation = Evaluation::load(&args.of)?;
        view::of_evaluation(&args.of.display().to_string(), &evaluation)?
    } else {
        let sets = sets(&args.of);
        view::of_run(&args.of, &|id| {
            sets.iter().find_map(|set| set.find(id)).cloned()
        })?
    };
    output::keep(&args.out, text.as_bytes())?;
    say!("report written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over what the run or the evaluation is made of: in a run's folder reports are pages alone.
fn of_itself(args: &Args) -> anyhow::Result<()> {
    let folder = |path: &Path| path.canonicalize().ok();
    let within = folder(output::parent(&args.out)).zip(folder(&args.of));
    anyhow::ensure!(
        args.out.extension().is_some_and(|end| end == "html")
            || within.is_none_or(|(place, run)| !place.starts_with(run)),
        "failed to write {}: in the run's own folder a report's name ends in .html; nothing was begun",
        args.out.display()
    );
    Ok(())
}

/// The problems that a run was played on, as far as they are at hand: without them its tests are left out.
fn sets(folder: &Path) -> Vec<Pieces> {
    let Ok(config) = TrainConfig::load(&folder.join("config.toml")) else {
        return Vec::new();
    };
    let loaded = (LOADERS.problems)(&config.problems);
    if let Err(reason) = &loaded {
        insist!("tests are left out: {reason}");
    }
    loaded.map(Pieces::of).into_iter().collect()
}

/// Writes the report of a run that has ended, and says where in words; a run is done without it.
pub(super) fn of_ended(folder: &Path, problems: &[Problem]) -> Option<PathBuf> {
    let path = folder.join(NAME);
    let find = |id: &str| problems.iter().find(|problem| problem.id == id).cloned();
    let text = view::of_run(folder, &find).map_err(|error| insist!("no report: failed to {error}"));
    kept(path, &text.ok()?)
}

/// Writes the report of an evaluation beside its record, and says where.
pub(super) fn of_evaluation(out: &Path, evaluation: &Evaluation) -> Option<PathBuf> {
    let name = out.display().to_string();
    let text = view::of_evaluation(&name, evaluation);
    let text = text.map_err(|error| insist!("no report: failed to {error}"));
    let path = kept(out.with_extension(NAME), &text.ok()?)?;
    say!("report written to {}", path.display());
    Some(path)
}

fn kept(path: PathBuf, text: &str) -> Option<PathBuf> {
    match crate::files::write_atomically(&path, text.as_bytes()) {
        Ok(()) => Some(path),
        Err(error) => {
            insist!("no report: failed to write {}: {error}", path.display());
            None
        }
    }
}
