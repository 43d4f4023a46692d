//! Sources over one table of answers, worked by hand.

use super::*;
use crate::pairs::Asked;
use crate::preference::{self, Placed};
use crate::problem::Problem;

fn items(lines: &str) -> Vec<Placed> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    std::fs::write(&path, lines).unwrap();
    preference::load(&path, None).unwrap().items
}

fn pair(prompt: &str, chosen: &str, rejected: &str, more: &str) -> String {
    format!(
        r#"{{"kind": "pair", "prompt": "{prompt}", "chosen": "{chosen}", "rejected": "{rejected}"{more}}}"#
    )
}

fn source(name: &str, lines: &[String], answers: &mut Answers) -> Source {
    Source::of_items(name, &items(&lines.join("\n")), answers).unwrap()
}

fn near(found: Option<f64>, wanted: f64) {
    assert!((found.unwrap() - wanted).abs() < 1e-9, "{found:?}");
}

#[test]
fn two_files_of_pairs_are_compared_whichever_way_each_is_written() {
    let mut answers = Answers::default();
    let one = [
        pair("p", "a", "b", ""),
        pair("q", "a", "b", ""),
        pair("r", "a", "long answer", ""),
        pair("s", "a", "b", r#", "certainty": 0.5"#),
        pair("t", "only here", "b", ""),
    ];
    let other = [
        pair("p", "a", "b", r#", "certainty": 0.9"#),
        pair("q", "b", "a", ""),
        pair("r", "long answer", "a", ""),
        pair("s", "b", "a", r#", "certainty": 0.5"#),
    ];
    let sources = [
        source("one", &one, &mut answers),
        source("other", &other, &mut answers),
    ];
    let report = Report::of(&answers, &sources, Options::default());
    let both = &report.comparisons[0];
    assert_eq!((both.pairs, both.rated), (4, 0));
    // p and s alike, q and r not; s is a tie of both.
    near(both.agreement.map(|agreement| agreement.value), 0.5);
    near(
        both.decided_agreement.map(|agreement| agreement.value),
        1.0 / 3.0,
    );
    let interval = both.agreement.unwrap().interval.unwrap();
    assert!(interval.0 < 0.5 && interval.1 > 0.5, "{interval:?}");
    // Of the two on which they differ one has answers of unlike length, and the first is for the shorter.
    near(both.first_is_for_longer.map(|share| share.value), 0.0);
    assert_eq!((report.sources[0].pairs, report.sources[0].ties), (5, 0.2));
    // "only here" is longer than "b", and "a" is no longer than "b".
    near(report.sources[0].longer.map(|share| share.value), 0.5);
    assert_eq!(report.sources[1].longer.unwrap().value, 1.0);
}

#[test]
fn ratings_choose_and_are_compared_with_choices() {
    let mut answers = Answers::default();
    let rated = |answer: &str, label: bool| {
        format!(
            r#"{{"kind": "labelled", "prompt": "p", "completion": "{answer}", "label": {label}}}"#
        )
    };
    let tests = [
        rated("a", true),
        rated("b", false),
        rated("c", false),
        rated("d", true),
    ];
    let tests = source("tests", &tests, &mut answers);
    let people = [
        pair("p", "a", "b", ""),
        pair("p", "c", "d", ""),
        pair("p", "a", "d", ""),
        pair("p", "d", "b", ""),
    ];
    let people = source("people", &people, &mut answers);
    let report = Report::of(&answers, &[tests, people], Options::default());
    assert_eq!((report.sources[0].ratings, report.sources[0].pairs), (4, 6));
    // a and d, and b and c, are rated alike.
    near(Some(report.sources[0].ties), 2.0 / 6.0);
    let both = &report.comparisons[0];
    assert_eq!(both.pairs, 4);
    // Alike on a over b and d over b; unlike on c and d, and where the tests see a tie.
    near(both.agreement.map(|agreement| agreement.value), 0.5);
    near(
        both.decided_agreement.map(|agreement| agreement.value),
        2.0 / 3.0,
    );
    // One cluster alone has no interval.
    assert_eq!(both.agreement.unwrap().interval, None);
    let against = &both.against_ratings[0];
    assert_eq!(
        (against.choices_of.as_str(), against.ratings_of.as_str()),
        ("people", "tests")
    );
    assert_eq!((against.alike, against.groups.len()), (1, 1));
    assert_eq!((against.groups[0].0, against.groups[0].1), (1.0, 3));
    near(against.groups[0].2.map(|share| share.value), 2.0 / 3.0);
}

#[test]
fn place_and_hands_are_read_from_labels() {
    let mut answers = Answers::default();
    let by = |chosen: &str, rejected: &str, first: &str| {
        format!(
            r#", "labels": {{"chosen_by": "{chosen}", "rejected_by": "{rejected}", "shown_first": "{first}"}}"#
        )
    };
    let lines = [
        pair("p", "a", "b", &by("large", "small", "chosen")),
        pair("q", "a", "b", &by("large", "small", "chosen")),
        pair("r", "a", "b", &by("large", "small", "rejected")),
        pair("s", "b", "a", &by("small", "large", "chosen")),
    ];
    let source = source("people", &lines, &mut answers);
    let report = Report::of(&answers, &[source], Options::default());
    let people = &report.sources[0];
    near(people.first.map(|share| share.value), 0.75);
    let hands: Vec<(&str, usize)> = (people.competitors.iter())
        .map(|one| (one.by.as_str(), one.choices))
        .collect();
    assert_eq!(hands, [("large", 4), ("small", 4)]);
    let elo = people.competitors[0].elo;
    assert!(
        elo.value > 0.0 && elo.interval.unwrap().0 < elo.value,
        "{elo:?}"
    );
    let text = report.to_string();
    assert!(
        text.contains("Strength by people") && text.contains("0.750"),
        "{text}"
    );
    let bad = items(&pair("p", "a", "b", &by("x", "y", "left")));
    let error = Source::of_items("bad", &bad, &mut Answers::default()).unwrap_err();
    assert!(
        error.to_string().contains("expected chosen or rejected"),
        "{error}"
    );
}

#[test]
fn a_page_holds_the_tables_and_no_markup_of_names() {
    let mut answers = Answers::default();
    let source = source("<b>&", &[pair("p", "a", "b", "")], &mut answers);
    let report = Report::of(&answers, &[source], Options::default());
    let page = page(&report);
    assert!(
        page.contains("&lt;b&gt;&amp;") && !page.contains("<b>"),
        "{page}"
    );
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
}

#[test]
fn a_journal_has_the_labels_of_its_tests_and_its_judges() {
    let problems: Vec<Problem> = ["a", "b"]
        .map(|id| Problem {
            id: id.to_owned(),
            statement: format!("Say {id}."),
            ..Problem::default()
        })
        .into();
    let asked = Asked::of(&problems, crate::prompt::PromptStyle::Compact);
    let turn = |text: &str, grade: &str, scores: &str| {
        format!(
            r#"{{"text": "{text}", "grade": "{grade}", "passed": 0, "total": 1, "scores": [{scores}], "feedback": ""}}"#
        )
    };
    let episode = |id: &str, sample: usize, turns: &[String], outcome: &str| {
        format!(
            r#"{{"step": 3, "problem_id": "{id}", "sample": {sample}, "turns": [{}], "stop": "max_turns", "outcome": {outcome}, "passed": 0, "total": 1}}"#,
            turns.join(",")
        )
    };
    let rating = |value: &str| format!(r#"{{"judge": "ai_rating", "value": {value}}}"#);
    let lines = [
        episode(
            "a",
            0,
            &[turn("one", "accepted", &rating("8.0"))],
            r#""accepted""#,
        ),
        // Public tests passed, private ones did not.
        episode(
            "a",
            1,
            &[turn("two", "accepted", &rating("6.0"))],
            r#""wrong_answer""#,
        ),
        // Mended later: the first answer was wrong. The judge had no opinion on it.
        episode(
            "b",
            0,
            &[
                turn("three", "wrong_answer", &rating("null")),
                turn("four", "accepted", &rating("9.0")),
            ],
            r#""accepted""#,
        ),
        // Nothing is known of it.
        episode(
            "b",
            1,
            &[turn("five", "unsupported", "")],
            r#""unsupported""#,
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    let mut answers = Answers::default();
    let mut of =
        |who: &str| Source::of_journal((who, "journal"), &path, (&problems, &asked), &mut answers);
    let tests = of("tests").unwrap();
    let judge = of("ai_rating").unwrap();
    let none = of("ai_rubric").unwrap_err().to_string();
    assert!(
        none.contains("no first answer in it has what was asked for"),
        "{none}"
    );
    assert_eq!(
        tests.ratings.values().copied().collect::<Vec<_>>(),
        [1.0, 0.0, 0.0]
    );
    assert_eq!(
        judge.ratings.values().copied().collect::<Vec<_>>(),
        [8.0, 6.0]
    );
    let report = Report::of(&answers, &[tests, judge], Options::default());
    let both = &report.comparisons[0];
    assert_eq!((both.pairs, both.rated), (1, 2));
    assert_eq!(both.agreement.unwrap().value, 1.0);
    let other = Source::of_journal(
        ("tests", "journal"),
        &path,
        (&problems[..1], &asked[..1]),
        &mut answers,
    );
    assert!(other.is_err());
}
