//! What sources show of what is asked.

use super::*;

#[test]
fn statements_that_make_a_name() {
    for statement in [
        "def f(x):",
        "async def f ():",
        "class f:",
        "f = 1",
        "f: int = 1",
        "from a import b as f",
        "from a import (f, b)",
        "def f[T](x):",
        "a, f = 1, g",
        "a = f = g",
    ] {
        assert!(binds(statement, "f"), "{statement}");
    }
    for statement in [
        "f(1)",
        "f == 1",
        "def ff():",
        "f: int",
        "import fs",
        "print(f=1)",
        "define f(x)",
        "a = g(f=1)",
        "a, b = f, 1",
        "a == f == b",
    ] {
        assert!(!binds(statement, "f"), "{statement}");
    }
}
