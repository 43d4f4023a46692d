//! The extraction on a corpus of answer styles, and what holds for every text.

use proptest::prelude::*;
use rlef_sandbox::Language;

use super::*;
use crate::problem::Problem;

mod corpus;

use corpus::{call, headed, stdin};

fn source(completion: &str) -> Result<String, NoProgram> {
    let wanted = Wanted::of(&stdin(Language::Python));
    Program::find(completion, &wanted).map(|found| found.program.source)
}

#[test]
fn a_tag_never_chooses_a_language_that_the_problem_does_not_have() {
    let wat = "```wat\n(module)\n```";
    let python = stdin(Language::Python);
    let many = Wanted::of(&python).in_any_language(&python);
    let other = Err(NoProgram::OtherLanguage("wat".to_owned()));
    for wanted in [&Wanted::of(&python), &many, &Wanted::of(&call("f"))] {
        assert_eq!(Program::find(wat, wanted), other);
    }
    let cpp = "```cpp\nint main() {}\n```";
    assert_eq!(
        Program::find(cpp, &many).unwrap().program.language,
        Language::Cpp
    );
    assert!(Program::find(cpp, &Wanted::of(&python)).is_err());
    for problem in [call("f"), stdin(Language::Rust)] {
        let wanted = Wanted::of(&problem).in_any_language(&problem);
        assert!(Program::find(cpp, &wanted).is_err());
    }
    let wasm = stdin(Language::Wasm);
    assert!(Program::find(wat, &Wanted::of(&wasm)).is_ok());
}

#[test]
fn it_is_told_which_block_was_taken_and_why() {
    let told = |completion: &str, problem: &Problem| {
        let found = Program::find(completion, &Wanted::of(problem));
        serde_json::to_string(&Extraction::of(&found)).unwrap()
    };
    let answer = "```\n1 2\n```\n```python\ndef f(x):\n    return x\n```\n```python\nf(1)\n```";
    assert_eq!(
        told(answer, &call("f")),
        r#"{"block":2,"of":3,"rule":"defines_entry_point"}"#
    );
    assert_eq!(
        told("```python\nprint(input())\n```", &stdin(Language::Python)),
        r#"{"block":1,"of":1,"rule":"reads_and_prints"}"#
    );
    assert_eq!(told("hm", &call("f")), r#"{"none":"no_fence"}"#);
    assert_eq!(
        told("```sql\nSELECT\n```", &call("f")),
        r#"{"none":{"other_language":"sql"}}"#
    );
    let head = headed("f", "def f(x):\n", Language::Python);
    assert_eq!(
        told("    return x", &head),
        r#"{"block":0,"of":0,"rule":"bare"}"#
    );
    for text in [
        r#"{"block":2,"of":3,"rule":"has_main"}"#,
        r#"{"none":{"other_language":"sql"}}"#,
    ] {
        let read: Extraction = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_program() {
    let program = Program::bare("\u{feff}int x;", Language::Cpp);
    assert_eq!(program.source, "int x;");
}

/// Ways to wrap a program, which give it back.
fn wrapped(program: &str, style: usize, before: &str) -> String {
    let indented = |by: &str| {
        program
            .lines()
            .map(|line| {
                if line.is_empty() {
                    "\n".to_owned()
                } else {
                    format!("{by}{line}\n")
                }
            })
            .collect::<String>()
    };
    match style {
        0 => format!("{before}\n```python\n{program}```\n"),
        1 => format!("{before}\n~~~py\n{program}~~~"),
        2 => format!("{before}\n- x:\n\n  ```python3\n{}  ```\n", indented("  ")),
        3 => format!("{before}\n> ```python\n{}> ```\n", indented("> ")),
        4 => format!("<think>\n```python\nprint(input())\n```\n</think>\n```python\n{program}```"),
        5 => format!("{before}: ```python\n{program}```<|im_end|>"),
        6 => format!("<answer>```{{python}}\n{program}```</answer>"),
        7 => format!("[THINK]{before}[/THINK]\n`````pypy3\n{program}`````\n```text\n3\n```"),
        8 => format!(
            "{before}\n\u{feff}    ```Python\n{}    ```",
            indented("    ")
        ),
        _ => format!("analysisWe {before}.assistantfinal```python\n{program}```"),
    }
}

const STYLES: usize = 10;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_wrapped_program_comes_back_unchanged(
        lines in prop::collection::vec("[ -;=?-Z\\\\^_a-z|~]{0,20}", 0..6),
        style in 0..STYLES,
        before in "[a-z\n]{0,20}",
    ) {
        // It reads and prints, whatever else is in it; its first line stands at the margin.
        let program = format!("print(input())\n{}\n", lines.join("\n"));
        let text = wrapped(&program, style, &before);
        prop_assert_eq!(source(&text), Ok(program), "{}", text);
    }

    #[test]
    fn line_ends_change_nothing(completion in "([a-z() ]{0,8}|```|```python|\n|\n\n|    |'''|#|<think>|</think>){0,24}") {
        let found = source(&completion);
        prop_assert_eq!(&source(&completion.replace('\n', "\r\n")), &found);
        prop_assert_eq!(&source(&completion.replace('\n', "\r")), &found);
    }

    #[test]
    fn no_text_panics_and_each_line_of_a_program_is_the_answers(
        parts in prop::collection::vec(prop::sample::select(PARTS), 0..30),
        more in ".{0,20}",
    ) {
        let completion = parts.concat() + &more;
        let problems = [
            stdin(Language::Python), stdin(Language::Cpp), stdin(Language::JavaScript), stdin(Language::Rust),
            call("f"), call("A.f"),
            headed("f", "def f(x):\n", Language::Python), headed("f", "int f(int x) {\n", Language::Cpp),
        ];
        for problem in &problems {
            let Ok(found) = Program::find(&completion, &Wanted::of(problem)) else {
                continue;
            };
            // In order, each is what a line of the answer ends in or holds.
            let mut rest = completion.as_str();
            for line in found.program.source.lines() {
                let at = rest.find(line);
                prop_assert!(at.is_some(), "{line:?} in {completion:?}");
                rest = &rest[at.unwrap() + line.len()..];
            }
            prop_assert!(!found.program.source.trim().is_empty());
            prop_assert_eq!(found.program.language, problem.language());
        }
    }
}

/// What answers are made of.
const PARTS: &[&str] = &[
    "```",
    "````",
    "~~~",
    "```python",
    "```cpp",
    "```text",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "    ",
    "\t",
    "> ",
    "- ",
    "1. ",
    "print(input())",
    "def f(x):",
    "class A:",
    "    return x",
    "int main() {",
    "}",
    "'''",
    "\"\"\"",
    "\"",
    "'",
    "\\",
    "#",
    "//",
    "/*",
    "*/",
    "R\"(",
    ")\"",
    "r#\"",
    "`",
    "<think>",
    "</think>",
    "[THINK]",
    "[/THINK]",
    "<|channel|>analysis<|message|>",
    "<|end|>",
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "assistantfinal",
    "analysisWe",
    "<answer>",
    "</answer>",
    "<|im_end|>",
    "<|im_start|>user",
    "</s>",
    "\u{feff}",
    "\u{25c1}think\u{25b7}",
    "\u{25c1}",
    "\u{ff5c}",
    "<",
    ">",
    "[",
    "]",
    "(",
    ")",
    "{",
    "\u{e9}",
    "Here is my thought process:",
    "Here is my response:",
    "x = 1",
    "words and words",
    ":",
    "0",
    "\u{0}",
    "```markdown",
];
