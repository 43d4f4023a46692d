//! What texts say and leave out.

use super::*;

#[test]
fn the_public_part_says_nothing_of_private_tests() {
    let script = ["1", "x", "y"].map(printed);
    let verdict = judged(script, &three(), Scope::All, StopAt::Never).unwrap();
    let public = PublicVerdict::of(verdict, &three());
    assert_eq!(
        (
            public.verdict().grade,
            public.verdict().passed,
            public.verdict().total
        ),
        (Grade::WrongAnswer, 1, 2)
    );
    assert_eq!(public.verdict().failures.len(), 1);
    let script = ["1", "2", "y"].map(printed);
    let hidden = PublicVerdict::of(
        judged(script, &three(), Scope::All, StopAt::Never).unwrap(),
        &three(),
    );
    assert_eq!(
        (hidden.verdict().grade, hidden.verdict().passed),
        (Grade::Accepted, 2)
    );
}

#[test]
fn long_texts_are_shortened() {
    let long = "é".repeat(TEXT_CHARACTERS + 1);
    assert!(head(long.as_bytes()).ends_with("é... (8002 bytes in all)"));
    assert!(tail(long.as_bytes()).starts_with("...é"));
    assert_eq!(head(b"\xff1"), "\u{fffd}1");
    assert_eq!(tail(b"short"), "short");
}

#[test]
fn no_error_writes_an_id_as_it_is() {
    let id = || "a\n\u{1b}]0;b".to_owned();
    let (detail, kind) = (String::new, || "T".to_owned());
    for error in [
        JudgeError::BrokenChecker {
            id: id(),
            test: 0,
            detail: detail(),
        },
        JudgeError::BrokenInteractor {
            id: id(),
            test: 0,
            detail: detail(),
        },
        JudgeError::BrokenTest {
            id: id(),
            test: 0,
            detail: detail(),
        },
        JudgeError::Crossing {
            id: id(),
            test: 0,
            kind: kind(),
        },
        JudgeError::Tester {
            id: id(),
            test: 0,
            attempts: 1,
            detail: detail(),
        },
        JudgeError::Unsupported {
            id: id(),
            what: "it",
        },
    ] {
        let said = error.to_string();
        assert!(!said.contains(['\n', '\u{1b}']), "{said:?}");
    }
}
