//! What is wrong in a file of preferences, by row and field.

use super::*;

#[test]
fn what_is_wrong_is_refused_by_file_row_and_field() {
    for (good, old, new, words) in [
        (
            PLAIN,
            "\"6\"",
            "\" \"",
            "`rejected`|an answer, found an empty text",
        ),
        (
            PLAIN,
            "\"5\"",
            "5",
            "`chosen`|a text or messages, found a number",
        ),
        (PLAIN, "0.5", "\"high\"", "`margin`|a finite number, found"),
        (PLAIN, "0.5", "-1", "`margin`|at least 0, found -1"),
        (
            PLAIN,
            "\"margin\"",
            "\"is_tie\": true, \"margin\"",
            "`is_tie`|decides",
        ),
        (
            PLAIN,
            "\"margin\"",
            "\"chosen_rating\": 1, \"margin\"",
            "`chosen_rating`|decides",
        ),
        (
            IMPLICIT,
            "The sea is dry.",
            "A lake.",
            "`prompt`|answers that begin otherwise",
        ),
        (
            TALK,
            "\"assistant\", \"content\": \"6\"",
            "\"tool\", \"content\": \"6\"",
            "`rejected[0].role`|\"tool\"",
        ),
        (
            TALK,
            "\"content\": \"6\"",
            "\"content\": \"6\", \"tool_calls\": [1]",
            "`rejected[0].tool_calls`|nothing",
        ),
        (UNPAIRED, "true", "2", "`label`|true or false, found 2"),
        (
            STEPWISE,
            "[true, false]",
            "[true]",
            "`labels`|for each of the 2 steps",
        ),
        (
            STEPWISE,
            "[true, false]",
            "[true, 0.5]",
            "`labels[1]`|found 0.5",
        ),
        (
            NECTAR,
            "\"rank\": 1.0",
            "\"rank\": null",
            "`answers[1].rank`|1 for the best",
        ),
        (NECTAR, "\\n\\nHuman: Sum", "Sum", "`prompt`|a transcript"),
        (
            RAW,
            "3.5",
            "\"N/A\"",
            "`completions[0].overall_score`|a finite number",
        ),
        (
            BINARIZED,
            "4.5",
            "9",
            "`score_rejected`|at most score_chosen, 8",
        ),
        (
            BINARIZED,
            "\"prompt\": \"Sum?\"",
            "\"prompt\": \"Add?\"",
            "`prompt`|the text that a user says",
        ),
        (
            SUMMARIZE,
            "\"choice\": 1",
            "\"choice\": 2",
            "`choice`|0 or 1",
        ),
        (
            SUMMARIZE,
            "\"confidence\": 8",
            "\"confidence\": 12",
            "`extra.confidence`|from 1 to 9",
        ),
        (
            PRM,
            "\"rating\": -1",
            "\"rating\": 3",
            "`label.steps[0].completions[1].rating`|-1, 0 or 1",
        ),
        (
            PRM,
            "\"chosen_completion\": 0",
            "\"chosen_completion\": 5",
            "chosen_completion`|one of the 2",
        ),
        (SHEPHERD, "6. -", "6. ?", "`label`|after step 2"),
    ] {
        assert!(good.contains(old), "{old} is not in {good}");
        let bad = good.replacen(old, new, 1);
        let (_folder, path) = file(&[good, &bad]);
        let message = load(&path, None).unwrap_err().to_string();
        let place = format!("line 2 of {}", path.display());
        assert!(message.contains(&place), "{bad}: {message}");
        for words in words.split('|') {
            assert!(message.contains(words), "{bad}: {message}");
        }
    }
    let own =
        r#"{"kind": "pair", "prompt": "a", "chosen": "b", "rejected": "c", "certainty": 0.7}"#;
    for (old, new, words) in [
        ("0.7", "0.3", "from 0.5 to 1"),
        ("\"certainty\"", "\"certain\"", "unknown field `certain`"),
        ("\"pair\"", "\"triple\"", "unknown variant `triple`"),
    ] {
        let (_folder, path) = file(&[own, &own.replace(old, new)]);
        let message = load(&path, None).unwrap_err().to_string();
        assert!(
            message.contains("line 2") && message.contains(words),
            "{message}"
        );
    }
    let (_folder, path) = file(&[r#"{"a": 1}"#]);
    let message = load(&path, None).unwrap_err().to_string();
    assert!(
        message.contains("the fields a") && message.contains("nectar ("),
        "{message}"
    );
}
