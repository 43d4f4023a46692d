//! `rlef pairs`: answers of journals, judged → preferences, for a reward model, for objectives on pairs, and for people.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};
use rlef_sandbox::Cancel;

use super::convert::Written;
use super::judging::JudgingArgs;
use super::output::{self, say};
use super::progress::Progress;
use super::{exit, source};
use crate::journal::{self, EpisodeRecord};
use crate::judge::{Asks, Judgement, Judges, Submission};
use crate::pairs::{self, Judged, Options, Rule};
use crate::preference::{self, Item, Labels};
use crate::problem::Problem;
use crate::problem::id::ById;
use crate::program::{Program, Wanted};
use crate::prompt::{self, PromptStyle};
use crate::verdict::{Grade, Scope, StopAt};

/// Arguments of `rlef pairs`.
#[derive(ClapArgs)]
#[command(
    after_help = "Only first answers are compared: they answer the same prompt. Each is judged by all tests of its problem, \
    and by whom --judges names.\n\nExamples:\n  rlef eval --policy starter --problems contest:train --turns 1 --rollouts 8 --journal samples.jsonl\n  \
    rlef pairs --journal samples.jsonl --problems contest:train --out pairs.jsonl\n  \
    rlef pairs --journal runs/train-001/journal.jsonl --problems contest:train --rule passed --out pairs.parquet"
)]
pub struct Args {
    /// A journal of `rlef train` or `rlef eval`; may be given again.
    #[arg(long, required = true)]
    journal: Vec<PathBuf>,
    /// The problems that were played.
    #[arg(long)]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// File to write, .jsonl, .jsonl.gz or .parquet.
    #[arg(long)]
    out: PathBuf,
    /// How it is written: as rlef does, with where each pair comes from, or in the columns of TRL's data sets.
    #[arg(long, value_enum, default_value_t)]
    form: Written,
    /// What makes an answer better: all tests passed, more tests passed, or a higher score of the judges besides the tests.
    #[arg(long, value_enum, default_value_t)]
    rule: By,
    /// Pairs of a problem at most.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    most: usize,
    /// Keep ties, as pairs of which neither is preferred.
    #[arg(long)]
    ties: bool,
    /// Seed of all draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Wording of the prompts, as it was when they were answered.
    #[arg(long, value_enum, default_value_t)]
    style: Style,
    #[command(flatten)]
    judging: JudgingArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum By {
    #[default]
    Solved,
    Passed,
    Score,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(super) enum Style {
    #[default]
    Compact,
    Full,
}

impl Style {
    /// The wording.
    pub(super) const fn style(self) -> PromptStyle {
        match self {
            Self::Compact => PromptStyle::Compact,
            Self::Full => PromptStyle::Full,
        }
    }
}

/// Judges, pairs up, writes; exits with 4 where a judge failed.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    output::check_file(&args.out)?;
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let (judged, lost, stamp) = judged(args, &problems, judges)?;
    let style = args.style.style();
    let prompt =
        |problem: &Problem| prompt::statement(style, problem.language(), &problem.statement);
    let prompts: Vec<(String, String)> = problems
        .iter()
        .map(|problem| (prompt(problem), problem.id.clone()))
        .collect();
    let options = Options {
        rule: match args.rule {
            By::Solved => Rule::Solved,
            By::Passed => Rule::Passed,
            By::Score => Rule::Score,
        },
        most: args.most,
        ties: args.ties,
        seed: args.seed,
    };
    let labels = Labels::from([("judge".to_owned(), stamp)]);
    let (pairs, counts) = pairs::pairs(&judged, &prompts, options, &labels);
    say!(
        "{} answers: {} are there twice, of {} nothing is known to compare by; {} ties, {} problems without a pair, {} pairs beyond --most",
        judged.len(),
        counts.repeated,
        counts.unknown,
        counts.ties,
        counts.without,
        counts.more
    );
    anyhow::ensure!(
        !pairs.is_empty(),
        "failed to find a pair: no two answers to one problem differ by the rule {}; sample more of each, or take --rule passed",
        options.rule.name()
    );
    let items: Vec<Item> = pairs.into_iter().map(Item::Pair).collect();
    let unsaid = preference::save(&args.out, &items, args.form.form())?;
    say!("{} pairs written to {}", unsaid.rows, args.out.display());
    if lost > 0 {
        say!("{lost} answers were lost to a judge that failed, and are in no pair");
        return Ok(ExitCode::from(exit::INFRASTRUCTURE));
    }
    Ok(ExitCode::SUCCESS)
}

/// The first answers of all journals with what is said of them, how many judges failed on, and who judged.
fn judged(
    args: &Args,
    problems: &[Problem],
    judges: &Judges,
) -> anyhow::Result<(Vec<Judged>, usize, String)> {
    let by_id = ById::new(problems);
    let mut answers = Vec::new();
    for path in &args.journal {
        for record in first_answers(path)? {
            let problem = by_id.find(&record.problem_id).map_err(|reason| {
                anyhow::anyhow!(
                    "failed to use {} with {}: {reason}",
                    path.display(),
                    args.problems
                )
            })?;
            let text = record.turns[0].text.clone();
            let program = Program::find(&text, &Wanted::of(problem))
                .ok()
                .map(|found| found.program);
            answers.push((record, problem, text, program));
        }
    }
    anyhow::ensure!(
        !answers.is_empty(),
        "failed to find an answer in the journals"
    );
    let judging = args.judging.judging(judges)?;
    let weights = args.judging.weights()?;
    let submissions: Vec<Submission<'_>> = answers
        .iter()
        .map(|(_, problem, text, program)| Submission {
            problem,
            text,
            program: program.as_ref(),
            turn: 0,
            scope: Scope::All,
            // How many tests fail is only known where all are run.
            stop: StopAt::Never,
            asks: Asks::Everything,
        })
        .collect();
    let mut heard: Vec<Option<Judgement>> = vec![None; answers.len()];
    let mut progress = Progress::new("answers", answers.len() as u64);
    let (mut done, mut lost) = (0, 0);
    judging
        .judge
        .judge_all(&submissions, &Cancel::default(), &mut |place, judgement| {
            done += 1;
            progress.set(done, "");
            match judgement {
                Ok(judgement) => heard[place] = Some(judgement),
                Err(error) => {
                    lost += 1;
                    say!("{}: {error}", answers[place].0.problem_id.escape_debug());
                }
            }
        });
    progress.finish();
    args.judging.tell(&judging.host);
    let all = answers.iter().zip(heard);
    let judged = all.filter_map(|((record, problem, text, _), judgement)| {
        let judgement = judgement?;
        let verdict = judgement.verdict.as_ref();
        if verdict.is_some_and(|verdict| verdict.grade == Grade::Unsupported) {
            return None;
        }
        let place = problems
            .iter()
            .position(|other| std::ptr::eq(other, *problem))?;
        let whole = judgement.scores.iter().filter(|score| score.span.is_none());
        let score =
            whole.map(|score| weights.get(&score.judge).copied().unwrap_or(1.0) * score.value);
        Some(Judged {
            problem: place,
            text: text.clone(),
            step: record.step,
            sample: record.sample,
            tests: verdict.map(|verdict| (verdict.passed, verdict.total)),
            solved: verdict.is_some_and(|verdict| verdict.grade == Grade::Accepted),
            score: score.sum(),
        })
    });
    Ok((judged.collect(), lost, judging.judge.stamp()))
}

/// Episodes with an answer; those whose play was lost have none that says anything.
fn first_answers(path: &Path) -> anyhow::Result<Vec<EpisodeRecord>> {
    let records: Vec<EpisodeRecord> = journal::read(path)?;
    let played = |record: &EpisodeRecord| !record.turns.is_empty();
    Ok(records.into_iter().filter(played).collect())
}
