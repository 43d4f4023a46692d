//! Whether a Python program will do with an interpreter that has imported next to nothing, guessed from its source.
//!
//! The guess decides about time only: what the light interpreter lacks, a program imports by itself. Knows no Python beyond
//! the look of an import.

use super::names::{head, words};

/// Modules that the light interpreter has, or that cost no more than their name.
const LIGHT: [&[u8]; 8] = [
    b"sys",
    b"os",
    b"math",
    b"time",
    b"io",
    b"abc",
    b"errno",
    b"builtins",
];
const IMPORT: &[u8] = b"import";

/// Whether every mention of an import is a statement, on one line, for light modules.
pub(super) fn is_light(source: &[u8]) -> bool {
    source
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .filter(|line| mentions(line) > 0)
        .all(is_light_import)
}

fn mentions(line: &[u8]) -> usize {
    line.windows(IMPORT.len())
        .filter(|part| *part == IMPORT)
        .count()
}

/// `import a, b as c` or `from a import b`, and nothing else on the line.
fn is_light_import(line: &[u8]) -> bool {
    if mentions(line) > 1 {
        return false;
    }
    let line = line.trim_ascii();
    let is_light = |name: &[u8]| LIGHT.contains(&head(name));
    let mut parts = words(line);
    match parts.next() {
        Some(b"from") => parts.next().is_some_and(is_light) && parts.next() == Some(IMPORT),
        Some(IMPORT) => line[IMPORT.len()..]
            .split(|&byte| byte == b',')
            .all(|item| {
                let mut parts = words(item);
                parts.next().is_some_and(is_light)
                    && match parts.next() {
                        None => true,
                        Some(b"as") => parts.next().is_some() && parts.next().is_none(),
                        Some(_) => false,
                    }
            }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_interpreter_has_is_light() {
        for source in [
            "",
            "print(int(input()) * 2)\n",
            "import sys\nprint(sys.stdin.read())",
            "import sys, os\r\nimport math as m\n",
            "def f():\n    from math import gcd, sqrt\n",
            "import os.path\n",
            "from sys import *\n",
        ] {
            assert!(is_light(source.as_bytes()), "{source}");
        }
    }

    #[test]
    fn anything_else_that_speaks_of_imports_is_not() {
        for source in [
            "import re\n",
            "import sys, re\n",
            "import sys; import re\n",
            "import sys; print(1)\n",
            "from collections import deque\n",
            "from math\\\nimport gcd\n",
            "from . import x\n",
            "m = __import__('sys')\n",
            "import importlib\n",
            "# import numpy\n",
            "if 1: import sys\n",
            "import\n",
            "from math import gcd; import re\n",
        ] {
            assert!(!is_light(source.as_bytes()), "{source}");
        }
    }
}
