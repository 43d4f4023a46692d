//! Two evaluations side by side: what the gate says of them, and which problems newly fail or pass, with the episodes of both.

use std::collections::BTreeSet;

use askama::Template;

use super::evaluation::{journal_of, load};
use super::{grade, percent};
use crate::gate::{self, Options, Pair, Score, Verdict};
use crate::view::app::View;
use crate::view::web::{Ask, Fault, href};

/// Problems of each kind that a page shows at most.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "compare.html")]
struct Page<'a> {
    tab: &'static str,
    a: &'a str,
    b: &'a str,
    verdict: &'static str,
    class: &'static str,
    reasons: Vec<String>,
    metric: String,
    overall: Option<[String; 5]>,
    groups: Vec<(&'static str, usize, Vec<Row>)>,
    swap: String,
    links: [String; 2],
}

struct Row {
    id: String,
    sides: [Side; 2],
    drop: String,
}

struct Side {
    solved: String,
    failures: String,
    link: Option<String>,
}

/// The options of `rlef gate` where nothing is said.
fn options(ask: &Ask) -> Result<Options, Fault> {
    let options = Options {
        k: 1,
        turn: ask.number("turn")?,
        margin: ask.number::<f64>("margin")?.unwrap_or(5.0) / 100.0,
        alpha: 0.05,
        slices: Vec::new(),
        golden: BTreeSet::new(),
        golden_rate: 1.0,
        quarantine: BTreeSet::new(),
        allow: BTreeSet::new(),
        max_infra_rate: 0.02,
        seed: 1,
    };
    options
        .check()
        .map_err(|reason| Fault::Bad(format!("failed to {reason}")))?;
    Ok(options)
}

fn side(score: &Score, journal: Option<&String>, id: &str) -> Side {
    let failures = score
        .failures
        .iter()
        .map(|(one, count)| format!("{count} {}", grade(Some(*one))));
    Side {
        solved: format!("{} of {}", score.c, score.n),
        failures: failures.collect::<Vec<_>>().join(", "),
        link: journal.map(|journal| {
            href(
                "/episode",
                &[
                    ("of", journal),
                    ("problem", id),
                    ("step", "0"),
                    ("sample", "0"),
                ],
            )
        }),
    }
}

/// The page.
pub(in crate::view) fn page(view: &View, ask: &Ask) -> Result<String, Fault> {
    let (a, b) = (ask.need("a")?, ask.need("b")?);
    let (baseline, candidate) = (load(view, a)?, load(view, b)?);
    let report = gate::compare(&baseline, &candidate, &options(ask)?);
    let journals = [journal_of(view, &baseline), journal_of(view, &candidate)];
    let row = |pair: &Pair| Row {
        id: pair.id.clone(),
        sides: [
            side(&pair.baseline, journals[0].as_ref(), &pair.id),
            side(&pair.candidate, journals[1].as_ref(), &pair.id),
        ],
        drop: percent(-pair.drop),
    };
    let group = |words: &'static str, holds: &dyn Fn(&Pair) -> bool| {
        let found: Vec<&Pair> = report.problems.iter().filter(|pair| holds(pair)).collect();
        (
            words,
            found.len(),
            found
                .iter()
                .take(MOST)
                .map(|pair| row(pair))
                .collect::<Vec<_>>(),
        )
    };
    let groups = vec![
        group(
            "Newly failing: solved before, never now",
            &Pair::newly_fails,
        ),
        group(
            "Newly passing: never before, solved now",
            &Pair::newly_passes,
        ),
        group("Less often", &|pair| pair.drop > 0.0 && !pair.newly_fails()),
        group("More often", &|pair| {
            pair.drop < 0.0 && !pair.newly_passes()
        }),
    ];
    let overall = report.overall.as_ref().map(|test| {
        [
            percent(test.baseline),
            percent(test.candidate),
            format!(
                "{} [{}, {}]",
                percent(-test.drop),
                percent(-test.high),
                percent(-test.low)
            ),
            format!("{:.4}", test.p),
            format!("{} problems, {} clusters", test.problems, test.clusters),
        ]
    });
    Ok(Page {
        tab: "evaluations",
        a,
        b,
        verdict: report.verdict.words(),
        class: match report.verdict {
            Verdict::NoRegression => "good",
            Verdict::Regression | Verdict::InfrastructureFailed => "bad",
            Verdict::Inconclusive | Verdict::NotComparable => "none",
        },
        reasons: report.reasons.clone(),
        metric: report.metric.clone(),
        overall,
        groups,
        swap: href("/compare", &[("a", b), ("b", a)]),
        links: [a, b].map(|name| href("/evaluation", &[("of", name)])),
    }
    .render()?)
}
