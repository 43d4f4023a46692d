//! `rlef pairs --hierarchy`: answers of policies that are taken as ordered → preferences.

use std::process::ExitCode;

use super::answers::fresh;
use super::{Args, written};
use crate::cli::output::{insist, say};
use crate::cli::source;
use crate::judge::{Judge, Judges};
use crate::pairs::{self, Asked, Assumed, Levelled, Rule};
use crate::preference::{Item, Labels};
use crate::problem::printable;

/// Samples, judges, pairs up, filters, writes; exits with 4 where a judge failed.
pub(super) fn run(args: &Args, judges: &Judges) -> anyhow::Result<ExitCode> {
    let names: Vec<String> = args.hierarchy.clone();
    anyhow::ensure!(
        names.len() > 1,
        "failed to use --hierarchy {}: expected two policies at least, the best first, with commas between them",
        names.join(",")
    );
    anyhow::ensure!(
        args.longer >= 1.0,
        "failed to use --longer {}: expected a number of at least 1, or inf",
        args.longer
    );
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let judging = args.judging.judging(judges)?;
    judging.require_single("pairs --hierarchy")?;
    let (weights, least) = (args.judging.weights()?, args.judging.least()?);
    let mut labels = Labels::from([
        ("judge".to_owned(), judging.judge.stamp()),
        ("hierarchy".to_owned(), names.join(" > ")),
    ]);
    let (mut answers, mut lost) = (Vec::new(), 0);
    for (level, name) in names.iter().enumerate() {
        let (fresh, missing) = fresh(args, name.as_ref(), &problems, &mut labels)?;
        let all = (&weights, &least);
        let heard = pairs::judged(
            fresh,
            &problems,
            &*judging.judge,
            all,
            Rule::Solved,
            &mut |_| (),
        );
        for (id, error) in &heard.lost {
            insist!("{}: {error}", printable(id));
        }
        lost += missing + heard.lost.len();
        let judged = heard.judged.into_iter();
        answers.extend(judged.map(|judged| Levelled { level, judged }));
    }
    labels.remove("policy");
    args.judging.tell(&judging);
    let asked = Asked::of(&problems, args.style.style());
    let assumed = Assumed {
        most: args.most,
        longer: args.longer,
        seed: args.seed,
    };
    let (found, counts) = pairs::of_hierarchy(&answers, &names, &asked, assumed, &labels);
    say!("{} answers: {counts}", answers.len());
    let items: Vec<Item> = found.into_iter().map(Item::Pair).collect();
    written(args, items, lost, "pair")
}
