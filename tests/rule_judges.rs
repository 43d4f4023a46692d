//! Judges by rules that need a sandbox: whether a program compiles, what its compiler says of it, and how long it takes.

use std::sync::Arc;

use rlef::judge::{
    Compiles, Judge, JudgeError, Lints, LintsConfig, Score, Speed, SpeedConfig, Submission,
};
use rlef::problem::{Problem, Reference};
use rlef::program::Program;
use rlef::verdict::{Scope, StopAt};
use rlef_sandbox::{Cancel, Language};

use super::host::{asserted, judge, problem, stdin};

fn tests() -> Arc<dyn Judge> {
    Arc::new(judge())
}

fn said(judge: &dyn Judge, set: &Problem, source: &str) -> Result<Score, JudgeError> {
    let program = Program::bare(source, set.language());
    let submission = Submission::of(set, Some(&program), Scope::All, StopAt::FirstFailure);
    let judged = judge.judge(&submission, &Cancel::never())?;
    Ok(judged.scores[0].clone())
}

fn reading() -> Problem {
    problem(vec![stdin("1\n", "1\n"), stdin("2\n", "2\n")])
}

#[test]
fn a_program_compiles_whatever_its_tests_find() {
    let judge = Compiles::new(tests());
    let set = reading();
    for source in [
        "print(input())",
        "print('wrong')",
        "raise ValueError",
        "import nowhere",
    ] {
        let score = said(&judge, &set, source).unwrap();
        assert_eq!((score.value, &*score.reason), (Some(1.0), ""), "{source}");
    }
    let score = said(&judge, &set, "print(1").unwrap();
    assert_eq!(score.value, Some(0.0));
    assert!(score.reason.contains("SyntaxError"), "{score:?}");
    let nothing = Submission::of(&set, None, Scope::All, StopAt::FirstFailure);
    let judged = judge.judge(&nothing, &Cancel::never()).unwrap();
    assert_eq!(judged.scores[0].value, Some(0.0));
    // By its own kind of tests: a function alone is a whole program here.
    let called = problem(vec![asserted("assert candidate(1) == 2")]);
    let score = said(&judge, &called, "def f(x):\n    return 7").unwrap();
    assert_eq!(score.value, Some(1.0));
}

#[test]
fn lints_say_what_a_reader_would() {
    let judge = Lints::new(LintsConfig::default(), tests());
    let set = reading();
    for (source, words) in [
        (
            "import os\nprint(1)",
            "line 1 imports os and does not use it",
        ),
        ("print(x)", "line 1 uses x, which nothing defines"),
        (
            "def f():\n    return 1\n    print(2)\nf()",
            "line 3 can't be reached",
        ),
        (
            "def f(a=[]):\n    return a\nf()",
            "has a default that all calls share",
        ),
        (
            "try:\n    pass\nexcept:\n    pass",
            "catches every exception",
        ),
        ("x = 1\nprint(x == None)", "compares with None by equality"),
        ("print('a' is 'a')", "line 1 \"is\" with"),
        (
            "from math import *\nprint(sqrt(4))",
            "imports everything of math",
        ),
        ("print(1", "does not compile: SyntaxError"),
    ] {
        let score = said(&judge, &set, source).unwrap();
        assert_eq!(score.value, Some(0.0), "{source}: {score:?}");
        assert!(score.reason.contains(words), "{source}: {score:?}");
    }
    for source in [
        "import os\nprint(os.sep)",
        "import os.path as p\nprint(p.sep)",
        "from __future__ import annotations\nprint(1)",
        "print([y for y in range(3)])",
        "def f(a=(), *b, c=None, **d):\n    return a, b, c, d\nprint(f())",
        "try:\n    pass\nexcept ValueError as error:\n    print(error)",
        "def f():\n    global x\n    x = 1\nf()\nprint(x)",
        "for i in range(3):\n    if i:\n        continue\n    print(i)",
        "print(__name__, len([]))",
        "x = None\nprint(x is None)",
        "class A:\n    def f(self): return __class__\nprint(A().f())",
        "raise SystemExit",
    ] {
        let score = said(&judge, &set, source).unwrap();
        assert_eq!(score.value, Some(1.0), "{source}: {score:?}");
    }
    let lenient = Lints::new(LintsConfig { allowed: 1 }, tests());
    assert_eq!(said(&lenient, &set, "print(x)").unwrap().value, Some(1.0));
    let mut cpp = reading();
    cpp.labels.insert("language".into(), "cpp".into());
    assert!(judge.supports(&cpp, Scope::All).is_err());
}

/// What stands in front of a program is not its fault, and is known to it.
#[test]
fn lints_see_a_body_behind_its_head() {
    let judge = Lints::new(LintsConfig::default(), tests());
    let mut set = problem(vec![asserted("assert candidate(1) == 2")]);
    set.preamble =
        "from typing import List\nimport math\n\ndef f(x):\n    \"\"\"Doc.\"\"\"\n".into();
    let score = said(&judge, &set, "    return math.floor(x) + 1\n").unwrap();
    assert_eq!(score.value, Some(1.0), "{score:?}");
    let score = said(&judge, &set, "    return y\n").unwrap();
    assert!(score.reason.contains("line 1 uses y"), "{score:?}");
}

#[test]
fn time_is_compared_with_the_reference() {
    let config = SpeedConfig {
        factor: 2.0,
        allowance_ms: 25.0,
    };
    let judge = Speed::new(config, tests()).unwrap();
    let mut set = reading();
    assert!(judge.supports(&set, Scope::All).is_err());
    let reference = |source: &str| Reference {
        language: Language::Python,
        source: source.to_owned(),
    };
    set.references = vec![reference("print(input())")];
    judge.supports(&set, Scope::All).unwrap();
    let score = said(&judge, &set, "print(int(input()))").unwrap();
    assert_eq!(score.value, Some(1.0), "{score:?}");
    // Some 400 ms of work a test.
    let slow = "import time\nwhile time.process_time() < 0.4: pass\nprint(input())";
    let score = said(&judge, &set, slow).unwrap();
    assert_eq!(score.value, Some(0.0), "{score:?}");
    assert!(score.reason.contains("are allowed"), "{score:?}");
    // One that fails is not fast, however soon.
    let score = said(&judge, &set, "print(3)").unwrap();
    assert_eq!(
        (score.value, &*score.reason),
        (Some(0.0), "it is graded wrong_answer")
    );
    // A reference that fails is no bound, and no verdict on the program.
    set.references = vec![reference("print(3)")];
    let error = said(&judge, &set, "print(input())")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the problem's own program is graded wrong_answer"),
        "{error}"
    );
    for (factor, allowance_ms) in [(0.5, 0.0), (f64::NAN, 0.0), (2.0, -1.0)] {
        let config = SpeedConfig {
            factor,
            allowance_ms,
        };
        assert!(Speed::new(config, tests()).is_err());
    }
}
