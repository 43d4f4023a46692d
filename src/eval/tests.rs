//! Reports of small evaluations, with figures worked out by hand.

use super::*;
use crate::episode::tests::played;
use crate::verdict::Grade;

fn group(id: &str, episodes: Vec<Episode>) -> Group {
    Group {
        problem_id: id.to_owned(),
        episodes,
    }
}

#[test]
fn a_hand_worked_report() {
    let wrong = Grade::WrongAnswer;
    let groups = vec![
        group(
            "a",
            vec![
                played(&[Grade::Accepted], true),
                played(&[wrong, Grade::Accepted], true),
            ],
        ),
        group(
            "b",
            vec![
                played(&[wrong, wrong, wrong], false),
                played(&[Grade::Accepted], false),
            ],
        ),
    ];
    let report = report(&groups, &[], 3, &RolloutStats::default(), 1);
    let means: Vec<f64> = report
        .solved_by_turn
        .iter()
        .map(|estimate| estimate.mean)
        .collect();
    assert_eq!(means, vec![0.25, 0.5, 0.5]);
    // Three first answers were wrong, one of them by the private tests alone; one was repaired.
    assert!((report.repair_rate.mean - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!(report.turns, 7.0 / 4.0);
    assert_eq!(report.identical_resubmissions, 1.0);
    // Problem a solves both episodes, b none of two: 1@2 and pass@2 are 1/2 on average.
    assert_eq!(report.pass_at[&1].mean, 0.5);
    assert_eq!(report.pass_at[&2].mean, 0.5);
    assert!(!report.pass_at.contains_key(&4));
    // 7 answers of 3 tokens, 2 solved.
    assert_eq!(report.tokens_per_solved, Some(10.5));
    // Turn 1: 2 of 4 pass; both that went on failed, one of them was fixed at once.
    let turn = &report.by_turn[0];
    assert_eq!((turn.answers, turn.passed_public), (4, 2));
    assert_eq!(
        (report.by_turn[1].fixed, report.by_turn[1].after_failure),
        (1, 2)
    );
    assert_eq!(
        (report.by_turn[2].fixed, report.by_turn[2].after_failure),
        (0, 1)
    );
    assert_eq!(report.by_turn[1].grades[&wrong], 1);
    // Two problems: the interval spans a resample of either alone.
    assert_eq!(
        (report.final_solved().low, report.final_solved().high),
        (0.0, 1.0)
    );
}

#[test]
fn problems_with_one_statement_are_one_cluster() {
    let right = || vec![played(&[Grade::Accepted], true)];
    let wrong = || vec![played(&[Grade::WrongAnswer], false)];
    let groups: Vec<Group> = ["a", "b", "c", "d"]
        .into_iter()
        .zip([right(), right(), wrong(), wrong()])
        .map(|(id, episodes)| group(id, episodes))
        .collect();
    let problem = |id: &str, statement: &str, label: Option<&str>| Problem {
        id: id.to_owned(),
        statement: statement.to_owned(),
        labels: label
            .map(|label| ("cluster".to_owned(), label.to_owned()))
            .into_iter()
            .collect(),
        ..Problem::default()
    };
    let clusters = |problems: &[Problem]| {
        let report = report(&groups, problems, 1, &RolloutStats::default(), 1);
        assert_eq!(report.final_solved().mean, 0.5);
        report.clusters
    };
    assert_eq!(clusters(&[]), 4);
    let same = [
        problem("a", "Add  two\nnumbers.", None),
        problem("b", "Add two numbers.", None),
        problem("c", "Sort.", None),
        problem("d", "Sort. ", None),
    ];
    assert_eq!(clusters(&same), 2);
    // A label goes before the statement; no statement says nothing of a kinship.
    let labelled = [
        problem("a", "Add.", Some("x")),
        problem("b", "Sort.", Some("x")),
        problem("c", "", None),
        problem("d", " ", None),
    ];
    assert_eq!(clusters(&labelled), 3);
}

#[test]
fn a_set_without_public_tests_says_that_it_has_one_turn() {
    let groups = [group("a", vec![played(&[Grade::Accepted], true)])];
    let problems = [Problem {
        id: "a".to_owned(),
        statement: "Add.".to_owned(),
        ..Problem::default()
    }];
    let report = report(&groups, &problems, 3, &RolloutStats::default(), 1);
    assert_eq!(report.single_turn, 1);
    let text = report.to_string();
    assert!(text.contains("no public tests"), "{text}");
    assert!(
        !text.contains("later turns") && !text.contains("repaired"),
        "{text}"
    );
}

#[test]
fn an_answer_that_is_given_up_counts_by_turn_and_as_broken() {
    // Played on whatever the tests say: wrong, right, wrong again.
    let mut episode = played(&[Grade::WrongAnswer; 3], false);
    episode.turns[1].verdict.grade = Grade::Accepted;
    episode.turns[1].verdict.passed = 1;
    episode.turns[1].full = Some(crate::episode::tests::verdict(Grade::Accepted));
    let report = report(
        &[group("a", vec![episode])],
        &[],
        3,
        &RolloutStats::default(),
        1,
    );
    let means: Vec<f64> = report.solved_by_turn.iter().map(|e| e.mean).collect();
    assert_eq!(means, vec![0.0, 1.0, 0.0]);
    assert_eq!((report.by_turn[1].fixed, report.by_turn[1].broken), (1, 0));
    assert_eq!(
        (report.by_turn[2].broken, report.by_turn[2].after_pass),
        (1, 1)
    );
    assert_eq!(report.by_turn[2].fewer_tests, 1);
}

#[test]
fn n_at_k_counts_turns_as_samples() {
    // 4 episodes of up to 3 turns: 10 answers pay for 3 episodes. 2 pass the public tests, 1 of them all tests.
    let wrong = Grade::WrongAnswer;
    let episodes = vec![
        played(&[Grade::Accepted], true),
        played(&[wrong, Grade::Accepted], false),
        played(&[wrong; 3], false),
        played(&[wrong; 3], false),
    ];
    let report = report(&[group("a", episodes)], &[], 3, &RolloutStats::default(), 1);
    assert_eq!(report.n_at.len(), 1);
    // Of 4 draws of 3: two leave out a failure (both public drawn, half right), one leaves out the solved (0), one
    // the public failure (1): (0.5 + 0.5 + 0 + 1) / 4.
    assert_eq!((report.n_at[0].n, report.n_at[0].k), (1, 10));
    assert!((report.n_at[0].solved.mean - 0.5).abs() < 1e-12);
}

#[test]
fn an_aborted_episode_counts_nowhere_but_among_the_aborted() {
    let mut lost = played(&[Grade::WrongAnswer], false);
    lost.stop = Some(StopReason::Aborted);
    lost.outcome = None;
    let groups = vec![group("a", vec![played(&[Grade::Accepted], true), lost])];
    let report = report(&groups, &[], 1, &RolloutStats::default(), 1);
    assert_eq!(
        (report.episodes, report.aborted, report.final_solved().mean),
        (1, 1, 1.0)
    );
}
