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
            (
                "def f(x): return x",
                "assert f.__name__ == 'f' and f(1) == 1",
            ),
        ],
        Grade::Accepted,
    );
}

#[test]
fn exceptions_keep_what_they_hold_and_where_they_come_from() {
    assert_grades(
        &[
            (
                "def f(x):\n    try: 1/0\n    except ZeroDivisionError as e: raise ValueError('v') from e",
                "try: f(1)\nexcept ValueError as e: assert isinstance(e.__cause__,ZeroDivisionError)\nelse: assert 0",
            ),
            (
                "def f(x): return open('/nonexistent')",
                "try: f(0)\nexcept FileNotFoundError as e: assert e.errno==2 and e.filename=='/nonexistent' and len(e.args)==2 and '/nonexistent' in str(e)\nelse: assert 0",
            ),
            (
                "def f(x): import nosuchmodule",
                "try: f(0)\nexcept ImportError as e: assert e.name=='nosuchmodule'\nelse: assert 0",
            ),
        ],
        Grade::Accepted,
    );
    // Groups came with Python 3.11: where there are none, neither program nor test compiles.
    let groups = [
        (
            "def f(x): raise ExceptionGroup('g',[ValueError(1)])",
            "try: f(0)\nexcept* ValueError as g: assert g.exceptions[0].args==(1,)\nelse: assert 0",
        ),
        (
            "def f(x): raise ExceptionGroup('g',[ValueError(1),TypeError(2)])",
            "try: f(0)\nexcept* ValueError: pass\nexcept* TypeError: pass",
        ),
        (
            "def f(x): raise ExceptionGroup('g',[ValueError(1),ExceptionGroup('h',[KeyError(2)])])",
            "try: f(0)\nexcept ExceptionGroup as g: assert g.message=='g' and len(g.exceptions)==2 and g.exceptions[1].exceptions[0].args==(2,)\nelse: assert 0",
        ),
    ];
    if grade(
        "ExceptionGroup\ndef f(): return 1",
        asserted("assert f() == 1"),
    ) == Grade::Accepted
    {
        assert_grades(&groups, Grade::Accepted);
        assert_ne!(
            grade(groups[1].0, asserted("try: f(0)\nexcept* ValueError: pass")),
            Grade::Accepted
        );
    }
}
