//! Test code that runs suites of `unittest`, or asserts what always holds: nothing that failed passes because nobody looked.

use rlef::problem::TestCase;
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, Scope, StopAt};
use rlef_sandbox::Language;
use serde_json::json;

use super::host::{asserted, grade, judge, problem};

const RIGHT: &str = "def f(x):\n    return x + 1\n";
const WRONG: &str = "def f(x):\n    return x\n";
const RAISES: &str = "def f(x):\n    raise ValueError(x)\n";

const CASES: &str = "import unittest\n\
    class T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        cls.wanted = 2\n    \
    @unittest.skip('not here')\n    def test_a(self):\n        self.fail()\n    \
    def test_b(self):\n        self.assertEqual(f(1), self.wanted)\n    \
    def test_c(self):\n        for x in range(3):\n            with self.subTest(x=x):\n                self.assertEqual(f(x), x + 1)\n    \
    def test_d(self):\n        assert f(4) == 5\n";

#[test]
fn what_fails_in_a_suite_fails_the_test_though_nobody_looks() {
    for run in [
        "unittest.main()",
        "unittest.main(argv=[''], exit=False)",
        "import io\nunittest.TextTestRunner(stream=io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))",
        "unittest.defaultTestLoader.loadTestsFromTestCase(T).run(unittest.TestResult())",
        "s = unittest.TestSuite()\ns.addTest(T('test_b'))\nr = unittest.TestResult()\ns.run(r)\nassert r.testsRun == 1",
        "unittest.defaultTestLoader.loadTestsFromTestCase(T).debug() if False else T('test_c').run()",
    ] {
        let test = format!("{CASES}{run}\n");
        for (program, expected) in [
            (RIGHT, Grade::Accepted),
            (WRONG, Grade::WrongAnswer),
            (RAISES, Grade::RuntimeError),
        ] {
            assert_eq!(
                grade(program, asserted(&test)),
                expected,
                "{run}\n{program}"
            );
        }
    }
    // What was to fail and didn't is a failure, too.
    let test = "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n    def test_a(self):\n        self.assertEqual(f(1), 1)\nunittest.main()\n";
    assert_eq!(grade(RIGHT, asserted(test)), Grade::Accepted);
    assert_eq!(grade(WRONG, asserted(test)), Grade::WrongAnswer);
}

#[test]
fn a_class_of_bigcodebench_runs_with_what_it_sets_up() {
    let row = json!({"task_id": "B/0", "complete_prompt": "def f(x):\n", "entry_point": "f",
                     "test": CASES.replace("class T(", "class TestCases(")});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    std::fs::write(&path, row.to_string()).unwrap();
    let set = rlef::problem::load(&path).unwrap();
    for (source, expected) in [(RIGHT, Grade::Accepted), (WRONG, Grade::WrongAnswer)] {
        let program = Program::bare(source, Language::Python);
        let verdict = judge().verdict(&program, &set[0], Scope::All, StopAt::Never);
        assert_eq!(verdict.unwrap().grade, expected, "{source}");
    }
    let silent = row
        .to_string()
        .replace("self.assert", "self.count")
        .replace("assert f", "f");
    let silent = silent.replace("self.fail", "self.id");
    std::fs::write(&path, silent).unwrap();
    let message = rlef::problem::load(&path).unwrap_err().to_string();
    assert!(message.contains("test code that can fail"), "{message}");
}

#[test]
fn an_assertion_that_always_holds_is_a_broken_test() {
    for test in [
        "assert (f(1) == 2, 'one')",
        "def check(c):\n    assert c(1) == 2\n    assert (c(2), 3)\ncheck(f)",
        "assert f(1) == 2\nassert 'f(2) == 3'",
        "assert f(1) == 2\nassert (f(x) == x + 1 for x in [1, 2])",
        "assert f(1) == 2\nassert lambda: f(2) == 3",
    ] {
        let set = problem(vec![asserted(test)]);
        let program = Program::bare(RIGHT, Language::Python);
        let error = judge().verdict(&program, &set, Scope::All, StopAt::Never);
        let error = error.unwrap_err();
        assert!(
            matches!(error, JudgeError::BrokenTest { .. })
                && error.to_string().contains("always holds"),
            "{test}: {error}"
        );
    }
    for test in [
        "assert True, 'a remark'\nassert f(1) == 2, ('one', 'two')",
        "assert (f(1), f(2)) == (2, 3)",
        "assert (f(1) == 2)",
        "assert all(f(x) == x + 1 for x in [1, 2])",
    ] {
        let test: TestCase = asserted(test);
        assert_eq!(grade(RIGHT, test.clone()), Grade::Accepted, "{test:?}");
        assert_eq!(grade(WRONG, test.clone()), Grade::WrongAnswer, "{test:?}");
    }
}
