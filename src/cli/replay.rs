//! `rlef replay`: judge a journal's last answers again and tell where a verdict changed.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args as ClapArgs;
use rlef_sandbox::Language;

use super::{exit, source};
use crate::journal::{self, EpisodeRecord};
use crate::problem::Problem;
use crate::program::Program;
use crate::rollout::{Grader, Work};
use crate::verdict::{Grade, Scope, host_judge};

/// Arguments of `rlef replay`.
#[derive(ClapArgs)]
#[command(
    after_help = "Example:\n  rlef replay --journal runs/train-001/journal.jsonl --problems contest:train"
)]
pub struct Args {
    /// The journal to judge again.
    #[arg(long)]
    journal: PathBuf,
    /// The problems it was played on.
    #[arg(long, default_value = "contest:train")]
    problems: String,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0)]
    workers: usize,
}

/// Judges again; exits with 1 where a grade changed and 4 where the sandbox failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let records: Vec<EpisodeRecord> = journal::read(&args.journal)?;
    let problems = source::problems(&args.problems)?;
    let by_id: HashMap<&str, &Problem> = problems
        .iter()
        .map(|problem| (problem.id.as_str(), problem))
        .collect();
    let mut graded = Vec::new();
    for record in records.iter().filter(|record| record.outcome.is_some()) {
        let problem = *by_id.get(record.problem_id.as_str()).with_context(|| {
            format!(
                "failed to replay {}: {} holds no problem {}",
                args.journal.display(),
                args.problems,
                record.problem_id
            )
        })?;
        let text = record.turns.last().map_or("", |turn| turn.text.as_str());
        graded.push((
            record,
            problem,
            Program::extract(text, Language::Python).ok(),
        ));
    }
    let judge = host_judge(args.workers)?;
    let work: Vec<Work<'_>> = graded
        .iter()
        .filter_map(|(_, problem, program)| {
            program.as_ref().map(|program| Work {
                problem,
                program,
                scope: Scope::All,
            })
        })
        .collect();
    let mut verdicts = judge.grade(&work).into_iter();
    let (mut changed, mut lost) = (0, 0);
    for (record, _, program) in &graded {
        let now = match program {
            None => Grade::NoProgram,
            Some(_) => match verdicts
                .next()
                .context("the judge gave fewer verdicts than programs")?
            {
                Ok(verdict) => verdict.grade,
                Err(error) => {
                    eprintln!("{} sample {}: {error}", record.problem_id, record.sample);
                    lost += 1;
                    continue;
                }
            },
        };
        if Some(now) != record.outcome {
            changed += 1;
            println!(
                "{} step {} sample {}: was {:?}, is {now:?}",
                record.problem_id, record.step, record.sample, record.outcome
            );
        }
    }
    eprintln!(
        "{} episodes judged again, {changed} verdicts changed, {lost} lost to the sandbox",
        graded.len()
    );
    Ok(match (changed, lost) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(exit::INFRASTRUCTURE),
        _ => ExitCode::from(exit::NO),
    })
}
