//! Input and output by files, and the rule on digits.

use super::*;

#[test]
fn programs_may_read_and_write_files() {
    let mut set = problem(vec![stdin("3", "4"), stdin("5", "6")]);
    set.files = Some(FileNames {
        input: "in.txt".into(),
        output: "out.txt".into(),
    });
    let good = "print('noise')\nopen('out.txt', 'w').write(str(int(open('in.txt').read()) + 1))";
    assert_eq!(verdict(good, &set).grade, Grade::Accepted);
    // The answer is brought home however the program ends.
    let leaves = format!("{good}\nimport os\nos._exit(0)");
    assert_eq!(verdict(&leaves, &set).grade, Grade::Accepted);
    assert_eq!(verdict("print(4)", &set).grade, Grade::WrongAnswer);
    assert_eq!(verdict("1/0", &set).grade, Grade::RuntimeError);
    assert_eq!(verdict("print(1", &set).grade, Grade::CompileError);
    // So it is what was left to the interpreter's end.
    for end in [
        "f = open('out.txt', 'w')\nf.write(str(n + 1))",
        "sys.stdout = open('out.txt', 'w')\nprint(n + 1)",
        "def main():\n    f = open('out.txt', 'w')\n    f.write(str(n + 1))\n    sys.exit()\nmain()",
        "import threading\nthreading.Thread(target=lambda: open('out.txt', 'w').write(str(n + 1))).start()",
        "import atexit\natexit.register(lambda: open('out.txt', 'w').write(str(n + 1)))",
    ] {
        let source = format!("import sys\nn = int(open('in.txt').read())\n{end}");
        assert_eq!(verdict(&source, &set).grade, Grade::Accepted, "{source}");
    }
}

#[test]
fn a_program_in_any_language_may_read_and_write_files() {
    let mut set = problem(vec![stdin("3", "4"), stdin("5", "6")]);
    set.limits.memory_bytes = 512 << 20;
    set.files = Some(FileNames {
        input: "in.txt".into(),
        output: "out.txt".into(),
    });
    let of = |language, source: &str| {
        let program = Program::bare(source, language);
        judge()
            .verdict(&program, &set, Scope::All, StopAt::Never)
            .unwrap()
            .grade
    };
    let plus = |add: &str| {
        format!(
            "#include <fstream>\nint main() {{ int n; std::ifstream(\"in.txt\") >> n; std::ofstream(\"out.txt\") << n + {add}; }}"
        )
    };
    assert_eq!(of(Language::Cpp, &plus("1")), Grade::Accepted);
    assert_eq!(of(Language::Cpp, &plus("2")), Grade::WrongAnswer);
    assert_eq!(
        of(Language::Cpp, "int main() { return 3; }"),
        Grade::RuntimeError
    );
}

#[test]
fn the_rule_on_digits_is_a_part_of_the_limits() {
    let ones = "1".repeat(5000);
    let tests = || {
        vec![
            stdin(&format!("{ones}\n"), &"2".repeat(5000)),
            TestCase::Call {
                function: "f".into(),
                arguments: vec![serde_json::json!(4999)],
                expected: serde_json::json!(format!("1{}", "0".repeat(4999))),
            },
            TestCase::Asserted {
                entry_point: "f".into(),
                code: "assert len(candidate(4500)) == 4501 and candidate(4500) == str(10 ** 4500)"
                    .into(),
                language: Language::Python,
            },
        ]
    };
    let source = "def f(n):\n    return str(10 ** n)\nif __name__ == '__main__':\n    print(int(input()) * 2)\n";
    let mut lifted = problem(tests());
    lifted.limits.int_digits = Some(0);
    assert_eq!(verdict(source, &lifted).grade, Grade::Accepted);
    let mut ruled = problem(tests());
    ruled.limits.int_digits = Some(4300);
    let own = verdict(
        "import sys\nprint(hasattr(sys, 'set_int_max_str_digits'))",
        &problem(vec![stdin("", "True")]),
    );
    if own.grade == Grade::Accepted {
        let found = verdict(source, &ruled);
        assert_eq!((found.grade, found.passed), (Grade::RuntimeError, 0));
    }
}
