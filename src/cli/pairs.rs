//! `rlef pairs`: answers of journals, or fresh ones of a policy, judged → preferences, for a reward model, for objectives on pairs,
//! and for people.

mod answers;
mod arguments;
mod hierarchy;

use std::process::ExitCode;

use rlef_judge::counted::counted;

use super::output::{self, insist, say};
use super::progress::Progress;
use super::{exit, source};
use crate::judge::{Judge, Judges};
use crate::pairs::{self, Asked, Options, Rule};
use crate::preference::{self, Item, Labels};
use crate::problem::printable;
use answers::answers;
pub use arguments::Args;
pub(super) use arguments::Style;

/// Judges, pairs up, writes; exits with 4 where a judge failed.
pub fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    output::check_file(&args.out)?;
    if !args.hierarchy.is_empty() {
        return hierarchy::run(args, judges);
    }
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let judging = args.judging.judging(judges)?;
    anyhow::ensure!(
        args.rule != Rule::Compared || judging.judge.compares(),
        "failed to use --rule compared: none of the judges of `{}` compares answers; name one that does with --judges",
        judging.judge.name()
    );
    if args.rule != Rule::Compared {
        judging.require_single(&format!("--rule {}", args.rule.name()))?;
    }
    let mut labels = Labels::from([("judge".to_owned(), judging.judge.stamp())]);
    let (answers, mut lost) = answers(args, &problems, &mut labels)?;
    anyhow::ensure!(
        !answers.is_empty(),
        "failed to find an answer to judge: no episode has one"
    );
    let mut progress = Progress::new("judging", "answer", answers.len() as u64);
    let weights = args.judging.weights()?;
    let heard = pairs::judged(
        answers,
        &problems,
        &*judging.judge,
        (&weights, &std::collections::BTreeMap::new()),
        args.rule,
        &mut |done| progress.set(done as u64, ""),
    );
    progress.finish();
    args.judging.tell(&judging);
    if let Some(error) = heard.distrusted() {
        insist!("error: failed to {error}; nothing was written");
        return Ok(ExitCode::from(exit::INFRASTRUCTURE));
    }
    for (id, error) in &heard.lost {
        insist!("{}: {error}", printable(id));
    }
    if heard.silent > 0 {
        say!(
            "on {} answers the judge has no opinion; they are in no pair",
            heard.silent
        );
    }
    lost += heard.lost.len();
    let asked = Asked::of(&problems, args.style.style());
    if let Some(size) = args.ranking {
        let how = (args.rule, size as usize, args.seed);
        let (found, without) = pairs::rankings(&heard.judged, &asked, how, &labels);
        say!(
            "{} answers: {without} problems without a ranking",
            heard.judged.len()
        );
        let items = found.into_iter().map(Item::Ranking).collect();
        return written(args, items, lost, "ranking");
    }
    let options = Options {
        rule: args.rule,
        most: args.most,
        ties: args.ties,
        seed: args.seed,
    };
    let (pairs, counts) = pairs::pairs(&heard.judged, &asked, options, &labels);
    say!("{} answers: {counts}", heard.judged.len());
    let items: Vec<Item> = pairs.into_iter().map(Item::Pair).collect();
    written(args, items, lost, "pair")
}

/// Writes what was found; exits with 4 where answers were lost.
fn written(args: &Args, items: Vec<Item>, lost: usize, what: &str) -> anyhow::Result<ExitCode> {
    if items.is_empty() && lost > 0 {
        insist!("error: failed to find a {what}: {lost} answers were lost; nothing was written");
        return Ok(ExitCode::from(exit::INFRASTRUCTURE));
    }
    anyhow::ensure!(
        !items.is_empty(),
        "failed to find a {what}: no two answers to one problem differ by the rule {}; sample more of each, or take --rule passed",
        args.rule.name()
    );
    let unsaid = preference::save(&args.out, &items, args.form.form())?;
    let found = counted(unsaid.rows, what);
    say!("{found} written to {}", args.out.display());
    if lost > 0 {
        insist!("{lost} answers were lost, and are in none of them");
        return Ok(ExitCode::from(exit::INFRASTRUCTURE));
    }
    Ok(ExitCode::SUCCESS)
}
