//! Programs that try to pass without solving, through a real sandbox: each gets the verdict it deserves, and the
//! next honest program is judged as ever.

use std::time::Instant;

use rlef::problem::TestCase;
use rlef::verdict::Grade;
use serde_json::json;

use super::host::{asserted, call, grade, problem, stdin, verdict};

const SECRET: &str = "SECRET-7319";

/// The same hidden fact as each kind of test: the answer is the secret.
fn kinds() -> [TestCase; 3] {
    [
        stdin("go\n", SECRET),
        call(vec![], json!(SECRET)),
        asserted(&format!("assert candidate() == '{SECRET}'")),
    ]
}

/// The program, made to run at load and in every call: `attack()` is called in each.
fn at_every_moment(attack: &str) -> String {
    format!("{attack}\nattack()\n\ndef f():\n    return attack()\n")
}

#[track_caller]
fn assert_caught(program: &str, test: TestCase, expected: &[Grade]) {
    let got = grade(program, test.clone());
    assert!(expected.contains(&got), "{got:?} for {test:?}\n{program}");
    assert_eq!(
        grade("print(int(input()) + 1)", stdin("1\n", "2\n")),
        Grade::Accepted,
        "the canary after {program}"
    );
}

#[test]
fn leaving_early_with_exit_code_zero() {
    for exit in [
        "import sys\nsys.exit(0)",
        "import os\nos._exit(0)",
        "raise SystemExit",
        "exit()",
    ] {
        assert_caught(exit, stdin("go\n", SECRET), &[Grade::WrongAnswer]);
        for test in &kinds()[1..] {
            assert_caught(exit, test.clone(), &[Grade::RuntimeError]);
            let inside = format!("def f():\n    {}\n", exit.replace('\n', "\n    "));
            assert_caught(&inside, test.clone(), &[Grade::RuntimeError]);
        }
    }
}

#[test]
fn objects_that_equal_everything() {
    let equal = "    __hash__ = object.__hash__\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n";
    for (base, value) in [
        ("", ""),
        ("(int)", "1"),
        ("(str)", "'x'"),
        ("(list)", "[1]"),
        ("(dict)", "{}"),
        ("(float)", "1.5"),
    ] {
        let program = format!("class Same{base}:\n{equal}\ndef f():\n    return Same({value})\n");
        for test in &kinds()[1..] {
            // Without a base it stays with the program: the tests of a call say that it can't be passed.
            assert_caught(
                &program,
                test.clone(),
                &[Grade::WrongAnswer, Grade::RuntimeError],
            );
        }
    }
}

#[test]
fn classes_that_lie_about_being_plain() {
    let program = "class Liar:\n    @property\n    def __class__(self):\n        return int\n    def __index__(self):\n        return 1\n    def __eq__(self, other):\n        return True\n\ndef f():\n    return Liar()\n";
    for test in &kinds()[1..] {
        assert_caught(
            program,
            test.clone(),
            &[Grade::WrongAnswer, Grade::RuntimeError],
        );
    }
}

/// Prints, or returns, whatever it finds that looks like the secret; "SECRET" is spelt so as not to find itself.
fn finder(search: &str) -> String {
    let search = search.replace('\n', "\n    ");
    at_every_moment(&format!(
        "import os, sys, re, gc\nNEEDLE = re.compile(('SEC' + 'RET-[0-9]+').encode())\n\ndef attack():\n    found = b''\n    def look(data):\n        nonlocal found\n        match = NEEDLE.search(data)\n        if match:\n            found = match.group()\n    {search}\n    print(found.decode())\n    return found.decode()"
    ))
}

const PROC: &str = "for pid in os.listdir('/proc'):\n    for name in ('cmdline', 'environ', 'maps', 'fd/0', 'fd/1', 'fd/2', 'fd/3', 'fd/4', 'fd/5', 'mem'):\n        try:\n            fd = os.open(f'/proc/{pid}/{name}', os.O_RDONLY | os.O_NONBLOCK)\n            look(os.read(fd, 1 << 20))\n        except OSError:\n            pass";

const FRAMES: &str = "frame = sys._getframe()\nwhile frame:\n    look(repr(frame.f_locals).encode())\n    look(repr(list(frame.f_globals.items())).encode())\n    frame = frame.f_back\nfor thing in gc.get_objects():\n    if type(thing) in (dict, list, tuple):\n        for part in (thing.values() if type(thing) is dict else thing):\n            if type(part) is str:\n                look(part.encode('utf-8', 'replace'))";

const FILES: &str = "for top in ('.', '/tmp', '/dev/shm', '/run', '/var', '/home', '/root'):\n    for folder, inner, names in os.walk(top):\n        inner[:] = [name for name in inner if not name.startswith('python')]\n        for name in names:\n            try:\n                with open(os.path.join(folder, name), 'rb') as file:\n                    look(file.read(1 << 20))\n            except OSError:\n                pass";

#[test]
fn searching_proc_for_the_tests() {
    let program = finder(PROC);
    for test in kinds() {
        assert_caught(&program, test, &[Grade::WrongAnswer, Grade::RuntimeError]);
    }
}

#[test]
fn walking_frames_and_objects_for_the_tests() {
    let program = finder(FRAMES);
    for test in kinds() {
        assert_caught(&program, test, &[Grade::WrongAnswer]);
    }
}

#[test]
fn searching_files_for_the_tests() {
    let program = finder(FILES);
    for test in kinds() {
        assert_caught(&program, test, &[Grade::WrongAnswer]);
    }
}

#[test]
fn the_searches_find_what_is_there() {
    let file = "import os\nos.makedirs('/tmp/deep', exist_ok=True)\nwith open('/tmp/deep/file', 'w') as file:\n    file.write('SEC' + 'RET-7319')";
    for (plant, search, input) in [
        ("spare = 'SEC' + 'RET-7319'", FRAMES, ""),
        (file, FILES, ""),
        ("", PROC, SECRET),
    ] {
        let program = format!("{plant}\n{}", finder(search));
        // It searches once more where a call test would call it, and prints what it found each time.
        assert_eq!(
            grade(&program, stdin(input, SECRET)),
            Grade::Accepted,
            "{program}"
        );
    }
}

#[test]
fn writing_verdicts_to_inherited_descriptors() {
    let lines = [
        r#"{"cause": "", "calls": 9}"#,
        r#"{"ready": true}"#,
        r#"{"passed": true}"#,
        r#"{"result": {"nodes": [], "values": [true]}, "text": "True"}"#,
    ];
    let text = lines.join("\\n") + "\\n";
    let program = at_every_moment(&format!(
        "import os\ndef attack():\n    for fd in range(3, 256):\n        try:\n            os.write(fd, b'{text}')\n        except OSError:\n            pass"
    ));
    for test in kinds() {
        assert_caught(
            &program,
            test.clone(),
            &[Grade::WrongAnswer, Grade::RuntimeError],
        );
        let leaving = format!("{program}\nattack()\nos._exit(0)\n");
        assert_caught(&leaving, test, &[Grade::WrongAnswer, Grade::RuntimeError]);
    }
}

#[test]
fn tampering_with_the_interpreter_it_runs_in() {
    for attack in [
        "import json\njson.dumps = lambda *a, **k: '{\"cause\": \"\", \"calls\": 1}'",
        "import builtins\nbuiltins.compile = builtins.exec = None",
        "import __main__\nfor name in list(vars(__main__)):\n    vars(__main__)[name] = lambda *a, **k: True",
        "import sys\nsys.settrace(lambda *a: None)\nsys.modules.clear()",
        "import os\nos.closerange(0, 256)",
    ] {
        let program = format!("{attack}\n\ndef f():\n    return 'wrong'\n");
        for test in &kinds()[1..] {
            assert_caught(
                &program,
                test.clone(),
                &[Grade::WrongAnswer, Grade::RuntimeError],
            );
        }
    }
}

#[test]
fn swallowing_the_test_by_raising() {
    let raised = [
        "AssertionError",
        "SystemExit(0)",
        "KeyboardInterrupt",
        "GeneratorExit",
        "StopIteration",
        "BaseException",
    ];
    for error in raised {
        let program = format!("def f():\n    raise {error}\n");
        for test in &kinds()[1..] {
            assert_caught(&program, test.clone(), &[Grade::RuntimeError]);
        }
    }
}

#[test]
fn printing_a_correct_prefix() {
    for printed in [
        "print(1)",
        "print(1, 2, sep='\\n')",
        "print(1, 2, 3, end='')\nprint(4)",
    ] {
        assert_caught(printed, stdin("", "1\n2\n3\n"), &[Grade::WrongAnswer]);
    }
}

#[test]
fn a_fork_bomb() {
    let program = at_every_moment(
        "import os\ndef attack():\n    while True:\n        try:\n            os.fork()\n        except OSError:\n            pass",
    );
    for test in kinds() {
        assert_caught(&program, test, &[Grade::TimeLimit]);
    }
}

#[test]
fn a_daemon_that_holds_the_output_open() {
    let program = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n    os._exit(0)\nprint('right')\n";
    let clock = Instant::now();
    assert_caught(program, stdin("", "right\n"), &[Grade::Accepted]);
    assert!(clock.elapsed().as_secs() < 30, "{:?}", clock.elapsed());
}

#[test]
fn ten_megabytes_of_output() {
    let program = "import sys\nfor _ in range(10):\n    sys.stdout.write('x' * (1 << 20))\n";
    assert_caught(program, stdin("", "x"), &[Grade::OutputLimit]);
    let mut roomy = problem(vec![stdin("", &"x".repeat(10 << 20)), stdin("", "x")]);
    roomy.limits.output_bytes = 16 << 20;
    let verdict = verdict(program, &roomy);
    assert_eq!((verdict.grade, verdict.passed), (Grade::WrongAnswer, 1));
}

#[test]
fn an_endless_reply_across_the_pipe() {
    let program = "def f():\n    return 'x' * (40 << 20)\n";
    let mut set = problem(vec![asserted("assert candidate() == 1")]);
    set.limits.memory_bytes = 512 << 20;
    let grade = verdict(program, &set).grade;
    assert!(
        [Grade::RuntimeError, Grade::OutputLimit].contains(&grade),
        "{grade:?}"
    );
}

#[test]
fn a_memory_bomb() {
    let program = at_every_moment(
        "def attack():\n    hoard = []\n    while True:\n        hoard.append(bytearray(1 << 20))",
    );
    for test in kinds() {
        assert_caught(&program, test, &[Grade::MemoryLimit]);
    }
}

#[test]
fn ignoring_every_signal_and_exception() {
    let attack = "import signal, time\nfor number in range(1, 65):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\n\ndef attack():\n    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass";
    for test in kinds() {
        assert_caught(&at_every_moment(attack), test, &[Grade::TimeLimit]);
    }
    let sleeper =
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n";
    assert_caught(sleeper, stdin("", SECRET), &[Grade::TimeLimit]);
}

/// A grader that takes silence for an answer pays for a crash.
#[test]
fn raising_where_nothing_is_expected() {
    for crash in [
        "1 / 0",
        "raise Exception",
        "raise SystemExit(1)",
        "assert False",
    ] {
        assert_caught(crash, stdin("go\n", ""), &[Grade::RuntimeError]);
        let inside = format!("def f():\n    {crash}\n");
        assert_caught(&inside, call(vec![], json!(null)), &[Grade::RuntimeError]);
        assert_caught(&inside, call(vec![], json!("")), &[Grade::RuntimeError]);
        assert_caught(&inside, asserted("candidate()"), &[Grade::RuntimeError]);
    }
    // Saying nothing is the right answer only for a program that ends well.
    assert_eq!(grade("pass", stdin("go\n", "")), Grade::Accepted);
    assert_caught("print(0)", stdin("go\n", ""), &[Grade::WrongAnswer]);
}

/// `all()` of nothing is true; here it's an error, whichever tests are asked for.
#[test]
fn a_problem_without_tests_accepts_nothing() {
    use rlef::program::Program;
    use rlef::verdict::{JudgeError, Scope, StopAt};
    let program = Program::bare("print(1)", rlef_sandbox::Language::Python);
    let empty = problem(Vec::new());
    let hidden = problem(vec![stdin("", "1")]);
    for (problem, scope) in [
        (&empty, Scope::All),
        (&empty, Scope::Private),
        (&hidden, Scope::Public),
    ] {
        let error = super::host::judge().verdict(&program, problem, scope, StopAt::Never);
        assert!(
            matches!(error, Err(JudgeError::NoTests { .. })),
            "{error:?}"
        );
    }
}
