//! A small program in each language that this host is said to have, run as any other: what works is known only then.

use crate::error::SandboxError;
use crate::job::{Job, Language, Start};
use crate::languages::LanguageState;
use crate::limits::Limits;
use crate::outcome::{Outcome, Status};
use crate::sandbox::Sandbox;

/// What every program reads, and what it prints then.
const INPUT: &[u8] = b"2\n";
const EXPECTED: &[u8] = b"5";
/// Imports NumPy, and computes with its libraries.
const NUMPY: &str = "import numpy\nrow = numpy.ones((3, 3)).dot(numpy.ones(3))\nprint(int(row.sum()) - 6 + int(input()))";

/// A program that adds three to what it reads.
fn program(language: Language) -> &'static str {
    match language {
        Language::Python => "print(int(input()) + 3)",
        Language::Cpp => {
            "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n + 3; }"
        }
        Language::C => {
            "#include <stdio.h>\nint main(void) { int n; scanf(\"%d\", &n); printf(\"%d\", n + 3); return 0; }"
        }
        Language::Rust => {
            "fn main() { let mut s = String::new(); std::io::stdin().read_line(&mut s).unwrap(); \
             println!(\"{}\", s.trim().parse::<i32>().unwrap() + 3); }"
        }
        Language::Java => {
            "public class Main { public static void main(String[] a) throws Exception { \
             System.out.print(System.in.read() - '0' + 3); } }"
        }
        Language::JavaScript => "console.log(Number(require('fs').readFileSync(0, 'utf8')) + 3)",
        Language::Go => {
            "package main\nimport \"fmt\"\nfunc main() { var n int; fmt.Scan(&n); fmt.Print(n + 3) }"
        }
        Language::Php => "<?php echo intval(fgets(STDIN)) + 3;",
        Language::Ruby => "puts gets.to_i + 3",
        Language::Lua => "print(math.floor(io.read('n') + 3))",
        Language::Perl => "print <STDIN> + 3;",
        Language::Bash => "read n; echo $((n + 3))",
        Language::TypeScript => {
            "const n: number = Number(require('fs').readFileSync(0, 'utf8')); console.log(n + 3);"
        }
        Language::CSharp => {
            "class P { static void Main() { \
             System.Console.WriteLine(int.Parse(System.Console.ReadLine()) + 3); } }"
        }
        Language::Kotlin => "fun main() { println(readLine()!!.trim().toInt() + 3) }",
        Language::Scala => {
            "object Main { def main(a: Array[String]): Unit = println(scala.io.StdIn.readInt() + 3) }"
        }
        Language::Haskell => "main = do { n <- readLn; print (n + 3 :: Int) }",
        // Prints the sum as a digit, from what it reads into its memory.
        Language::Wasm => {
            r#"(module (import "wasi_snapshot_preview1" "fd_read" (func $r (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "\10\00\00\00\01\00\00\00")
            (func (export "_start") (drop (call $r (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
            (i32.store8 (i32.const 16) (i32.add (i32.load8_u (i32.const 16)) (i32.const 3)))
            (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#
        }
    }
}

impl Sandbox {
    /// [`Sandbox::languages`], of which each has run a program; and a program with NumPy, where the interpreter has that.
    /// Takes seconds.
    pub fn tried_languages(&self) -> Vec<LanguageState> {
        let mut states = self.languages();
        for state in &mut states {
            if !state.usable {
                continue;
            }
            let mut programs = vec![("a program", program(state.language))];
            if state.language == Language::Python && self.has_numpy() {
                programs.push(("a program that imports numpy", NUMPY));
            }
            let broken = programs
                .into_iter()
                .find_map(|(name, source)| Some((name, self.trial(state.language, source)?)));
            if let Some((name, how)) = broken {
                state.usable = false;
                state.tools = format!("{}, but {name} does not run: {how}", state.tools);
            } else if state.language == Language::Python {
                // How it runs shows only now.
                state.tools = self.python_tools();
            }
        }
        states
    }

    /// What is wrong with a run, if anything.
    fn trial(&self, language: Language, source: &str) -> Option<String> {
        let job = Job {
            language,
            source: source.as_bytes().to_vec(),
            start: Start::Fork,
            files: None,
        };
        match self.run(&job, INPUT, &Limits::default()) {
            Ok(outcome) if is_right(&outcome) => None,
            Ok(outcome) => Some(format!(
                "it ended with {:?} and printed {:?}; {}",
                outcome.status,
                String::from_utf8_lossy(&outcome.stdout),
                String::from_utf8_lossy(&outcome.stderr).trim()
            )),
            Err(error) => Some(format!("failed to {}", chain(&error))),
        }
    }
}

fn is_right(outcome: &Outcome) -> bool {
    outcome.status == Status::Exited(0) && outcome.stdout.trim_ascii() == EXPECTED
}

fn chain(error: &SandboxError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
