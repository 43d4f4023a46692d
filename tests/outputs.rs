//! Where results go: checked before the work, kept when their place is gone, and no reader's affair when he has left.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{refused, rlef, starter, write};

/// Two problems, a right and a wrong answer to each, and an evaluation of each.
fn evaluations(at: &Path) {
    let line = |id: &str| {
        format!(
            r#"{{"id":"{id}","statement":"Double it, for {id}.","public_tests":[{{"kind":"stdin","input":"2\n","expected":"4\n"}}]}}"#
        )
    };
    let ids: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let problems: Vec<String> = ids.iter().map(|id| line(id)).collect();
    write(at, "problems.jsonl", &problems.join("\n"));
    for (name, body) in [("good", "2 * int(input())"), ("bad", "7")] {
        let line = |id: &String| {
            format!(r#"{{"problem_id":"{id}","completions":["```python\nprint({body})\n```"]}}"#)
        };
        let lines: Vec<String> = ids.iter().map(line).collect();
        write(at, &format!("{name}.jsonl"), &lines.join("\n"));
        let out = format!("{name}.json");
        let output = rlef(
            at,
            &[&eval(&format!("replay:{name}.jsonl"))[..], &["--out", &out]].concat(),
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{said}");
    }
}

fn eval(policy: &str) -> Vec<&str> {
    let set = ["eval", "--problems", "problems.jsonl", "--policy", policy];
    [&set[..], &["--turns", "1", "--rollouts", "1"]].concat()
}

/// What a shell makes of a command whose standard output and error go where `redirection` says.
#[expect(
    clippy::disallowed_methods,
    reason = "the test starts the program under test in a shell, not a candidate"
)]
fn piped(at: &Path, arguments: &[&str], redirection: &str) -> (i32, String) {
    let script = format!("set -o pipefail; \"$0\" \"$@\" {redirection}");
    let output = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_rlef")])
        .args(arguments)
        .current_dir(at)
        .env("XDG_CACHE_HOME", super::host::cache_home())
        .env("RLEF_CACHE", at.join("cache"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), said)
}

#[test]
fn a_reader_that_has_left_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    evaluations(at);
    write(
        at,
        "programs.jsonl",
        "{\"problem_id\":\"p0\",\"program\":\"print(2 * int(input()))\"}\n{\"problem_id\":\"p1\",\"program\":\"print(7)\"}\n",
    );
    let worse = ["gate", "--baseline", "good.json", "--candidate", "bad.json"];
    let same = [
        "gate",
        "--baseline",
        "good.json",
        "--candidate",
        "good.json",
        "--inconclusive",
        "pass",
    ];
    let judge = [
        "judge",
        "--problems",
        "problems.jsonl",
        "--programs",
        "programs.jsonl",
        "--expect-accepted",
    ];
    let contest = ["contest", "--out", "contest.jsonl"];
    // A field that nobody knows is named once, as a warning.
    let noted = r#"{"task_id":"H/0","prompt":"def f(x):\n","canonical_solution":"    return x\n","test":"def check(c):\n    assert c(1) == 1\n","entry_point":"f","note":"hello"}"#;
    write(at, "noted.jsonl", noted);
    let convert = [
        "convert",
        "--problems",
        "noted.jsonl",
        "--out",
        "read.jsonl",
    ];
    refused(at, &convert, 0, &["warning: "]);
    let good = eval("replay:good.jsonl");
    let doctor = rlef(at, &["doctor"]).status.code().unwrap();
    let cases: [(&[&str], i32); 9] = [
        (&worse, 1),
        (&same, 0),
        (&good, 0),
        (&["doctor"], doctor),
        (&["doctor", "--json"], doctor),
        (&judge, 1),
        (&contest, 0),
        (&convert, 0),
        (
            &[
                "gate",
                "--baseline",
                "none.json",
                "--candidate",
                "good.json",
            ],
            2,
        ),
    ];
    for (arguments, expected) in cases {
        // Output, errors, and both, to somebody who is gone before anything is said.
        for redirection in ["| true", "2>&1 >/dev/null | true", "2>&1 | true"] {
            let (code, said) = piped(at, arguments, redirection);
            assert_eq!(code, expected, "{arguments:?} {redirection}: {said}");
            assert!(!said.contains("panicked"), "{said}");
        }
        for redirection in ["2>/dev/full", ">&- 2>&-"] {
            let (code, said) = piped(at, arguments, redirection);
            assert_eq!(code, expected, "{arguments:?} {redirection}: {said}");
        }
        // A full disk behind standard output is no success, and said once.
        let (code, said) = piped(at, arguments, ">/dev/full");
        let prints = !matches!(arguments[0], "contest" | "convert") && expected != 2;
        let lost = prints && expected == 0;
        if arguments[0] != "judge" {
            assert_eq!(
                code,
                if lost { 4 } else { expected },
                "{arguments:?}: {said}"
            );
        }
        assert_eq!(
            said.matches("No space left").count(),
            usize::from(prints),
            "{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    evaluations(at);
    nix::unistd::mkfifo(&at.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/full", at.join("full")).unwrap();
    std::fs::create_dir(at.join("folder.jsonl")).unwrap();
    let policy = eval("replay:good.jsonl");
    let gate = ["gate", "--baseline", "good.json", "--candidate", "bad.json"];
    let places = [
        "none/out",
        "fifo",
        "full",
        "folder.jsonl",
        "good.json/x",
        "/dev/null",
    ];
    let before = std::fs::read_dir(at).unwrap().count();
    for place in places {
        for (verb, option) in [
            (&policy[..], "--out"),
            (&gate[..], "--junit"),
            (&gate[..], "--summary"),
            (&["contest"][..], "--out"),
            (
                &["doctor", "--problems", "problems.jsonl"][..],
                "--quarantine",
            ),
        ] {
            let output = rlef(at, &[verb, &[option, place]].concat());
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                Some(2),
                "{verb:?} {option} {place}: {said}"
            );
            assert!(said.contains("nothing was begun"), "{said}");
            assert!(
                said.contains(place) && !said.contains(".rlef-begun"),
                "{said}"
            );
            assert!(
                output.stdout.is_empty() && !said.contains("evaluating"),
                "{said}"
            );
        }
    }
    for place in ["none/out.jsonl", "folder.jsonl", "good.json/x.jsonl"] {
        let convert = ["convert", "--problems", "problems.jsonl", "--out", place];
        refused(at, &convert, 2, &["nothing was begun", place]);
    }
    let model = starter().display().to_string();
    for place in ["good.json/x", "fifo/x"] {
        let export = ["export", "--policy", &model, "--out", place];
        refused(at, &export, 2, &["nothing was begun", place]);
        refused(
            at,
            &["sft", "--out", place],
            2,
            &["nothing was begun", place],
        );
        refused(
            at,
            &["train", "--run", place],
            2,
            &["nothing was begun", place],
        );
    }
    for place in ["fifo", "full", "folder.jsonl"] {
        let journal = [&policy[..], &["--journal", place]].concat();
        refused(at, &journal, 2, &["expected a regular file", place]);
        let replay = ["replay", "--journal", place];
        // A folder may be a run's; this one holds no journal.
        let expected = if place == "folder.jsonl" {
            "folder.jsonl/journal.jsonl.zst: No such file"
        } else {
            "expected a regular file"
        };
        refused(at, &replay, 2, &[expected, place]);
    }
    assert_eq!(std::fs::read_dir(at).unwrap().count(), before);
    assert!(std::fs::metadata("/dev/null").unwrap().len() == 0);
}

/// What is read, and what is written besides, stays as it is.
#[test]
fn an_output_takes_the_place_of_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    evaluations(at);
    write(at, "list.txt", "p0\n");
    let eval = eval("replay:good.jsonl");
    let kept = |name: &str| std::fs::read(at.join(name)).unwrap();
    let names = [
        "problems.jsonl",
        "good.jsonl",
        "good.json",
        "bad.json",
        "list.txt",
    ];
    let before = names.map(kept);
    for (out, words) in [
        ("problems.jsonl", "it is what --problems names"),
        ("./good.jsonl", "it is what --policy names"),
    ] {
        let arguments = [&eval[..], &["--out", out]].concat();
        refused(at, &arguments, 2, &[words, "nothing was begun"]);
    }
    let journal = [&eval[..], &["--journal", "new.jsonl", "--out", "new.jsonl"]].concat();
    refused(at, &journal, 2, &["it is what --journal names"]);
    assert!(!at.join("new.jsonl").exists());
    let gate = ["gate", "--baseline", "good.json", "--candidate", "bad.json"];
    for (options, words) in [
        (&["--junit", "good.json"][..], "it is what --baseline names"),
        (&["--summary", "bad.json"], "it is what --candidate names"),
        (
            &["--junit", "x", "--summary", "x"],
            "names; name another file",
        ),
        (
            &["--golden", "@list.txt", "--junit", "list.txt"],
            "it is what --golden names",
        ),
    ] {
        refused(at, &[&gate[..], options].concat(), 2, &[words]);
    }
    let doctor = [
        "doctor",
        "--problems",
        "problems.jsonl",
        "--quarantine",
        "problems.jsonl",
    ];
    refused(at, &doctor, 2, &["it is what --problems names"]);
    assert!(before == names.map(kept));
    // Whatever the verb: nothing is read before that, so that any file will do.
    let of = |words: &'static str| words.split(' ').collect::<Vec<_>>();
    for (verb, out) in [
        (
            of("pairs --problems problems.jsonl --journal good.jsonl --out"),
            "good.jsonl",
        ),
        (
            of("pairs --problems problems.jsonl --journal bad.jsonl --journal good.jsonl --out"),
            "./good.jsonl",
        ),
        (
            of("rft --problems problems.jsonl --journal good.jsonl --out"),
            "good.jsonl",
        ),
        (
            of("steps --problems problems.jsonl --journal good.jsonl --out"),
            "good.jsonl",
        ),
        (
            of("steps --problems contest:test --judges list.txt --out"),
            "list.txt",
        ),
        (
            of("labels tests@good.jsonl --problems problems.jsonl --page"),
            "good.jsonl",
        ),
        (of("labels good.jsonl bad.jsonl --page"), "bad.jsonl"),
        (of("report good.json --out"), "good.json"),
        (
            of("convert --problems problems.jsonl --out"),
            "problems.jsonl",
        ),
        (
            of("convert --problems readable:rlef:problems.jsonl --out"),
            "problems.jsonl",
        ),
        (of("convert --preferences good.jsonl --out"), "good.jsonl"),
        (
            of("label --problems problems.jsonl --journal good.jsonl --out"),
            "good.jsonl",
        ),
        (of("label --out good.jsonl --export"), "good.jsonl"),
        (of("import good.jsonl --out"), "good.jsonl"),
        (of("export --policy there --out"), "there/../there"),
        (of("reward --policy there --data good.jsonl --out"), "there"),
        (of("sft --data good.jsonl --from there --out"), "there"),
    ] {
        std::fs::create_dir_all(at.join("there")).unwrap();
        let words = ["names; name another file", "nothing was begun"];
        refused(at, &[&verb[..], &[out]].concat(), 2, &words);
        assert!(before == names.map(kept), "{verb:?}");
    }
    // A name is no file that is called the same.
    write(at, "test", "old");
    let contest = [
        "contest",
        "--split",
        "test",
        "--problems",
        "2",
        "--out",
        "test",
    ];
    assert_eq!(rlef(at, &contest).status.code(), Some(0));
    // In a run's folder reports are pages.
    write(at, "there/config.toml", "rounds = 1\n");
    let report = ["report", "there", "--out", "there/config.toml"];
    refused(at, &report, 2, &["a report's name ends in .html"]);
    assert_eq!(kept("there/config.toml"), b"rounds = 1\n");
    // A device is a name that everybody shares, whatever it leads to.
    let stdout = [&eval[..], &["--out", "/dev/stdout"]].concat();
    let (code, said) = piped(at, &stdout, ">printed");
    assert_eq!(code, 2, "{said}");
    assert!(
        std::fs::symlink_metadata("/dev/stdout")
            .unwrap()
            .is_symlink()
    );
}

/// A place that is good at the start and gone at the end: the answers are printed, kept elsewhere, and the exit code says so.
#[test]
fn results_whose_place_is_gone_in_the_end_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    evaluations(at);
    // The program that is judged is slow enough for its result's folder to be taken away meanwhile.
    let slow = r#"{"problem_id":"p0","completions":["```python\nfor _ in range(20_000_000): pass\nprint(4)\n```"]}"#;
    write(at, "slow.jsonl", slow);
    let one = std::fs::read_to_string(at.join("problems.jsonl")).unwrap();
    write(at, "problems.jsonl", one.lines().next().unwrap());
    std::fs::create_dir(at.join("there")).unwrap();
    let policy = [
        &eval("replay:slow.jsonl")[..],
        &["--no-cache", "--out", "there/out.json"],
    ]
    .concat();
    // Its first word is said when it has looked at the place.
    let script = "2>&1 >printed | (read -r _; rm -r there; cat >&2)";
    let (code, said) = piped(at, &policy, script);
    assert_eq!(code, 4, "{said}");
    let (_, rest) = said.split_once("it is in ").unwrap();
    let (place, _) = rest.split_once(" instead").unwrap();
    let text = std::fs::read_to_string(place).unwrap();
    assert!(text.contains("\"problems\""), "{text}");
    std::fs::remove_file(place).unwrap();
    let printed = std::fs::read_to_string(at.join("printed")).unwrap();
    assert!(printed.contains("100.0%"), "{printed}");
}
