//! `rlef judge`: programs of a file + problems → one verdict a line, in input order, as they come.
//!
//! Standard output is data; progress and the summary go to standard error.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args as ClapArgs;

use rlef_judge::judge::Judge;
use rlef_judge::programs::{self, Counts, Options, Spoken, spoken};
use rlef_judge::verdict::{HostJudge, StopAt};

use super::output::say;
use super::progress::Progress;
use super::screen::Rows;
use super::{exit, source};

/// Arguments of `rlef judge`.
#[derive(ClapArgs)]
#[command(
    after_help = "A line of the programs file is a JSON object with `problem_id` (or `task_id`), a text or a number, and either \
    `program` (or `solution`), the bare source, or `completion`, an answer that is searched for its program as \
    `eval` and `train` search it: the block that shows what the problem asks, in the problem's language or the one \
    that `language` names. What was taken is in `program`.\n\n\
    Exit codes: 0 done, 1 with --expect-accepted where a program is not accepted, 2 bad input or a problem that \
    can't be judged, 3 a protection is missing, 4 the sandbox failed on at least one program.\n\n\
    Examples:\n  \
    rlef judge --problems HumanEval.jsonl.gz --programs samples.jsonl --json\n  \
    rlef judge --problems contest:test --programs answers.jsonl --workers 2 \\\n      \
    --expect-accepted"
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Args {
    /// Problems: a file of any known schema, or `contest:train`, `contest:validation`, `contest:test`.
    #[arg(long)]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// Language of programs that do not say theirs by `language`: python, cpp, javascript or another that `rlef doctor` names.
    /// Without it programs are in the language of their problem. `any` takes for problems on standard input whichever language the tag
    /// of a fence names.
    #[arg(long, value_parser = spoken)]
    language: Option<Spoken>,
    /// Programs as JSON lines.
    #[arg(long)]
    programs: PathBuf,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
    /// Stop each program at its first failing test.
    #[arg(long)]
    first_failure: bool,
    /// Show what a private test asked and expected, too; never feed that to a policy.
    #[arg(long)]
    show_private: bool,
    /// Exit with 1 unless every program is accepted.
    #[arg(long)]
    expect_accepted: bool,
}

/// Whoever judges.
pub struct Judging<'a> {
    /// Runs the programs.
    pub host: &'a HostJudge,
    /// Says what of them is right: the same, or others beside it.
    pub judge: &'a dyn Judge,
}

/// Judges the programs, by whom `judging` brings once it is known that there is something to judge; `tell` says what they did
/// besides.
pub fn run<J>(
    args: &Args,
    judging: impl FnOnce() -> anyhow::Result<J>,
    parts: impl Fn(&J) -> Judging<'_>,
    tell: impl FnOnce(&J),
) -> anyhow::Result<ExitCode> {
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let text = rlef_judge::files::read_given(&args.programs)
        .with_context(|| format!("failed to read programs from {}", args.programs.display()))?;
    let answers = programs::read(&text, &args.programs, &problems, args.language)?;
    let found = judging()?;
    let Judging { host, judge } = parts(&found);
    for language in programs::languages(&answers) {
        // Before anything runs: what this host cannot run says nothing of a program.
        host.tests().runner().require(language)?;
    }
    let mut progress = Progress::new("judging", "program", answers.len() as u64);
    let options = Options {
        stop: if args.first_failure {
            StopAt::FirstFailure
        } else {
            StopAt::Never
        },
        json: args.json,
        show_private: args.show_private,
        to_the_end: args.expect_accepted,
    };
    let out = Rows::of_stdout();
    let counts = programs::judge_all(judge, &answers, options, out, &mut |done, counts| {
        progress.set(done as u64, &counts.to_string());
    })
    .context("failed to write verdicts")?;
    progress.finish();
    say!("{counts}");
    tell(&found);
    Ok(match counts {
        Counts { errors: 1.., .. } => ExitCode::from(exit::INFRASTRUCTURE),
        Counts { faults: 1.., .. } => ExitCode::from(exit::USAGE),
        _ if args.expect_accepted && counts.rejected() > 0 => ExitCode::from(exit::NO),
        _ => ExitCode::SUCCESS,
    })
}
