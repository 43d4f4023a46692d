//! `rlef eval`: play problems with a policy and report what it solves, turn by turn.

mod args;
mod beam;
mod engine;
mod policy;
mod server;
mod shown;

use std::process::ExitCode;

use rlef_judge::counted::counted;

use super::judging;
use super::output::{print, print_json, say};
use super::{exit, output, report, source};
use crate::eval;
use crate::eval::play::{Play, mean_scores};
use crate::eval::record::{self, Setting};
use crate::eval::stamp::SandboxStamp;
use crate::judge::Judges;
pub use args::Args;
use policy::{open_journal, play_policy, stopped};
pub use shown::{describe, evaluate};

/// Plays, reports, and exits with 4 where too many episodes were lost.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    args.check()?;
    args.outputs()?;
    let name = args.schema.applied(&args.problems)?;
    let problems = source::problems_without(&name, args.quarantine.as_deref())?;
    let config = args.rollout()?;
    let judging = args.judging.judging(judges)?;
    judging.require_single("eval")?;
    judging::require_supported(&*judging.judge, &problems, &args.problems)?;
    let named = match (args.url(), args.engine_url()) {
        (Some(_), _) => args.server.name(&args.base_url()?)?,
        (None, Some(url)) => args.engine.name(url, &args.server)?,
        (None, None) => args.policy.clone(),
    };
    let stamp = source::stamp(&named, args.template.path(), args.device)?;
    let stamp = args.beam.stamped(stamp, args.folder()?, args.device)?;
    let journal = open_journal(args, &judging, &problems, &config, &stamp)?;
    let play = Play {
        judge: &*judging.judge,
        journal: journal.as_ref(),
        problems: &problems,
        config: &config,
        seed: args.seed(),
    };
    let played = play_policy(args, &play);
    // A journal that could not be finished is told when what was found has been.
    let mut unwritten = Ok(());
    if let Some(journal) = &journal {
        unwritten = journal.sync();
        if unwritten.is_ok()
            && let Some(code) = stopped(args, journal, &played)
        {
            return Ok(code);
        }
    }
    let (groups, report) = match played {
        Ok(played) => played,
        Err(error) => {
            unwritten?;
            return Err(error);
        }
    };
    if let Some(journal) = &journal {
        let (answers, verdicts) = journal.reused();
        if answers + verdicts > 0 {
            let (answers, verdicts) = (counted(answers, "answer"), counted(verdicts, "verdict"));
            say!("{answers} and {verdicts} were in the journal");
        }
    }
    args.judging.tell(&judging);
    for (name, (mean, answers)) in mean_scores(&groups) {
        say!(
            "{name}: {mean:.3} on average over {}",
            counted(answers, "answer")
        );
    }
    let mut report = eval::with_labels(report, &groups, &problems, args.seed());
    if judging.host.counts().cached > 0 {
        // What was known needed no time, so that it says nothing of a speed.
        report.programs_per_second = 0.0;
    }
    let weights = args.judging.weights()?;
    let report = eval::with_best_of(report, &groups, &problems, &weights, args.seed());
    if args.json {
        print_json(&serde_json::to_string(&report)?);
    } else {
        print(&describe(&args.problems, &problems, &report));
    }
    if let Some(path) = &args.out {
        let setting = Setting {
            problems: &args.problems,
            policy: stamp,
            config: &config,
            sandbox: SandboxStamp::of(judging.host.protection()),
            left_to_server: args.left_to_server(),
            seed: args.seed(),
        };
        let evaluation = record::evaluation(&setting, &problems, &groups, &report);
        output::keep(path, evaluation.text().as_bytes())?;
        report::of_evaluation(path, &evaluation);
    }
    unwritten?;
    let played = (report.episodes + report.aborted).max(1);
    Ok(
        if report.aborted as f64 > args.max_infra_rate * played as f64 {
            ExitCode::from(exit::INFRASTRUCTURE)
        } else {
            ExitCode::SUCCESS
        },
    )
}
