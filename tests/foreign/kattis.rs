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
    let talk = "#include \"v.h\"\n#include <fstream>\nint main(int argc, char **argv) { std::ifstream in(argv[1]); int n, guess; in >> n;\n\
                for (int i = 0; i < 20 && std::cin >> guess; i++) { if (guess == n) { std::cout << \"right\" << std::endl; return AC; }\n\
                std::cout << (guess < n ? \"more\" : \"less\") << std::endl; } return 43; }\n";
    let other = tempfile::tempdir().unwrap();
    write(
        &other.path().join("guess"),
        &[
            (
                "problem.yaml",
                "problem_format_version: 2023-07-draft\ntype: interactive\nname:\n  en: Guess\n",
            ),
            ("statement/problem.en.md", "Guess."),
            ("data/secret/1.in", "77\n"),
            ("data/secret/1.ans", "\n"),
            ("output_validator/v.cc", talk),
            (
                "output_validator/v.h",
                "#include <iostream>\nconst int AC = 42;\n",
            ),
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
    let message = problem::load(other.path()).unwrap_err().to_string();
    assert!(message.contains("not interactive"), "{message}");
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
    ] {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("x"), &base);
        write(&folder.path().join("x"), &files);
        let message = problem::load(folder.path()).unwrap_err().to_string();
        assert!(message.contains(words), "{words}: {message}");
    }
}
