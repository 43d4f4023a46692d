//! Reports for other programs.

use super::*;

#[test]
fn junit_counts_failures_only_where_they_are_certain() {
    let (old, new) = flips(10, 2);
    let xml = junit::xml(&compare(&old, &new, &options())).unwrap();
    let parsed = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((parsed.tests, parsed.failures, parsed.errors), (101, 11, 0));
    assert!(xml.contains("1/1 -&gt; 0/1 (1 wrong answer)"), "{xml}");
    let (old, new) = flips(6, 6);
    let report = compare(&old, &new, &options());
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let xml = junit::xml(&report).unwrap();
    let parsed = quick_junit::Report::deserialize_from_str(&xml).unwrap();
    assert_eq!((parsed.tests, parsed.failures, parsed.errors), (101, 0, 1));
    assert!(xml.contains("within chance"));
}

#[test]
fn markdown_is_not_broken_by_names() {
    let (mut old, mut new) = flips(10, 2);
    for side in [&mut old, &mut new] {
        side.problems[0].id = "a|b <img src=x> `c`".to_owned();
    }
    let page = markdown::render(&compare(&old, &new, &options()));
    assert!(page.contains("a\\|b &lt;img src=x&gt; \\`c\\`"), "{page}");
}
