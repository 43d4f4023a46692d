use std::collections::BTreeMap;
use std::path::Path;

use super::agreement::{alpha_of_all, kappas};
use super::desk::{Posted, Refused};
use super::*;
use crate::pairs::Asked;
use crate::preference::{self, Mark};

fn answer(text: &str) -> Answer {
    Answer {
        text: text.to_owned(),
        by: "version 0".to_owned(),
        shown: None,
        scores: BTreeMap::new(),
    }
}

fn asked(count: usize) -> Vec<Asked> {
    let one = |number| Asked {
        prompt: format!("Problem {number}."),
        id: format!("p/{number}"),
        cluster: format!("c{number}"),
    };
    (0..count).map(one).collect()
}

fn task(kind: Kind, problems: usize, answers: usize) -> Task {
    let of = |problem| {
        (0..answers)
            .map(|number| answer(&format!("print({problem})\nprint({number})")))
            .collect()
    };
    Task::of(
        kind,
        (0..problems).map(of).collect(),
        &asked(problems),
        (Next::Random, 1),
    )
}

fn desk(path: &Path, kind: Kind, problems: usize, repeats: f64) -> Desk {
    let answers = if kind == Kind::Rankings { 4 } else { 2 };
    let book = Book::open(path, kind).unwrap();
    let options = Options {
        repeats,
        seed: 1,
        guidelines: String::new(),
    };
    Desk::new(task(kind, problems, answers), book, options)
}

fn posted(desk: &Desk, labeler: &str, said: Said) -> Option<Posted> {
    let open = desk.open(labeler)?;
    Some(Posted {
        labeler: labeler.to_owned(),
        item: open.item.id,
        count: open.count,
        said,
        confidence: Some(7),
        reason: "why".to_owned(),
        seconds: 2.5,
        saw_execution: false,
    })
}

fn say(desk: &Desk, labeler: &str, said: Said) -> bool {
    posted(desk, labeler, said).is_some_and(|posted| desk.say(posted).is_ok())
}

#[test]
fn what_was_said_is_found_again_and_what_was_not_ended_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let first = desk(&path, Kind::Pairs, 6, 0.0);
    assert!(say(&first, "ann", Said::Better(0)) && say(&first, "ann", Said::Tie));
    assert!(say(&first, "bob", Said::Skip));
    let stale = posted(&first, "ann", Said::Tie).unwrap();
    assert!(say(&first, "ann", Said::BothBad));
    assert!(matches!(first.say(stale), Err(Refused::Stale(_))));
    assert!(first.undo("ann").unwrap() && !first.undo("nobody").unwrap());
    // Somebody else may not write to it meanwhile.
    assert!(Book::open(&path, Kind::Pairs).is_err());
    drop(first);
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"event\":\"label\",\"item\":\"");
    std::fs::write(&path, text).unwrap();
    let again = desk(&path, Kind::Pairs, 6, 0.0);
    let standing = again.standing();
    assert_eq!(standing.labels, 3);
    assert_eq!(
        standing.labelers,
        [("ann".to_owned(), 2), ("bob".to_owned(), 1)]
    );
    // What was taken back comes first, and nothing else comes twice.
    let open = again.open("ann").unwrap();
    assert_eq!(open.count, 2);
    let mut seen = 0;
    while say(&again, "ann", Said::Better(1)) {
        seen += 1;
    }
    assert_eq!(seen, 3);
    let other = Book::open(&folder.path().join("other"), Kind::Steps);
    drop(other.unwrap());
    drop(again);
    let wrong = Book::open(&path, Kind::Steps)
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(wrong.contains("it holds labels of pairs"), "{wrong}");
}

#[test]
fn labels_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let desk = desk(&path, Kind::Steps, 2, 0.0);
    for said in [
        Said::Tie,
        Said::Better(0),
        Said::Marks(vec![]),
        Said::Marks(vec![Mark::Good]),
        Said::Marks(vec![Mark::Good; 3]),
        Said::Places(vec![0]),
    ] {
        assert!(!say(&desk, "ann", said.clone()), "{said:?}");
    }
    for labeler in ["", "  ", "a\nb", &"x".repeat(41)] {
        assert!(!say(&desk, labeler, Said::Skip), "{labeler:?}");
    }
    let sure = Posted {
        confidence: Some(10),
        ..posted(&desk, "ann", Said::Skip).unwrap()
    };
    assert!(matches!(desk.say(sure), Err(Refused::Bad(_))));
    assert!(say(&desk, "ann", Said::Marks(vec![Mark::Bad])));
    assert!(say(
        &desk,
        "ann",
        Said::Marks(vec![Mark::Good, Mark::Neutral])
    ));
    assert_eq!(desk.standing().labelled, 2);
    for line in [
        "{}",
        "{\"event\":\"label\"}",
        "{\"event\":\"labels\",\"schema\":\"rlef-labels/9\",\"kind\":\"pairs\"}",
    ] {
        std::fs::write(path.with_extension("wrong"), format!("{line}\n")).unwrap();
        let wrong = Book::load(&path.with_extension("wrong"))
            .map(drop)
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("line 1"), "{wrong}");
    }
}

/// Sides are drawn: what is kept is the answer, whichever side it was shown on.
#[test]
fn an_answer_is_kept_whichever_side_it_is_shown_on() {
    let folder = tempfile::tempdir().unwrap();
    let desk = desk(&folder.path().join("labels.jsonl"), Kind::Pairs, 40, 0.0);
    let mut firsts = 0;
    for _ in 0..40 {
        let open = desk.open("ann").unwrap();
        let left = open.order[0];
        firsts += left;
        assert!(say(&desk, "ann", Said::Better(0)));
    }
    assert!((10..=30).contains(&firsts), "{firsts}");
    let book = Book::load(&folder.path().join("labels.jsonl"));
    let book = book.unwrap();
    assert!(
        book.labels()
            .iter()
            .all(|label| label.said == Said::Better(label.order[0]))
    );
}

#[test]
fn some_are_asked_again_and_agreement_is_as_worked_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let desk = desk(&path, Kind::Pairs, 200, 0.15);
    for _ in 0..100 {
        assert!(say(&desk, "ann", Said::Better(0)));
    }
    for _ in 0..60 {
        assert!(say(&desk, "bob", Said::Better(0)));
    }
    drop(desk);
    let book = Book::load(&path).unwrap();
    let repeats = book.labels().iter().filter(|label| label.repeat).count();
    // 0.15 of 160 is 24, give or take three deviations of 4.5.
    assert!((10..=38).contains(&repeats), "{repeats}");
    let of_bob = book
        .labels()
        .iter()
        .filter(|label| label.labeler == "bob" && label.repeat);
    assert!(of_bob.clone().count() > 0);
    for label in of_bob {
        assert!(
            book.labels()
                .iter()
                .any(|other| other.labeler == "ann" && other.item == label.item)
        );
    }

    // Two labellers, five pairs: A A, A A, A B, B B, B A. p = 3/5, both choose A 3 of 5, e = 0.36 + 0.16 = 0.52, kappa = 0.08/0.48.
    let task = task(Kind::Pairs, 5, 2);
    let path = folder.path().join("five.jsonl");
    let mut book = Book::open(&path, Kind::Pairs).unwrap();
    for (number, (ann, bob)) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0)]
        .into_iter()
        .enumerate()
    {
        for (labeler, better) in [("ann", ann), ("bob", bob)] {
            let label = Label {
                item: task.items[number].id.clone(),
                labeler: labeler.to_owned(),
                said: Said::Better(better),
                order: vec![0, 1],
                confidence: None,
                reason: String::new(),
                seconds: 1.0,
                saw_execution: false,
                repeat: false,
            };
            book.add(label, &task.items[number]).unwrap();
        }
    }
    let found = kappas(&book);
    assert_eq!((found.len(), found[0].things), (1, 5));
    assert!((found[0].alike - 0.6).abs() < 1e-12);
    assert!((found[0].kappa.unwrap() - 0.08 / 0.48).abs() < 1e-12);
    // Alpha: ten labels, six A and four B; observed 2 pairs apart, both orders 4; expected 2 * 24 = 48; 1 - 9 * 4 / 48.
    let (alpha, things) = alpha_of_all(&book).unwrap();
    assert!((alpha - 0.25).abs() < 1e-12 && things == 5);
}

fn exported(kind: Kind, said: &[Said], form: ExportForm) -> (Exported, Vec<preference::Item>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.jsonl");
    let desk = desk(&path, kind, said.len(), 0.0);
    for said in said {
        assert!(say(&desk, "ann", said.clone()), "{said:?}");
    }
    drop(desk);
    let out = folder.path().join("out.jsonl");
    let book = Book::load(&path).unwrap();
    let told = export(&book, &out, form).unwrap();
    let loaded = preference::load(&out, None).unwrap();
    assert!(loaded.left_alone.is_empty(), "{:?}", loaded.left_alone);
    (
        told,
        loaded.items.into_iter().map(|placed| placed.item).collect(),
    )
}

#[test]
fn labels_are_written_as_the_readers_read_them() {
    use preference::Item;
    let said = [
        Said::Better(0),
        Said::Tie,
        Said::BothBad,
        Said::Skip,
        Said::Better(1),
    ];
    let (told, items) = exported(Kind::Pairs, &said, ExportForm::Rlef);
    assert_eq!((told.rows, told.without, items.len()), (3, 2, 3));
    let Item::Pair(pair) = &items[0] else {
        panic!("{items:?}")
    };
    assert_eq!(pair.labels["labeler"], "ann");
    assert_eq!(
        (
            pair.labels["shown_first"].as_str(),
            pair.labels["confidence"].as_str()
        ),
        ("chosen", "7")
    );
    let Item::Pair(tie) = &items[1] else {
        panic!("{items:?}")
    };
    assert!(tie.is_tie() && !pair.is_tie());
    let Item::Pair(last) = &items[2] else {
        panic!("{items:?}")
    };
    assert_eq!(last.labels["shown_first"], "rejected");
    let (told, items) = exported(Kind::Pairs, &said, ExportForm::Hf);
    assert_eq!((told.rows, told.ties, items.len()), (2, 1, 2));

    let (told, items) = exported(
        Kind::Rankings,
        &[Said::Places(vec![3, 1, 1, 9])],
        ExportForm::Rlef,
    );
    let Item::Ranking(ranking) = &items[0] else {
        panic!("{items:?}")
    };
    let mut ranks: Vec<f64> = ranking.answers.iter().map(|ranked| ranked.rank).collect();
    ranks.sort_by(f64::total_cmp);
    assert_eq!((told.rows, ranks), (1, vec![0.0, 0.0, 1.0, 2.0]));

    let marks = vec![Mark::Good, Mark::Bad];
    for form in [ExportForm::Rlef, ExportForm::Prm800k, ExportForm::Hf] {
        let (told, items) = exported(Kind::Steps, &[Said::Marks(marks.clone())], form);
        let Item::Steps(steps) = &items[0] else {
            panic!("{items:?}")
        };
        assert_eq!((told.rows, &steps.marks), (1, &marks));
        assert!(steps.steps[0].starts_with("print("), "{steps:?}");
    }
}

#[test]
fn what_judges_disagree_on_comes_first() {
    let scored = |text: &str, one: f64, other: f64| Answer {
        scores: [("a".to_owned(), one), ("b".to_owned(), other)].into(),
        ..answer(text)
    };
    let answers = vec![
        vec![scored("1", 0.0, 0.0), scored("2", 2.0, 2.0)],
        vec![scored("3", 0.0, 2.0), scored("4", 2.0, 0.0)],
        vec![scored("5", 1.0, 1.0), scored("6", 1.0, 1.5)],
    ];
    let task = Task::of(Kind::Pairs, answers, &asked(3), (Next::Disagreement, 1));
    assert_eq!(task.items[0].problem_id, "p/1");
    assert_eq!(task.items[2].problem_id, "p/0");
}
