use std::sync::Arc;

use super::*;
use crate::episode::tests::played;
use crate::journal::{Frames, Lines, NAME, RewardRecord};
use crate::verdict::Grade;

fn record(step: usize, id: &str, grades: &[Grade], reward: Option<f64>) -> EpisodeRecord {
    let solved = grades.last() == Some(&Grade::Accepted);
    let mut record = EpisodeRecord::new(step, &played(grades, solved));
    record.problem_id = id.to_owned();
    if let (Some(outcome), Some(last)) = (reward, record.turns.last_mut()) {
        last.reward = Some(RewardRecord {
            outcome,
            scores: [("rules".to_owned(), 0.5)].into(),
        });
    }
    record
}

fn some() -> Vec<EpisodeRecord> {
    use Grade::{Accepted, WrongAnswer};
    let mut lost = record(2, "b/2", &[WrongAnswer], None);
    lost.outcome = None;
    vec![
        record(0, "b/1", &[WrongAnswer, Accepted], Some(1.0)),
        record(0, "A/1", &[WrongAnswer], Some(-1.0)),
        record(1, "b/1", &[Accepted], Some(0.5)),
        lost,
    ]
}

fn filled(episodes: &Episodes) {
    for _ in 0..500 {
        if episodes.with(|table, _| table.counts().0 > 0 && table.counts().0 == table.counts().1)
            && !episodes.is_filling.load(Ordering::Acquire)
        {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the table is never filled");
}

fn all() -> Query {
    Query {
        take: 100,
        ..Query::default()
    }
}

#[test]
fn episodes_are_found_by_what_they_came_to_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let frames = folder.path().join(NAME);
    let with_prompts: Vec<_> = some().into_iter().map(|one| (one, Arc::from(""))).collect();
    Frames::after(&frames, 0)
        .unwrap()
        .append(&with_prompts)
        .unwrap();
    let lines = folder.path().join("eval.jsonl");
    Lines::open(&lines, 0).unwrap().append(&some()).unwrap();
    for path in [frames, lines] {
        let episodes = Episodes::open(&path).unwrap();
        filled(&episodes);
        let found = |query: Query| episodes.with(|table, _| table.find(&query).numbers);
        assert_eq!(found(all()), [0, 1, 2, 3]);
        assert_eq!(
            found(Query {
                problem: "a/".into(),
                ..all()
            }),
            [1]
        );
        assert_eq!(
            found(Query {
                from: Some(1),
                to: Some(1),
                ..all()
            }),
            [2]
        );
        assert_eq!(
            found(Query {
                grade: Some(None),
                ..all()
            }),
            [3]
        );
        assert_eq!(
            found(Query {
                grade: Some(Some(Grade::Accepted)),
                ..all()
            }),
            [0, 2]
        );
        assert_eq!(
            found(Query {
                solved_at: Some(2),
                ..all()
            }),
            [0]
        );
        assert_eq!(
            found(Query {
                solved_at: Some(0),
                ..all()
            }),
            [1, 3]
        );
        assert_eq!(
            found(Query {
                least: Some(1.0),
                ..all()
            }),
            [0, 2]
        );
        assert_eq!(
            found(Query {
                key: Key::Reward,
                ..all()
            }),
            [1, 2, 0, 3]
        );
        assert_eq!(
            found(Query {
                key: Key::Reward,
                descending: true,
                ..all()
            }),
            [0, 2, 1, 3]
        );
        assert_eq!(
            found(Query {
                key: Key::Problem,
                ..all()
            }),
            [1, 0, 2, 3]
        );
        assert_eq!(
            found(Query {
                key: Key::Problem,
                skip: 1,
                take: 2,
                ..all()
            }),
            [0, 2]
        );
        assert_eq!(found(Query { skip: 9, ..all() }), [0; 0]);
        let (row, record) = episodes.record(2).unwrap().unwrap();
        assert_eq!((row.step, &record), (1, &some()[2]));
        assert!(episodes.record(4).unwrap().is_none());
        assert_eq!(episodes.with(|table, _| table.named(0, "A/1", 0)), Some(1));
        let facts = episodes.facts(&[0]).unwrap()[0];
        assert_eq!((facts.turns, facts.solved_at, facts.reward), (2, 2, 1.5));
    }
}

/// A page in the middle is the same as that of all, sorted.
#[test]
fn pages_are_parts_of_the_whole_order() {
    let row = |number: u32| Row {
        step: number % 7,
        problem: 0,
        sample: number,
        block: 0,
        line: number,
        facts: Facts {
            is_known: true,
            reward: (number * 37 % 101) as f32,
            ..Facts::default()
        },
    };
    let rows: Vec<Row> = (0..500).map(row).collect();
    let names = ["p".to_owned()];
    for key in [Key::Played, Key::Step, Key::Reward] {
        for descending in [false, true] {
            let query = Query {
                key,
                descending,
                take: 500,
                ..Query::default()
            };
            let whole = order::find(&rows, &names, &query).numbers;
            let pages = (0..10).flat_map(|page| {
                let query = Query {
                    skip: page * 50,
                    take: 50,
                    ..query.clone()
                };
                order::find(&rows, &names, &query).numbers
            });
            assert!(pages.eq(whole.iter().copied()), "{key:?} {descending}");
        }
    }
}

#[test]
fn a_journal_that_grows_is_followed_and_one_that_is_cut_back_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(NAME);
    let mut frames = Frames::after(&path, 0).unwrap();
    let one = |step| vec![(record(step, "p", &[Grade::Accepted], None), Arc::from("p"))];
    frames.append(&one(0)).unwrap();
    let bytes = frames.sync().unwrap();
    let episodes = Episodes::open(&path).unwrap();
    filled(&episodes);
    let steps = || {
        *episodes.looked.lock().unwrap() = (Instant::now().checked_sub(LOOK).unwrap(), 0);
        episodes.refresh().unwrap();
        filled(&episodes);
        episodes.with(|table, _| table.rows().iter().map(|row| row.step).collect::<Vec<_>>())
    };
    frames.append(&one(1)).unwrap();
    assert_eq!(steps(), [0, 1]);
    drop(frames);
    let mut frames = Frames::after(&path, bytes).unwrap();
    frames.append(&one(7)).unwrap();
    frames.append(&one(8)).unwrap();
    assert_eq!(steps(), [0, 7, 8]);
}
