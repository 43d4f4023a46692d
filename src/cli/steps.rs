//! `rlef steps`: answers of journals, or fresh ones of a policy → their steps with labels, for a process reward model.

mod arguments;
mod choose;

use std::process::ExitCode;

use rlef_judge::counted::counted;

use super::output::{self, insist, say};
use super::{exit, source};
use crate::completion::Sampling;
use crate::judge::Judges;
use crate::pairs::{self, Answer, Asked};
use crate::policy::ModelPolicy;
use crate::preference::{self, Item, Mark};
use crate::problem::{Problem, printable};
use crate::process_model::label::{self, Drawn, Found, Means};
pub use arguments::Args;

/// Has answers, labels their steps, writes; exits with 4 where a judge failed.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    output::check_file(&args.out)?;
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let asked = Asked::of(&problems, args.style.style());
    let found = labelled(args, &problems, &asked, judges)?;
    for (id, error) in &found.lost {
        insist!("{}: {error}", printable(id));
    }
    let steps: usize = found.items.iter().map(|item| item.steps.len()).sum();
    let marks = found.items.iter().flat_map(|item| &item.marks);
    let right = marks.filter(|mark| **mark == Mark::Good).count();
    let all = found.items.len() + found.unlabelled + found.lost.len();
    say!(
        "{} of {all} answers are labelled ({:.1}%): {steps} steps, {right} of them right; {} completions were sampled",
        found.items.len(),
        100.0 * found.items.len() as f64 / all.max(1) as f64,
        found.completions
    );
    anyhow::ensure!(
        !found.items.is_empty(),
        "failed to label a step: {}",
        if args.labels == Means::Exact {
            "no answer is a program of the built-in problems' own lines; take --labels hard or soft"
        } else {
            "no answer could be completed and judged"
        }
    );
    let items: Vec<Item> = found.items.into_iter().map(Item::Steps).collect();
    let unsaid = preference::save(&args.out, &items, args.form.form())?;
    if unsaid.shares > 0 {
        say!("these columns have no place for shares: steps are written as right or wrong");
    }
    let answers = counted(unsaid.rows, "answer");
    say!("{answers} written to {}", args.out.display());
    if found.lost.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(exit::INFRASTRUCTURE))
    }
}

fn labelled(
    args: &Args,
    problems: &[Problem],
    asked: &[Asked],
    judges: &Judges,
) -> anyhow::Result<Found> {
    anyhow::ensure!(
        args.temperature >= 0.0 && args.temperature.is_finite(),
        "failed to use --temperature {}; expected a number of at least 0",
        args.temperature
    );
    let asks = args.journal.is_empty() || args.labels != Means::Exact;
    let policy =
        asks.then(|| source::policy(&args.policy, args.template.path(), &args.device.open()?));
    let policy = policy.transpose()?;
    let policy = policy.as_ref().map(|(decoder, tokenizer)| ModelPolicy {
        decoder,
        tokenizer,
        batch: 256,
    });
    let sampling = Sampling {
        temperature: args.temperature,
        max_tokens: args.max_tokens,
        ..Sampling::default()
    };
    let mut answers: Vec<Answer> = match &policy {
        Some(policy) if args.journal.is_empty() => {
            let counts = (args.rollouts, args.seed);
            let style = args.style.style();
            pairs::sampled(policy, problems, style, &sampling, counts)?.0
        }
        _ => pairs::of_journals(&args.journal, problems, &args.problems)?,
    };
    let judging = (args.labels != Means::Exact || args.convincing.is_some())
        .then(|| args.judging.judging(judges));
    let judging = judging.transpose()?;
    judging
        .iter()
        .try_for_each(|all| all.require_single("steps"))?;
    if let (Some(folder), Some(judging)) = (&args.convincing, &judging) {
        answers = choose::convincing(args, folder, answers, (problems, asked), &*judging.judge)?;
    }
    let Some((policy, judging)) = policy.zip(judging).filter(|_| args.labels != Means::Exact)
    else {
        return Ok(label::exact(&answers, problems, asked));
    };
    let drawn = Drawn {
        completions: args.completions,
        sampling,
        seed: args.seed,
    };
    let all = (&answers[..], problems, asked);
    let found = label::estimated(all, &policy, &*judging.judge, &drawn, args.labels)?;
    args.judging.tell(&judging);
    Ok(found)
}
