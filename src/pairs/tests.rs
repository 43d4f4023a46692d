//! What of judged answers becomes a pair, and what does not.

use super::*;

fn answer(problem: usize, sample: usize, passed: usize) -> Judged {
    Judged {
        problem,
        text: format!("answer {sample}"),
        step: 3,
        sample,
        tests: Some((passed, 4)),
        solved: passed == 4,
        score: sample as f64,
        is_unmet: false,
        place: Some(sample),
        certainty: None,
        likely: None,
    }
}

fn options(rule: Rule) -> Options {
    Options {
        rule,
        most: 100,
        ties: false,
        seed: 1,
    }
}

fn found(answers: &[Judged], options: Options) -> (Vec<Pair>, Counts) {
    let asked = [("Do it.", "p0"), ("Do that.", "p1")].map(|(prompt, id)| Asked {
        prompt: prompt.to_owned(),
        id: id.to_owned(),
        cluster: "both".to_owned(),
    });
    let labels = Labels::from([("judge".to_owned(), "tests/1".to_owned())]);
    pairs(answers, &asked, options, &labels)
}

fn sides(pairs: &[Pair]) -> Vec<(String, String)> {
    let side = |said: &Said| match said {
        Said::Plain(text) => text.trim_start_matches("answer ").to_owned(),
        Said::Messages(_) => panic!(),
    };
    let sides = pairs
        .iter()
        .map(|pair| (side(&pair.chosen), side(&pair.rejected)));
    let mut sides: Vec<_> = sides.collect();
    sides.sort();
    sides
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
        .collect()
}

#[test]
fn each_rule_has_its_own_order() {
    let answers = [
        answer(0, 0, 4),
        answer(0, 1, 1),
        answer(0, 2, 3),
        answer(0, 3, 1),
    ];
    let (solved, counts) = found(&answers, options(Rule::Solved));
    assert_eq!(
        sides(&solved),
        expected(&[("0", "1"), ("0", "2"), ("0", "3")])
    );
    assert_eq!(counts.ties, 3);
    let (passed, counts) = found(&answers, options(Rule::Passed));
    let all = [("0", "1"), ("0", "2"), ("0", "3"), ("2", "1"), ("2", "3")];
    assert_eq!((sides(&passed), counts.ties), (expected(&all), 1));
    let (score, _) = found(&answers[..2], options(Rule::Score));
    assert_eq!(sides(&score), expected(&[("1", "0")]));
    assert_eq!(score[0].labels["chosen_score"], "1");
    let mut two = answers[..2].to_vec();
    two[0].certainty = Some(0.8);
    let (compared, _) = found(&two, options(Rule::Compared));
    assert_eq!(sides(&compared), expected(&[("0", "1")]));
    assert_eq!(compared[0].certainty, Some(0.8));
}

#[test]
fn only_answers_to_one_prompt_are_compared_and_none_twice() {
    let mut again = answer(0, 7, 0);
    again.text = " answer 1\n".to_owned();
    let mut silent = answer(0, 8, 0);
    silent.text = " ".to_owned();
    let mut unjudged = answer(0, 9, 0);
    unjudged.tests = None;
    let answers = [
        answer(0, 0, 4),
        answer(0, 1, 1),
        again,
        silent,
        unjudged,
        answer(1, 2, 0),
    ];
    let (pairs, counts) = found(&answers, options(Rule::Solved));
    assert_eq!(sides(&pairs), expected(&[("0", "1")]));
    assert_eq!((counts.repeated, counts.unknown, counts.without), (1, 2, 1));
    let pair = &pairs[0];
    assert_eq!(pair.prompt, Said::plain("Do it."));
    for (name, value) in [
        ("problem", "p0"),
        ("cluster", "both"),
        ("judge", "tests/1"),
        ("rule", "solved"),
        ("seed", "1"),
        ("chosen_policy_version", "3"),
        ("chosen_sample", "0"),
        ("rejected_passed", "1/4"),
    ] {
        assert_eq!(pair.labels[name], value, "{name}");
    }
}

/// What a judge says of two answers decides about them, with how sure it is; their places among all don't.
#[test]
fn a_judge_that_says_how_likely_gives_soft_labels() {
    let judged = |own: usize, place: usize, over: [Option<f64>; 3]| Judged {
        place: Some(place),
        likely: Some(Likely {
            own,
            over: over.to_vec(),
        }),
        ..answer(0, own, 0)
    };
    let answers = [
        judged(0, 0, [None, Some(0.7), Some(0.5)]),
        judged(1, 1, [Some(0.3), None, None]),
        judged(2, 2, [Some(0.5), None, None]),
    ];
    let (pairs, counts) = found(&answers, options(Rule::Compared));
    assert_eq!(sides(&pairs), expected(&[("0", "1")]));
    assert_eq!(pairs[0].certainty, Some(0.7));
    assert_eq!((counts.ties, counts.silent), (1, 1));
    assert!(counts.to_string().contains("no opinion on 1 pairs"));
    // The less likely one is the worse, wherever it was placed.
    let turned = [
        judged(0, 0, [None, Some(0.2), None]),
        judged(1, 1, [Some(0.8), None, None]),
    ];
    let (pairs, _) = found(&turned, options(Rule::Compared));
    assert_eq!(sides(&pairs), expected(&[("1", "0")]));
    assert_eq!(pairs[0].certainty, Some(0.8));
    let ties = Options {
        ties: true,
        ..options(Rule::Compared)
    };
    let (pairs, _) = found(&answers[..], ties);
    assert!(pairs.iter().any(Pair::is_tie) && pairs.len() == 2);
}

#[test]
fn ties_are_soft_where_they_are_wanted() {
    let answers = [answer(0, 0, 2), answer(0, 1, 2)];
    let soft = Options {
        ties: true,
        ..options(Rule::Passed)
    };
    let (pairs, _) = found(&answers, soft);
    assert!(pairs.len() == 1 && pairs[0].is_tie());
    assert!(found(&answers, options(Rule::Passed)).0.is_empty());
}

/// Of one good answer and many bad ones the good one is in all; of as many of both, each is used as often.
#[test]
fn answers_are_used_alike_and_no_problem_has_more_than_its_share() {
    let answers: Vec<Judged> = (0..8)
        .map(|sample| answer(0, sample, if sample < 4 { 4 } else { 0 }))
        .collect();
    let few = Options {
        most: 8,
        ..options(Rule::Solved)
    };
    let (pairs, counts) = found(&answers, few);
    assert_eq!((pairs.len(), counts.more), (8, 8));
    let mut uses = BTreeMap::new();
    for (one, other) in sides(&pairs) {
        *uses.entry(one).or_insert(0) += 1;
        *uses.entry(other).or_insert(0) += 1;
    }
    assert!(
        uses.len() == 8 && uses.values().all(|uses| *uses == 2),
        "{uses:?}"
    );
    // The same again, and others by another seed.
    assert_eq!(found(&answers, few).0, pairs);
    let other = Options { seed: 2, ..few };
    assert_ne!(sides(&found(&answers, other).0), sides(&pairs));
}
