//! Names in evaluations are a stranger's: they end no line, steer no terminal and join no two problems.

use super::*;

const EVIL: &str = "x\x1b]0;t\x07\u{9b}31m\n::error::hi\r\u{202e}";

#[test]
fn no_name_acts_on_a_terminal_or_on_a_ci_page() {
    let (mut old, mut new) = flips(10, 2);
    for side in [&mut old, &mut new] {
        side.problems[0].id = EVIL.to_owned();
        side.provenance.policy.name = EVIL.to_owned();
        for record in &mut side.problems {
            record
                .labels
                .insert("difficulty".to_owned(), EVIL.to_owned());
        }
    }
    let sliced = Options {
        slices: vec!["difficulty".to_owned()],
        ..options()
    };
    let unknown = Options {
        golden: BTreeSet::from([EVIL.to_owned() + "?"]),
        slices: vec![EVIL.to_owned()],
        ..options()
    };
    let golden = Options {
        golden: BTreeSet::from([EVIL.to_owned()]),
        ..options()
    };
    let mut less = new.clone();
    less.problems.remove(0);
    let reports = [
        compare(&old, &new, &sliced),
        compare(&old, &new, &unknown),
        compare(&old, &new, &golden),
        compare(&old, &less, &options()),
    ];
    for report in reports {
        let shown = text::render(&report);
        assert!(shown.contains("::error"), "{shown}");
        let acts = |text: &str| {
            text.lines().any(|line| line.starts_with("::"))
                || text.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}')
        };
        assert!(!acts(&shown), "{shown:?}");
        for reason in &report.reasons {
            assert!(!acts(reason) && !reason.contains('\n'), "{reason:?}");
        }
    }
}

#[test]
fn a_problem_with_the_name_of_a_cluster_is_not_in_it() {
    let counts: Vec<(usize, usize)> = vec![(1, 1); 6];
    let (mut old, mut new) = (evaluation(&counts), evaluation(&counts));
    for side in [&mut old, &mut new] {
        for (index, record) in side.problems.iter_mut().enumerate() {
            record.id = index.to_string();
            // Problems 2 to 5 are the cluster "1"; problem 1 stands alone.
            record.cluster = (index > 1).then(|| "1".to_owned());
        }
    }
    let test = compare(&old, &new, &options()).overall.unwrap();
    assert_eq!((test.problems, test.clusters), (6, 3));
}
