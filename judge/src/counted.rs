//! A number and what is counted, as a person says it. Pure.

/// `1 problem`, `2 problems`: for nouns whose plural has an s at its end.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[test]
fn one_is_said_as_one() {
    assert_eq!(counted(0, "round"), "0 rounds");
    assert_eq!(counted(1, "round"), "1 round");
    assert_eq!(counted(12, "round"), "12 rounds");
}
