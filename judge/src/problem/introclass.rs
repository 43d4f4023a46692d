//! IntroClass (folder or `introclass.tar.gz`) → one native row for each of its six programs.
//!
//! Black-box tests are public, white-box tests only grade. The instructor's solution and every student revision that
//! the benchmark records as passing all tests are references; revisions recorded with a failing test are wrong. The
//! benchmark's own script compares loosely (prompts and prose may differ); here a checker looks at what the
//! assignment asks for. Revisions recorded as nondeterministic are left out of both lists.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rlef_sandbox::Language;
use serde_json::{Value, json};

use super::tree::Tree;
use crate::program::language_of_tag;

/// Program, what it does, and the pattern of what it prints, as a Python regular expression.
const PROGRAMS: [(&str, &str, &str); 6] = [
    (
        "checksum",
        "Compute a simple checksum of a line of text: the sum of its characters modulo 64, plus the code of the space, \
         printed as a character.",
        r"sum is (.)",
    ),
    (
        "digits",
        "Print the digits of an integer, the last one first, each on a line of its own; the first digit keeps the sign.",
        r"(-?\d+)",
    ),
    (
        "grade",
        "Read the thresholds of the grades A, B, C and D and a score, and print the grade; below D the student has \
         failed.",
        r"(?:\b([a-df]) grade|(failed))",
    ),
    (
        "median",
        "Print the median of three integers.",
        r"(-?\d+) is the median",
    ),
    (
        "smallest",
        "Print the smallest of four integers.",
        r"(-?\d+) is the smallest",
    ),
    (
        "syllables",
        "Count the vowels (a, e, i, o, u and y) of a line of text.",
        r"syllables is (-?\d+)",
    ),
];

/// Finds the same pattern in what is expected and what is printed, after the last prompt that both have.
const CHECKER: &str = r#"import re
import sys

def answers(path):
    text = open(path, encoding="latin-1").read().lower()
    return re.findall(PATTERN, text)

raise SystemExit(0 if answers(sys.argv[2]) == answers(sys.argv[3]) else 1)
"#;

/// Rows by folder, or `None` where the tree has another layout or C can't be run.
pub(super) fn rows(tree: &Tree) -> Option<Vec<(PathBuf, Value)>> {
    let first = tree
        .files()
        .keys()
        .find(|path| path.ends_with("tests/blackbox/1.in"))?;
    let root = first.ancestors().nth(4)?;
    let c = language_of_tag("c", Language::Python)?;
    let rows = PROGRAMS
        .iter()
        .filter_map(|(name, statement, pattern)| {
            let folder = root.join(name);
            let tests = |suite: &str| tests(tree, &folder.join("tests").join(suite));
            let (black, white) = (tests("blackbox"), tests("whitebox"));
            if black.is_empty() && white.is_empty() {
                return None;
            }
            let (passing, failing) = revisions(tree, &folder, name);
            let solution = tree.text(&folder.join("tests").join(format!("{name}.c")));
            let program = |source: String| json!({"language": c, "source": source});
            let checker = format!("PATTERN = {}\n{CHECKER}", Value::from(*pattern));
            let row = json!({
                "id": format!("introclass/{name}"),
                "statement": statement,
                "public_tests": black,
                "private_tests": white,
                "comparison": {"rule": "checker", "language": Language::Python, "source": checker},
                "references": solution.into_iter().chain(passing).map(program).collect::<Vec<_>>(),
                "wrong": failing.into_iter().map(program).collect::<Vec<_>>(),
            });
            Some((folder, row))
        })
        .collect();
    Some(rows)
}

fn tests(tree: &Tree, folder: &Path) -> Vec<Value> {
    let numbers: BTreeSet<u32> = tree
        .files()
        .keys()
        .filter(|path| path.parent() == Some(folder))
        .filter_map(|path| path.file_stem()?.to_str()?.parse().ok())
        .collect();
    numbers
        .into_iter()
        .filter_map(|number| {
            let text = |end: &str| tree.text(&folder.join(format!("{number}.{end}")));
            Some(json!({"kind": "stdin", "input": text("in")?, "expected": text("out")?}))
        })
        .collect()
}

/// The distinct sources of the students' revisions that are recorded as passing and as failing.
fn revisions(tree: &Tree, folder: &Path, name: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut passing = BTreeSet::new();
    let mut failing = BTreeSet::new();
    let records = tree.files().iter().filter(|(path, _)| {
        path.starts_with(folder) && path.file_name().is_some_and(|file| file == "metadata.json")
    });
    for (path, bytes) in records {
        let record: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let source = path
            .parent()
            .and_then(|folder| tree.text(&folder.join(format!("{name}.c"))));
        let Some(source) = source.filter(|_| record["nondeterministic"] == false) else {
            continue;
        };
        let fails = ["blackbox", "whitebox"]
            .iter()
            .filter_map(|suite| record[*suite]["fail"].as_array())
            .any(|fails| !fails.is_empty());
        if fails {
            failing.insert(source);
        } else {
            passing.insert(source);
        }
    }
    (passing, failing)
}
