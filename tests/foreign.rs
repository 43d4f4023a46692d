//! Asserted tests in JavaScript, Java, Go and Rust: rows of public schemas through the loader and a real sandbox; what
//! programs try against them; Kattis packages as folders.

mod kattis;

use std::path::Path;

use rlef::problem::{self, Problem};
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, Scope, StopAt, Verdict};
use rlef_sandbox::Language;
use serde_json::json;

use super::host::judge;

/// Loads one row.
fn row(row: &serde_json::Value) -> Problem {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    std::fs::write(&path, row.to_string()).unwrap();
    let problems = problem::load(&path).unwrap_or_else(|error| panic!("failed to {error}"));
    problems.into_iter().next().unwrap()
}

fn verdict(problem: &Problem, source: &str) -> Result<Verdict, JudgeError> {
    let program = Program::bare(source, problem.language());
    judge().verdict(&program, problem, Scope::All, StopAt::Never)
}

#[track_caller]
fn grade(problem: &Problem, source: &str) -> Grade {
    match verdict(problem, source) {
        Ok(verdict) => verdict.grade,
        Err(error) => panic!("failed to {error}"),
    }
}

/// Whether this host has the language; a refusal must say what is missing.
fn has(language: Language) -> bool {
    match judge().runner().require(language) {
        Ok(()) => true,
        Err(error) => {
            let words = error.to_string();
            assert!(!words.is_empty());
            eprintln!("{}: {words}", language.title());
            false
        }
    }
}

/// A task of HumanEvalPack: add a number to all items of a list.
fn pack(id: &str, declaration: &str, test: &str, more: &serde_json::Value) -> Problem {
    let mut whole = json!({
        "task_id": id, "prompt": format!("/* Adds k. */\n{declaration}"), "declaration": declaration, "entry_point": "addAll",
        "canonical_solution": "", "buggy_solution": "", "bug_type": "value misuse", "failure_symptoms": "incorrect output",
        "test": test, "example_test": "None", "signature": "", "docstring": "", "instruction": "",
    });
    for (name, value) in more.as_object().unwrap() {
        whole[name] = value.clone();
    }
    row(&whole)
}

fn javascript() -> Problem {
    pack(
        "JavaScript/900",
        "\nconst addAll = (xs, k) => {\n",
        "const testAddAll = () => {\n  console.assert(JSON.stringify(addAll([1, 2], 3)) === JSON.stringify([4, 5]))\n  console.assert(addAll([], 1).length === 0)\n}\n\ntestAddAll()\n",
        &json!({}),
    )
}

fn java() -> Problem {
    pack(
        "Java/900",
        "import java.util.*;\nimport java.lang.*;\n\nclass Solution {\n    public List<Integer> addAll(List<Integer> xs, int k) {\n",
        "public class Main {\n    public static void main(String[] args) {\n        Solution s = new Solution();\n        List<Boolean> correct = Arrays.asList(\n            s.addAll(new ArrayList<>(Arrays.asList(1, 2)), 3).equals(Arrays.asList(4, 5)),\n            s.addAll(new ArrayList<>(), 1).isEmpty()\n        );\n        if (correct.contains(false)) {\n            throw new AssertionError();\n        }\n    }\n}\n",
        &json!({"text": ""}),
    )
}

fn go() -> Problem {
    pack(
        "Go/900",
        "\nfunc AddAll(xs []int, k int) []int {\n",
        "func TestAddAll(t *testing.T) {\n    assert := assert.New(t)\n    assert.Equal([]int{4, 5}, AddAll([]int{1, 2}, 3))\n    assert.Equal(0, len(AddAll([]int{}, 1)))\n}\n",
        &json!({"entry_point": "AddAll", "import": "import (\n    \"math\"\n)\n",
                "test_setup": "package main\n\nimport (\n    \"testing\"\n    \"github.com/stretchr/testify/assert\"\n)\n"}),
    )
}

fn rust() -> Problem {
    pack(
        "Rust/900",
        "\nuse std::collections::HashMap;\nuse rand::Rng;\nuse regex::Regex;\n\nfn add_all(xs:Vec<i32>, k: i32) -> Vec<i32>{\n",
        "\n#[cfg(test)]\nmod tests {\n    use super::*;\n\n  #[test]\n    fn test_add_all() {\n        assert_eq!(add_all(vec![1, 2], 3), vec![4, 5]);\n        assert!(add_all(vec![], 1).is_empty());\n    }\n\n}\n",
        &json!({"entry_point": "add_all"}),
    )
}

/// Right as a body and written anew, wrong, failing, and what tries to end well without being right.
fn check(problem: &Problem, right: &[&str], wrong: &[&str], failing: &[&str]) {
    if !has(problem.language()) {
        return;
    }
    for source in right {
        let verdict = verdict(problem, source).unwrap_or_else(|error| panic!("failed to {error}"));
        assert_eq!(verdict.grade, Grade::Accepted, "{source}: {verdict:#?}");
    }
    for source in wrong {
        assert_eq!(grade(problem, source), Grade::WrongAnswer, "{source}");
    }
    for source in failing {
        let found = grade(problem, source);
        assert!(
            matches!(found, Grade::RuntimeError | Grade::CompileError),
            "{source}: {found:?}"
        );
    }
}

#[test]
fn javascript_of_humanevalpack() {
    check(
        &javascript(),
        &[
            "  return xs.map((x) => x + k)\n}\n",
            "console.log('noise')\nfunction addAll(xs, k) {\n  for (let i = 0; i < xs.length; i++) xs[i] += k\n  return xs\n}\n",
        ],
        &[
            "  return xs\n}\n",
            "  return undefined\n}\n",
            "  return [{ length: 0 }]\n}\n",
        ],
        &[
            "  process.exit(0)\n}\n",
            "  throw new Error('x')\n}\n",
            "  return () => 1\n}\n",
            "const other = 1\nfunction addAll(\n",
            "  require('fs').writeSync(1, '@rlef nonsense\\n'); return xs\n}\n",
        ],
    );
}

#[test]
fn java_of_humanevalpack() {
    check(
        &java(),
        &[
            "        List<Integer> out = new ArrayList<>();\n        for (int x : xs) out.add(x + k);\n        return out;\n    }\n}",
            "import java.util.stream.*;\npublic class Solution {\n    public List<Integer> addAll(List<Integer> xs, int k) {\n        System.out.println(\"noise\");\n        return xs.stream().map(x -> x + k).collect(Collectors.toList());\n    }\n}",
            "    public List<Integer> addAll(List<Integer> xs, int k) {\n        xs.replaceAll(x -> x + k);\n        return xs;\n    }\n",
        ],
        &["        return xs;\n    }\n}", "        return null;\n    "],
        &[
            "        System.exit(0);\n        return xs;\n    }\n}",
            "        throw new RuntimeException();\n    }\n}",
            "        return new Object();\n    }\n}",
        ],
    );
}

#[test]
fn go_of_humanevalpack() {
    check(
        &go(),
        &[
            "    out := []int{}\n    for _, x := range xs {\n        out = append(out, x+k)\n    }\n    return out\n}\n",
            "package main\n\nimport \"fmt\"\n\nfunc AddAll(xs []int, k int) []int {\n    for i := range xs {\n        xs[i] += k\n    }\n    return xs\n}\n\nfunc main() {\n    fmt.Println(AddAll([]int{1}, 2))\n}\n",
        ],
        &["    return xs\n}\n"],
        &[
            "    panic(\"x\")\n}\n",
            "    unused := 1\n    return xs\n}\n",
            "func AddAll(xs []int64, k int) []int64 {\n    return xs\n}\n",
        ],
    );
}

#[test]
fn rust_of_humanevalpack() {
    check(
        &rust(),
        &[
            "    xs.iter().map(|x| x + k).collect()\n}\n",
            "fn main() { println!(\"noise\"); }\nfn add_all(xs: Vec<i32>, k: i32) -> Vec<i32> {\n    println!(\"noise\");\n    xs.into_iter().map(|x| x + k).collect()\n}\n",
        ],
        &["    xs\n}\n"],
        &[
            "    std::process::exit(0)\n}\n",
            "    panic!()\n}\n",
            "fn add_all(xs: Vec<i64>, k: i64) -> Vec<i64> { xs.into_iter().map(|x| x + k).collect() }\n",
        ],
    );
    if has(Language::Rust) {
        // The problem imports it, and this host's rustc has no such crate.
        let grade = grade(&rust(), "    let _ = Regex::new(\"x\");\n    xs\n}\n");
        assert_eq!(grade, Grade::Unsupported);
    }
}

#[test]
fn multipl_e_in_the_languages_there_are() {
    for (language, prompt, tests, right, wrong) in [
        (
            "js",
            "//Twice n.\n// >>> twice(2)\n// 4\nfunction twice(n){\n",
            "const assert = require('node:assert');\n\n\nfunction test() {\n  let candidate = twice;\n  assert.deepEqual(candidate(2),4);\n  assert.deepEqual(candidate(-1),-2);\n}\n\ntest();",
            "  return 2 * n;\n}\n",
            "  return n + 2;\n}\n",
        ),
        (
            "java",
            "import java.util.*;\nimport org.javatuples.*;\nclass Problem {\n    // Twice n.\n    public static long twice(long n) {\n",
            "    }\n    public static void main(String[] args) {\n    assert(twice((2l)) == (4l));\n    assert(twice((-1l)) == (-2l));\n    }\n\n}\n",
            "        return 2 * n;\n",
            "        return n + 2;\n",
        ),
        (
            "rs",
            "/// Twice n.\nfn twice(n: isize) -> isize {\n",
            "}\n\nfn main() {\n    let candidate = twice;\n    assert_eq!(candidate(2), 4);\n    assert_eq!(candidate(-1), -2);\n}\n",
            "    2 * n",
            "    n + 2",
        ),
        (
            "go_test.go",
            "package twice_test\n\nimport (\n    \"testing\"\n    \"fmt\"\n)\n\n// Twice n.\nfunc twice(n int) int {\n",
            "func TestTwice(t *testing.T) {\n  candidate := twice\n\ttype test struct {\n\t\tactual   interface{}\n\t\texpected interface{}\n\t}\n   tests := []test{\n     { actual: candidate(2), expected: 4 },\n     { actual: candidate(-1), expected: -2 },\n   }\n\n\tfor i, tc := range tests {\n\t\tt.Run(fmt.Sprintf(\"test num % d\", i), func(t *testing.T) {\n\t\t\tif fmt.Sprintf(\"%v\", tc.actual) != fmt.Sprintf(\"%v\", tc.expected) {\n\t\t\t\tt.Errorf(\"expected '%s', got '%s'\", tc.expected, tc.actual)\n\t\t\t}\n\t\t})\n\t}\n}\n",
            "    return 2 * n\n}\n",
            "    return n + 2\n}\n",
        ),
        (
            "cpp",
            "#include<assert.h>\n#include<bits/stdc++.h>\n// Twice n.\nlong twice(long n) {\n",
            "}\nint main() {\n    auto candidate = twice;\n    assert(candidate((2)) == (4));\n    assert(candidate((-1)) == (-2));\n}\n",
            "    return 2 * n;\n}\n",
            "    return n + 2;\n}\n",
        ),
    ] {
        let problem = row(&json!({
            "name": "HumanEval_900_twice", "language": language, "prompt": prompt, "doctests": "transform", "original": "x",
            "prompt_terminology": "reworded", "tests": tests, "stop_tokens": ["\n}"],
        }));
        if has(problem.language()) {
            assert_eq!(grade(&problem, right), Grade::Accepted, "{language}");
            assert_eq!(grade(&problem, wrong), Grade::WrongAnswer, "{language}");
        }
    }
}

#[test]
fn a_library_of_the_tests_that_is_not_there_is_no_verdict() {
    let problem = row(&json!({
        "task_id": "HumanEval/900", "prompt": "def half(x):\n", "entry_point": "half", "canonical_solution": "    return x / 2\n",
        "test": "import no_such_library_of_anybody\n\ndef check(candidate):\n    assert candidate(1) == 0.5\n",
    }));
    let error = verdict(&problem, "    return x / 2\n").unwrap_err();
    assert!(matches!(error, JudgeError::BrokenTest { .. }), "{error}");
    let message = error.to_string();
    assert!(
        message.contains("no_such_library_of_anybody") && message.contains("install the module"),
        "{message}"
    );
}

#[test]
fn sandboxfusions_code_tests_and_cruxeval_x_decide() {
    let problem = row(
        &json!({"id": 1, "content": "Write twice(n).\n\ndef twice(n: int) -> int:\n    \"\"\"Doubled.\"\"\"\n",
        "labels": "{\"difficulty_type\": \"Shortcut\"}", "test": "assert twice(2) == 4\nassert twice(0) == 0\n"}),
    );
    assert_eq!(
        grade(&problem, "def twice(n):\n    return 2 * n\n"),
        Grade::Accepted
    );
    assert_eq!(
        grade(&problem, "def twice(n):\n    return n + 2\n"),
        Grade::WrongAnswer
    );
    let problem = row(
        &json!({"id": 1, "content": "Write f.", "canonical_solution": "def f(x):\n    return x + 1\n",
        "test": {"asset": null, "code": "#<INSERT>\n\ndef x_check(candidate):\n    assert candidate(1) == 2\n\nx_check(f)\n"},
        "labels": {"programming_language": "python", "execution_language": "python", "entry_point": "f"}}),
    );
    assert_eq!(
        grade(&problem, "def f(x):\n    return x + 1\n"),
        Grade::Accepted
    );
    assert_eq!(
        grade(&problem, "def f(x):\n    return x\n"),
        Grade::WrongAnswer
    );
    let problem = row(
        &json!({"id": 11, "content": "Add.", "test_list": ["assert add (1, 2) == 3"], "canonical_solution": "def add(a, b):\n    return a + b\n",
        "labels": {"challenge_test_list": ["assert add(5, 5) == 10"], "test_setup_code": ""}}),
    );
    assert_eq!(
        grade(&problem, &problem.references[0].source),
        Grade::Accepted
    );
    assert_eq!(
        grade(&problem, "def add(a, b):\n    return 3\n"),
        Grade::WrongAnswer
    );
    let problem = row(
        &json!({"id": "js_0", "code": "function f(xs){\n    return xs.map(x => x + 1);\n}\n", "input": "x", "gt": "const assert = require('node:assert');\nlet candidate = f;\nassert.deepEqual(candidate([1]),[2]);\n",
        "output": "const assert = require('node:assert');\nlet candidate = f;\nassert.deepEqual(candidate([1]),????);\n"}),
    );
    if has(Language::JavaScript) {
        assert_eq!(
            grade(&problem, &problem.references[0].source),
            Grade::Accepted
        );
        assert_eq!(
            grade(&problem, "function answer() { return [3]; }"),
            Grade::WrongAnswer
        );
    }
}
