//! `rlef pairs`: answers of journals, or fresh ones of a policy, judged → preferences, for a reward model, for objectives on pairs,
//! and for people.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as ClapArgs, ValueEnum};

use super::convert::Written;
use super::judging::JudgingArgs;
use super::output::{self, say};
use super::progress::Progress;
use super::{exit, source};
use crate::completion::Sampling;
use crate::judge::{Judge, Judges};
use crate::model::device::Processor;
use crate::pairs::{self, Answer, Asked, Options, Rule};
use crate::policy::ModelPolicy;
use crate::preference::{self, Item, Labels};
use crate::problem::{Problem, printable};
use crate::prompt::PromptStyle;

/// Arguments of `rlef pairs`.
#[derive(ClapArgs)]
#[command(
    after_help = "Only first answers are compared: they answer the same prompt. Each is judged by all tests of its problem, \
    and by whom --judges names.\n\nExamples:\n  rlef eval --policy starter --problems contest:train --turns 1 --rollouts 8 --journal samples.jsonl\n  \
    rlef pairs --journal samples.jsonl --problems contest:train --out pairs.jsonl\n  \
    rlef pairs --policy starter --rollouts 8 --problems contest:train --rule passed --out pairs.parquet\n  \
    rlef pairs --policy starter --problems contest:train --judges judges.toml --rule compared --out pairs.jsonl"
)]
pub struct Args {
    /// A journal of `rlef train` or `rlef eval`; may be given again.
    #[arg(long, required_unless_present = "policy")]
    journal: Vec<PathBuf>,
    /// Fresh answers of this checkpoint in place of a journal's.
    #[arg(long, conflicts_with = "journal")]
    policy: Option<PathBuf>,
    /// Fresh answers to each problem.
    #[arg(long, default_value_t = 8, value_parser = crate::cli::count(), requires = "policy")]
    rollouts: usize,
    /// Temperature of fresh answers.
    #[arg(long, default_value_t = 1.0, requires = "policy")]
    temperature: f64,
    /// Tokens of a fresh answer at most.
    #[arg(long, default_value_t = 96, value_parser = crate::cli::count(), requires = "policy")]
    max_tokens: usize,
    /// What fresh answers are computed on.
    #[arg(long, value_enum, default_value_t, requires = "policy")]
    device: Processor,
    /// The problems that were played, or are to be.
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
    /// What makes an answer better: all tests passed, more tests passed, a higher score of the judges besides the tests, or the
    /// order that a judge which compares puts answers in.
    #[arg(long, value_enum, default_value_t)]
    rule: Rule,
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
    let judging = args.judging.judging(judges)?;
    anyhow::ensure!(
        args.rule != Rule::Compared || judging.judge.compares(),
        "failed to use --rule compared: none of the judges of `{}` compares answers; name one that does with --judges",
        judging.judge.name()
    );
    let mut labels = Labels::from([("judge".to_owned(), judging.judge.stamp())]);
    let (answers, mut lost) = answers(args, &problems, &mut labels)?;
    anyhow::ensure!(
        !answers.is_empty(),
        "failed to find an answer to judge: no episode has one"
    );
    let mut progress = Progress::new("answers", answers.len() as u64);
    let weights = args.judging.weights()?;
    let heard = pairs::judged(
        answers,
        &problems,
        &*judging.judge,
        &weights,
        args.rule,
        &mut |done| progress.set(done as u64, ""),
    );
    progress.finish();
    args.judging.tell(&judging.host);
    for (id, error) in &heard.lost {
        say!("{}: {error}", printable(id));
    }
    lost += heard.lost.len();
    let asked = Asked::of(&problems, args.style.style());
    let options = Options {
        rule: args.rule,
        most: args.most,
        ties: args.ties,
        seed: args.seed,
    };
    let (pairs, counts) = pairs::pairs(&heard.judged, &asked, options, &labels);
    say!("{} answers: {counts}", heard.judged.len());
    anyhow::ensure!(
        !pairs.is_empty(),
        "failed to find a pair: no two answers to one problem differ by the rule {}; sample more of each, or take --rule passed",
        options.rule.name()
    );
    let items: Vec<Item> = pairs.into_iter().map(Item::Pair).collect();
    let unsaid = preference::save(&args.out, &items, args.form.form())?;
    say!("{} pairs written to {}", unsaid.rows, args.out.display());
    if lost > 0 {
        say!("{lost} answers were lost, and are in no pair");
        return Ok(ExitCode::from(exit::INFRASTRUCTURE));
    }
    Ok(ExitCode::SUCCESS)
}

/// The answers of all journals, or of the policy, and how many it lost.
fn answers(
    args: &Args,
    problems: &[Problem],
    labels: &mut Labels,
) -> anyhow::Result<(Vec<Answer>, usize)> {
    match &args.policy {
        Some(path) => fresh(args, path, problems, labels),
        None => Ok((
            pairs::of_journals(&args.journal, problems, &args.problems)?,
            0,
        )),
    }
}

fn fresh(
    args: &Args,
    path: &Path,
    problems: &[Problem],
    labels: &mut Labels,
) -> anyhow::Result<(Vec<Answer>, usize)> {
    let temperature = args.temperature;
    anyhow::ensure!(
        temperature >= 0.0 && temperature.is_finite(),
        "failed to use --temperature {temperature}; expected a number of at least 0"
    );
    let (decoder, tokenizer) = source::policy(path, &args.device.open()?)?;
    let name = path.to_string_lossy();
    let hash = source::stamp(&name, args.device)?.hash.unwrap_or_default();
    labels.insert("policy".to_owned(), format!("{name} {hash}"));
    let policy = ModelPolicy {
        decoder: &decoder,
        tokenizer: &tokenizer,
        batch: 256,
    };
    let sampling = Sampling {
        temperature,
        max_tokens: args.max_tokens,
        ..Sampling::default()
    };
    let counts = (args.rollouts, args.seed);
    let style = args.style.style();
    Ok(pairs::sampled(&policy, problems, style, &sampling, counts)?)
}
