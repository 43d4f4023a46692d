//! Programs that speak the pipe protocol of call and asserted tests themselves: whatever bytes they put into
//! it, the verdict is one on the program, never an error of the judge, and never `Accepted`.

use rlef::verdict::Grade;
use serde_json::json;

use super::host::{asserted, call, grade, stdin};

/// `channel()` is the driver's end of the pipe, dug out of the frames below.
const SINK: &str = "import os, sys\n\ndef channel():\n    frame = sys._getframe()\n    while frame:\n        if 'sink' in frame.f_locals:\n            return frame.f_locals['sink']\n        frame = frame.f_back\n\ndef say(text):\n    channel().write(text.encode('ascii') + b'\\n')\n    channel().flush()\n\n";

/// Test code that would be content with an exception, an empty answer, or anything it can look into.
const TESTS: [&str; 3] = [
    "assert candidate([1, 2]) == [3, 4]",
    "try:\n    candidate([1, 2])\nexcept ValueError:\n    pass\nassert candidate([1]) == 'SECRET-7319'",
    "x = candidate([1, 2])\nassert len(set(x)) == 2 and sorted(x)[0] == 3 and x == [3, 4]",
];

#[track_caller]
fn assert_judged(program: &str, tests: &[&str]) {
    for test in tests {
        let grade = grade(program, asserted(test));
        assert_ne!(grade, Grade::Accepted, "{program}\n{test}");
    }
}

fn canary() {
    assert_eq!(
        grade("print(int(input()) + 1)", stdin("1\n", "2\n")),
        Grade::Accepted
    );
}

/// Replies as Python expressions for their text.
const REPLIES: &[&str] = &[
    r#"'{"result": {"nodes": [], "values": []}}'"#,
    r#"'{"result": {"nodes": [], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": [], "values": [["r", -1]]}}'"#,
    r#"'{"result": {"nodes": [["l", [["r", 0]]]], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": [["t", [["r", 0]]]], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": [["z", [["r", 1]]], ["s", [["r", 0]]]], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": [[["x"], []]], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": 5, "values": 6}}'"#,
    r#"'{"result": {"nodes": [["t", []]], "values": [["r", 0]]}}'"#,
    r#"'{"result": {"nodes": [], "values": [["f", "nan"]]}}'"#,
    r#"'{"result": {"nodes": [], "values": [["i", "f" * 9]]}}'"#,
    r#"'{"result": {"nodes": [], "values": [["i", "' + 'f' * (4 << 20) + '"]]}}'"#,
    r#"'{"result": {"nodes": [], "values": [["R", ["i", "0"], ["i", "' + 'f' * 30 + '"], ["i", "1"]]]}}'"#,
    r#"'{"result": {"nodes": [], "values": ["\\ud800"]}}'"#,
    r#"'{"result": ' + '[' * 900 + ']' * 900 + '}'"#,
    r#"'{"result": ' + '[' * 200000"#,
    r#"'{"passed": true}'"#,
    r#"'{"cause": "", "calls": 9}'"#,
    r"'[]'",
    r"'null'",
    r"'1e999'",
    r"'NaN'",
    r"''",
    r#"'{"raised": "ValueError", "builtins": ["ValueError"], "arguments": {"nodes": [], "values": [["r", 0]]}, "trace": "x"}'"#,
    r#"'{"raised": "ValueError", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "\\ud800\\u0000"}'"#,
    r#"'{"raised": "\\ud800", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
    r#"'{"raised": "a\\u0000b", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
    r#"'{"raised": "X", "builtins": ["SystemExit"], "arguments": {"nodes": [["t", [["i", "0"]]]], "values": [["r", 0]]}, "trace": "x"}'"#,
    r#"'{"raised": "X", "builtins": ["KeyboardInterrupt", 5], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": {}}'"#,
    r#"'{"raised": "X", "builtins": [[]], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": ' + '[' * 900 + ']' * 900 + '}'"#,
    r#"'{"raised": "X", "builtins": 7, "arguments": 8, "after": 9}'"#,
    r#"'{"raised": "ExceptionGroup", "builtins": ["ExceptionGroup"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
    r#"'{"raised": "Failed", "builtins": ["AssertionError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x", "expected": "y"}'"#,
];

#[test]
fn every_forged_reply_to_a_call_is_the_programs_failure() {
    for reply in REPLIES {
        // Once, and then without end, so that later calls are answered before they are made.
        assert_judged(
            &format!("{SINK}def f(*a):\n    say({reply})\n    os._exit(0)\n"),
            &TESTS,
        );
        assert_judged(
            &format!("{SINK}def f(*a):\n    for _ in range(3): say({reply})\n    return [3]\n"),
            &TESTS[..1],
        );
    }
    canary();
}

#[test]
fn every_forged_first_message_is_the_programs_failure() {
    let first = [
        r#"'{"failed": "\\ud800"}'"#,
        r#"'{"failed": "compile", "trace": "\\ud800"}'"#,
        r#"'{"failed": "run", "raised": "\\ud800", "trace": 5}'"#,
        r#"'{"failed": ' + '[' * 980 + ']' * 980 + '}'"#,
        r#"'{"failed": ' + '[' * 930 + ']' * 930 + '}'"#,
        r#"'{"failed": null}'"#,
        r#"'{"failed": "' + 'x' * (8 << 20) + '"}'"#,
        r#"'{"ready": false, "passed": true}'"#,
    ];
    for message in first.iter().chain(REPLIES) {
        assert_judged(&format!("{SINK}say({message})\nos._exit(0)\n"), &TESTS[..1]);
    }
    canary();
}

#[test]
fn bytes_that_are_no_message_are_the_programs_failure() {
    for bytes in [
        "b'\\xff' * 100 + b'\\n'",
        "b'\\0\\n' * 100",
        "b'{' * (1 << 20)",
        "b'x' * (17 << 20)",
        "os.urandom(1 << 16)",
    ] {
        assert_judged(
            &format!(
                "{SINK}def f(*a):\n    channel().write({bytes})\n    channel().flush()\n    os._exit(0)\n"
            ),
            &TESTS[..1],
        );
    }
    canary();
}

/// A tuple nested this deeply can be built level by level, and hashing it recurses in C without a bound.
#[test]
fn values_that_would_crash_the_tests_interpreter_are_the_programs_failure() {
    let deep = "n = 300000\nnodes = ['[\"t\", []]'] + ['[\"t\", [[\"r\", %d]]]' % k for k in range(n)]\nnodes.append('[\"l\", [%s]]' % ', '.join('[\"r\", %d]' % k for k in range(n + 1)))\n";
    for last in ["[\"s\", [[\"r\", %d]]]", "[\"d\", [[[\"r\", %d], null]]]"] {
        let program = format!(
            "{SINK}def f(*a):\n    {}    nodes.append('{last}' % n)\n    say('{{\"result\": {{\"nodes\": [%s], \"values\": [[\"r\", %d]]}}}}' % (', '.join(nodes), n + 2))\n    os._exit(0)\n",
            deep.replace('\n', "\n    ")
        );
        let program = program.replace("    \n", "\n");
        assert_judged(&program, &TESTS[..1]);
    }
    canary();
}

/// Call tests: the program may print the reply itself, but what it must say it does not know.
#[test]
fn every_forged_result_of_a_call_test_is_the_programs_failure() {
    for reply in REPLIES {
        let program = format!("{SINK}def f(*a):\n    say({reply})\n    os._exit(0)\n");
        let grade = grade(
            &program,
            call(vec![json!([1, 2])], json!([3, [4, {"k": 5}]])),
        );
        assert_ne!(grade, Grade::Accepted, "{program}");
    }
    canary();
}
