//! What is refused is said in plain grammar, with what to do.

use super::{refused, rlef, write};

#[test]
fn a_refusal_is_a_sentence_that_names_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "one.jsonl", super::PROBLEM);
    write(
        at,
        "said.jsonl",
        "{\"problem_id\":\"double\",\"completions\":[\"x\"]}\n",
    );
    let eval = |more: &[&str], words: &[&str]| {
        let given = ["eval", "--problems", "one.jsonl", "--policy"];
        refused(at, &[&given[..], more].concat(), 2, words);
    };
    let server = "openai:http://127.0.0.1:9/v1";
    eval(
        &[server],
        &["failed to ask --policy openai:URL: it needs --model NAME"],
    );
    eval(
        &[server, "--model", "m", "--api-key-env", "RLEF_NONE"],
        &[
            "failed to read the key of --api-key-env RLEF_NONE",
            "export it first",
        ],
    );
    eval(
        &[server, "--model", "m", "--request-timeout", "0"],
        &["failed to use --request-timeout 0; expected seconds above 0"],
    );
    eval(
        &["replay:said.jsonl", "--rollouts", "5"],
        &["failed to play said.jsonl: it holds 1 completion of double"],
    );
    eval(
        &["http://127.0.0.1:9/v1"],
        &[
            "failed to load the policy",
            "openai:http://127.0.0.1:9/v1 asks a server",
        ],
    );
    eval(
        &["Qwen/Qwen2.5-Coder-0.5B-Instruct"],
        &[
            "there is no such folder",
            "hf download Qwen/Qwen2.5-Coder-0.5B-Instruct --local-dir",
        ],
    );
    for (name, near) in [
        ("statrer", "starter"),
        ("repaly:said.jsonl", "replay"),
        ("openia:http://127.0.0.1:9/v1", "openai"),
        ("referenecs", "references"),
    ] {
        eval(&[name], &[&format!("did you mean {near}?")]);
    }
    eval(
        &["starter", "--timeout", "3"],
        &["a similar argument exists: '--request-timeout'"],
    );
    eval(
        &[server, "--model", "m", "--price-in=-1", "--price-out", "1"],
        &["--price-in", "expected a number of at least 0"],
    );
    write(
        at,
        "near.jsonl",
        &super::PROBLEM.replace("statement", "statment"),
    );
    refused(
        at,
        &["doctor", "--problems", "near.jsonl"],
        1,
        &["1 problem"],
    );
    refused(
        at,
        &["convert", "--problems", "near.jsonl", "--out", "x.jsonl"],
        2,
        &["statment (did you mean statement?)"],
    );
    write(at, "nameless.jsonl", &super::PROBLEM.replace("double", " "));
    refused(
        at,
        &[
            "convert",
            "--problems",
            "nameless.jsonl",
            "--out",
            "x.jsonl",
        ],
        2,
        &["field `id`", "a name that tells the problem from others"],
    );
    eval(
        &["one.jsonl"],
        &["it is a file; expected a checkpoint's folder"],
    );
    eval(
        &["./none/here"],
        &["none/here", "there is no such folder or file"],
    );
    let gate = [
        "gate",
        "--baseline",
        "a.json",
        "--candidate",
        "b.json",
        "--margin",
    ];
    refused(
        at,
        &[&gate[..], &["five"]].concat(),
        2,
        &["expected points (percent of problems)"],
    );
    // Understood: the next thing that is missing is the file.
    refused(at, &[&gate[..], &["5%"]].concat(), 2, &["a.json"]);
}

#[test]
fn one_is_said_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    write(at, "one.jsonl", super::PROBLEM);
    write(
        at,
        "said.jsonl",
        "{\"problem_id\":\"double\",\"completions\":[\"x\"]}\n",
    );
    let output = rlef(
        at,
        &[
            "eval",
            "--problems",
            "one.jsonl",
            "--policy",
            "replay:said.jsonl",
            "--turns",
            "1",
            "--rollouts",
            "1",
            "--out",
            "one.json",
        ],
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("1 problem, 1 episode\n"), "{said}");
    let output = rlef(
        at,
        &["gate", "--baseline", "one.json", "--candidate", "one.json"],
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("(now 1 problem)"), "{said}");
}
