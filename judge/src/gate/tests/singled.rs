//! Problems and slices that are looked at by themselves.

use super::*;

#[test]
fn golden_quarantined_and_lost() {
    let (old, new) = flips(1, 0);
    let golden = Options {
        golden: BTreeSet::from(["p000".to_owned()]),
        ..options()
    };
    let report = compare(&old, &new, &golden);
    assert_eq!(
        (report.verdict, report.golden_failures.len()),
        (Verdict::Regression, 1)
    );
    let absent = Options {
        golden: BTreeSet::from(["nowhere".to_owned()]),
        ..options()
    };
    assert_eq!(compare(&old, &new, &absent).verdict, Verdict::NotComparable);
    let quarantined = Options {
        quarantine: BTreeSet::from(["p000".to_owned()]),
        ..options()
    };
    let report = compare(&old, &new, &quarantined);
    assert_eq!(report.left_out["p000"], LeftOut::Quarantined);
    assert_eq!(report.overall.unwrap().drop, 0.0);
    let mut lost = new.clone();
    lost.problems[0].lost = 3;
    assert_eq!(
        compare(&old, &lost, &options()).verdict,
        Verdict::InfrastructureFailed
    );
    let mut empty = new;
    (empty.problems[0].n, empty.problems[0].failures) = (0, BTreeMap::new());
    let report = compare(&old, &empty, &options());
    assert_eq!(report.left_out["p000"], LeftOut::Lost);
    assert_eq!(report.overall.unwrap().problems, 99);
    let five = Options { k: 5, ..options() };
    assert_eq!(compare(&old, &old, &five).verdict, Verdict::NotComparable);
}

#[test]
fn a_slice_may_alarm_where_the_whole_does_not_and_pays_for_being_one_of_many() {
    // All losses among hard problems, gains among easy ones.
    let old: Vec<(usize, usize)> = (0..200).map(|i| (1, usize::from(i % 2 == 1))).collect();
    let new: Vec<(usize, usize)> = (0..200)
        .map(|i| (1, usize::from(if i < 40 { i % 2 == 0 } else { i % 2 == 1 })))
        .collect();
    let (old, new) = (evaluation(&old), evaluation(&new));
    assert_ne!(compare(&old, &new, &options()).verdict, Verdict::Regression);
    let sliced = Options {
        slices: vec!["difficulty".to_owned()],
        ..options()
    };
    let report = compare(&old, &new, &sliced);
    assert_eq!(report.verdict, Verdict::Regression);
    let hard = &report.slices["difficulty=hard"];
    assert_eq!((hard.problems, hard.verdict), (100, Verdict::Regression));
    // One of three tests: the smallest p-value is multiplied by 3.
    assert!((hard.p_adjusted - 3.0 * hard.p).abs() < 1e-12);
}
