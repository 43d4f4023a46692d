//! Preamble + program → the source that is judged. Pure text; knows nothing of tests.
//!
//! HumanEval's prompt ends inside the function, and a completion either continues it (an indented body) or
//! writes the whole function again. Which of the two it is shows in whether the program defines the entry
//! point at the top level; then only what stands before the preamble's own definition (imports, helpers) is
//! put in front, so that the preamble's empty stub can't stand in for a function that the program lost.

/// The source to run: `preamble` and `program` joined. `entry_point` is the function the tests call, if any.
pub(crate) fn judged(preamble: &str, program: &str, entry_point: Option<&str>) -> String {
    if preamble.is_empty() {
        return program.to_owned();
    }
    let before = match entry_point {
        // `Solution.method`: the class is what the program must define.
        Some(name) => {
            let name = name.split('.').next().unwrap_or(name);
            if definition(program, name).is_some() {
                &preamble[..definition(preamble, name).unwrap_or(preamble.len())]
            } else {
                preamble
            }
        }
        None => preamble,
    };
    let line_end = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{before}{line_end}{program}")
}

/// Byte at which the last line of C++ starts that stands at the left margin and names a function in front of its parameters.
pub(super) fn heads(source: &str, name: &str) -> Option<usize> {
    let mut start = 0;
    let mut found = None;
    for line in source.split_inclusive('\n') {
        let at_margin = line.starts_with(|first: char| first.is_alphabetic() || first == '_');
        let calls = line.match_indices(name).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let whole = before.is_some_and(|letter| !letter.is_alphanumeric() && letter != '_');
            whole && line[at + name.len()..].trim_start().starts_with('(')
        });
        if at_margin && calls {
            found = Some(start);
        }
        start += line.len();
    }
    found
}

/// Byte at which the last top-level definition of `name` starts: a function, a class or an assignment.
fn definition(source: &str, name: &str) -> Option<usize> {
    let mut start = 0;
    let mut found = None;
    for line in source.split_inclusive('\n') {
        let defines = ["def ", "async def ", "class ", ""].iter().any(|keyword| {
            let rest = line.strip_prefix(keyword).map(|rest| {
                if keyword.is_empty() {
                    rest
                } else {
                    rest.trim_start()
                }
            });
            let Some(rest) = rest.and_then(|rest| rest.strip_prefix(name)) else {
                return false;
            };
            let rest = rest.trim_start();
            if keyword.is_empty() {
                rest.starts_with('=') && !rest.starts_with("==")
            } else {
                rest.starts_with(['(', ':', '['])
            }
        });
        if defines {
            found = Some(start);
        }
        start += line.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: &str =
        "import math\n\ndef help(x):\n    return x\n\ndef f(x):\n    \"\"\"Doubles.\"\"\"\n";

    #[test]
    fn a_body_continues_the_whole_preamble() {
        assert_eq!(
            judged(PROMPT, "    return 2 * x\n", Some("f")),
            format!("{PROMPT}    return 2 * x\n")
        );
        assert_eq!(
            judged("def f(x):", "    return x", Some("f")),
            "def f(x):\n    return x"
        );
    }

    #[test]
    fn a_whole_function_replaces_the_stub_and_keeps_the_helpers() {
        let program = "def f(x):\n    return 2 * help(x)\n";
        let expected = format!("import math\n\ndef help(x):\n    return x\n\n{program}");
        assert_eq!(judged(PROMPT, program, Some("f")), expected);
        let assigned = "f = lambda x: 2 * x\n";
        assert!(judged(PROMPT, assigned, Some("f")).ends_with("return x\n\nf = lambda x: 2 * x\n"));
    }

    #[test]
    fn neither_a_longer_name_nor_a_comparison_is_a_definition() {
        for program in [
            "def ff(x):\n    pass\n",
            "f == 3\n",
            "    def f(x): pass\n",
            "fs = 1\n",
        ] {
            assert_eq!(definition(program, "f"), None, "{program}");
        }
        assert_eq!(definition("x = 1\nclass Solution:\n", "Solution"), Some(6));
    }

    #[test]
    fn without_an_entry_point_everything_is_kept() {
        assert_eq!(
            judged("import sys", "print(1)", None),
            "import sys\nprint(1)"
        );
        assert_eq!(judged("", "print(1)", None), "print(1)");
    }
}
