//! Evaluations side by side, and reports.

use serde_json::json;

use super::{acts, get, run_folder, viewing};
use crate::cli::{refused, rlef, write};

/// Two evaluations played here, with their journals: side by side, and from each to its episodes.
#[test]
fn evaluations_are_set_side_by_side_and_written_as_reports() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let double = |id: &str| {
        json!({"id": id, "statement": "Double it.", "public_tests": [{"kind": "stdin", "input": "2\n", "expected": "4\n"}],
        "private_tests": [{"kind": "stdin", "input": "5\n", "expected": "10\n"}]}).to_string()
    };
    write(
        at,
        "problems.jsonl",
        &format!("{}\n{}\n", double("one"), double("two")),
    );
    let (right, wrong) = (
        "```python\nprint(2 * int(input()))\n```",
        "```python\nprint(4)\n```",
    );
    for (name, programs) in [("old", [right, wrong]), ("new", [wrong, right])] {
        let lines: Vec<String> = ["one", "two"]
            .iter()
            .zip(programs)
            .map(|(id, program)| json!({"problem_id": id, "completions": [program]}).to_string())
            .collect();
        write(at, &format!("{name}-answers.jsonl"), &lines.join("\n"));
        let policy = format!("replay:{name}-answers.jsonl");
        let output = rlef(
            at,
            &[
                "eval",
                "--policy",
                &policy,
                "--problems",
                "problems.jsonl",
                "--rollouts",
                "1",
                "--turns",
                "1",
                "--out",
                &format!("{name}.json"),
                "--journal",
                &format!("{name}.jsonl"),
            ],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            said.contains(&format!("report written to {name}.report.html")),
            "{said}"
        );
        let report = std::fs::read_to_string(at.join(format!("{name}.report.html"))).unwrap();
        assert!(
            report.contains("Content-Security-Policy") && report.contains("1 wrong answer"),
            "{report}"
        );
    }
    let pages = viewing(at);
    let of = |name: &str| format!("{}/{name}", at.display());
    let list = get(pages.address(), "/evaluations").body;
    assert!(
        list.contains("old.json") && list.contains("50.0%"),
        "{list}"
    );
    let page = get(
        pages.address(),
        &format!("/compare?a={}&b={}", of("old.json"), of("new.json")),
    )
    .body;
    assert!(
        page.contains("Newly failing: solved before, never now <small>1</small>"),
        "{page}"
    );
    assert!(
        page.contains("Newly passing: never before, solved now <small>1</small>"),
        "{page}"
    );
    // Both episodes of a problem, by their addresses.
    let link = page
        .split("class=\"open\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&amp;", "&");
    let episode = get(pages.address(), &link);
    assert_eq!(episode.status, 200, "{link}: {}", episode.body);
    assert!(episode.body.contains("Double it."), "{}", episode.body);
    let one = get(
        pages.address(),
        &format!("/evaluation?of={}", of("old.json")),
    )
    .body;
    assert!(
        one.contains("Its episodes") && one.contains("after turn 1"),
        "{one}"
    );
}

#[test]
fn a_report_is_one_file_that_runs_its_own_script_alone() {
    let folder = tempfile::tempdir().unwrap();
    run_folder(folder.path());
    let output = rlef(
        folder.path(),
        &["report", "runs/one", "--out", "report.html"],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    let script = page
        .rsplit("<script>")
        .next()
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    assert_eq!(
        (
            page.matches("<script").count(),
            page.matches("<style").count()
        ),
        (1, 1)
    );
    assert!(
        !page.contains("href=\"http") && !page.contains("<link"),
        "{page}"
    );
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    for text in [script, style] {
        assert!(policy.contains(&hash(text)), "{policy}");
    }
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let rest = page
        .replace(script, "")
        .replace("<script></script>", "")
        .replace(style, "");
    assert_eq!(acts(&rest), None);
    for part in ["Repaired: add", "Curves", "Configuration", "1 2"] {
        assert!(rest.contains(part), "{part}");
    }
    refused(
        folder.path(),
        &["report", "runs", "--out", "x.html"],
        2,
        &["holds no config.toml"],
    );
}

/// As a browser makes it.
fn hash(text: &str) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(text.as_bytes());
    format!(
        "'sha256-{}'",
        base64::engine::general_purpose::STANDARD.encode(digest)
    )
}
