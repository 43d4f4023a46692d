//! Which modules a program wants imported before it is forked, guessed from its source.
//!
//! The guess decides about time only: what was not seen here is imported once for all tests of the program, or by the
//! program itself. Knows no Python beyond the look of an import.

use super::light::is_light;
use super::names::{head, words};
use crate::languages::Tools;

/// Modules that take so long to import that an interpreter is kept warm with them, for the programs that name them.
const HEAVY: [&str; 1] = ["numpy"];

/// The module of the zygote that tells it what to import beside the usual modules: file name and source.
pub(crate) fn tier(tools: &Tools) -> (String, String) {
    let light = if tools.light { "True" } else { "False" };
    let modules = tools.modules.join(" ");
    let source = format!("LIGHT = {light}\nMODULES = {modules:?}.split()\n");
    ("rlef_tier.py".to_owned(), source)
}

/// The warm interpreter for a program that imports next to nothing, or heavy modules where `numpy` says they are there;
/// nothing if the usual one will do.
pub(crate) fn tools(source: &[u8], numpy: bool) -> Option<Tools> {
    if is_light(source) {
        return Some(Tools {
            light: true,
            ..Tools::default()
        });
    }
    if !numpy {
        return None;
    }
    let modules: Vec<&'static str> = HEAVY
        .into_iter()
        .filter(|module| imports(source, module.as_bytes()))
        .collect();
    (!modules.is_empty()).then(|| Tools {
        modules,
        ..Tools::default()
    })
}

/// Whether a statement that begins and ends on one line imports the module or a part of it.
fn imports(source: &[u8], module: &[u8]) -> bool {
    source
        .split(|&byte| byte == b'\n' || byte == b'\r')
        .filter(|line| line.windows(module.len()).any(|part| part == module))
        .map(|line| line.split(|&byte| byte == b'#').next().unwrap_or_default())
        .flat_map(|line| line.split(|&byte| byte == b';' || byte == b':'))
        .any(|statement| statement_imports(statement, module))
}

fn statement_imports(statement: &[u8], module: &[u8]) -> bool {
    let mut words = words(statement);
    match words.next() {
        Some(b"from") => words.next().is_some_and(|name| head(name) == module),
        Some(b"import") => statement.trim_ascii_start()[b"import".len()..]
            .split(|&byte| byte == b',')
            .any(|name| {
                super::names::words(name)
                    .next()
                    .is_some_and(|name| head(name) == module)
            }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_of_every_usual_form_are_seen() {
        for source in [
            "import numpy",
            "import numpy as np\r\nprint(1)",
            "import sys, numpy as np  # fast",
            "import os; import numpy.linalg as la",
            "from numpy import *",
            "from numpy.random import rand",
            "def f():\n\tfrom  numpy  import zeros",
            "try: import numpy\nexcept ImportError: numpy = None",
        ] {
            let tools = tools(source.as_bytes(), true).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(tools.modules, ["numpy"], "{source}");
            assert_eq!(super::tools(source.as_bytes(), false), None, "{source}");
        }
    }

    #[test]
    fn what_only_speaks_of_the_module_is_forked_from_the_usual_interpreter() {
        for source in [
            "print('import numpy')",
            "# import numpy",
            "x = 1 # import numpy",
            "import numpy_financial",
            "import mynumpy, os",
            "from .numpy import x",
            "from re import numpy",
            "imports = numpy",
            "import",
        ] {
            assert_eq!(tools(source.as_bytes(), true), None, "{source}");
        }
    }

    #[test]
    fn the_zygote_is_told_in_python() {
        assert_eq!(
            tier(&Tools::default()).1,
            "LIGHT = False\nMODULES = \"\".split()\n"
        );
        let heavy = Tools {
            modules: vec!["numpy"],
            ..Tools::default()
        };
        assert_eq!(
            tier(&heavy).1,
            "LIGHT = False\nMODULES = \"numpy\".split()\n"
        );
        let light = tools(b"print(1)", true).unwrap();
        assert_eq!(tier(&light).1, "LIGHT = True\nMODULES = \"\".split()\n");
    }
}
