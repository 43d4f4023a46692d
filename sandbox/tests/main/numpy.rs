//! Programs that import NumPy are forked from an interpreter that has imported it; where the host has none, that is
//! data like any other failed import. Each test says what must hold on hosts of both kinds.

use std::fs;
use std::process::Command;

use rlef_sandbox::{Batch, Cancel, Limits, Outcome, Sandbox, Side, Start, Status};

use crate::support::{
    canary, config, exec_job, helper, interpreter, job, limits, run, run_all, run_with, sandbox,
    starts_afresh, text,
};

/// What the interpreter itself says of its NumPy, if it has one.
fn version() -> Option<String> {
    let output = Command::new(interpreter())
        .args(["-I", "-c", "import numpy; print(numpy.__version__)"])
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| text(&output.stdout).trim().to_owned())
}

/// Enough for an interpreter to import NumPy afresh on a busy machine.
fn roomy() -> Limits {
    Limits {
        cpu_ms: 10_000,
        wall_ms: 60_000,
        memory_bytes: 256 << 20,
        ..limits()
    }
}

/// Checks an outcome where there is NumPy; without it, every program ends by the failed import.
#[track_caller]
fn with_numpy(outcome: &Outcome, check: impl FnOnce(&Outcome)) {
    if version().is_some() {
        check(outcome);
    } else {
        assert_eq!(outcome.status, Status::Exited(1), "{outcome:?}");
        assert!(
            text(&outcome.stderr).ends_with("ModuleNotFoundError: No module named 'numpy'\n"),
            "{}",
            text(&outcome.stderr)
        );
    }
}

#[track_caller]
fn prints(outcome: &Outcome, expected: &str) {
    with_numpy(outcome, |outcome| {
        assert_eq!(
            (outcome.status, text(&outcome.stdout)),
            (Status::Exited(0), expected.to_owned()),
            "{}",
            text(&outcome.stderr)
        );
    });
}

#[test]
fn a_program_computes_with_it_however_it_is_started() {
    let source = "import numpy as np\nn = int(input())\na = np.arange(n * n, dtype=float).reshape(n, n) + np.eye(n)\n\
        print(int((a @ a).sum()), round(float(np.linalg.det(a)), 3), np.sort(np.array([3, 1, 2])).tolist())";
    let forked = run_with(source, "3\n", &roomy());
    prints(&forked, "561 -5.0 [1, 2, 3]\n");
    let fresh = sandbox().run(&exec_job(source), b"3\n", &roomy()).unwrap();
    assert_eq!(
        (forked.status, &forked.stdout, &forked.stderr),
        (fresh.status, &fresh.stdout, &fresh.stderr)
    );
    canary();
}

#[test]
fn it_is_imported_before_the_program_is_forked_and_no_other_program_has_it() {
    // Modules are listed in the order in which they were imported; the zygote needs `resource` when it is warm.
    let order = "import sys\nnames = list(sys.modules)\ntry: import numpy\nexcept ImportError: print('none')\n\
        else: print('numpy' in names and 'resource' in names and names.index('numpy') < names.index('resource'))";
    let outcome = run_with(order, "", &roomy());
    let expected = match version() {
        None => "none\n",
        Some(_) if starts_afresh() => "False\n",
        Some(_) => "True\n",
    };
    assert_eq!(text(&outcome.stdout), expected, "{}", text(&outcome.stderr));
    let other = run("import sys\nprint('numpy' in sys.modules)", "");
    assert_eq!(text(&other.stdout), "False\n");
}

#[test]
fn many_forms_of_import_lead_to_the_same() {
    for source in [
        "from numpy import *\nprint(int(arange(4).sum()))",
        "import sys, numpy\nprint(numpy.arange(4).sum())",
        "from numpy.linalg import norm\nprint(6 if norm([3, 4]) == 5 else 0)",
        "exec('import ' + 'num' + 'py')\nprint(numpy.arange(4).sum())",
        "import importlib\nprint(importlib.import_module('numpy').arange(4).sum())",
        "import \\\n    numpy\nprint(numpy.arange(4).sum())",
    ] {
        prints(&run_with(source, "", &roomy()), "6\n");
    }
}

#[test]
fn random_numbers_differ_between_tests_unless_seeded_and_children_go_on_with_their_parents() {
    let numbers = |source: &str| -> Vec<String> {
        let job = job(source);
        let outcomes = sandbox()
            .run_batch(&Batch::new(&job, &[b"", b"", b""], &roomy()))
            .unwrap();
        for outcome in &outcomes {
            with_numpy(outcome, |outcome| {
                assert_eq!(outcome.status, Status::Exited(0), "{outcome:?}");
            });
        }
        outcomes
            .iter()
            .map(|outcome| text(&outcome.stdout))
            .collect()
    };
    for source in [
        "import numpy as np\nprint(np.random.rand())",
        "from numpy.random import rand\nprint(rand())",
        "import numpy as np\nprint(getattr(np, 'ran' + 'dom').rand())",
        "numpy = __import__('numpy')\nprint(numpy.random.rand())",
    ] {
        let [first, second, third] = numbers(source).try_into().unwrap();
        let differ = first != second && second != third && first != third;
        assert_eq!(
            differ,
            version().is_some(),
            "{source}: {first} {second} {third}"
        );
        // Nor is it the seed of the warm interpreter that the next program is forked from.
        assert_eq!(numbers(source)[0] != first, version().is_some(), "{source}");
    }
    for source in [
        "import numpy as np\nnp.random.seed(7)\nprint(np.random.randint(1 << 30))",
        "import os, sys, numpy as np\nnp.random.rand()\nfirst = os.fork() == 0\nif not first: os.wait()\nx = np.random.rand()\n\
         open('/box/x', 'w').write(repr(x)) if first else print(open('/box/x').read() == repr(x))",
    ] {
        let found = numbers(source);
        assert!(found.iter().all(|text| *text == found[0]), "{found:?}");
        assert!(!found[0].contains("False"), "{found:?}");
    }
}

#[test]
fn what_a_test_does_to_it_ends_with_the_test() {
    let source = "import numpy as np, sys\nif input() == 'evil':\n    np.sum = lambda *a: 13\n    np.set_printoptions(threshold=1, edgeitems=1)\n\
        \x20   np.ones.__globals__['empty'] = None\n    np.seterr(all='raise')\n    sys.modules['numpy'] = None\n\
        else:\n    print(np.sum(np.ones(5)), np.array2string(np.arange(5)), np.geterr()['divide'])";
    let outcomes = run_all(source, &[b"evil\n", b"good\n"]);
    prints(&outcomes[0], "");
    prints(&outcomes[1], "5.0 [0 1 2 3 4] warn\n");
    let next = run("import numpy\nprint(numpy.ones(2).sum())", "");
    prints(&next, "2.0\n");
}

#[test]
fn its_memory_is_the_programs() {
    let small = run_with("import numpy\nprint(numpy.zeros(3).sum())", "", &roomy());
    prints(&small, "0.0\n");
    for source in [
        "import numpy\na = numpy.ones(10 ** 8)\nprint(a.sum())",
        "import numpy\na = numpy.zeros(10 ** 14)\nprint(a.size)",
        "import numpy\nkept = []\nwhile True: kept.append(numpy.ones(10 ** 6))",
    ] {
        let outcome = run_with(source, "", &roomy());
        with_numpy(&outcome, |outcome| {
            assert_eq!(outcome.status, Status::MemoryLimit, "{outcome:?}");
        });
    }
    let within = run_with(
        "import numpy\nprint(numpy.ones(10 ** 7).sum())",
        "",
        &roomy(),
    );
    with_numpy(&within, |outcome| {
        assert_eq!(outcome.status, Status::Exited(0), "{outcome:?}");
        assert!(outcome.usage.memory_bytes > 76 << 20, "{:?}", outcome.usage);
    });
    canary();
}

#[test]
fn its_failures_are_the_programs_with_the_right_lines() {
    let source = "import numpy as np\n\na = np.ones((2, 3))\na @ a\n";
    let outcome = run_with(source, "", &roomy());
    with_numpy(&outcome, |outcome| {
        assert_eq!(outcome.status, Status::Exited(1), "{outcome:?}");
        let words = text(&outcome.stderr);
        assert!(words.contains("main.py\", line 4, in <module>"), "{words}");
        assert!(words.contains("ValueError: matmul"), "{words}");
    });
}

/// The interpreters that tests are forked from have one thread each, or a fork might wait for one for ever.
#[test]
fn no_warm_interpreter_has_threads() {
    let own = Sandbox::new(config(1)).unwrap();
    let outcome = own
        .run(
            &job("import numpy\nprint(numpy.ones((99, 99)).dot(numpy.ones(99))[0])"),
            b"",
            &roomy(),
        )
        .unwrap();
    prints(&outcome, "99.0\n");
    let mut warm = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
        let field = |status: &str, name: &str| -> Option<u32> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok()
        };
        let status = read("status");
        let Some(parent) = field(&status, "PPid:") else {
            continue;
        };
        let parent = fs::read(format!("/proc/{parent}/cmdline")).unwrap_or_default();
        let is_helper = parent.windows(6).any(|part| part == b"__jail");
        // Others' jails may be as they like.
        let ours = parent.starts_with(helper().to_string_lossy().as_bytes());
        if is_helper && ours && read("cmdline").ends_with("main.pyc\0") {
            assert_eq!(field(&status, "Threads:"), Some(1), "{status}");
            warm += 1;
        }
    }
    let heavy = u32::from(version().is_some() && !starts_afresh());
    assert!(warm > heavy, "{warm} warm interpreters found");
    drop(own);
}

#[test]
fn the_doctor_says_whether_it_is_there_and_which() {
    let states = sandbox().languages();
    let python = states
        .iter()
        .find(|state| state.language == rlef_sandbox::Language::Python)
        .unwrap();
    let expected = version().map_or("no NumPy".to_owned(), |version| format!("NumPy {version}"));
    assert!(
        python.usable && python.tools.ends_with(&expected),
        "{}",
        python.tools
    );
}

#[test]
fn a_pair_may_use_it_on_one_side() {
    let left =
        job("import numpy\nprint(int(numpy.arange(5).sum()), flush=True)\nassert input() == '11'");
    let right = job("print(int(input()) + 1, flush=True)");
    let (left, right) = sandbox()
        .run_pair(
            &Cancel::never(),
            Side::new(&left, &roomy()),
            Side::new(&right, &roomy()),
        )
        .unwrap();
    with_numpy(&left, |left| {
        assert_eq!(
            (left.status, right.status),
            (Status::Exited(0), Status::Exited(0)),
            "{left:?}"
        );
    });
    assert_eq!(job("").start == Start::Exec, starts_afresh());
}
