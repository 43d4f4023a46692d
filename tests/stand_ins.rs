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

#[test]
fn values_of_the_library_cross_whole() {
    assert_grades(
        &[
            (
                "from collections import ChainMap\ndef f(): return ChainMap({'a': 1}, {'b': 2})",
                "assert f() == {'a': 1, 'b': 2} and f()['b'] == 2",
            ),
            (
                "from collections import UserDict, UserList, UserString\ndef f(): return UserDict(a=1), UserList([1]), UserString('ab')",
                "assert f() == ({'a': 1}, [1], 'ab')",
            ),
            (
                "from types import SimpleNamespace, MappingProxyType\ndef f(): return SimpleNamespace(a=1, b=MappingProxyType({1: 2}))",
                "from types import SimpleNamespace\nassert f() == SimpleNamespace(a=1, b={1: 2}) and f().a == 1",
            ),
            (
                "def f(): return complex(0.0, -0.0), slice(1, None, 2), NotImplemented, ValueError, type(None)",
                "import math\nr = f()\nassert math.copysign(1, r[0].imag) == -1 and r[1:] == (slice(1, None, 2), NotImplemented, ValueError, type(None))",
            ),
            (
                "import re\ndef f(s): return re.search(r'(?P<y>\\d+)(x)?', s)",
                "import re\nm = f('a12')\nassert m['y'] == '12' == m.group(1) and m.span() == (1, 3) and m.groups() == ('12', None) and isinstance(m, re.Match) and f('a') is None",
            ),
            (
                "import datetime, time, uuid, pathlib\ndef f(): return datetime.timezone.utc, time.gmtime(0), uuid.UUID(int=5), pathlib.Path('/a') / 'b.txt'",
                "import datetime, uuid, pathlib\nr = f()\nassert r[0] == datetime.timezone.utc and r[1].tm_year == 1970 and r[2] == uuid.UUID(int=5) and r[3] == pathlib.Path('/a/b.txt')",
            ),
            (
                "from enum import Enum, Flag, IntFlag\nclass C(Flag):\n    A = 1\n    B = 2\nclass D(float, Enum):\n    X = 1.5\nclass E(IntFlag):\n    Q = 4\ndef f(): return C.A | C.B, D.X, E.Q",
                "r = f()\nassert r[0].value == 3 and r[1] == 1.5 and r[1].name == 'X' and r[2] == 4 and r[2].name == 'Q'",
            ),
            (
                "def f(): return ValueError('x', 1)",
                "e = f()\nassert isinstance(e, ValueError) and e.args == ('x', 1)",
            ),
            (
                "def f():\n    try: yield 1\n    except ValueError: yield 2",
                "g = f()\nassert next(g) == 1 and g.throw(ValueError) == 2 and next(g, 3) == 3",
            ),
            (
                "async def f():\n    for i in range(3): yield i",
                "import asyncio\nasync def go(): return [x async for x in f()]\nassert asyncio.run(go()) == [0, 1, 2]",
            ),
            (
                "def f(): return map(str, [1]), zip('a'), enumerate('a')",
                "r = f()\nassert isinstance(r[0], map) and isinstance(r[1], zip) and isinstance(r[2], enumerate) and not isinstance(r[0], zip)",
            ),
            (
                "import io\ndef f(): return io.StringIO('ab')",
                "assert f().read() == 'ab'",
            ),
            (
                "import operator, functools\ndef f(): return operator.itemgetter(1)",
                "assert f()([1, 2]) == 2 and sorted([(1, 3), (2, 1)], key=f()) == [(2, 1), (1, 3)]",
            ),
        ],
        Grade::Accepted,
    );
}

/// The object stays in the program's process; what the tests do with it is done there.
#[test]
fn objects_of_the_programs_own_classes_are_used_where_they_are() {
    assert_grades(
        &[
            (
                "class Node:\n    def __init__(self,v): self.val=v;self.next=None\ndef f(h=None):\n    if h is None:\n        a=Node(1);a.next=Node(2);return a\n    r=None\n    while h: h.next,r,h=r,h,h.next\n    return r",
                "n=f(f())\nassert n.val==2 and n.next.val==1 and n.next.next is None",
            ),
            (
                "class A:\n    pass\ndef f(): return A()",
                "x=f()\nassert not hasattr(x,'y') and getattr(x,'y',3)==3\nx.y=[1]\nassert x.y==[1] and vars(x)=={'y':[1]} and type(x).__name__=='A'\ndel x.y\nassert not hasattr(x,'y')",
            ),
            (
                "class It:\n    def __init__(self,n): self.n=n\n    def __iter__(self): return self\n    def __next__(self):\n        if self.n==0: raise StopIteration\n        self.n-=1\n        return self.n\ndef f(n): return It(n)",
                "assert list(f(3))==[2,1,0] and sum(f(4))==6\nx=f(2)\nassert next(x)==1 and x.n==1 and list(zip(x,'ab'))==[(0,'a')]",
            ),
            (
                "class M:\n    def __init__(self): self.d={}\n    def __getitem__(self,k): return self.d[k]\n    def __setitem__(self,k,v): self.d[k]=v\n    def __delitem__(self,k): del self.d[k]\n    def keys(self): return self.d.keys()\n    def __iter__(self): return iter(self.d)\n    def __len__(self): return len(self.d)\ndef f(): return M()",
                "m=f()\nm['a']=1\nassert m['a']==1 and 'a' in m and dict(m)=={'a':1} and len(m)==1\ndel m['a']\ntry: m['a']\nexcept KeyError as e: assert e.args==('a',)\nelse: assert 0\nassert not m",
            ),
            (
                "class F:\n    def __init__(s): s.log=[]\n    def __enter__(s):\n        s.log.append('in')\n        return s\n    def __exit__(s,t,v,b):\n        s.log.append(t.__name__ if t else 'out')\n        return t is not None and t is ValueError\ndef f(): return F()",
                "x=f()\nwith x: pass\nwith x: raise ValueError\nassert x.log==['in','out','in','ValueError']",
            ),
            (
                "class T:\n    def __bool__(s): return False\n    def __int__(s): return 4\n    def __float__(s): return 4.5\n    def __index__(s): return 1\n    def __hash__(s): return 7\n    def __neg__(s): return -4\ndef f(): return T()",
                "assert not f() and int(f())==4 and float(f())==4.5 and [1,2][f()]==2 and hash(f())==7 and -f()==-4",
            ),
            (
                "class A:\n    def __init__(s,x): s.x=x\n    def __lt__(s,o): return s.x<o.x\ndef f(x): return A(x)",
                "assert [a.x for a in sorted([f(3),f(1),f(2)])]==[1,2,3] and max(f(1),f(2)).x==2",
            ),
            (
                "from dataclasses import dataclass\n@dataclass(order=True)\nclass P:\n    x:int\n    def up(self):\n        self.x+=1\n        return self\ndef f(x): return P(x)",
                "p=f(1)\nassert p.up() is p and p.x==2 and p==f(2) and p<f(3) and repr(p)=='P(x=2)' and p!=2",
            ),
            (
                "import threading,queue\ndef f():\n    q=queue.Queue()\n    q.put(3)\n    return q",
                "q=f()\nassert q.get()==3 and q.empty()",
            ),
            (
                "x=None\nclass A:\n    pass\ndef f():\n    global x\n    x=x or A()\n    return x",
                "assert f() is f() and f()==f() and len({f(),f()})==1",
            ),
        ],
        Grade::Accepted,
    );
    let stack = "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n";
    assert_grades(
        &[(
            &format!("{stack}f = Stack"),
            "s = f()\ns.push(1)\ns.push(2)\nassert s.pop() == 2 and len(s) == 1 and s.items == [1]\ntry:\n    s.pop()\n    s.pop()\n    assert False\nexcept IndexError:\n    pass",
        )],
        Grade::Accepted,
    );
}

/// None of them decides what equals a value of the tests, or what is near it.
#[test]
fn no_object_of_the_program_is_asked_about_a_value_of_the_tests() {
    let all = "class Mine:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    def __sub__(self, other): return 0.0\n    __rsub__ = __add__ = __truediv__ = __sub__\n    def __abs__(self): return 0.0\n    def __contains__(self, other): return True\n    def __lt__(self, other): return True\n    __gt__ = __le__ = __ge__ = __lt__\n    def __hash__(self): return hash(3)\n    def __instancecheck__(self, other): return True\n    __class__ = int\n    __array_interface__ = {'shape': (), 'typestr': '<i8', 'data': (0, True), 'version': 3}\ndef f(): return Mine()\n";
    for test in [
        "assert f() == 3",
        "assert 3 == f()",
        "assert f() in (3, 4)",
        "assert f() in {3: 1}",
        "assert not f() != 3",
        "assert abs(f() - 3) < 1e-6",
        "assert abs(3 - f()) < 1e-6",
        "assert 3 in f()",
        "assert f() < 4",
        "assert [f()] == [3]",
        "assert isinstance(f(), int)",
        "assert hasattr(f(), '__array_interface__')",
        "import unittest\nunittest.TestCase().assertAlmostEqual(f(), 3)",
        "assert isinstance(3, f())",
    ] {
        assert_eq!(grade(all, asserted(test)), Grade::WrongAnswer, "{test}");
    }
}
