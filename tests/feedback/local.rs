//! A checkpoint as judge, computed here.

use rlef::preference::Item;

use crate::cli::{refused, starter, write};
use crate::preferences::{done, items, journal};

/// The starter has never been asked such a thing: what it says is near even, told as its tokens have it, and the same again.
#[test]
fn a_checkpoint_judges_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    journal(at);
    let starter = starter();
    let judges = |more: &str| {
        let text = format!(
            "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"ai_pairwise\"\npolicy = {starter:?}\nprompt = \"which.txt\"\nmax_flips = 1.0\n{more}"
        );
        write(at, "judges.toml", &text);
    };
    write(
        at,
        "which.txt",
        "{{ problem }} {{ first }} or {{ second }}?",
    );
    judges("");
    let pairs = [
        "pairs",
        "--journal",
        "journal.jsonl",
        "--problems",
        "problems.jsonl",
        "--judges",
        "judges.toml",
        "--rule",
        "compared",
        "--most",
        "9",
        "--out",
        "pairs.jsonl",
    ];
    let said = done(at, &pairs);
    assert!(
        said.contains("position: ")
            && said.contains("self: the answer that it would likelier give"),
        "{said}"
    );
    let first = items(&at.join("pairs.jsonl"));
    let Item::Pair(pair) = &first[0] else {
        panic!()
    };
    assert!(
        pair.certainty.unwrap() >= 0.5 && pair.certainty.unwrap() < 1.0,
        "{pair:?}"
    );
    let again = done(at, &pairs);
    assert!(again.contains("ai_pairwise: 0 questions asked"), "{again}");
    assert_eq!(items(&at.join("pairs.jsonl")), first);
    for (more, words) in [
        ("model = \"m\"\n", "model is set beside policy"),
        ("temperature = 1.0\n", "temperature is set beside policy"),
    ] {
        judges(more);
        refused(at, &pairs, 2, &[words]);
    }
}
