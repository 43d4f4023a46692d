//! The corpus of answer styles: what of each is the program.

use std::collections::BTreeMap;

use rlef_sandbox::Language;

use crate::problem::{Problem, TestCase};
use crate::program::{NoProgram, Program, Wanted};

/// One answer and what is wanted of it.
pub(crate) struct Style {
    pub(crate) line: usize,
    pub(crate) problem: &'static str,
    pub(crate) answer: String,
    pub(crate) wanted: Result<String, String>,
}

/// A problem that reads and prints.
pub(crate) fn stdin(language: Language) -> Problem {
    Problem {
        private_tests: vec![TestCase::Stdin {
            input: String::new(),
            expected: String::new(),
        }],
        labels: if language == Language::Python {
            BTreeMap::new()
        } else {
            BTreeMap::from([("language".to_owned(), language.name().to_owned())])
        },
        ..Problem::default()
    }
}

/// A problem whose tests call something.
pub(crate) fn call(name: &str) -> Problem {
    Problem {
        private_tests: vec![TestCase::Call {
            function: name.to_owned(),
            arguments: Vec::new(),
            expected: serde_json::Value::Null,
        }],
        ..Problem::default()
    }
}

/// A problem whose prompt ends inside a function.
pub(crate) fn headed(name: &str, head: &str, language: Language) -> Problem {
    Problem {
        private_tests: vec![TestCase::Asserted {
            entry_point: name.to_owned(),
            code: "assert True".to_owned(),
            language,
        }],
        preamble: head.to_owned(),
        ..Problem::default()
    }
}

const SUM: &str = "a, b = map(int, input().split())\nprint(a + b)\n";
const SUM_CPP: &str = "#include <iostream>\n\nint main() {\n    int a, b;\n    std::cin >> a >> b;\n    std::cout << a + b;\n}\n";

/// A problem of the corpus: itself, its program, another, and a wrong one.
fn problem(name: &str) -> (Problem, &'static str, &'static str, &'static str) {
    match name {
        "sum" => (
            stdin(Language::Python),
            SUM,
            "",
            "a, b = map(int, input().split())\nprint(a - b)\n",
        ),
        "md" => (
            stdin(Language::Python),
            "s = input()\nprint(\"\"\"```\n%s\n```\"\"\" % s)\n",
            "def f(s):\n    \"\"\"Wraps.\n\n```\nf('a')\n```\n    \"\"\"\n    return '`' * 3 + s\nprint(f(input()))\n",
            "",
        ),
        "area" => (
            call("area"),
            "def area(w, h):\n    return w * h\n",
            "",
            "def area(w, h):\n    return w + h\n",
        ),
        "pair" => (
            call("Solution.pairSum"),
            "class Solution:\n    def pairSum(self, xs: List[int]) -> int:\n        return sum(xs)\n",
            "",
            "class Solution:\n    def pairSum(self, xs: List[int]) -> int:\n        return 0\n",
        ),
        "twice" => (
            headed(
                "twice",
                "def twice(x: int) -> int:\n    \"\"\"Two times x.\n    >>> twice(2)\n    4\n    \"\"\"\n",
                Language::Python,
            ),
            "    return 2 * x\n",
            "def twice(x: int) -> int:\n    return 2 * x\n",
            "    return x\n",
        ),
        "twice_cpp" => (
            headed(
                "twice",
                "#include <vector>\nint twice(int x){\n",
                Language::Cpp,
            ),
            "    return 2 * x;\n}\n",
            "int twice(int x) {\n    return 2 * x;\n}\n",
            "",
        ),
        "cpp" => (stdin(Language::Cpp), SUM_CPP, "", "int main() {}\n"),
        "java" => (
            stdin(Language::Java),
            "public class Main {\n    public static void main(String[] a) {\n        System.out.println(3);\n    }\n}\n",
            "",
            "",
        ),
        "rust" => (
            stdin(Language::Rust),
            "fn main() {\n    println!(\"{}\", 'a');\n}\n",
            "",
            "",
        ),
        "js" => (
            stdin(Language::JavaScript),
            "const s = require('fs').readFileSync(0, 'utf8');\nconsole.log(`${s}`);\n",
            "",
            "",
        ),
        "go" => (
            stdin(Language::Go),
            "package main\n\nfunc main() {\n\tprintln(3)\n}\n",
            "",
            "",
        ),
        other => panic!("unknown problem {other}"),
    }
}

/// The text of a field.
fn expand(field: &str, name: &str) -> String {
    let (_, right, other, draft) = problem(name);
    let mut text = field
        .replace("\\n", "\n")
        .replace("\\r", "\r")
        .replace("\\t", "\t");
    for by in 1..10 {
        text = text.replace(&format!("{{P+{by}}}"), &prefixed(right, &" ".repeat(by)));
    }
    text.replace("{P>}", &prefixed(right, "> "))
        .replace("{P}", right)
        .replace("{W}", other)
        .replace("{D}", draft)
}

fn prefixed(program: &str, prefix: &str) -> String {
    program
        .lines()
        .flat_map(|line| [prefix, line, "\n"])
        .collect()
}

/// All styles, with the problem of each.
pub(crate) fn styles() -> Vec<(Style, Problem)> {
    include_str!("corpus.txt")
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let mut fields = line.split("|| ");
            let name = fields.next().unwrap().trim();
            let answer = fields.next().unwrap();
            let wanted = fields.next();
            let answer = wanted.map_or(answer, |_| answer.strip_suffix(' ').unwrap_or(answer));
            let style = Style {
                line: index + 1,
                problem: name,
                answer: expand(answer, name),
                wanted: match wanted.unwrap_or("{P}").strip_prefix('!') {
                    Some(reason) => Err(reason.to_owned()),
                    None => Ok(expand(wanted.unwrap_or("{P}"), name)),
                },
            };
            (style, problem(name).0)
        })
        .collect()
}

/// A reason by its name in files.
fn named(reason: &NoProgram) -> String {
    match serde_json::to_value(reason).unwrap() {
        serde_json::Value::Object(fields) => fields.keys().next().unwrap().clone(),
        name => name.as_str().unwrap().to_owned(),
    }
}

#[test]
fn every_style_gives_its_program() {
    let styles = styles();
    assert!(styles.len() >= 150, "{}", styles.len());
    let wrong: Vec<String> = styles
        .iter()
        .filter_map(|(style, problem)| {
            let found = Program::find(&style.answer, &Wanted::of(problem));
            let found = found
                .map(|found| found.program.source)
                .map_err(|reason| named(&reason));
            (found != style.wanted).then(|| {
                format!(
                    "corpus.txt:{} ({}): {:?}\n  wanted {:?}\n  found  {found:?}",
                    style.line, style.problem, style.answer, style.wanted
                )
            })
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {}\n{}",
        wrong.len(),
        styles.len(),
        wrong.join("\n")
    );
}
