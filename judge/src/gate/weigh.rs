//! Pairs of problems → tests of all and of every slice, and the answer. Pure.

use std::collections::BTreeMap;

use super::{Data, Options, Pair, Report, Score, Test, Verdict, decide, text};
use crate::evaluation::estimators::denominator;
use crate::evaluation::record::Evaluation;
use crate::statistics::{holm, paired};

/// Tests all problems and every slice, adjusts, and decides.
pub(super) fn weigh(baseline: &Evaluation, options: &Options, report: &mut Report) {
    let labels: BTreeMap<&str, &BTreeMap<String, String>> = baseline
        .problems
        .iter()
        .map(|record| (record.id.as_str(), &record.labels))
        .collect();
    let mut parts: BTreeMap<String, Vec<&Pair>> = BTreeMap::new();
    for label in &options.slices {
        for item in &report.problems {
            let value = labels
                .get(item.id.as_str())
                .and_then(|labels| labels.get(label));
            let value = value.map_or("none", String::as_str);
            parts
                .entry(format!("{label}={value}"))
                .or_default()
                .push(item);
        }
    }
    let all: Vec<&Pair> = report.problems.iter().collect();
    let mut overall = decide(
        &data(&all, options),
        options.margin,
        options.alpha,
        options.seed,
    );
    let mut slices: BTreeMap<String, Test> = parts
        .into_iter()
        .map(|(name, part)| {
            (
                name,
                decide(
                    &data(&part, options),
                    options.margin,
                    options.alpha,
                    options.seed,
                ),
            )
        })
        .collect();
    let family: Vec<f64> = std::iter::once(overall.p)
        .chain(slices.values().map(|test| test.p))
        .collect();
    let adjusted = holm(&family);
    for (test, p) in std::iter::once(&mut overall)
        .chain(slices.values_mut())
        .zip(adjusted)
    {
        test.adjust(p, options.margin, options.alpha);
    }
    report.verdict = overall.verdict;
    let say = |what: &str, test: &Test| {
        format!(
            "{what} fell by {:.1} points ({})",
            100.0 * test.drop,
            text::p_is(test.p_adjusted)
        )
    };
    if overall.verdict == Verdict::Regression {
        report.reasons.push(say(&report.metric, &overall));
    }
    for (name, test) in &slices {
        if test.verdict == Verdict::Regression {
            report.verdict = Verdict::Regression;
            report.reasons.push(say(name, test));
        }
    }
    if report.verdict == Verdict::Inconclusive {
        report.reasons.push(overall.what_it_takes(options.margin));
    }
    if report.verdict == Verdict::NoRegression {
        report.reasons.push(format!(
            "a drop of more than {:.1} points is excluded",
            100.0 * options.margin
        ));
    }
    report.overall = Some(overall);
    report.slices = slices;
    report.problems.sort_by(|one, other| {
        other
            .drop
            .total_cmp(&one.drop)
            .then_with(|| one.id.cmp(&other.id))
    });
}

/// The differences of some problems, with what is needed to weigh them.
fn data(pairs: &[&Pair], options: &Options) -> Data {
    let side = |of: fn(&Pair) -> &Score| {
        pairs
            .iter()
            .map(|item| (of(item).n, of(item).c))
            .collect::<Vec<_>>()
    };
    let (baseline, candidate) = (side(|item| &item.baseline), side(|item| &item.candidate));
    let common = baseline
        .iter()
        .chain(&candidate)
        .try_fold(1_u64, |common, &(n, _)| {
            let next = denominator(n, options.k)?;
            common.checked_mul(next / paired::gcd(common, next))
        });
    let mut numbers: BTreeMap<Result<&str, &str>, usize> = BTreeMap::new();
    let clusters = pairs
        .iter()
        .map(|item| {
            let next = numbers.len();
            // A problem that stands alone may have the name of a cluster that it is not in.
            let name = item.cluster.as_deref().ok_or(item.id.as_str());
            *numbers.entry(name).or_insert(next)
        })
        .collect();
    Data {
        baseline,
        candidate,
        clusters,
        k: options.k,
        denominator: common,
    }
}
