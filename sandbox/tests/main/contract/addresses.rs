//! Addresses that a program prints or sorts by: the same in every jail. They get into feedback, and from there into everything
//! that is learnt of it.

use rlef_sandbox::Sandbox;

use crate::support::{config, job, limits, text};

const PRINTS: &str = "class A: pass\ninput()\nprint(object(), A(), (x for x in ()), id([]), hash(A()))\nprint({A() for _ in range(9)}, sorted(map(id, [A(), A(), A()])))";
const OTHERS: [&str; 4] = [
    "print(sum(range(10**5)))",
    "import collections, heapq, re\nprint(re.sub('a', 'b', input()), collections.Counter('abcabc'))",
    "raise ValueError([object() for _ in range(1000)])",
    "x = [{i: str(i)} for i in range(10**4)]\nprint(len(x))",
];

#[test]
fn addresses_are_the_same_in_every_jail() {
    let said = |before: usize| {
        let sandbox = Sandbox::new(config(1)).unwrap();
        for other in OTHERS.iter().cycle().take(before) {
            sandbox.run(&job(other), b"aaa\n", &limits()).unwrap();
        }
        let outcome = sandbox.run(&job(PRINTS), b"1\n", &limits()).unwrap();
        text(&outcome.stdout)
    };
    let first = said(0);
    assert!(first.contains("<object object at 0x"), "{first}");
    assert_eq!(said(0), first);
    // A jail's first program leaves the interpreter's memory a little otherwise, and no later one does.
    assert_eq!(said(2), said(1));
}
