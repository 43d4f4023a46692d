//! Programs among files: what is given lies where they start, what is wanted comes back, and no name leads elsewhere.

use rlef_sandbox::{Batch, Folder, FoundFiles, Job, Language, Outcome, SandboxError, Status};

use crate::support::{exec_job, job, limits, sandbox, text};

fn run_among(job: &Job, folder: &Folder) -> Result<(Outcome, FoundFiles), SandboxError> {
    let limits = limits();
    sandbox().run_among(&Batch::new(job, &[b"5\n"], &limits), folder)
}

fn folder(given: &[(&str, &str)], wanted: &[&str]) -> Folder {
    Folder {
        given: given
            .iter()
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
            .collect(),
        wanted: wanted.iter().map(|name| (*name).to_owned()).collect(),
    }
}

const ADDS: &str = "n = int(input())\nm = int(open('data/deep/m.txt').read())\n\
                    open('sum.txt', 'w').write(str(n + m))\nprint('said')";

#[test]
fn files_lie_where_the_program_starts_and_those_wanted_come_back() {
    let around = folder(
        &[("data/deep/m.txt", "4"), ("unread", "")],
        &["sum.txt", "data/deep/m.txt", "unread", "nowhere", "data"],
    );
    for job in [job(ADDS), exec_job(ADDS)] {
        let (outcome, files) = run_among(&job, &around).unwrap();
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{}",
            text(&outcome.stderr)
        );
        assert_eq!(text(&outcome.stdout), "said\n");
        let files: Vec<(&str, String)> = files
            .iter()
            .map(|(name, bytes)| (name.as_str(), text(bytes)))
            .collect();
        let expected = [
            ("sum.txt", "9".to_owned()),
            ("data/deep/m.txt", "4".to_owned()),
            ("unread", String::new()),
        ];
        assert_eq!(files, expected);
    }
    // Nothing of it is left for the next.
    let (outcome, _) =
        run_among(&job("import os\nprint(os.listdir())"), &Folder::default()).unwrap();
    assert_eq!(text(&outcome.stdout), "[]\n");
}

#[test]
fn a_module_given_is_imported_by_the_program() {
    let around = folder(&[("helper_of_mine.py", "def f(x): return x + 1")], &[]);
    let (outcome, _) =
        run_among(&job("from helper_of_mine import f\nprint(f(1))"), &around).unwrap();
    assert_eq!(text(&outcome.stdout), "2\n", "{}", text(&outcome.stderr));
}

#[test]
fn other_languages_have_them_too() {
    let source = "#include <fstream>\nint main(){int n;std::ifstream(\"in.txt\")>>n;std::ofstream(\"out.txt\")<<n*n;}";
    let job = Job {
        language: Language::Cpp,
        ..job(source)
    };
    let (outcome, files) = run_among(&job, &folder(&[("in.txt", "7")], &["out.txt"])).unwrap();
    assert_eq!(outcome.status, Status::Exited(0));
    assert_eq!(files, [("out.txt".to_owned(), b"49".to_vec())]);
}

#[test]
fn what_a_program_puts_in_the_place_of_a_file_leads_nowhere() {
    for source in [
        "import os\nos.symlink('/program/main.py', 'x')",
        "import os\nos.symlink('/proc/self/environ', 'x')",
        "import os\nos.symlink('/', 'x')",
        "import os\nos.mkfifo('x')",
        "import os\nos.mkdir('x')",
        "import os\nopen('x', 'w').write('s')\nos.chmod('x', 0)",
    ] {
        let around = folder(&[], &["x", "x/etc/passwd", "x/program/main.py"]);
        let (outcome, files) = run_among(&job(source), &around).unwrap();
        assert_eq!(
            outcome.status,
            Status::Exited(0),
            "{}",
            text(&outcome.stderr)
        );
        assert!(files.is_empty(), "{source}: {files:?}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_runs() {
    for name in ["/etc/passwd", "../x", "a/../../x", "", "a/", "a\0"] {
        for around in [folder(&[(name, "x")], &[]), folder(&[], &[name])] {
            let error = run_among(&job("print(1)"), &around).unwrap_err();
            assert!(
                matches!(error, SandboxError::BadFiles(_)),
                "{name}: {error}"
            );
        }
    }
}
