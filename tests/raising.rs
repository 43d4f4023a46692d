//! A test does not pass because the program raised, changed an argument or returned no number.

use rlef::verdict::Grade;

use super::host::{asserted, grade, problem, verdict};

/// Test code that C, or a library, would end quietly at one exception or another.
const QUIET: &[&str] = &[
    "xs, want = [1, 2], [2, 3]\nassert all(a == b for a, b in zip(map(candidate, xs), want))",
    "for got, want in zip(map(candidate, [1, 2]), [2, 3]):\n    assert got == want",
    "for got in iter(candidate, None):\n    assert got == 5",
    "bad = next((p for p in map(lambda v: (v, candidate(v)), [1, 2]) if p[1] != p[0] + 1), None)\nassert bad is None",
    "import itertools\nassert all(r == 2 for _, r in zip([1], itertools.starmap(candidate, [(1,)])))",
    "def runs():\n    for v in [1, 2]:\n        yield candidate(v) == v + 1\nassert all(runs())",
    "class T:\n    @property\n    def bad(self):\n        return candidate(1) != 2\nassert not getattr(T(), 'bad', False)",
    "class T:\n    @property\n    def bad(self):\n        return candidate(1) != 2\nassert not hasattr(T(), 'bad')",
    "class S:\n    def __getitem__(self, i):\n        return [candidate(i) == i + 1][i]\nassert all(S())",
    "class S:\n    def __getitem__(self, i):\n        return [candidate(i)][i]\nassert 77 not in S()",
    "from collections.abc import Mapping\nclass M(Mapping):\n    def __getitem__(self, k): return candidate(k)\n    def __iter__(self): return iter([])\n    def __len__(self): return 0\nassert M().get(3) in (None, 4)",
    "class L:\n    def __length_hint__(self): return candidate(1)\n    def __iter__(self): return iter([1])\nassert list(L()) == [1]",
    "class D:\n    def __del__(self): assert candidate(1) == 2\nd = D()\ndel d",
    "def g():\n    try:\n        yield 1\n    finally:\n        assert candidate(1) == 2\nx = g()\nnext(x)\nx.close()",
    "import threading\nout = []\nt = threading.Thread(target=lambda: out.append(candidate(1) == 2))\nt.start()\nt.join()\nassert all(out)",
    "def one(x):\n    try:\n        return candidate(x) == x + 1\n    except ZeroDivisionError:\n        return False\nassert all(a for a, _ in zip(map(one, [1, 2]), [1, 2]))",
    "it, out = map(candidate, [1, 2]), []\nwhile True:\n    try:\n        out.append(next(it))\n    except StopIteration:\n        break\nassert all(x == 2 for x in out)",
    "def t():\n    try:\n        assert candidate(1) == 2\n    finally:\n        return 1\nt()",
];

const RAISED: [&str; 9] = [
    "StopIteration",
    "GeneratorExit",
    "IndexError",
    "KeyError",
    "AttributeError",
    "TypeError",
    "SystemExit(0)",
    "type('Own', (StopIteration,), {})",
    "__import__('unittest').SkipTest('no')",
];

#[test]
fn no_exception_of_the_program_ends_the_tests_quietly() {
    for raised in RAISED {
        let program = format!("def f(x=0):\n    raise {raised}\n");
        for test in QUIET {
            let verdict = verdict(&program, &problem(vec![asserted(test)]));
            assert!(!verdict.is_accepted(), "{program}\n{test}");
        }
    }
    let solved = "def f(x=0):\n    return x + 1\n";
    assert_eq!(grade(solved, asserted(QUIET[0])), Grade::Accepted);
}

#[test]
fn what_the_test_code_expects_to_be_raised_is_taken() {
    let program = "def f(x):\n    raise ValueError('negative')\n";
    for test in [
        "try:\n    f(1)\n    assert False\nexcept ValueError as e:\n    assert str(e) == 'negative'",
        "import contextlib\nwith contextlib.suppress(ValueError):\n    f(1)",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        with self.assertRaises(ValueError): f(1)\n    def test_b(self):\n        self.assertRaises(ValueError, f, 1)\n    def test_c(self):\n        with self.assertRaisesRegex(ValueError, 'neg') as c: f(1)\n        self.assertEqual(str(c.exception), 'negative')\nfor one in unittest.defaultTestLoader.loadTestsFromTestCase(T): one.debug()",
        "def raises(fn, x):\n    try: fn(x)\n    except ValueError: return True\n    return False\nassert raises(f, 1)",
        "import contextlib\n@contextlib.contextmanager\ndef expect(kind):\n    try:\n        yield\n    except kind:\n        return\n    assert False\nwith expect(ValueError):\n    f(1)",
        "def g():\n    yield f(1)\ntry:\n    list(g())\n    assert False\nexcept ValueError:\n    pass",
    ] {
        assert_eq!(grade(program, asserted(test)), Grade::Accepted, "{test}");
        let silent = "def f(x):\n    return None\n";
        if !test.contains("suppress") {
            assert_eq!(grade(silent, asserted(test)), Grade::WrongAnswer, "{test}");
        }
    }
    // Classes that both sides know keep their name; so does the end of the program.
    for (program, test) in [
        (
            "import json\ndef f(x): return json.loads(x)",
            "import json\ntry:\n    f('{')\n    assert False\nexcept json.JSONDecodeError:\n    pass",
        ),
        (
            "def f(x): raise SystemExit(3)",
            "try:\n    f(1)\n    assert False\nexcept SystemExit as e:\n    assert e.code == 3",
        ),
        (
            "class Own(KeyError):\n    def __init__(self, code): self.code = code\ndef f(x): raise Own(4)",
            "try:\n    f(1)\n    assert False\nexcept KeyError as e:\n    assert type(e).__name__ == 'Own' and e.code == 4",
        ),
    ] {
        assert_eq!(grade(program, asserted(test)), Grade::Accepted, "{test}");
    }
}

/// Test code that works out from the argument what it expects.
const EXPECTED_FROM_ARGUMENT: &[&str] = &[
    "xs = [3, 1, 2]\nassert candidate(xs) == sorted(xs)",
    "xs = [3, 1, 2]\ngot = candidate(xs)\nassert got == sorted(xs)",
    "xs = [3, 1, 2]\ngot = candidate(xs)\nwant = sorted(xs)\nassert got == want",
    "xs = [3, 1, 2]\ngot = candidate(xs)\nxs.sort()\nassert got == xs",
    "xs = [3, 1, 2]\nassert len(candidate(xs)) == len(xs)",
    "xs = [1, 2]\nassert candidate(xs) == xs",
    "args = ([2, 1],)\nassert candidate(*args) == sorted(args[0])",
    "data = {'k': [2, 1]}\nassert candidate(data['k']) == sorted(data['k'])",
    "def check(fn):\n    for xs in [[3, 1], [2, 1]]:\n        assert fn(xs) == sorted(xs)\ncheck(candidate)",
    "def alike(a, b): return sorted(a) == sorted(b)\nxs = [2, 1]\nassert alike(candidate(xs), xs)",
    "def ask(fn, xs): return fn(xs)\nxs = [2, 1]\nassert ask(candidate, xs) == sorted(xs)",
    "all_ = [[2, 1], [5, 4]]\nassert [candidate(x) for x in all_] == [sorted(y) for y in all_]",
    "all_ = [[2, 1], [5, 4]]\nassert list(map(candidate, all_)) == list(map(sorted, all_))",
    "all_ = [{'in': [2, 1]}]\nfor one in all_:\n    xs = one['in']\n    assert candidate(xs) == sorted(one['in'])",
    "xs = [2, 1]\nres = candidate(xs)\nif res != sorted(xs):\n    raise AssertionError",
    "import unittest\nclass T(unittest.TestCase):\n    def setUp(self): self.xs = [2, 1]\n    def test_a(self): self.assertEqual(candidate(self.xs), sorted(self.xs))\nfor one in unittest.defaultTestLoader.loadTestsFromTestCase(T): one.debug()",
    // By loops over it, counts of it, and names that the answer is bound to later.
    "xs = [3, 1]\nres, order = candidate(xs), [0, 1]\nfor i in range(len(xs)):\n    assert res[i] == sorted(xs)[i]",
    "xs = [1, 2]\nres = candidate(xs)\nfor i, x in enumerate(xs):\n    assert res[i] == x",
    "xs = [3, 1]\nres = candidate(xs)\nn = len(xs)\nassert len(res) == n",
    "xs = [3, 1]\nres = candidate(xs)\nassert not xs or res[0] == min(xs)",
    "all_ = [[2, 1], [5, 4]]\nouts = [candidate(c) for c in all_]\nfor c, out in zip(all_, outs):\n    assert out == sorted(c)",
    "for c in [[2, 1], [5, 4]]:\n    r = candidate(c)\n    ok = r == sorted(c)\n    assert ok",
    // Side by side in tuples, and through functions of the test's own.
    "def brute(a): return sorted(a)\nxs = [2, 1]\na, b = candidate(xs), brute(xs)\nassert a == b",
    "def both(case): return candidate(case), sorted(case)\ngot, want = both([2, 1])\nassert got == want",
    "pairs = [(candidate(c), sorted(c)) for c in [[2, 1], [5, 4]]]\nassert all(a == b for a, b in pairs)",
    "xs = [2, 1]\nout = candidate(xs)\nassert (out, len(out)) == (sorted(xs), len(xs))",
    "def run(case): return candidate(case)\nxs = [2, 1]\nassert run(xs) == sorted(xs)",
    "from functools import partial\ng = partial(candidate)\nxs = [2, 1]\nassert g(xs) == sorted(xs)",
    "xs = [2, 1]\ngot = candidate(xs)\nassert isinstance(xs, list)\nassert got == sorted(xs)",
];

#[test]
fn an_argument_that_the_program_changes_does_not_change_what_is_expected() {
    for test in EXPECTED_FROM_ARGUMENT {
        for cheat in [
            "xs.clear()\n    return []",
            "xs[:] = []\n    return xs",
            "del xs[1:]\n    return xs",
        ] {
            let program = format!("def f(xs):\n    {cheat}\n");
            assert_eq!(
                grade(&program, asserted(test)),
                Grade::WrongAnswer,
                "{program}\n{test}"
            );
        }
        // Whoever sorts in place and returns the list is right.
        for honest in ["return sorted(xs)", "xs.sort()\n    return xs"] {
            let program = format!("def f(xs):\n    {honest}\n");
            assert_eq!(
                grade(&program, asserted(test)),
                Grade::Accepted,
                "{program}\n{test}"
            );
        }
    }
}

#[test]
fn what_became_of_an_argument_is_seen_where_the_test_looks_at_it() {
    let sorts = "def f(xs):\n    xs.sort()\n";
    for test in [
        "xs = [3, 1]\ncandidate(xs)\nassert xs == [1, 3]",
        "xs = [3, 1]\nassert candidate(xs) is None and xs == [1, 3]",
        "xs = [3, 1]\nassert (candidate(xs), xs) == (None, [1, 3])",
        "xs = [3, 1]\nbefore = list(xs)\ncandidate(xs)\nassert xs == sorted(before)",
        "xs = [3, 1]\nr = candidate(xs)\nif r is None: r = xs\nassert r == [1, 3]",
        "xs = [3, 1]\nassert (candidate(xs) or xs) == [1, 3]",
        "def check(fn):\n    for xs, want in [([3, 1], [1, 3])]:\n        fn(xs)\n        assert xs == want\ncheck(candidate)",
        "def ask(fn, xs):\n    fn(xs)\n    return xs\nassert ask(candidate, [3, 1]) == [1, 3]",
        "def both(xs):\n    return candidate(xs), xs\nassert both([3, 1]) == (None, [1, 3])",
        "xs = [3, 1]\nr, n = candidate(xs), len(xs)\nassert r is None and xs == [1, 3]",
        "xs = [3, 1]\ncandidate(xs)\nfor i in range(len(xs) - 1):\n    assert xs[i] <= xs[i + 1]",
        "rows = [[1, 2], [3, 0]]\ncandidate(rows[1])\nassert rows == [[1, 2], [0, 3]]",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        xs = [2, 1]\n        self.assertIsNone(candidate(xs))\n        self.assertEqual(xs, [1, 2])\nfor one in unittest.defaultTestLoader.loadTestsFromTestCase(T): one.debug()",
    ] {
        assert_eq!(grade(sorts, asserted(test)), Grade::Accepted, "{test}");
        let idle = "def f(xs):\n    return None\n";
        assert_eq!(grade(idle, asserted(test)), Grade::WrongAnswer, "{test}");
    }
    let packs = "def f(xs):\n    k = 0\n    for x in list(xs):\n        if k == 0 or xs[k - 1] != x:\n            xs[k] = x\n            k += 1\n    return k\n";
    for test in [
        "xs = [1, 1, 2]\nk = candidate(xs)\nassert k == 2 and xs[:k] == [1, 2]",
        "xs, want = [1, 1, 2], [1, 2]\nk = candidate(xs)\nassert k == len(want)\nfor i in range(k):\n    assert xs[i] == want[i]",
        "xs = [1, 1, 2]\nk = candidate(xs)\nassert (k, sorted(xs[:k])) == (2, [1, 2])",
    ] {
        assert_eq!(grade(packs, asserted(test)), Grade::Accepted, "{test}");
    }
    // A test that the argument stays as it was still tells.
    let spoils = "def f(xs):\n    xs.clear()\n    return [1, 3]\n";
    let test = "xs = [3, 1]\nassert candidate(xs) == [1, 3]\nassert xs == [3, 1]";
    assert_eq!(grade(spoils, asserted(test)), Grade::WrongAnswer);
}

#[test]
fn a_nan_is_within_no_bound() {
    for test in [
        "assert not abs(candidate(2) - 4.0) > 1e-6",
        "assert not any(abs(a - b) > 1e-6 for a, b in zip([candidate(2)], [4.0]))",
        "assert not (candidate(2) < 3.9 or candidate(2) > 4.1)",
        "if abs(candidate(2) - 4) > 1e-6:\n    raise AssertionError('far')",
        "def near(a, b):\n    if abs(a - b) > 1e-6:\n        return False\n    return True\nassert near(candidate(2), 4)",
        "assert max([0.0, abs(candidate(2) - 4)]) < 1e-6",
        "d = 0\nfor x in [candidate(2)]:\n    d = max(d, abs(x - 4))\nassert d < 1e-6",
        "bad = sum(abs(x - 4) > 1e-6 for x in [candidate(2)])\nassert bad == 0",
        "bad = [x for x in [candidate(2)] if abs(x - 4) > 1e-6]\nassert not bad",
        "ok = True\nfor x in [candidate(2)]:\n    if abs(x - 4) > 1e-6:\n        ok = False\n        break\nassert ok",
        "bad = 0\nif round(candidate(2), 2) > 4.01:\n    bad = 1\nassert bad == 0",
    ] {
        assert_eq!(
            grade("def f(x): return float('nan')", asserted(test)),
            Grade::WrongAnswer,
            "{test}"
        );
        assert_eq!(
            grade("def f(x): return 4.0", asserted(test)),
            Grade::Accepted,
            "{test}"
        );
    }
}

#[test]
fn a_nan_that_is_asked_for_or_not_looked_at_is_one() {
    for (program, test) in [
        (
            "def f(x): return float('nan')",
            "import math\nassert math.isnan(candidate(2))",
        ),
        (
            "def f(x): return float('nan')",
            "r = candidate(2)\nassert r != r",
        ),
        (
            "def f(x): return [1.5, float('nan')]",
            "r = candidate(2)\nassert 1 < r[0] < 2 and len(r) == 2",
        ),
    ] {
        assert_eq!(grade(program, asserted(test)), Grade::Accepted, "{test}");
    }
}

/// What the program returned goes back to it, and can't.
#[test]
fn no_program_chooses_to_have_no_verdict_by_what_it_returns() {
    for (returned, test) in [
        ("[None]", "assert candidate(map(int, candidate(3))) == [1]"),
        (
            "[None]",
            "assert candidate(x + 1 for x in candidate(3)) == [1]",
        ),
        (
            "range(10**9)",
            "assert candidate(x + 1 for x in candidate(3)) == [1]",
        ),
        (
            "range(10**9)",
            "assert candidate(iter(candidate(3))) == [1]",
        ),
        (
            "lambda: 1",
            "r = candidate(3)\nassert candidate(r.__class__) == 0",
        ),
        ("'abc'", "r = candidate(3)\nassert candidate(r.upper) == 0"),
        // Tests that run what they are given.
        (
            "'import os; os._exit(0)'",
            "exec(candidate(3))\nassert candidate(1) == 2",
        ),
        (
            "'import os; os.kill(os.getpid(), 11)'",
            "exec(candidate(3))\nassert candidate(1) == 2",
        ),
        ("'1/0'", "assert eval(candidate(3)) == 2"),
    ] {
        let program = format!("def f(x): return ({returned}) if x == 3 else 1\n");
        let verdict = verdict(&program, &problem(vec![asserted(test)]));
        assert!(!verdict.is_accepted(), "{program}\n{test}");
    }
    // What the test passes by itself is the test's affair.
    let test = "assert candidate(3) == 1\nassert candidate(open) == 1";
    let program =
        rlef::program::Program::bare("def f(x): return 1", rlef_sandbox::Language::Python);
    let error = super::host::judge().verdict(
        &program,
        &problem(vec![asserted(test)]),
        rlef::verdict::Scope::All,
        rlef::verdict::StopAt::Never,
    );
    assert!(
        matches!(error, Err(rlef::verdict::JudgeError::BrokenTest { .. })),
        "{error:?}"
    );
}

/// The same, while the program is asked for the items of what it returned.
#[test]
fn a_generator_does_not_change_what_is_expected_of_it() {
    let cheat = "def f(xs):\n    xs.clear()\n    return\n    yield\n";
    for test in [
        "xs = [3, 1]\nassert list(candidate(xs)) == sorted(xs)",
        "xs = [3, 1]\nout = list(candidate(xs))\nassert out == sorted(x for x in xs)",
    ] {
        assert_eq!(grade(cheat, asserted(test)), Grade::WrongAnswer, "{test}");
        let honest = "def f(xs):\n    xs.sort()\n    yield from xs\n";
        assert_eq!(grade(honest, asserted(test)), Grade::Accepted, "{test}");
    }
    let waits = "async def f(xs):\n    xs.clear()\n    return []\n";
    let test = "import asyncio\nxs = [3, 1]\nassert asyncio.run(candidate(xs)) == sorted(xs)";
    assert_eq!(grade(waits, asserted(test)), Grade::WrongAnswer);
    // Where the test looks at it, it sees what became of it.
    let sorts = "def f(xs):\n    xs.sort()\n    yield 1\n";
    let test = "xs = [3, 1]\nlist(candidate(xs))\nassert xs == [1, 3]";
    assert_eq!(grade(sorts, asserted(test)), Grade::Accepted);
}
