//! Programs that decide: checkers and interactors, and programs whose input and output are files.

mod files;

use rlef::comparator::{Checker, Comparison, Protocol};
use rlef::problem::{FileNames, TestCase};
use rlef::program::Program;
use rlef::verdict::{Grade, JudgeError, Scope, StopAt};
use rlef_sandbox::Language;

use super::host::{judge, problem, stdin, verdict};

fn decided(comparison: Comparison, tests: Vec<TestCase>) -> rlef::problem::Problem {
    let mut problem = problem(tests);
    problem.comparison = comparison;
    problem
}

fn program_that_decides(source: &str, protocol: Protocol) -> Checker {
    Checker {
        language: Language::Python,
        source: source.into(),
        protocol,
        flags: Vec::new(),
    }
}

/// Any two numbers with the right sum; the answer file holds the sum.
const SUM: &str = "import sys\na, b = map(int, open(sys.argv[2]).read().split())\n\
    wanted = int(open(sys.argv[3]).read())\nsys.exit(0 if a + b == wanted else 1)\n";

#[test]
fn a_checker_decides_where_many_answers_are_right() {
    let rule = Comparison::Checker(program_that_decides(SUM, Protocol::Testlib));
    let set = decided(rule, vec![stdin("5", "5"), stdin("7", "7")]);
    assert_eq!(
        verdict("print(1, int(input()) - 1)", &set).grade,
        Grade::Accepted
    );
    let wrong = verdict("print(2, 3)", &set);
    assert_eq!((wrong.grade, wrong.passed), (Grade::WrongAnswer, 1));
    assert_eq!(verdict("1/0", &set).grade, Grade::RuntimeError);
    let printed =
        "import sys\nprint(1 if open(sys.argv[2]).read() == open(sys.argv[3]).read() else 0.5)\n";
    let rule = Comparison::Checker(program_that_decides(printed, Protocol::Printed));
    let set = decided(rule, vec![stdin("", "5\n")]);
    assert_eq!(verdict("print(5)", &set).grade, Grade::Accepted);
    assert_eq!(verdict("print(6)", &set).grade, Grade::WrongAnswer);
}

fn in_cpp(source: &str) -> Checker {
    Checker {
        language: Language::Cpp,
        source: source.into(),
        protocol: Protocol::Testlib,
        flags: Vec::new(),
    }
}

/// The same in C++, by exit code: 0 accepts; 1, 2 and 7 reject; 3 and everything else says nothing of the program.
const CPP_SUM: &str = "#include <cstdlib>\n#include <fstream>\nint main(int argc, char *argv[]) {\n    \
    if (argc != 4) return 3;\n    std::ifstream input(argv[1]), output(argv[2]), answer(argv[3]);\n    \
    long given, a, b, wanted, code;\n    input >> given;\n    if (!(output >> a >> b)) return 2;\n    \
    if (output >> code) return int(code);\n    answer >> wanted;\n    \
    return a + b == wanted && given == wanted ? 0 : 1;\n}\n";

#[test]
fn a_checker_in_cpp_decides_by_its_exit_code() {
    let set = decided(
        Comparison::Checker(in_cpp(CPP_SUM)),
        vec![stdin("5", "5"), stdin("7", "7")],
    );
    let accepted = verdict("print(1, int(input()) - 1)", &set);
    assert_eq!((accepted.grade, accepted.passed), (Grade::Accepted, 2));
    let wrong = verdict("print(2, 3)", &set);
    assert_eq!((wrong.grade, wrong.passed), (Grade::WrongAnswer, 1));
    for rejected in ["print('x')", "print(1, 2, 2)", "print(1, 2, 7)", "pass"] {
        assert_eq!(
            verdict(rejected, &set).grade,
            Grade::WrongAnswer,
            "{rejected}"
        );
    }
    assert_eq!(verdict("1/0", &set).grade, Grade::RuntimeError);
    // It fails on these outputs only, not on the expected answer: no program may choose to have no verdict.
    for broken in ["print(1, 2, 3)", "print(1, 2, 99)"] {
        assert_eq!(verdict(broken, &set).grade, Grade::WrongAnswer, "{broken}");
    }
}

#[test]
fn a_checker_in_cpp_that_does_not_compile_or_wants_another_header_is_an_error() {
    let program = Program::bare("print(1, 4)", Language::Python);
    let check = |source: &str, judge: &rlef::verdict::TestJudge<rlef_sandbox::Sandbox>| {
        let set = decided(Comparison::Checker(in_cpp(source)), vec![stdin("5", "5")]);
        judge.verdict(&program, &set, Scope::All, StopAt::Never)
    };
    let error = check("int main() { return x; }", judge()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, JudgeError::BrokenChecker { .. }), "{text}");
    assert!(text.contains("checker.cpp:1:"), "{text}");
    // In the manner of testlib, in our own words: the header opens the files and ends with the code.
    let header = "#pragma once\n#include <cstdlib>\n#include <fstream>\nstatic std::ifstream inf, ouf, ans;\n\
        inline void registerTestlibCmd(int argc, char **argv) {\n    if (argc < 4) std::exit(3);\n    \
        inf.open(argv[1]); ouf.open(argv[2]); ans.open(argv[3]);\n}\n";
    let checker = "  # include \"testlib.h\"\nint main(int argc, char **argv) {\n    registerTestlibCmd(argc, argv);\n    \
        long a, b, wanted;\n    ouf >> a >> b;\n    ans >> wanted;\n    std::exit(a + b == wanted ? 0 : 1);\n}\n";
    let error = check(checker, judge()).unwrap_err().to_string();
    assert!(
        error.contains("testlib.h") && error.contains("RLEF_TESTLIB"),
        "{error}"
    );
    let config = rlef_sandbox::SandboxConfig {
        workers: 1,
        helper: Some(std::path::PathBuf::from(env!("CARGO_BIN_EXE_rlef"))),
        ..rlef_sandbox::SandboxConfig::default()
    };
    let given = rlef::verdict::TestJudge::new(rlef_sandbox::Sandbox::new(config).unwrap())
        .with_testlib(header.to_owned());
    assert_eq!(check(checker, &given).unwrap().grade, Grade::Accepted);
    let broken = checker.replace("ouf >> a", "uof >> a");
    let error = check(&broken, &given).unwrap_err().to_string();
    assert!(error.contains("checker.cpp:5:"), "{error}");
}

#[test]
fn a_checker_that_fails_is_an_error_and_no_verdict() {
    for (source, protocol) in [
        ("1/0", Protocol::Testlib),
        ("raise SystemExit(3)", Protocol::Testlib),
        ("import os\nos.kill(os.getpid(), 9)", Protocol::Testlib),
        ("", Protocol::Printed),
        ("print('maybe')", Protocol::Printed),
    ] {
        let rule = Comparison::Checker(program_that_decides(source, protocol));
        let set = decided(rule, vec![stdin("", "")]);
        let program = Program::bare("print(1)", Language::Python);
        let error = judge().verdict(&program, &set, Scope::All, StopAt::Never);
        assert!(
            matches!(error, Err(JudgeError::BrokenChecker { .. })),
            "{source}: {error:?}"
        );
    }
}

/// Whatever makes a careless checker fail is a wrong answer, as long as the checker can read the expected one.
#[test]
fn output_that_a_careless_checker_fails_on_is_a_wrong_answer() {
    let sorted = "import sys\ngot, want = (sorted(map(int, open(name).read().split())) for name in sys.argv[2:4])\n\
        sys.exit(0 if got == want else 1)\n";
    let table = "#include <fstream>\n#include <vector>\nint main(int, char **names) {\n    std::ifstream output(names[2]);\n    \
        unsigned long at;\n    output >> at;\n    std::vector<int> squares(100);\n    return squares.at(at) == 0 ? 0 : 1;\n}\n";
    let hungry = "import sys\nwords = open(sys.argv[2]).read().split()\ntable = [[w] * len(words) for w in words]\n\
        sys.exit(0 if len(table) == 2 else 1)\n";
    let python = |source| Comparison::Checker(program_that_decides(source, Protocol::Testlib));
    for (rule, expected, outputs) in [
        (
            python(sorted),
            "1 2",
            &[
                "print('abc')",
                "import sys\nsys.stdout.buffer.write(b'\\xff 1')",
                "print('9' * 5000)",
            ][..],
        ),
        (
            Comparison::Checker(in_cpp(table)),
            "7",
            &["print(10 ** 9)"][..],
        ),
        (python(hungry), "1 2", &["print('1 ' * 100000)"][..]),
    ] {
        let set = decided(rule, vec![stdin("", expected)]);
        let right = format!("print({expected:?})");
        assert_eq!(verdict(&right, &set).grade, Grade::Accepted);
        for output in outputs {
            assert_eq!(verdict(output, &set).grade, Grade::WrongAnswer, "{output}");
        }
    }
}

/// No bound of a checker's holds a NaN or an infinity; where the test has such a number itself, the checker's word stands.
#[test]
fn what_is_beyond_every_bound_is_no_answer() {
    let far = "import sys\ngot, want = (float(open(name).read()) for name in sys.argv[2:4])\n\
        sys.exit(1 if abs(got - want) > 1e-6 * max(1, abs(got), abs(want)) else 0)\n";
    let rule = || Comparison::Checker(program_that_decides(far, Protocol::Testlib));
    let set = decided(rule(), vec![stdin("", "2.5")]);
    for (printed, expected) in [
        ("2.5", Grade::Accepted),
        ("2.6", Grade::WrongAnswer),
        ("nan", Grade::WrongAnswer),
        ("-NaN", Grade::WrongAnswer),
        ("inf", Grade::WrongAnswer),
        ("1e999", Grade::WrongAnswer),
    ] {
        let grade = verdict(&format!("print('{printed}')"), &set).grade;
        assert_eq!(grade, expected, "{printed}");
    }
    let set = decided(rule(), vec![stdin("", "nan")]);
    assert_eq!(verdict("print('nan')", &set).grade, Grade::Accepted);
}

/// What the checker knows, the program can't find: nothing is left in its sandbox, before or after the checker.
#[test]
fn the_answer_is_in_the_checkers_sandbox_only() {
    let spy = "import os\nfound = [name for folder, _, names in os.walk('.') for name in names]\n\
        print(1, int(input()) - 1 if not found else 99)\n";
    let rule = Comparison::Checker(program_that_decides(SUM, Protocol::Testlib));
    let set = decided(rule, (0..4).map(|_| stdin("5", "5")).collect());
    for _ in 0..3 {
        assert_eq!(verdict(spy, &set).grade, Grade::Accepted);
    }
}

#[test]
fn an_interactor_talks_with_the_program() {
    let python = "import sys\nsecret = int(open(sys.argv[1]).read())\nfor _ in range(20):\n    got = int(input())\n    \
        print('=' if got == secret else '<' if secret < got else '>', flush=True)\n    if got == secret:\n        \
        sys.exit(0)\nsys.exit(1)\n";
    let cpp = "#include <fstream>\n#include <iostream>\nint main(int, char **names) {\n    int secret, got;\n    \
        std::ifstream(names[1]) >> secret;\n    for (int i = 0; i < 20 && std::cin >> got; i++) {\n        \
        std::cout << (got == secret ? \"=\" : secret < got ? \"<\" : \">\") << std::endl;\n        \
        if (got == secret) return 0;\n    }\n    return 1;\n}\n";
    // It never reads, so that only writing tells it that nobody is there.
    let talker = "#include <iostream>\nint main() { for (;;) std::cout << 1 << std::endl; }\n";
    let set = |interactor| {
        let cases = vec![stdin("37", ""), stdin("99", "")];
        decided(Comparison::Interactor(interactor), cases)
    };
    let talked_at = verdict("print(37)", &set(in_cpp(talker)));
    assert_eq!(talked_at.grade, Grade::WrongAnswer);
    for interactor in [program_that_decides(python, Protocol::Testlib), in_cpp(cpp)] {
        guessed_right(&set(interactor));
    }
}

fn guessed_right(set: &rlef::problem::Problem) {
    let search = "low, high = 0, 100\nwhile True:\n    middle = (low + high) // 2\n    print(middle, flush=True)\n    \
        said = input()\n    if said == '=':\n        break\n    if said == '<':\n        high = middle - 1\n    else:\n        \
        low = middle + 1\n";
    assert_eq!(verdict(search, set).grade, Grade::Accepted);
    let silent = verdict(
        "for guess in range(10):\n    print(guess, flush=True)\n    input()\n",
        set,
    );
    assert_eq!(silent.grade, Grade::WrongAnswer);
    // Accepted, and then it crashes; crashes while it is waited for; crashes, but what it said was wrong already.
    for (program, grade) in [
        ("print(37, flush=True)\n1/0", Grade::RuntimeError),
        ("print(50, flush=True)\n1/0", Grade::RuntimeError),
        ("1/0", Grade::RuntimeError),
        ("def f(:", Grade::CompileError),
        ("while True: print(1)", Grade::WrongAnswer),
        (
            "for _ in range(30): print(1, flush=True)\n1/0",
            Grade::WrongAnswer,
        ),
        (
            "for _ in range(20): print(1, flush=True)\nwhile True: pass",
            Grade::WrongAnswer,
        ),
    ] {
        for _ in 0..3 {
            assert_eq!(verdict(program, set).grade, grade, "{program}");
        }
    }
}

/// What a program says may make a careless interactor fail: that is the program's doing, unless it fails by itself.
#[test]
fn an_interactor_that_fails_is_the_programs_doing_or_broken() {
    let careless = "import sys\nsecret = int(open(sys.argv[1]).read())\nprint('?', flush=True)\n\
        guess = int(sys.stdin.readline())\nsys.exit(0 if guess == secret else 1)\n";
    let set = |source| {
        let rule = Comparison::Interactor(program_that_decides(source, Protocol::Testlib));
        decided(rule, vec![stdin("37", "")])
    };
    assert_eq!(verdict("print(37)", &set(careless)).grade, Grade::Accepted);
    for said in ["print('abc')", "pass", "print('9' * 5000)"] {
        assert_eq!(
            verdict(said, &set(careless)).grade,
            Grade::WrongAnswer,
            "{said}"
        );
    }
    let endless = "while True: print('1' * 100000, end='')";
    assert_eq!(verdict(endless, &set(careless)).grade, Grade::OutputLimit);
    for broken in ["1/0", "import os\nos.kill(os.getpid(), 9)"] {
        let program = Program::bare("print(37)", Language::Python);
        let error = judge().verdict(&program, &set(broken), Scope::All, StopAt::Never);
        assert!(
            matches!(error, Err(JudgeError::BrokenInteractor { .. })),
            "{broken}: {error:?}"
        );
    }
}

/// It reads nothing, so it can't be waiting for anything that a program would say.
#[test]
fn an_interactor_that_sleeps_is_at_fault_itself() {
    let rule = Comparison::Interactor(program_that_decides(
        "import time\ntime.sleep(1000)\n",
        Protocol::Testlib,
    ));
    let mut set = decided(rule, vec![stdin("37", "")]);
    (set.limits.cpu_ms, set.limits.wall_ms) = (400, 500);
    let program = Program::bare("print(37, flush=True)\ninput()", Language::Python);
    let error = judge().verdict(&program, &set, Scope::All, StopAt::Never);
    assert!(
        matches!(error, Err(JudgeError::BrokenInteractor { .. })),
        "{error:?}"
    );
}

/// A program that goes on when it has been rejected gets one verdict, however often it is asked.
#[test]
fn a_verdict_on_a_dialogue_is_no_matter_of_speed() {
    each_dialogue_has_one_verdict(10);
}

#[test]
#[ignore = "minutes: a thousand dialogues"]
fn a_thousand_verdicts_on_dialogues_are_no_matter_of_speed() {
    each_dialogue_has_one_verdict(200);
}

fn each_dialogue_has_one_verdict(times: usize) {
    let interactor = "import sys\nsecret = int(open(sys.argv[1]).read())\nfor _ in range(3):\n    guess = int(input())\n    \
        print('=' if guess == secret else '<', flush=True)\n    if guess == secret:\n        sys.exit(0)\nsys.exit(1)\n";
    let rule = Comparison::Interactor(program_that_decides(interactor, Protocol::Testlib));
    let cases = (0..times).map(|_| stdin("37", "")).collect();
    let set = decided(rule, cases);
    for (program, grade) in [
        (
            "n = 0\nwhile True:\n    n += 1\n    print(n % 9, flush=True)\n    input()",
            Grade::WrongAnswer,
        ),
        ("while True: print(1, flush=True)", Grade::WrongAnswer),
        ("print(37)", Grade::Accepted),
        ("print(1)\nprint(2)\nprint(37)", Grade::Accepted),
        ("print(1)\nprint(2, flush=True)\n1/0", Grade::RuntimeError),
    ] {
        let verdict = verdict(program, &set);
        let grades: Vec<Grade> = verdict.failures.iter().map(|one| one.grade).collect();
        let failing = if grade == Grade::Accepted { 0 } else { times };
        assert_eq!(grades, vec![grade; failing], "{program}");
    }
}
