//! Problem packages as Kattis has them.

use super::*;

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn kattis_packages_are_judged_by_their_validators() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("half"),
        &[
            (
                "problem.yaml",
                "name: Half\nvalidator_flags: float_tolerance 1e-6\nlimits:\n  memory: 512 # MiB\n",
            ),
            ("problem_statement/problem.en.tex", "Print half of it."),
            ("data/sample/1.in", "1\n"),
            ("data/sample/1.ans", "0.5\n"),
            ("data/secret/big.in", "6\n"),
            ("data/secret/big.ans", "3\n"),
            ("submissions/accepted/a.py", "print(int(input()) / 2)\n"),
            (
                "submissions/wrong_answer/b.py",
                "print(int(input()) // 2)\n",
            ),
        ],
    );
    let validator = "import sys\njudge, answer, feedback = sys.argv[1:4]\nassert sys.argv[4:] == ['strict']\n\
                     n = int(open(judge).read())\nopen(feedback + 'judgemessage.txt', 'w').write('x')\n\
                     a, b = map(int, sys.stdin.read().split())\nsys.exit(42 if a + b == n else 43)\n";
    write(
        &folder.path().join("split"),
        &[
            (
                "problem.yaml",
                "name: Split\nvalidation: custom\nvalidator_flags: strict\n",
            ),
            (
                "problem_statement/problem.tex",
                "Two numbers with this sum.",
            ),
            ("data/secret/g/1.in", "5\n"),
            ("data/secret/g/1.ans", "1 4\n"),
            ("output_validators/v/validate.py", validator),
        ],
    );
    let problems = problem::load(folder.path()).unwrap_or_else(|error| panic!("failed to {error}"));
    let of = |id: &str| problems.iter().find(|problem| problem.id == id).unwrap();
    let half = of("half");
    assert_eq!((half.public_tests.len(), half.private_tests.len()), (1, 1));
    assert_eq!(half.limits.memory_bytes, 512 << 20);
    assert_eq!(grade(half, &half.references[0].source), Grade::Accepted);
    assert_eq!(grade(half, &half.wrong[0].source), Grade::WrongAnswer);
    assert_eq!(
        grade(of("split"), "n = int(input())\nprint(n - 2, 2)\n"),
        Grade::Accepted
    );
    assert_eq!(
        grade(of("split"), "n = int(input())\nprint(n, 2)\n"),
        Grade::WrongAnswer
    );
}

/// A package whose validator, in C++ over a header of its own, answers guesses with "more", "less" and "right".
fn guess(folder: &Path, settings: &str, flags: &str) -> Problem {
    let talk = "#include \"v.h\"\n#include <fstream>\nint main(int argc, char **argv) { std::ifstream in(argv[1]); int n, guess; in >> n;\n\
                std::ofstream(std::string(argv[3]) + \"judgemessage.txt\") << n; if (argc != 6 || std::string(argv[4]) != \"tries\") return 1;\n\
                for (int i = 0; i < std::stoi(argv[5]) && std::cin >> guess; i++) { if (guess == n) { std::cout << \"right\" << std::endl; return AC; }\n\
                std::cout << (guess < n ? \"more\" : \"less\") << std::endl; } return 43; }\n";
    write(
        &folder.join("guess"),
        &[
            ("problem.yaml", settings),
            ("statement/problem.en.md", "Guess."),
            ("data/sample/1.in", "5\n"),
            ("data/sample/1.ans", "\n"),
            ("data/sample/1.interaction", ">1\n<more\n"),
            ("data/secret/1.in", "77\n"),
            ("data/secret/1.ans", "\n"),
            ("data/test_group.yaml", flags),
            ("output_validator/v.cc", talk),
            (
                "output_validator/v.h",
                "#include <iostream>\n#include <string>\nconst int AC = 42;\n",
            ),
        ],
    );
    problem::load(folder)
        .unwrap_or_else(|error| panic!("failed to {error}"))
        .remove(0)
}

/// Halves the range of what the number can be, and says `last` when it was told that it is right.
fn halving(last: &str) -> String {
    format!(
        "low, high = 1, 100\nwhile True:\n    n = (low + high) // 2\n    print(n, flush=True)\n    word = input()\n    if word == 'right':\n        {last}\n        \
         break\n    if word == 'more':\n        low = n + 1\n    else:\n        high = n - 1\n"
    )
}

#[test]
fn an_interactive_kattis_package_is_judged_by_talking() {
    let new = "problem_format_version: 2023-07-draft\ntype: interactive\nname:\n  en: Guess\n";
    let old = "name: Guess\nvalidation: custom interactive\n";
    let folders = [new, old].map(|settings| {
        let folder = tempfile::tempdir().unwrap();
        (
            guess(folder.path(), settings, "output_validator_args: tries 20\n"),
            folder,
        )
    });
    let slow = "n = 0\nwhile True:\n    n += 1\n    print(n, flush=True)\n    if input() == 'right':\n        break\n";
    for (problem, _) in &folders {
        // The format forbids to show what the validator is told.
        assert_eq!(
            (problem.public_tests.len(), problem.private_tests.len()),
            (0, 2)
        );
        for (source, wanted) in [
            (halving("pass"), Grade::Accepted),
            // It was accepted, and what it says then is heard by nobody; but it must end well.
            (
                halving("print('more\\n' * 100000, flush=True)"),
                Grade::Accepted,
            ),
            (halving("raise SystemExit(1)"), Grade::RuntimeError),
            // More than twenty guesses; nonsense; the end of its words.
            (slow.to_owned(), Grade::WrongAnswer),
            (
                "print('x', flush=True)\ninput()\n".to_owned(),
                Grade::WrongAnswer,
            ),
            ("print(1)\n".to_owned(), Grade::WrongAnswer),
            ("raise SystemExit(1)\n".to_owned(), Grade::RuntimeError),
        ] {
            assert_eq!(grade(problem, &source), wanted, "{source}");
        }
    }
    // A validator that does not get its arguments says neither 42 nor 43, whatever the program does.
    let folder = tempfile::tempdir().unwrap();
    let unasked = guess(folder.path(), new, "hint: none\n");
    let error = verdict(&unasked, &halving("pass")).unwrap_err();
    assert!(
        matches!(error, JudgeError::BrokenInteractor { .. }),
        "failed to {error}"
    );
}

#[test]
fn settings_of_one_test_are_those_of_its_validator() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("x"),
        &[
            ("problem.yaml", "name: X\n"),
            ("problem_statement/problem.tex", "X."),
            ("data/secret/1.in", "5\n"),
            ("data/secret/1.ans", "A\n"),
            ("data/secret/1.out", "a\n"),
            (
                "data/secret/1.yaml",
                "output_validator_args: case_sensitive\ndescription: y\n",
            ),
            (
                "data/secret/test_group.yaml",
                "output_validator_args: space_change_sensitive\n",
            ),
        ],
    );
    let problem = &problem::load(folder.path()).unwrap()[0];
    assert_eq!(grade(problem, "print('A  ')\n"), Grade::Accepted);
    assert_eq!(grade(problem, "print('a')\n"), Grade::WrongAnswer);
}

#[test]
fn what_a_kattis_package_has_and_nobody_runs_is_refused_by_name() {
    let base = [
        ("problem.yaml", "name: X\n"),
        ("problem_statement/problem.tex", "X."),
        ("data/secret/1.in", "5\n"),
        ("data/secret/1.ans", "1 4\n"),
    ];
    for (files, words) in [
        (
            vec![("problem.yaml", "name: X\ntype: multi-pass\n")],
            "multi-pass",
        ),
        (
            vec![("problem.yaml", "name: X\nvalidation: custom\n")],
            "validator",
        ),
        (vec![("problem.yaml", "name: X\nstrange: 1\n")], "strange"),
        (
            vec![("problem.yaml", "name: X\nvalidator_flags: fuzzy\n")],
            "fuzzy",
        ),
        (vec![("data/secret/2.in", "5\n")], "2.in"),
        (vec![("data/secret/1.args", "x")], "1.args"),
        (vec![("include/python/lib.py", "x")], "include"),
        (vec![("data/secret/1.yaml", "args: fast\n")], "1.yaml"),
        (vec![("data/secret/1.yaml", "answers: 2\n")], "`answers`"),
        (vec![("data/secret/1.files/more.md", "x")], "1.files"),
        (
            vec![("problem.yaml", "name: X\nvalidation: custom score\n")],
            "points",
        ),
        (
            vec![
                (
                    "problem.yaml",
                    "problem_format_version: 2025-09\nname: X\ntype: scoring\n",
                ),
                (
                    "output_validator/v.py",
                    "import sys\nopen(sys.argv[3] + 'score.txt', 'w').write('1')\nsys.exit(42)\n",
                ),
            ],
            "points",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("x"), &base);
        write(&folder.path().join("x"), &files);
        let message = problem::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains(words), "{words}: {message}");
    }
}
