//! What honest programs and test code may do across the pipe, through a real sandbox.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rlef::comparator::Comparison;
use rlef::demonstration::Evaluated;
use rlef::judge::{self, Judge, Judgement, Submission};
use rlef::problem::Problem;
use rlef::problem::contest::{ContestConfig, Split, items, mistake};
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, Scope, StopAt, Verdict};
use rlef_sandbox::{Cancel, Language};
use serde_json::json;

use super::host::{asserted, call, grade, judge, problem, stdin, verdict};

/// Asserted test over a program that hands its argument back.
fn survives(code: &str) {
    let verdict = verdict("def f(x):\n    return x\n", &problem(vec![asserted(code)]));
    assert_eq!(
        verdict.grade,
        Grade::Accepted,
        "{code}: {:?}",
        verdict.failures
    );
}

#[test]
fn every_plain_value_crosses_unchanged() {
    for value in [
        "None",
        "True",
        "False",
        "0",
        "-1",
        "2**200",
        "-2**64",
        "0.1",
        "-0.0",
        "1e308",
        "5e-324",
        "'\\ud800 \\x00 é 😀'",
        "b'\\x00\\xff'",
        "bytearray(b'ab')",
        "1+2j",
        "[]",
        "()",
        "{}",
        "set()",
        "frozenset()",
        "[[1], [2, [3]]]",
        "(1, (2, ()))",
        "{1: {2: 3}, 'a': None}",
        "{1, (2, 3), 'x', frozenset({4})}",
        "range(1, 9, 2)",
        "[1, 1.0, True]",
        "10**5000",
    ] {
        survives(&format!(
            "value = {value}\ngot = candidate(value)\nassert got == value\nassert type(got) is type(value)"
        ));
    }
    survives("assert [type(x) for x in candidate([1, 1.0, True])] == [int, float, bool]");
    survives(
        "import math\nassert math.isnan(candidate(float('nan')))\nassert candidate(-math.inf) == -math.inf",
    );
    survives(
        "assert math.copysign(1, candidate(-0.0)) == -1"
            .replace("assert", "import math\nassert")
            .as_str(),
    );
}

#[test]
fn shared_and_cyclic_structure_survives() {
    survives("inner = [1]\ngot = candidate([inner, inner])\nassert got[0] is got[1]");
    survives("loop = []\nloop.append(loop)\ngot = candidate(loop)\nassert got[0] is got");
    survives("value = [1]\nassert candidate(value) is value");
}

#[test]
fn changes_to_arguments_reach_the_caller() {
    let program = "def f(xs, d, s, b):\n    xs.sort()\n    d['new'] = [xs]\n    s.discard(1)\n    b += b'!'\n    xs.append((1, {}))\n";
    let code = "xs, d, s, b = [2, 1], {}, {1, 2}, bytearray(b'a')\nalias = xs\ncandidate(xs, d, s=s, b=b)\n\
                assert alias == [1, 2, (1, {})] and d == {'new': [alias]} and s == {2} and b == b'a!'\n\
                assert d['new'][0] is alias";
    let verdict = verdict(program, &problem(vec![asserted(code)]));
    assert_eq!(verdict.grade, Grade::Accepted, "{:?}", verdict.failures);
}

#[test]
fn exceptions_keep_their_class_and_arguments() {
    let program = "class Mine(KeyError):\n    pass\n\ndef f(x):\n    if x == 1:\n        raise ValueError('no', 7)\n    if x == 2:\n        raise Mine('k')\n    [].pop()\n";
    let code = "try:\n    candidate(1)\n    assert False\nexcept ValueError as error:\n    assert error.args == ('no', 7)\n\
                try:\n    candidate(2)\n    assert False\nexcept LookupError as error:\n    assert type(error).__name__ == 'Mine'\n\
                try:\n    candidate(3)\n    assert False\nexcept IndexError:\n    pass";
    assert_eq!(grade(program, asserted(code)), Grade::Accepted);
    let uncaught = verdict(program, &problem(vec![asserted("candidate(3)")]));
    assert_eq!(uncaught.grade, Grade::RuntimeError);
    let trace = &uncaught.failures[0].trace;
    assert!(
        trace.contains("    [].pop()") && trace.ends_with("IndexError: pop from empty list\n"),
        "{trace}"
    );
    assert!(
        trace.contains("line 9, in f") && !trace.contains("serve"),
        "{trace}"
    );
}

#[test]
fn failing_assertions_say_what_was_compared() {
    let cases = [
        ("assert candidate([1, 2]) == 3", "f([1, 2])", "3", "4"),
        (
            "assert abs(candidate([]) - 3) < 1e-6, 'close'",
            "f([])",
            "< 1e-06",
            "1",
        ),
        ("assert candidate(0) is None", "f(0)", "is None", "4"),
        (
            "assert not candidate(x=1)",
            "f(x=1)",
            "assert not candidate(x=1)",
            "4",
        ),
    ];
    for (code, input, expected, got) in cases {
        let verdict = verdict("def f(x):\n    return 4\n", &problem(vec![asserted(code)]));
        assert_eq!(verdict.grade, Grade::WrongAnswer);
        let failure = &verdict.failures[0];
        let said = (
            failure.input.as_str(),
            failure.expected.as_str(),
            failure.got.as_str(),
        );
        assert_eq!(said, (input, expected, got), "{code}");
    }
}

#[test]
fn programs_that_print_read_or_define_a_class_are_judged() {
    let noisy = "import sys\nprint('loading')\n\ndef f(x):\n    print('{\"result\": 3}')\n    sys.stderr.write('noise')\n    assert sys.stdin.read() == ''\n    return x + 1\n";
    assert_eq!(
        grade(noisy, asserted("assert candidate(1) == 2")),
        Grade::Accepted
    );
    assert_eq!(
        grade(noisy, call(vec![json!(1)], json!(2))),
        Grade::Accepted
    );
    let solution = "class Solution:\n    def f(self, x):\n        return x + 1\n\nif __name__ == '__main__':\n    raise SystemExit(5)\n";
    assert_eq!(
        grade(solution, asserted("assert candidate(1) == 2")),
        Grade::Accepted
    );
    assert_eq!(
        grade(solution, call(vec![json!(1)], json!(2))),
        Grade::Accepted
    );
}

#[test]
fn call_results_equal_as_in_python() {
    let same = |returned: &str, expected| {
        grade(
            &format!("def f():\n    return {returned}\n"),
            call(vec![], expected),
        )
    };
    assert_eq!(
        same(
            "(1, [2.0, True], {'a': (None,)}, 'é')",
            json!([1, [2, true], {"a": [null]}, "é"])
        ),
        Grade::Accepted
    );
    assert_eq!(same("{1: 2}", json!({"1": 2})), Grade::Accepted);
    assert_eq!(
        same("2**53 + 1", json!(9_007_199_254_740_992_u64)),
        Grade::WrongAnswer
    );
    assert_eq!(same("'1'", json!(1)), Grade::WrongAnswer);
    assert_eq!(same("{1}", json!([1])), Grade::WrongAnswer);
    assert_eq!(same("object()", json!(1)), Grade::RuntimeError);
    let mut tolerant = problem(vec![call(vec![], json!(0.3))]);
    tolerant.comparison = Comparison::Floats {
        absolute: 1e-9,
        relative: 0.0,
    };
    assert_eq!(
        verdict("def f():\n    return 0.1 + 0.2\n", &tolerant).grade,
        Grade::Accepted
    );
    tolerant.comparison = Comparison::Exact;
    assert_eq!(
        verdict("def f():\n    return 0.1 + 0.2\n", &tolerant).grade,
        Grade::WrongAnswer
    );
}

#[test]
fn programs_that_do_not_load_are_told_apart() {
    let tests = || [asserted("candidate(1)"), call(vec![json!(1)], json!(1))];
    let cases = [
        ("def f(x:\n", Grade::CompileError),
        (
            "def f(x):\n\treturn 1\n        return 2\n",
            Grade::CompileError,
        ),
        ("x = '\0'\n", Grade::CompileError),
        ("1 / 0\n", Grade::RuntimeError),
        ("def g(x):\n    return x\n", Grade::RuntimeError),
        ("", Grade::RuntimeError),
    ];
    for (program, expected) in cases {
        for test in tests() {
            assert_eq!(grade(program, test), expected, "{program:?}");
        }
    }
    assert_eq!(grade("def f(x:\n", stdin("", "1")), Grade::CompileError);
}

#[test]
fn limits_are_the_programs_own() {
    let slow = "def f(x):\n    while True:\n        pass\n";
    let large = "def f(x):\n    return len(bytearray(1 << 30))\n";
    for test in [
        asserted("assert candidate(1) == 1"),
        call(vec![json!(1)], json!(1)),
    ] {
        assert_eq!(grade(slow, test.clone()), Grade::TimeLimit);
        assert_eq!(grade(large, test), Grade::MemoryLimit);
    }
    let sleeper = "import time\n\ndef f(x):\n    time.sleep(60)\n";
    assert_eq!(
        grade(sleeper, asserted("assert candidate(1) == 1")),
        Grade::TimeLimit
    );
}

#[test]
fn helpers_of_the_preamble_serve_program_and_tests() {
    let mut set = problem(vec![asserted("assert candidate(3) == double(3) + 1")]);
    set.preamble = "import math\n\ndef double(x):\n    return 2 * x\n\ndef f(x):\n    \"\"\"Double plus one.\"\"\"\n".into();
    for program in [
        "    return double(x) + 1\n",
        "def f(x):\n    return double(x) + int(math.cos(0))\n",
    ] {
        assert_eq!(verdict(program, &set).grade, Grade::Accepted, "{program}");
    }
    assert_eq!(
        verdict("    return double(x)\n", &set).grade,
        Grade::WrongAnswer
    );
    assert_eq!(verdict("return 1\n", &set).grade, Grade::CompileError);
}

/// A judge that must not be asked.
struct Nobody;

impl Judge for Nobody {
    fn name(&self) -> &'static str {
        "nobody"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        String::new()
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        panic!("asked about {:?}", submission.program)
    }
}

#[test]
fn what_is_evaluated_for_demonstrations_is_what_a_run_says() {
    let config = ContestConfig {
        train: 40,
        longest: 4,
        ..ContestConfig::default()
    };
    let items = items(Split::Train, &config);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut failing = 0;
    for item in &items {
        let own = item.variants.iter().cloned().map(|source| (source, true));
        let slips = mistake(item, &mut rng).map(|source| (source, false));
        for (source, is_variant) in own.chain(slips) {
            let program = Program::bare(source, Language::Python);
            let work = [Submission::of(
                &item.problem,
                Some(&program),
                Scope::Public,
                StopAt::Never,
            )];
            let never = Cancel::never();
            // A variant is never run; a mistake is where it cannot be evaluated, as one that does not compile.
            let said = if is_variant {
                judge::all(&Evaluated::new(&items, &Nobody), &work, &never)
            } else {
                judge::all(&Evaluated::new(&items, judge()), &work, &never)
            };
            let ran = judge()
                .verdict(&program, &item.problem, Scope::Public, StopAt::Never)
                .unwrap();
            let without_times = Verdict {
                cpu_ms: 0.0,
                wall_ms: 0.0,
                ..ran
            };
            let said = Verdict {
                cpu_ms: 0.0,
                wall_ms: 0.0,
                ..said[0].clone().unwrap().verdict.unwrap()
            };
            failing += usize::from(!said.is_accepted());
            assert_eq!(said, without_times, "{}", program.source);
        }
    }
    assert!(failing > items.len(), "only {failing} programs failed");
}
