//! Models as judges, labels side by side and labelled steps, by the command line.

use std::path::Path;

use rlef::preference::{Item, Mark};
use serde_json::{Value, json};

use crate::cli::{rlef, write};
use crate::preferences::{done, items};
use crate::remote::{Deed, serve};

/// Two problems with five answers each, played and kept in `journal.jsonl`.
fn played(at: &Path, more: &[&str]) -> String {
    let test = |number: i64| json!({"kind": "stdin", "input": format!("{number}\n"), "expected": format!("{}\n", number.abs())});
    let problems: Vec<String> = ["one", "two"]
        .map(|id| {
            let problem = json!({"id": id, "statement": format!("Print the absolute value, {id}."),
                "public_tests": [test(1), test(-2)], "private_tests": [test(3)]});
            problem.to_string()
        })
        .into();
    write(at, "problems.jsonl", &problems.join("\n"));
    let answers = [
        "print(abs(int(input())))",
        "print(int(input()))",
        "print('x')",
        "print(-int(input()))",
        "n = int(input())\nprint(max(n, -n))",
    ];
    let lines: Vec<String> = (["one", "two"].iter())
        .flat_map(|id| {
            answers.map(|body| {
                json!({"problem_id": id, "completions": [format!("```python\n{body}\n```")]})
                    .to_string()
            })
        })
        .collect();
    write(at, "replayed.jsonl", &lines.join("\n"));
    let eval = [
        "eval",
        "--policy",
        "replay:replayed.jsonl",
        "--problems",
        "problems.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "5",
        "--journal",
        "journal.jsonl",
    ];
    done(at, &[&eval[..], more].concat())
}

fn judges(at: &Path, url: &str, kind: &str, more: &str) {
    let text = format!(
        "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"{kind}\"\nurl = \"{url}\"\nmodel = \"m\"\ntries = 1\ntimeout_s = 20.0\nlogprobs = 0\n{more}\n"
    );
    write(at, "judges.toml", &text);
}

const PAIRS: [&str; 11] = [
    "pairs",
    "--journal",
    "journal.jsonl",
    "--problems",
    "problems.jsonl",
    "--judges",
    "judges.toml",
    "--rule",
    "compared",
    "--out",
    "pairs.jsonl",
];

/// How good an answer looks: the program that a prompt shows first, and the other.
fn ranks(prompt: &str) -> (usize, usize) {
    let order = [
        "print('x')",
        "print(-int",
        "print(int",
        "max(n",
        "print(abs",
    ];
    let mut shown: Vec<(usize, usize)> = (order.iter().enumerate())
        .filter_map(|(rank, text)| Some((prompt.find(text)?, rank)))
        .collect();
    shown.sort_unstable();
    (shown[0].1, shown[1].1)
}

#[test]
fn a_model_compares_and_its_bias_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    played(at, &[]);
    let (url, requests) = serve(|prompt, _, _| {
        let (first, second) = ranks(prompt);
        Deed::Say(if first > second { "1" } else { "2" }, false)
    });
    judges(at, &url, "ai_pairwise", "");
    let said = done(at, &[&PAIRS[..], &["--most", "20"]].concat());
    // Ten pairs of two problems, in both orders.
    assert_eq!(requests.lock().unwrap().len(), 40);
    assert!(
        said.contains("ai_pairwise: 40 questions asked, 4000 tokens read and 280 written"),
        "{said}"
    );
    assert!(said.contains("position: 0%"), "{said}");
    // Two right and three wrong answers: six pairs of each problem.
    assert!(
        said.contains("of 12 pairs with one right answer it prefers that one in 100%"),
        "{said}"
    );
    let found = items(&at.join("pairs.jsonl"));
    assert_eq!(found.len(), 20);
    for item in &found {
        let Item::Pair(pair) = item else {
            panic!("{item:?}")
        };
        assert_eq!(pair.certainty, Some(1.0));
        assert!(pair.labels["judge"].contains("ai_pairwise/1 m"), "{pair:?}");
    }
    // What was said is kept.
    let again = done(at, &[&PAIRS[..], &["--most", "20"]].concat());
    assert_eq!(requests.lock().unwrap().len(), 40);
    assert!(again.contains("ai_pairwise: 0 questions asked"), "{again}");
    assert_eq!(items(&at.join("pairs.jsonl")), found);
}

#[test]
fn a_model_that_goes_by_the_place_stops_the_run_and_one_that_is_down_loses_no_more_than_answers() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    played(at, &[]);
    let (url, _) = serve(|_, _, _| Deed::Say("1", false));
    judges(at, &url, "ai_pairwise", "");
    let output = rlef(at, &PAIRS);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("trust judge `ai_pairwise`: what it prefers turns with the order"),
        "{said}"
    );
    assert!(
        said.contains("nothing was written") && !at.join("pairs.jsonl").exists(),
        "{said}"
    );

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    judges(at, &url, "ai_pairwise", "");
    let output = rlef(at, &PAIRS);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(
        said.contains("10 answers were lost") && !at.join("pairs.jsonl").exists(),
        "{said}"
    );
}

/// It would be asked nothing, and its silence taken for the answers'.
#[test]
fn a_model_that_only_compares_is_refused_where_nothing_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    played(at, &[]);
    let (url, requests) = serve(|_, _, _| Deed::Say("1", false));
    judges(at, &url, "ai_pairwise", "");
    let mut solved = PAIRS;
    solved[8] = "solved";
    let beside = ["--problems", "problems.jsonl", "--judges", "judges.toml"];
    let eval = [&["eval", "--policy", "references"][..], &beside].concat();
    for words in [&solved[..], &eval] {
        let output = rlef(at, words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains(
                "failed to use the judge `ai_pairwise`: it says which of several answers is better"
            ) && said.contains("rlef pairs --rule compared"),
            "{said}"
        );
    }
    assert!(requests.lock().unwrap().is_empty() && !at.join("pairs.jsonl").exists());
}

#[test]
fn ratings_are_scores_refusals_are_none_and_labels_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (url, _) = serve(|prompt, _, _| {
        let says = |text: &str| prompt.contains(text);
        Deed::Say(
            match () {
                () if says("print('x')") => "I'm sorry, I can't rate that.",
                () if says("print(abs") => "10",
                () if says("max(n") => "Rating: 9/10",
                () => "2",
            },
            false,
        )
    });
    judges(at, &url, "ai_rating", "weight = 0.1");
    let said = played(at, &["--judges", "judges.toml"]);
    // (10 + 9 + 2 + 2) / 4, and nothing of the fifth.
    assert!(
        said.contains("ai_rating: 5.750 on average over 8 answers"),
        "{said}"
    );
    assert!(said.contains("without one: 2 refused"), "{said}");
    assert!(
        said.contains("of 8 pairs with one right answer it prefers that one in 100%"),
        "{said}"
    );
    let journal = std::fs::read_to_string(at.join("journal.jsonl")).unwrap();
    assert!(
        journal.contains(r#""judge":"ai_rating","value":null,"reason":"it refuses"#),
        "{journal}"
    );

    let labels = [
        "labels",
        "tests@journal.jsonl",
        "ai_rating@journal.jsonl",
        "--problems",
        "problems.jsonl",
        "--page",
        "labels.html",
    ];
    let said = done(at, &labels);
    assert!(
        said.contains("tests@journal.jsonl against ai_rating@journal.jsonl"),
        "{said}"
    );
    let output = rlef(at, &[&labels[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    super::formats::fits("labels-report", &report);
    let both = &report["comparisons"][0];
    // Four rated answers of two problems: of their six pairs the tests hold two alike, and the rating one of those.
    assert_eq!((&both["pairs"], &both["rated"]), (&json!(12), &json!(8)));
    assert_eq!(both["decided_agreement"]["value"], json!(1.0));
    assert!(
        (both["agreement"]["value"].as_f64().unwrap() - 10.0 / 12.0).abs() < 1e-9,
        "{both}"
    );
    assert!(
        std::fs::read_to_string(at.join("labels.html"))
            .unwrap()
            .contains("<table>")
    );
    let bad = rlef(at, &["labels", "tests@journal.jsonl"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("needs --problems"));
}

/// The starter's own answers on the built-in problems: exact labels, labels by completions, and a model that learns them.
#[test]
fn steps_are_labelled_and_learnt_from() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    done(
        at,
        &[
            "contest",
            "--split",
            "train",
            "--out",
            "problems.jsonl",
            "--problems",
            "6",
        ],
    );
    let steps = ["steps", "--problems", "problems.jsonl", "--rollouts", "2"];
    let said = done(
        at,
        &[&steps[..], &["--labels", "exact", "--out", "exact.jsonl"]].concat(),
    );
    assert!(
        said.contains("of 12 answers are labelled") && said.contains("0 completions"),
        "{said}"
    );
    let soft = [
        "--labels",
        "soft",
        "--completions",
        "2",
        "--out",
        "soft.jsonl",
    ];
    let said = done(at, &[&steps[..], &soft].concat());
    assert!(said.contains("completions were sampled"), "{said}");
    for item in items(&at.join("soft.jsonl")) {
        let Item::Steps(steps) = item else {
            panic!("{item:?}")
        };
        assert_eq!(steps.shares.len(), steps.steps.len());
        for (share, mark) in steps.shares.iter().zip(&steps.marks) {
            assert_eq!(*share > 0.0, *mark == Mark::Good);
            assert_eq!((share * 2.0).fract(), 0.0);
        }
    }
    let reward = [
        "reward",
        "--kind",
        "process",
        "--data",
        "soft.jsonl",
        "--held-out",
        "exact.jsonl",
        "--out",
        "model",
        "--batch",
        "4",
    ];
    let said = done(at, &reward);
    assert!(said.contains("steps held for what they are"), "{said}");
    let text = "[[judges]]\nkind = \"tests\"\n[[judges]]\nkind = \"process_model\"\nfolder = \"model\"\naggregate = \"min\"\n";
    write(at, "judges.toml", text);
    let eval = [
        "eval",
        "--policy",
        "starter",
        "--problems",
        "problems.jsonl",
        "--turns",
        "1",
        "--rollouts",
        "2",
        "--judges",
        "judges.toml",
    ];
    let said = done(at, &eval);
    assert!(said.contains("process_model:"), "{said}");
    let refused = rlef(at, &[&reward[..], &["--resume"]].concat());
    assert_eq!(refused.status.code(), Some(2));
}
