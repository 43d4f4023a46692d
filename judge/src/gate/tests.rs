mod names;
mod reports;
mod singled;

use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

use std::collections::BTreeSet;

use super::*;
use crate::environment::FeedbackSource;
use crate::evaluation::record::Provenance;
use crate::evaluation::record::Rules;
use crate::evaluation::stamp::{PlayStamp, PolicyStamp, SandboxStamp};
use crate::prompt::PromptStyle;
use crate::sampling::Sampling;
use crate::verdict::Grade;

/// An evaluation of one turn with these (episodes, solved).
pub(crate) fn evaluation(counts: &[(usize, usize)]) -> Evaluation {
    let sampling = Sampling {
        temperature: 0.2,
        top_p: 0.95,
        ..Sampling::default()
    };
    Evaluation {
        schema: crate::evaluation::record::SCHEMA.to_owned(),
        provenance: Provenance {
            rlef: "0".to_owned(),
            problems: "set".to_owned(),
            problems_hash: "0".to_owned(),
            policy: PolicyStamp {
                name: "p".to_owned(),
                hash: None,
                device: None,
                chat_template: None,
            },
            play: PlayStamp::of(1, FeedbackSource::Real, PromptStyle::Full, &sampling),
            sandbox: SandboxStamp {
                version: "0".to_owned(),
                isolation: "process".to_owned(),
                interpreter: "/usr/bin/python3 (3.11.2)".to_owned(),
                rules: crate::verdict::RULES,
            },
            rollouts: 1,
            seed: 1,
        },
        rules: vec![Rules {
            comparison: "lines".into(),
            limits: 1.into(),
        }],
        report: None,
        problems: counts
            .iter()
            .enumerate()
            .map(|(index, &(n, c))| ProblemRecord {
                id: format!("p{index:03}"),
                hash: "h".to_owned(),
                rules: 0,
                n,
                c: vec![c],
                public: c,
                lost: 0,
                failures: if c < n {
                    BTreeMap::from([(Grade::WrongAnswer, n - c)])
                } else {
                    BTreeMap::new()
                },
                labels: BTreeMap::from([(
                    "difficulty".to_owned(),
                    if index % 2 == 0 { "easy" } else { "hard" }.to_owned(),
                )]),
                cluster: None,
            })
            .collect(),
    }
}

pub(crate) fn options() -> Options {
    Options {
        k: 1,
        turn: None,
        margin: 0.05,
        alpha: 0.05,
        slices: Vec::new(),
        golden: BTreeSet::new(),
        golden_rate: 1.0,
        quarantine: BTreeSet::new(),
        allow: BTreeSet::new(),
        max_infra_rate: 0.02,
        seed: 1,
    }
}

/// 100 problems of one sample: `down` newly fail, `up` newly pass, 40 stay solved.
fn flips(down: usize, up: usize) -> (Evaluation, Evaluation) {
    let solved = |from: usize, to: usize| {
        (0..100)
            .map(|index| (1, usize::from((from..to).contains(&index) || index >= 60)))
            .collect::<Vec<_>>()
    };
    (
        evaluation(&solved(0, down)),
        evaluation(&solved(down, down + up)),
    )
}

#[test]
fn one_sample_is_mcnemar_and_the_figures_are_by_hand() {
    let (old, new) = flips(10, 2);
    let report = compare(&old, &new, &options());
    let test = report.overall.as_ref().unwrap();
    // P(X >= 10), X ~ B(12, 1/2) = (66 + 12 + 1) / 4096.
    assert!((test.p - 79.0 / 4096.0).abs() < 1e-12 && test.exact);
    assert!((test.baseline - 0.5).abs() < 1e-12 && (test.candidate - 0.42).abs() < 1e-12);
    assert!((test.drop - 0.08).abs() < 1e-12);
    assert_eq!(report.verdict, Verdict::Regression);
    assert_eq!(
        report
            .problems
            .iter()
            .filter(|pair| pair.newly_fails())
            .count(),
        10
    );
    assert_eq!(
        report
            .problems
            .iter()
            .filter(|pair| pair.newly_passes())
            .count(),
        2
    );
    insta::assert_snapshot!(text::render(&report));
    insta::assert_snapshot!("markdown", markdown::render(&report));
}

#[test]
fn equal_evaluations_pass_and_few_problems_do_not() {
    let (old, _) = flips(0, 0);
    let report = compare(&old, &old, &options());
    assert_eq!(
        report.verdict,
        Verdict::NoRegression,
        "{:?}",
        report.reasons
    );
    let few = evaluation(&[(1, 1); 10]);
    let report = compare(&few, &few, &options());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    // Nothing changed among 10: z^2 / (10 + z^2) = 21.3% is still possible.
    assert!(report.reasons[0].contains("21.3"), "{:?}", report.reasons);
}

#[test]
fn what_it_takes_is_what_it_takes() {
    let (old, new) = flips(6, 6);
    let test = compare(&old, &new, &options()).overall.unwrap();
    assert_eq!(test.verdict, Verdict::Inconclusive);
    // With as many more problems as it asks for, the same rate of flips passes.
    let factor = test.problems_needed.unwrap().div_ceil(100);
    let repeat = |side: &Evaluation| {
        let counts: Vec<(usize, usize)> = side
            .problems
            .iter()
            .map(|record| (record.n, record.c[0]))
            .collect();
        evaluation(&counts.repeat(factor))
    };
    let more = compare(&repeat(&old), &repeat(&new), &options())
        .overall
        .unwrap();
    assert_eq!(more.verdict, Verdict::NoRegression, "{factor} {more:?}");
    assert!(more.minimum_detectable < test.minimum_detectable);
}

type Change = fn(&mut Evaluation);

#[test]
fn what_differs_is_named_and_can_be_accepted() {
    let (old, new) = flips(0, 0);
    let changes: [(Difference, Change, &str); 9] = [
        (Difference::Problems, |e| e.problems.truncate(99), "p099"),
        (
            Difference::Problems,
            |e| e.problems[3].hash = "x".to_owned(),
            "p003",
        ),
        (
            Difference::Limits,
            |e| e.rules[0].limits = 2.into(),
            "limits",
        ),
        (
            Difference::Comparison,
            |e| e.rules[0].comparison = "exact".into(),
            "comparison",
        ),
        (
            Difference::Feedback,
            |e| e.provenance.play.feedback = FeedbackSource::Silent,
            "silent",
        ),
        (
            Difference::Prompt,
            |e| e.provenance.play.wording = "x".to_owned(),
            "prompt",
        ),
        (
            Difference::Sampling,
            |e| e.provenance.play.sampling.temperature = 1.0,
            "temperature 1",
        ),
        (
            Difference::Sandbox,
            |e| e.provenance.sandbox.version = "9".to_owned(),
            "9",
        ),
        (
            Difference::Sandbox,
            |e| e.provenance.sandbox.interpreter = "/usr/bin/python3 (3.12.0)".to_owned(),
            "3.12.0",
        ),
    ];
    for (difference, change, word) in changes {
        let mut other = new.clone();
        change(&mut other);
        let report = compare(&old, &other, &options());
        assert_eq!(report.verdict, Verdict::NotComparable, "{difference:?}");
        assert_eq!(report.reasons.len(), 1, "{:?}", report.reasons);
        assert!(report.reasons[0].contains(word), "{:?}", report.reasons);
        assert!(
            report.reasons[0].contains(difference.name()),
            "{:?}",
            report.reasons
        );
        let accepted = Options {
            allow: BTreeSet::from([difference]),
            ..options()
        };
        assert_eq!(
            compare(&old, &other, &accepted).verdict,
            Verdict::NoRegression
        );
    }
    let mut elsewhere = new;
    elsewhere.provenance.sandbox.interpreter = "/opt/python3 (3.11.2)".to_owned();
    elsewhere.provenance.seed = 7;
    elsewhere.provenance.policy.name = "other".to_owned();
    assert_eq!(
        compare(&old, &elsewhere, &options()).verdict,
        Verdict::NoRegression
    );
}

#[test]
fn siblings_that_fail_together_count_once() {
    // Ten newly fail, two newly pass; alone that is a regression. As five families of two that fail whole and one that
    // passes whole it is 5 against 1: P(X >= 5), X ~ B(6, 1/2) = 7/64.
    let (mut old, mut new) = flips(10, 2);
    for side in [&mut old, &mut new] {
        for (index, record) in side.problems.iter_mut().enumerate() {
            record.cluster = Some(format!("family {}", index / 2));
        }
    }
    let report = compare(&old, &new, &options());
    let test = report.overall.as_ref().unwrap();
    assert_eq!((test.problems, test.clusters), (100, 50));
    assert!((test.p - 7.0 / 64.0).abs() < 1e-12 && test.exact);
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let (plain_old, plain_new) = flips(10, 2);
    let plain = compare(&plain_old, &plain_new, &options()).overall.unwrap();
    assert!(test.high > plain.high && test.low < plain.low);
    assert!((test.drop - plain.drop).abs() < 1e-12);
    // A baseline that doesn't say is compared by the clusters of the candidate.
    let half = compare(&plain_old, &new, &options()).overall.unwrap();
    assert!((half.p - test.p).abs() < 1e-12);
}

#[test]
fn unlike_rules_are_refused_with_what_to_do() {
    let (mut old, new) = flips(10, 2);
    old.provenance.sandbox.rules = 1;
    let report = compare(&old, &new, &options());
    assert_eq!(report.verdict, Verdict::NotComparable);
    let reason = &report.reasons[0];
    assert!(
        reason.contains("rules") && reason.contains("replay:") && reason.contains("--allow rules"),
        "{reason}"
    );
    let allowed = Options {
        allow: BTreeSet::from([Difference::Rules]),
        ..options()
    };
    assert_eq!(compare(&old, &new, &allowed).verdict, Verdict::Regression);
    // A file from before verdicts were stamped says nothing of rules, which means the first ones.
    let text = serde_json::to_string(&new.provenance.sandbox).unwrap();
    let unstamped = text.replace(&format!(",\"rules\":{}", crate::verdict::RULES), "");
    assert_ne!(text, unstamped);
    assert_eq!(
        serde_json::from_str::<SandboxStamp>(&unstamped)
            .unwrap()
            .rules,
        1
    );
}

#[test]
fn a_misspelt_slice_or_golden_problem_is_refused() {
    let (old, new) = flips(10, 2);
    let slice = Options {
        slices: vec!["dificulty".to_owned()],
        ..options()
    };
    let report = compare(&old, &new, &slice);
    assert_eq!(report.verdict, Verdict::NotComparable);
    assert!(report.reasons[0].contains("there are: difficulty"));
    let golden = Options {
        golden: BTreeSet::from(["p/999".to_owned()]),
        ..options()
    };
    let report = compare(&old, &new, &golden);
    assert_eq!(report.verdict, Verdict::NotComparable);
    assert!(report.golden_failures.is_empty());
}

#[test]
fn a_golden_problem_that_nobody_measured_neither_passes_nor_fails() {
    let (old, mut new) = flips(0, 0);
    let golden = |id: &str| Options {
        golden: BTreeSet::from([id.to_owned()]),
        allow: BTreeSet::from([Difference::Problems]),
        max_infra_rate: 0.5,
        ..options()
    };
    let lost = &mut new.problems[99];
    (lost.n, lost.c, lost.public, lost.lost) = (0, vec![0], 0, 1);
    let report = compare(&old, &new, &golden("p099"));
    assert_eq!(report.verdict, Verdict::InfrastructureFailed);
    assert!(report.reasons[0].contains("p099") && report.golden_failures.is_empty());
    new.problems.pop();
    let report = compare(&old, &new, &golden("p099"));
    assert_eq!(
        report.verdict,
        Verdict::NotComparable,
        "{:?}",
        report.reasons
    );
    assert!(report.reasons[0].contains("are not in the candidate: p099"));
    // One that fails is a regression, whatever else was lost.
    let both = Options {
        golden: BTreeSet::from(["p000".to_owned(), "p099".to_owned()]),
        ..golden("p099")
    };
    let report = compare(&old, &new, &both);
    assert_eq!(report.verdict, Verdict::Regression);
    assert_eq!(report.golden_failures, ["p000"]);
}

#[test]
fn pass_at_k_of_several_samples_is_weighed_exactly() {
    let old = evaluation(&[(10, 5); 60]);
    let new = evaluation(&[(10, 2); 60]);
    let report = compare(&old, &new, &Options { k: 5, ..options() });
    let test = report.overall.unwrap();
    // 1 - C(5,5)/252 and 1 - C(8,5)/252; all 60 drop, so p = 2^-60.
    assert!((test.baseline - (1.0 - 1.0 / 252.0)).abs() < 1e-12);
    assert!((test.candidate - (1.0 - 56.0 / 252.0)).abs() < 1e-12);
    assert!(test.exact && (test.p - 0.5_f64.powi(60)).abs() < 1e-20);
}

proptest! {
    #[test]
    fn any_counts_give_a_sound_report(
        pairs in prop::collection::vec((1_usize..6, 0_usize..6, 1_usize..6, 0_usize..6), 1..40),
        k in 1_usize..4,
    ) {
        let old: Vec<_> = pairs.iter().map(|&(n, c, ..)| (n, c.min(n))).collect();
        let new: Vec<_> = pairs.iter().map(|&(.., n, c)| (n, c.min(n))).collect();
        let report = compare(&evaluation(&old), &evaluation(&new), &Options { k, ..options() });
        prop_assert_eq!(report.problems.len() + report.left_out.len(), pairs.len());
        if let Some(test) = &report.overall {
            prop_assert!((0.0..=1.0).contains(&test.p) && test.p <= test.p_adjusted + 1e-12);
            prop_assert!(test.low <= test.drop + 1e-9 && test.drop <= test.high + 1e-9);
            prop_assert!((test.baseline - test.candidate - test.drop).abs() < 1e-9);
        }
        prop_assert!(junit::xml(&report).is_ok());
        prop_assert!(!text::render(&report).is_empty() && !markdown::render(&report).is_empty());
        let record = evaluation(&old);
        let read: Evaluation = serde_json::from_str(&record.text()).unwrap();
        prop_assert_eq!(read, record);
    }
}
