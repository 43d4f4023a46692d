//! What is read of a line, and what is refused.

use super::*;

fn tokenizer() -> Tokenizer {
    let texts = ["Add two numbers.", "print(1)", "print(2)", "again"].map(str::to_owned);
    Tokenizer::train(&texts, 280).unwrap()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("examples.jsonl");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The texts that are learnt of every row.
fn learnt(example: &Example, tokenizer: &Tokenizer) -> Vec<Vec<String>> {
    let rows = example.rows.iter();
    rows.map(|row| {
        let spans = row.answers.iter();
        spans
            .map(|span| tokenizer.decode(&row.ids[span.clone()]).unwrap())
            .collect()
    })
    .collect()
}

#[test]
fn a_pair_is_two_rows_with_one_prompt() {
    let tokenizer = tokenizer();
    let (_folder, path) = file(concat!(
        r#"{"prompt": "Add two numbers.", "chosen": "print(1)", "rejected": "print(2)", "source": 3}"#,
        "\n\n",
        r#"{"prompt": [{"role": "user", "content": "Add two numbers."}, {"role": "assistant", "content": "print(1)"}, {"role": "user", "content": "again"}], "chosen": [{"role": "assistant", "content": "print(2)"}], "rejected": "print(1)"}"#,
        "\n",
        r#"{"prompt": "again", "chosen": "print(1)", "rejected": "print(1)"}"#,
    ));
    let found = read(&path, Shape::Pairs, &tokenizer, 1000).unwrap();
    assert_eq!((found.kept.len(), found.too_long, found.equal), (2, 0, 1));
    let [chosen, rejected] = &found.kept[0].rows[..] else {
        panic!("{found:?}")
    };
    assert_eq!(chosen.answers[0].start, rejected.answers[0].start);
    let opening = tokenizer
        .message(
            crate::checkpoint::tokenizer::Place::Opening,
            "Add two numbers.",
        )
        .unwrap();
    assert!(chosen.ids.starts_with(&opening) && chosen.answers[0].start == opening.len());
    assert_eq!(*chosen.ids.last().unwrap(), tokenizer.end);
    // An answer that the prompt holds is not learnt.
    let said = learnt(&found.kept[1], &tokenizer);
    assert_eq!(said.len(), 2);
    assert!(said[0].len() == 1 && said[0][0].starts_with("print(2)"));
    // What does not fit is left out; where nothing does, that is said.
    let message = read(&path, Shape::Pairs, &tokenizer, 3).unwrap_err();
    let message = message.to_string();
    assert!(
        message.contains("2 are longer") && message.contains("and 1 are pairs"),
        "{message}"
    );
}

#[test]
fn a_labelled_answer_has_another_prompts_answer_beside_it() {
    let tokenizer = tokenizer();
    let (_folder, path) = file(concat!(
        r#"{"prompt": "Add two numbers.", "completion": "print(1)", "label": true}"#,
        "\n",
        r#"{"prompt": "Add two numbers.", "completion": "print(2)", "label": false}"#,
        "\n",
        r#"{"prompt": "again", "completion": "print(2)print(1)", "label": true}"#,
    ));
    let found = read(&path, Shape::Labelled, &tokenizer, 1000).unwrap();
    let labels: Vec<_> = found.kept.iter().map(Example::label).collect();
    assert_eq!(labels, [Some(true), Some(false), Some(true)]);
    let starts = ["print(1)", "print(2)", "print(2)print(1)"];
    // Never the answer to the same prompt, and round at the end.
    let beside = ["print(2)print(1)", "print(2)print(1)", "print(1)"];
    for (example, (own, other)) in found.kept.iter().zip(starts.iter().zip(beside)) {
        let said = learnt(example, &tokenizer);
        let end = tokenizer.decode(&[tokenizer.end]).unwrap();
        assert_eq!(said, [[format!("{own}{end}")], [format!("{other}{end}")]]);
        let [first, second] = &example.rows[..] else {
            panic!("{example:?}")
        };
        let start = first.answers[0].start;
        assert_eq!(first.ids[..start], second.ids[..start]);
        assert_eq!(second.answers[0], start..second.ids.len());
    }
    let (_folder, path) = file(
        &r#"{"prompt": "again", "completion": "print(1)", "label": true}
"#
        .repeat(2),
    );
    let message = read(&path, Shape::Labelled, &tokenizer, 1000).unwrap_err();
    assert!(
        message.to_string().contains("two prompts at least"),
        "{message}"
    );
}

#[test]
fn pairs_come_out_of_rankings_and_go_into_labelled_answers() {
    let tokenizer = tokenizer();
    let ranking = r#"{"kind": "ranking", "prompt": "again", "answers": [
        {"answer": "print(1)", "rank": 2}, {"answer": "print(2)", "rank": 1}, {"answer": "again", "rank": 2}]}"#;
    let tie =
        r#"{"kind": "pair", "prompt": "a", "chosen": "b", "rejected": "c", "certainty": 0.5}"#;
    let sure =
        r#"{"kind": "pair", "prompt": "a", "chosen": "b", "rejected": "c", "certainty": 0.9}"#;
    let (_folder, path) = file(&[&ranking.replace('\n', " "), tie, sure].join("\n"));
    let found = read(&path, Shape::Pairs, &tokenizer, 1000).unwrap();
    // Of three pairs one is a tie, as is the pair that says so.
    assert_eq!((found.kept.len(), found.ties, found.weighed), (3, 2, 1));
    let said = learnt(&found.kept[0], &tokenizer);
    assert!(said[0][0].starts_with("print(2)") && said[1][0].starts_with("print(1)"));
    let found = read(&path, Shape::Labelled, &tokenizer, 1000).unwrap();
    let labels: Vec<_> = found.kept.iter().filter_map(Example::label).collect();
    assert_eq!(labels, [true, false, true, false, true, false]);
    let (_folder, path) = file(r#"{"prompt": "a", "completions": ["b"], "labels": [true]}"#);
    let message = read(&path, Shape::Pairs, &tokenizer, 1000).unwrap_err();
    assert!(
        message.to_string().contains("found labelled steps"),
        "{message}"
    );
}

#[test]
fn texts_have_three_forms() {
    let tokenizer = tokenizer();
    let (_folder, path) = file(concat!(
        r#"{"prompt": "Add two numbers.", "completion": "print(1)"}"#,
        "\n",
        r#"{"messages": [{"role": "user", "content": "again"}, {"role": "assistant", "content": "print(1)"}, {"role": "user", "content": "again"}, {"role": "assistant", "content": "print(2)"}]}"#,
        "\n",
        r#"{"text": "print(2)"}"#,
    ));
    let found = read(&path, Shape::Texts, &tokenizer, 1000).unwrap();
    let said: Vec<usize> = found
        .kept
        .iter()
        .map(|example| example.rows[0].answers.len())
        .collect();
    assert_eq!(said, [1, 2, 1]);
    assert_eq!(found.kept[2].rows[0].answers[0].start, 1);
    let (_folder, other) = file(r#"{"text": "print(1)"}"#);
    let other = read(&other, Shape::Texts, &tokenizer, 1000).unwrap();
    assert_ne!(found.hash, other.hash);
}

#[test]
fn a_line_that_is_no_example_is_refused_by_its_number() {
    let tokenizer = tokenizer();
    let good = |shape| match shape {
        Shape::Pairs => r#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#,
        Shape::Labelled => r#"{"prompt": "a", "completion": "d", "label": true}"#,
        Shape::Texts => r#"{"prompt": "a", "completion": "d"}"#,
    };
    for (shape, line, words) in [
        (Shape::Pairs, "[]", "it has a list"),
        (Shape::Pairs, "{", "EOF"),
        (
            Shape::Pairs,
            r#"{"prompt": "a", "chosen": "b"}"#,
            "`rejected` of line 2 of {path}: expected a text or messages, found none",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": 1, "chosen": "b", "rejected": "c"}"#,
            "`prompt` of line 2 of {path}: expected a text or messages, found a number",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": [{"role": "system", "content": "x"}], "chosen": "b", "rejected": "c"}"#,
            "field prompt[0]: expected a user or an assistant, found a system message",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": "a", "chosen": [{"role": "user", "content": "x"}], "rejected": "c"}"#,
            "field chosen: expected user and assistant in turns, the assistant last, found user, user",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": "a", "chosen": [{"role": "assistant"}], "rejected": "c"}"#,
            "`chosen[0].content` of line 2 of {path}: expected a text, found none",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": [], "chosen": [], "rejected": []}"#,
            "`chosen` of line 2 of {path}: expected an answer, found an empty text",
        ),
        (
            Shape::Pairs,
            r#"{"prompt": "a", "chosen": "b", "rejected": " "}"#,
            "`rejected` of line 2 of {path}: expected an answer, found an empty text",
        ),
        (
            Shape::Labelled,
            r#"{"prompt": "a", "completion": "b", "label": 2}"#,
            "`label` of line 2 of {path}: expected true or false, found 2",
        ),
        (
            Shape::Labelled,
            r#"{"prompt": "a", "completion": "b"}"#,
            "`label` of line 2 of {path}: expected true or false, found none",
        ),
        (Shape::Texts, r#"{"answer": "a"}"#, "found none of them"),
        (
            Shape::Texts,
            r#"{"text": ""}"#,
            "expected a text that is not empty, found an empty text",
        ),
        (
            Shape::Texts,
            r#"{"messages": [{"role": "tool", "content": "x"}]}"#,
            "found \"tool\"",
        ),
    ] {
        let (_folder, path) = file(&format!("{}\n{line}\n", good(shape)));
        let message = read(&path, shape, &tokenizer, 1000)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("line 2")
                && message.contains(&words.replace("{path}", &path.display().to_string())),
            "{line}: {message}"
        );
    }
    let missing = read(Path::new("nowhere.jsonl"), Shape::Texts, &tokenizer, 9);
    assert!(missing.unwrap_err().to_string().contains("nowhere.jsonl"));
}
