//! How often does the gate alarm when nothing changed, and how often does it find a planted drop? On real samples: the 800
//! CRUXEval problems with 10 verdicts each of one model. Every line is one way to decide on one kind of world.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rlef::gate::{Data, Test, Verdict, decide};
use rlef::statistics::{normal_cdf, paired};

/// Arguments.
#[derive(Parser)]
struct Args {
    /// Folder `cruxeval/samples/evaluation_results`.
    #[arg(long)]
    samples: PathBuf,
    /// Random splits of each kind.
    #[arg(long, default_value_t = 1000)]
    splits: u64,
}

/// What is planted in the candidate.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planted {
    /// Nothing.
    Nothing,
    /// Solved samples fail here and there until the mean has fallen by so much.
    Scattered(f64),
    /// Whole problems fail until it has.
    Whole(f64),
}

/// How many decisions said what.
#[derive(Default)]
struct Tally {
    worlds: usize,
    regressions: usize,
    passes: usize,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    println!(
        "task,problems,samples,planted,drop_points,decision,worlds,regressions,passes,mean_minimum_detectable_points"
    );
    for task in ["input", "output"] {
        let verdicts = load(&args, task)?;
        for (problems, samples) in [(800, 1), (800, 5), (164, 1), (164, 5)] {
            for planted in [
                Planted::Nothing,
                Planted::Scattered(0.02),
                Planted::Scattered(0.05),
                Planted::Whole(0.02),
                Planted::Whole(0.05),
            ] {
                study(task, &verdicts, problems, samples, planted, args.splits);
            }
        }
    }
    Ok(())
}

fn load(args: &Args, task: &str) -> anyhow::Result<Vec<Vec<bool>>> {
    let path = args
        .samples
        .join(format!("sample_scored_codellama-7b_temp0.2_{task}.json"));
    let text =
        std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
    let value: serde_json::Value = serde_json::from_slice(&text)?;
    let problems = value
        .get("raw_scored_generations")
        .and_then(serde_json::Value::as_object)
        .context("failed to read raw_scored_generations")?;
    let verdicts: Vec<Vec<bool>> = problems
        .values()
        .map(|list| {
            list.as_array()
                .into_iter()
                .flatten()
                .map(|verdict| verdict.as_bool() == Some(true))
                .collect()
        })
        .collect();
    anyhow::ensure!(
        verdicts.len() == 800 && verdicts.iter().all(|list| list.len() == 10),
        "{} does not hold 800 problems with 10 verdicts each",
        path.display()
    );
    Ok(verdicts)
}

fn study(
    task: &str,
    verdicts: &[Vec<bool>],
    problems: usize,
    samples: usize,
    planted: Planted,
    splits: u64,
) {
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut detectable = 0.0;
    for split in 0..splits {
        let mut rng = ChaCha8Rng::seed_from_u64(split);
        let chosen: Vec<&Vec<bool>> = verdicts.choose_multiple(&mut rng, problems).collect();
        let mut sides: Vec<(Vec<bool>, Vec<bool>)> = chosen
            .into_iter()
            .map(|list| {
                let mut list = list.clone();
                list.shuffle(&mut rng);
                (
                    list[..samples].to_vec(),
                    list[samples..2 * samples].to_vec(),
                )
            })
            .collect();
        plant(&mut sides, planted, &mut rng);
        let count = |list: &[bool]| (list.len(), list.iter().filter(|solved| **solved).count());
        let data = Data {
            baseline: sides.iter().map(|side| count(&side.0)).collect(),
            candidate: sides.iter().map(|side| count(&side.1)).collect(),
            clusters: Vec::new(),
            k: 1,
            denominator: Some(samples as u64),
        };
        let test = decide(&data, 0.05, 0.05, split);
        detectable += test.minimum_detectable;
        let mut say = |name, regression: bool, pass: bool| {
            let tally = tallies.entry(name).or_default();
            tally.worlds += 1;
            tally.regressions += usize::from(regression);
            tally.passes += usize::from(pass);
        };
        // The gate as it ships, margin 5 points, then its two halves by themselves.
        say(
            "gate_margin_5",
            test.verdict == Verdict::Regression,
            test.verdict == Verdict::NoRegression,
        );
        let strict = decide(&data, 0.0, 0.05, split);
        say(
            "gate_margin_0",
            strict.verdict == Verdict::Regression,
            strict.verdict == Verdict::NoRegression,
        );
        for (name, threshold) in [("threshold_1_point", 0.01), ("threshold_2_points", 0.02)] {
            let alarm = test.drop >= threshold - 1e-12;
            say(name, alarm, !alarm);
        }
        let alarm = unpaired(&test, samples);
        say("unpaired_z_test", alarm, !alarm);
        let drawn = sides
            .iter()
            .map(|side| side_mean(&side.0) - side_mean(&side.1));
        let alarm = paired::sign_flip(&drawn.collect::<Vec<_>>(), Some(samples as u64), split).0;
        say("sign_flip_alone", alarm < 0.05, alarm >= 0.05);
    }
    let (name, drop) = match planted {
        Planted::Nothing => ("nothing", 0.0),
        Planted::Scattered(drop) => ("scattered", drop),
        Planted::Whole(drop) => ("whole_problems", drop),
    };
    for (decision, tally) in tallies {
        println!(
            "{task},{problems},{samples},{name},{:.0},{decision},{},{},{},{:.2}",
            100.0 * drop,
            tally.worlds,
            tally.regressions,
            tally.passes,
            100.0 * detectable / splits as f64
        );
    }
}

fn side_mean(list: &[bool]) -> f64 {
    list.iter().filter(|solved| **solved).count() as f64 / list.len() as f64
}

/// Fails solved samples of the candidate until its mean has fallen by the planted drop.
fn plant(sides: &mut [(Vec<bool>, Vec<bool>)], planted: Planted, rng: &mut ChaCha8Rng) {
    let samples = sides.first().map_or(1, |side| side.1.len());
    let (drop, whole) = match planted {
        Planted::Nothing => return,
        Planted::Scattered(drop) => (drop, false),
        Planted::Whole(drop) => (drop, true),
    };
    let mut left = (drop * (sides.len() * samples) as f64).round() as usize;
    while left > 0 {
        let index = rng.random_range(0..sides.len());
        let solved: Vec<usize> = (0..samples)
            .filter(|&sample| sides[index].1[sample])
            .collect();
        let take = if whole {
            solved.len().min(left)
        } else {
            solved.len().min(1)
        };
        for &sample in solved.choose_multiple(rng, take) {
            sides[index].1[sample] = false;
        }
        left -= take;
    }
}

/// What some harnesses do: two independent shares, one-sided z at 5%, every sample its own unit.
fn unpaired(test: &Test, samples: usize) -> bool {
    let n = (test.problems * samples) as f64;
    let variance = |share: f64| share * (1.0 - share) / n;
    let error = (variance(test.baseline) + variance(test.candidate)).sqrt();
    error > 0.0 && 1.0 - normal_cdf(test.drop / error) < 0.05
}
