//! What a program returns means in the tests what it means in Python, whatever its type.

use rlef::problem::TestCase;
use rlef::verdict::Grade;
use rlef_sandbox::Language;
use serde_json::{Value, json};

use super::host::{asserted, call, grade, problem, verdict};

mod text;

#[track_caller]
fn assert_grades(cases: &[(&str, &str)], expected: Grade) {
    for (program, test) in cases {
        let verdict = verdict(program, &problem(vec![asserted(test)]));
        assert_eq!(
            verdict.grade, expected,
            "{program}\n{test}\n{:?}",
            verdict.failures
        );
    }
}

/// Programs of one line each, and test code that they pass.
const CROSSING: &[(&str, &str)] = &[
    (
        "def f(x):\n    for y in x: yield 2 * y",
        "assert list(f([1, 2])) == [2, 4]",
    ),
    (
        "def f(x): return map(abs, x)",
        "assert list(f([-1, 2])) == [1, 2] and isinstance(iter(f([])).__next__, object)",
    ),
    (
        "def f(x): return filter(None, x)",
        "assert sum(f([0, 3, 4])) == 7",
    ),
    (
        "def f(x): return zip(x, x)",
        "assert dict(f([1, 2])) == {1: 1, 2: 2}",
    ),
    (
        "def f(x): return reversed(x)",
        "assert list(f([1, 2])) == [2, 1]",
    ),
    (
        "def f(x): return enumerate(x)",
        "assert next(f('ab')) == (0, 'a')",
    ),
    (
        "def f(x): return {y: -y for y in x}.keys()",
        "assert f([1, 2]) == {1, 2} and list(f([2])) == [2]",
    ),
    (
        "def f(x): return {y: -y for y in x}.values()",
        "assert sorted(f([1, 2])) == [-2, -1]",
    ),
    (
        "def f(x): return {y: -y for y in x}.items()",
        "assert (1, -1) in f([1, 2]) and len(f([1])) == 1",
    ),
    (
        "from collections import deque\ndef f(x): return deque(x, 3)",
        "r = f([1, 2, 3, 4])\nassert list(r) == [2, 3, 4] and r.maxlen == 3",
    ),
    (
        "from array import array\ndef f(x): return array('d', x)",
        "from array import array\nassert f([1, 2]) == array('d', [1, 2]) and list(f([3])) == [3.0]",
    ),
    (
        "from decimal import Decimal\ndef f(x): return [Decimal(x)]",
        "from decimal import Decimal\nassert f('0.50') == [0.5] and str(f('0.50')[0]) == '0.50'",
    ),
    (
        "from fractions import Fraction\ndef f(a, b): return {Fraction(a, b)}",
        "assert f(2, 4) == {0.5} and f(4, 2) == {2}",
    ),
    (
        "from collections import Counter\ndef f(x): return Counter(x)",
        "r = f('aab')\nassert r == {'a': 2, 'b': 1} and r['z'] == 0 and r.most_common(1) == [('a', 2)]",
    ),
    (
        "from collections import defaultdict\ndef f(x):\n    d = defaultdict(list)\n    for y in x: d[y % 2].append(y)\n    return d",
        "r = f([1, 2, 3])\nassert r == {1: [1, 3], 0: [2]} and r[7] == []",
    ),
    (
        "from collections import OrderedDict\ndef f(): return OrderedDict(b=1, a=2)",
        "from collections import OrderedDict\nassert f() == {'a': 2, 'b': 1} and f() != OrderedDict(a=2, b=1)",
    ),
    (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        "r = f()\nassert r == (1, 2) and r.y == 2 and repr(r) == 'P(x=1, y=2)'",
    ),
    (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: list\ndef f(): return P(1, [2])",
        "r = f()\nassert r.y == [2] and r == f() and repr(r) == 'P(x=1, y=[2])'",
    ),
    (
        "from dataclasses import dataclass\n@dataclass(frozen=True, order=True)\nclass P:\n    x: int\ndef f(): return {P(2), P(1)}",
        "assert [p.x for p in sorted(f())] == [1, 2]",
    ),
    (
        "import enum\nclass C(enum.Enum):\n    RED = 1\ndef f(): return C.RED",
        "assert f().name == 'RED' and f().value == 1 and f() is f() and f() != 1",
    ),
    (
        "import enum\nclass C(enum.IntEnum):\n    RED = 1\ndef f(): return C.RED",
        "assert f() == 1 and f().name == 'RED'",
    ),
    (
        "import datetime as d\ndef f(): return d.date(2024, 2, 29), d.timedelta(hours=30), d.datetime(2024, 1, 1, tzinfo=d.timezone.utc)",
        "import datetime as d\nassert f() == (d.date(2024, 2, 29), d.timedelta(1, 21600), d.datetime(2024, 1, 1, 1, tzinfo=d.timezone(d.timedelta(hours=1))))",
    ),
    (
        "def f(): return [b'a', bytearray(b'b'), memoryview(b'c'), 1 + 2j, frozenset({1}), range(3), ..., int]",
        "assert f() == [b'a', bytearray(b'b'), b'c', 1 + 2j, frozenset({1}), range(3), ..., int]",
    ),
    (
        "from pathlib import Path\nfrom uuid import UUID\nfrom ipaddress import ip_address\ndef f(): return Path('a/b'), UUID(int=3), ip_address('::1')",
        "from pathlib import Path\nfrom uuid import UUID\nassert f()[:2] == (Path('a/b'), UUID(int=3)) and f()[0].name == 'b' and f()[2].is_loopback",
    ),
    (
        "def f(k): return lambda x: x + k",
        "assert f(2)(3) == 5 and list(map(f(1), [1, 2])) == [2, 3]",
    ),
    (
        "async def f(x): return x + 1",
        "import asyncio\nassert asyncio.run(f(1)) == 2",
    ),
    (
        "class I:\n    def __init__(self): self.n = 0\n    def __iter__(self): return self\n    def __next__(self):\n        self.n += 1\n        if self.n > 3: raise StopIteration\n        return self.n\ndef f(): return I()",
        "assert list(f()) == [1, 2, 3]",
    ),
    (
        "def f(x): return (y + 1 for y in x)",
        "assert list(f(f([1, 2]))) == [3, 4] and list(f(iter([5]))) == [6]",
    ),
];

#[test]
fn values_of_every_type_cross() {
    assert_grades(CROSSING, Grade::Accepted);
}

#[cfg(feature = "wasm")]
#[test]
fn values_of_every_type_cross_in_webassembly() {
    use rlef::program::Program;
    use rlef::verdict::{Scope, StopAt};
    for (program, test) in CROSSING
        .iter()
        .filter(|(program, _)| !program.contains("async"))
    {
        let program = Program::bare(*program, Language::Python);
        let set = problem(vec![asserted(test)]);
        let verdict = super::host::wasm_judge().verdict(&program, &set, Scope::All, StopAt::Never);
        let verdict = verdict.unwrap();
        assert_eq!(
            verdict.grade,
            Grade::Accepted,
            "{test}\n{:?}",
            verdict.failures
        );
    }
}

#[test]
fn what_python_calls_unequal_stays_unequal() {
    let made = [
        "(y for y in x)",
        "map(int, x)",
        "iter(x)",
        "dict.fromkeys(x).keys()",
        "deque(x)",
        "array('i', x)",
        "range(1, 3)",
        "tuple(x)",
        "set(x)",
        "zip(x)",
        "lambda: x",
        "Fraction(1, 3)",
    ];
    for value in made {
        let program = format!(
            "from collections import deque\nfrom array import array\nfrom fractions import Fraction\ndef f(x): return {value}\n"
        );
        assert_grades(
            &[(&program, "assert candidate([1, 2]) == [1, 2]")],
            Grade::WrongAnswer,
        );
    }
    // A class of the tests is another class than the program's of the same name.
    let point = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n";
    assert_grades(
        &[(
            &format!("{point}def f(): return P(1)"),
            &format!("{point}assert f() == P(1)"),
        )],
        Grade::WrongAnswer,
    );
}

#[test]
fn generators_are_asked_item_by_item() {
    let without_end =
        "def f():\n    a, b = 0, 1\n    while True:\n        yield a\n        a, b = b, a + b";
    let hangs = "def f():\n    yield 6\n    yield 28\n    while True: pass";
    let same_list =
        "def f():\n    a = [0]\n    for i in range(3):\n        a[0] = i\n        yield a";
    let fails_late = "def f():\n    yield 1\n    raise ValueError('late')";
    let talks = "def f():\n    x = yield 1\n    yield x + 1\n    return 7";
    assert_grades(
        &[
            (
                without_end,
                "import itertools\nassert list(itertools.islice(f(), 6)) == [0, 1, 1, 2, 3, 5]",
            ),
            (hangs, "g = f()\nassert [next(g), next(g)] == [6, 28]"),
            // As in one interpreter: what is yielded again is the same list again.
            (
                same_list,
                "assert [tuple(x) for x in f()] == [(0,), (1,), (2,)] and list(f()) == [[2], [2], [2]]",
            ),
            (
                fails_late,
                "g = f()\nassert next(g) == 1\ntry:\n    next(g)\n    assert False\nexcept ValueError:\n    pass",
            ),
            (
                talks,
                "g = f()\nassert next(g) == 1 and g.send(4) == 5\ntry:\n    next(g)\nexcept StopIteration as stop:\n    assert stop.value == 7",
            ),
            (
                "def f(n):\n    for i in range(n): yield i",
                "assert sum(f(20000)) == 199990000",
            ),
        ],
        Grade::Accepted,
    );
    assert_grades(
        &[(fails_late, "assert list(f()) == [1]")],
        Grade::RuntimeError,
    );
    assert_grades(&[(hangs, "assert list(f()) == [6, 28]")], Grade::TimeLimit);
}

/// Objects of classes that the problem itself defines: lists of nodes, trees.
#[test]
fn objects_of_the_problems_own_classes_cross() {
    let node = "class Node:\n    def __init__(self, val=0, next=None):\n        self.val, self.next = val, next\n\n    def size(self):\n        return 1 if self.next is None else 1 + self.next.size()\n\ndef made(xs):\n    head = None\n    for x in reversed(xs): head = Node(x, head)\n    return head\n\ndef shown(node):\n    out = []\n    while node: out.append(node.val); node = node.next\n    return out\n";
    let turns = "class Solution:\n    def turn(self, head):\n        last = None\n        while head: head.next, last, head = last, head, head.next\n        return last\n";
    let judged = |program: &str, entry_point: &str, test: &str| {
        let mut set = problem(vec![TestCase::Asserted {
            entry_point: entry_point.into(),
            code: test.into(),
            language: Language::Python,
        }]);
        set.preamble = node.into();
        verdict(program, &set)
    };
    for entry_point in ["Solution.turn", "Solution().turn"] {
        let verdict = judged(
            turns,
            entry_point,
            "def check(candidate):\n    assert shown(candidate(head=made([1, 2]))) == [2, 1]\ncheck(candidate)\nassert shown(Solution().turn(made([3]))) == [3]",
        );
        assert_eq!(verdict.grade, Grade::Accepted, "{:?}", verdict.failures);
    }
    for (program, test, expected) in [
        (
            "def f(head): head.val, head.next = 9, Node(8)",
            "x = made([1])\nf(x)\nassert shown(x) == [9, 8]",
            Grade::Accepted,
        ),
        (
            "def f():\n    n = Node(1)\n    n.next = n\n    return n",
            "assert f().next.next.val == 1",
            Grade::Accepted,
        ),
        (
            "def f(): return made([1, 2])",
            "assert f().size() == 3",
            Grade::WrongAnswer,
        ),
        // No method is replaced by what the program says of its object, and no class of its own comes in.
        (
            "def f():\n    n = Node(1)\n    n.size = lambda: 3\n    return n",
            "assert f().size() == 3",
            Grade::RuntimeError,
        ),
        (
            "class Mine:\n    def __eq__(self, other): return True\ndef f(): return Mine()",
            "assert f() == 3",
            Grade::WrongAnswer,
        ),
        (
            "class Node:\n    def __init__(self, val): self.val = val\n    def __eq__(self, other): return True\ndef f(): return Node(1)",
            "assert f() == 3",
            Grade::WrongAnswer,
        ),
    ] {
        let verdict = judged(program, "f", test);
        assert_eq!(verdict.grade, expected, "{program}\n{:?}", verdict.failures);
    }
}

/// A program can't leave its verdict open by what it returns, whatever that is.
#[test]
fn a_value_that_cannot_cross_is_no_success() {
    for value in [
        "re.compile('x')",
        "open('/dev/null', 'rb').raw.__class__",
        "sys",
        "object()",
        "ValueError('x')",
        "[{1: object()}]",
        "type('T', (), {})()",
    ] {
        let program =
            format!("import re, sys\ndef f(x=0):\n    print('wrong')\n    return {value}\n");
        for test in [
            "assert candidate() == 1",
            "try:\n    candidate()\n    assert False\nexcept TypeError:\n    pass",
        ] {
            assert_eq!(
                grade(&program, asserted(test)),
                Grade::WrongAnswer,
                "{program}\n{test}"
            );
        }
        let called = grade(&program, call(vec![], json!(1)));
        assert!(
            matches!(called, Grade::RuntimeError | Grade::WrongAnswer),
            "{program}"
        );
    }
}

#[test]
fn results_of_calls_are_compared_as_python_compares() {
    let head = "from collections import *\nfrom decimal import Decimal\nfrom fractions import Fraction\nfrom array import array\nimport enum\nP = namedtuple('P', 'x y')\nclass C(enum.IntEnum):\n    RED = 1\n";
    let judged = |value: &str, expected: &Value| {
        let program = format!("{head}def f():\n    return {value}\n");
        grade(&program, call(vec![], expected.clone()))
    };
    for (value, expected) in [
        (
            "[Decimal('0.5'), Fraction(3), complex(2), C.RED, True]",
            json!([0.5, 3, 2, 1, 1]),
        ),
        ("P(1, P(2, 3))", json!([1, [2, 3]])),
        ("Counter('aab')", json!({"a": 2, "b": 1})),
        ("defaultdict(lambda: 3, a=1)", json!({"a": 1})),
        ("OrderedDict(a=[1])", json!({"a": [1]})),
        ("{C.RED: 2}", json!({"1": 2})),
        ("[UserList([1]), UserString('a')]", json!([[1], "a"])),
        (
            "ChainMap({'a': 1}, UserDict(a=2, b=3))",
            json!({"a": 1, "b": 3}),
        ),
        (
            "__import__('types').MappingProxyType({'a': 1})",
            json!({"a": 1}),
        ),
        ("enum.Enum('F', {'A': 1.5}, type=float).A", json!(1.5)),
    ] {
        assert_eq!(judged(value, &expected), Grade::Accepted, "{value}");
    }
    for value in [
        "(x for x in [1, 2])",
        "range(1, 3)",
        "deque([1, 2])",
        "array('i', [1, 2])",
        "map(int, '12')",
        "{1, 2}",
        "dict.fromkeys([1, 2]).keys()",
        "lambda: [1, 2]",
    ] {
        assert_eq!(judged(value, &json!([1, 2])), Grade::WrongAnswer, "{value}");
    }
    assert_eq!(judged("Decimal('0.1')", &json!(0.1)), Grade::WrongAnswer);
}
