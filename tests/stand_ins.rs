//! What stands in the test code for the program's function and for what it returns behaves as that would.

use rlef::verdict::Grade;

use super::host::{asserted, grade};

#[track_caller]
fn assert_grades(cases: &[(&str, &str)], expected: Grade) {
    for (program, test) in cases {
        assert_eq!(
            grade(program, asserted(test)),
            expected,
            "{program}\n{test}"
        );
    }
}

#[test]
fn threads_of_the_test_code_take_turns() {
    assert_grades(
        &[
            (
                "def f(x): return x * 2",
                "import concurrent.futures as c\nwith c.ThreadPoolExecutor(4) as e: assert list(e.map(f, range(50))) == [2 * x for x in range(50)]",
            ),
            (
                "def f(x):\n    yield x\n    if x == 3: raise ValueError",
                "import threading\nseen = []\ndef one(x):\n    try: seen.append((x, list(f(x))))\n    except ValueError: seen.append((x, None))\nts = [threading.Thread(target=one, args=(x,)) for x in range(5)]\nfor t in ts: t.start()\nfor t in ts: t.join()\nassert sorted(seen) == [(0, [0]), (1, [1]), (2, [2]), (3, None), (4, [4])]",
            ),
            ("def f(x): return x", "assert f.__name__ == 'f' and f(1) == 1"),
        ],
        Grade::Accepted,
    );
}
