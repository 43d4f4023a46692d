//! What is read of every form, what is refused, and that nothing is lost on the way out and back.

mod refused;

use std::path::PathBuf;

use super::*;

fn file(lines: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.jsonl");
    let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', " ")).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    (folder, path)
}

fn items(lines: &[&str]) -> Vec<Item> {
    let (_folder, path) = file(lines);
    let loaded = load(&path, None).unwrap_or_else(|error| panic!("{error}"));
    loaded.items.into_iter().map(|placed| placed.item).collect()
}

fn only(line: &str) -> Item {
    let mut items = items(&[line]);
    assert_eq!(items.len(), 1, "{items:?}");
    items.pop().unwrap()
}

fn pair(line: &str) -> Pair {
    let Item::Pair(pair) = only(line) else {
        panic!("{line}")
    };
    pair
}

fn messages(said: &Said) -> Vec<(Role, &str)> {
    let Said::Messages(messages) = said else {
        panic!("{said:?}")
    };
    let parts = messages.iter().map(|one| (one.role, one.content.as_str()));
    parts.collect()
}

const PLAIN: &str = r#"{"prompt": "Sum 2 and 3.", "chosen": "5", "rejected": "6", "margin": 0.5}"#;
const IMPLICIT: &str = r#"{"chosen": "The sea is deep.", "rejected": "The sea is dry."}"#;
const TALK: &str = r#"{"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Sum?"}],
    "chosen": [{"role": "assistant", "content": "5"}], "rejected": [{"role": "assistant", "content": "6"}]}"#;
const IMPLICIT_TALK: &str = r#"{"chosen": [{"role": "user", "content": "Sum?"}, {"role": "assistant", "content": "5"}],
    "rejected": [{"role": "user", "content": "Sum?"}, {"role": "assistant", "content": "6"}]}"#;
const UNPAIRED: &str = r#"{"prompt": "Sum?", "completion": "5", "label": true}"#;
const STEPWISE: &str =
    r#"{"prompt": "Sum?", "completions": ["2 and 3", "are 6"], "labels": [true, false]}"#;
const NECTAR: &str = r#"{"prompt": "\n\nHuman: Sum?\n\nAssistant: ", "answers": [
    {"answer": "six", "model": "b", "rank": 3.0}, {"answer": "5", "model": "a", "rank": 1.0},
    {"answer": "five", "model": "c", "rank": 2.0}, {"answer": "seven", "model": "d", "rank": 3.0}],
    "turns": 1, "num_responses": 4, "source": ["x"], "good_natured": true}"#;
const RAW: &str = r#"{"source": "made", "instruction": "Sum?", "models": ["a", "b"], "correct_answers": ["None"],
    "incorrect_answers": [], "completions": [
    {"model": "a", "response": "6", "overall_score": 3.5, "annotations": {}, "principle": "x", "fine-grained_score": 2.0},
    {"model": "b", "response": "5", "overall_score": 9, "annotations": {}, "critique": "good"}]}"#;
const BINARIZED: &str = r#"{"prompt": "Sum?", "prompt_id": "0a", "score_chosen": 8.0, "score_rejected": 4.5,
    "messages": [], "chosen": [{"content": "Sum?", "role": "user"}, {"content": "5", "role": "assistant"}],
    "rejected": [{"content": "Sum?", "role": "user"}, {"content": "6", "role": "assistant"}]}"#;
const HH: &str = r#"{"chosen": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Sum?\n\nAssistant: 5",
    "rejected": "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Sum?\n\nAssistant: 6"}"#;
const SUMMARIZE: &str = r#"{"info": {"id": "t3", "post": "I fell.", "title": "Ouch", "subreddit": "tifu", "site": null, "article": null},
    "summaries": [{"text": "He rose.", "policy": "ref", "note": "n"}, {"text": "He fell.", "policy": "sup2", "note": null}],
    "choice": 1, "worker": "w1", "batch": "b", "split": "train", "extra": {"confidence": 8}}"#;
const ARTICLE: &str = r#"{"info": {"id": "c1", "article": "News.", "post": null}, "choice": 0, "extra": {"confidence": null},
    "summaries": [{"text": "New."}, {"text": "Old."}], "worker": "w2", "batch": "b", "split": "valid2"}"#;
const PRM: &str = r#"{"labeler": "l", "timestamp": "t", "generation": null, "is_quality_control_question": false,
    "is_initial_screening_question": false, "question": {"problem": "Sum?", "ground_truth_answer": "5"},
    "label": {"total_time": 1, "finish_reason": "solution", "steps": [
    {"completions": [{"text": "a", "rating": 1, "flagged": false}, {"text": "b", "rating": -1, "flagged": null}],
     "human_completion": null, "chosen_completion": 0},
    {"completions": [{"text": "c", "rating": 0, "flagged": true}, {"text": "d", "rating": -1, "flagged": false}],
     "human_completion": {"text": "e", "rating": null, "source": "human", "flagged": false, "corrected_rating": null},
     "chosen_completion": null},
    {"completions": [{"text": "f", "rating": 0, "flagged": false}], "human_completion": null, "chosen_completion": 0}]}}"#;
const SHEPHERD: &str = r#"{"input": "Sum 2 and 3? Step 1: add. ки\nStep 2: it is 6. ки",
    "label": "Sum 2 and 3? Step 1: add. +\nStep 2: it is 6. -", "task": "GSM8K"}"#;

#[test]
fn pairs_have_their_prompt_beside_them_or_in_them() {
    let found = pair(PLAIN);
    assert_eq!(found.prompt, Said::plain("Sum 2 and 3."));
    assert_eq!((found.margin, found.certainty), (Some(0.5), None));
    let found = pair(IMPLICIT);
    let said = [found.prompt, found.chosen, found.rejected];
    assert_eq!(said, ["The sea is", " deep.", " dry."].map(Said::plain));
    let found = pair(TALK);
    assert_eq!(
        messages(&found.prompt),
        [(Role::System, "Be brief."), (Role::User, "Sum?")]
    );
    let found = pair(IMPLICIT_TALK);
    assert_eq!(messages(&found.prompt), [(Role::User, "Sum?")]);
    assert_eq!(messages(&found.rejected), [(Role::Assistant, "6")]);
    let found = pair(BINARIZED);
    assert_eq!(messages(&found.prompt), [(Role::User, "Sum?")]);
    assert_eq!(messages(&found.chosen), [(Role::Assistant, "5")]);
    assert_eq!(found.labels["score_chosen"], "8");
    // Equal scores are a tie.
    assert!(pair(&BINARIZED.replace("4.5", "8")).is_tie());
    let found = pair(HH);
    assert_eq!(messages(&found.prompt).len(), 3);
    assert_eq!(messages(&found.chosen), [(Role::Assistant, "5")]);
}

#[test]
fn comparisons_of_summaries_go_by_the_choice() {
    let found = pair(SUMMARIZE);
    let prompt = "SUBREDDIT: r/tifu\n\nTITLE: Ouch\n\nPOST: I fell.\n\nTL;DR:";
    assert_eq!(found.prompt, Said::plain(prompt));
    assert_eq!(found.chosen, Said::plain("He fell."));
    assert_eq!(found.labels["confidence"], "8");
    assert_eq!(found.labels["chosen_by"], "sup2");
    let found = pair(ARTICLE);
    assert_eq!(found.prompt, Said::plain("Article: News.\n\nTL;DR:"));
    assert_eq!(found.chosen, Said::plain("New."));
}

#[test]
fn rankings_are_all_their_pairs_but_ties() {
    let Item::Ranking(found) = only(NECTAR) else {
        panic!()
    };
    assert_eq!(messages(&found.prompt), [(Role::User, "Sum?")]);
    let pairs = found.pairs();
    // Six pairs of four, one of which is a tie.
    assert_eq!(pairs.len(), 5);
    let first = &pairs[0];
    assert_eq!(messages(&first.chosen), [(Role::Assistant, "5")]);
    assert_eq!(
        (&*first.labels["chosen_by"], &*first.labels["rejected_by"]),
        ("a", "b")
    );
    let Item::Ranking(found) = only(RAW) else {
        panic!()
    };
    let pairs = found.pairs();
    assert_eq!((pairs.len(), &pairs[0].chosen), (1, &Said::plain("5")));
    assert_eq!(pairs[0].labels["source"], "made");
}

#[test]
fn steps_have_their_marks() {
    let steps = |item: &Item| {
        let Item::Steps(steps) = item else {
            panic!("{item:?}")
        };
        (steps.steps.join(" "), steps.marks.clone())
    };
    let (text, marks) = steps(&only(STEPWISE));
    assert_eq!(
        (&*text, &marks[..]),
        ("2 and 3 are 6", &[Mark::Good, Mark::Bad][..])
    );
    let (text, marks) = steps(&only(SHEPHERD));
    let expected = "Step 1: add. Step 2: it is 6.";
    assert_eq!(
        (&*text, &marks[..]),
        (expected, &[Mark::Good, Mark::Bad][..])
    );
    let found: Vec<_> = items(&[PRM]).iter().map(steps).collect();
    // The alternatives that were not gone on with, but for the one that was flagged; then the whole solution.
    let expected = [
        ("b", vec![Mark::Bad]),
        ("a d", vec![Mark::Good, Mark::Bad]),
        ("a e f", vec![Mark::Good, Mark::Good, Mark::Neutral]),
    ];
    assert_eq!(
        found,
        expected.map(|(text, marks)| (text.to_owned(), marks))
    );
}

#[test]
fn rows_that_are_no_data_are_left_out_and_counted() {
    let control = PRM.replace(
        "\"is_quality_control_question\": false",
        "\"is_quality_control_question\": true",
    );
    let bad = PRM.replace("\"solution\"", "\"bad_problem\"");
    let (_folder, path) = file(&[PRM, &control, &bad, &control]);
    let loaded = load(&path, None).unwrap();
    let counts: Vec<usize> = loaded.left_out.values().copied().collect();
    assert_eq!((loaded.items.len(), counts), (3, vec![1, 2]));
    let unmarked = SHEPHERD.replace("it is 6. ки", "it is 6.");
    let (_folder, path) = file(&[SHEPHERD, &unmarked]);
    let loaded = load(&path, None).unwrap();
    assert_eq!((loaded.items.len(), loaded.left_out.len()), (1, 1));
    let (_folder, path) = file(&[&PLAIN.replace("\"margin\"", "\"topic\": 1, \"margin\"")]);
    assert_eq!(load(&path, None).unwrap().left_alone["topic"], 1);
}

/// Ours keeps all; Hugging Face's columns keep what they have a place for; either as lines or as columns.
#[test]
fn what_is_written_is_read_back() {
    let all = [
        PLAIN,
        IMPLICIT,
        TALK,
        IMPLICIT_TALK,
        UNPAIRED,
        STEPWISE,
        NECTAR,
        RAW,
        BINARIZED,
        HH,
        SUMMARIZE,
        ARTICLE,
        PRM,
        SHEPHERD,
    ];
    let folder = tempfile::tempdir().unwrap();
    let again = |items: &[Item], form, end: &str| {
        let path = folder.path().join(format!("out.{end}"));
        let unsaid = save(&path, items, form).unwrap();
        let loaded = load(&path, None).unwrap_or_else(|error| panic!("{end}: {error}"));
        assert!(loaded.left_alone.is_empty() && is_known(&path));
        let found: Vec<Item> = loaded.items.into_iter().map(|placed| placed.item).collect();
        assert_eq!(unsaid.rows, found.len());
        (found, unsaid)
    };
    for line in all {
        let items = items(&[line]);
        for end in ["jsonl", "jsonl.gz", "parquet"] {
            assert_eq!(again(&items, Form::Own, end).0, items, "{line}");
            let (found, unsaid) = again(&items, Form::Hf, end);
            let expected: Vec<Item> = items.iter().flat_map(in_columns).collect();
            assert_eq!(found, expected, "{end}: {line}");
            assert_eq!(unsaid.ties, usize::from(line == NECTAR));
            assert_eq!(unsaid.neutral, usize::from(line == PRM));
        }
    }
    // Where one row talks, all do; where one has a margin, the others have none.
    let items = items(&[TALK, PLAIN]);
    for end in ["jsonl", "parquet"] {
        let (found, _) = again(&items, Form::Hf, end);
        let [Item::Pair(first), Item::Pair(second)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!((first.margin, second.margin), (None, Some(0.5)));
        assert_eq!(messages(&second.prompt), [(Role::User, "Sum 2 and 3.")]);
    }
    let mixed = [only(PLAIN), only(UNPAIRED)];
    let error = save(&folder.path().join("mixed.jsonl"), &mixed, Form::Hf).unwrap_err();
    assert!(
        error.to_string().contains("pairs and labelled answers"),
        "{error}"
    );
}

/// What is left of an item in Hugging Face's columns.
fn in_columns(item: &Item) -> Vec<Item> {
    let bare = |pair: &Pair| {
        let mut pair = Pair {
            labels: Labels::new(),
            ..pair.clone()
        };
        pair.certainty = None;
        Item::Pair(pair)
    };
    match item {
        Item::Pair(pair) => vec![bare(pair)],
        Item::Ranking(ranking) => ranking.pairs().iter().map(bare).collect(),
        Item::Labelled(one) => vec![Item::Labelled(one.clone())],
        Item::Steps(steps) => {
            let mut steps = Steps {
                labels: Labels::new(),
                ..steps.clone()
            };
            for mark in &mut steps.marks {
                if *mark == Mark::Neutral {
                    *mark = Mark::Bad;
                }
            }
            vec![Item::Steps(steps)]
        }
    }
}
