//! Programs that speak the pipe protocol of call and asserted tests themselves: whatever bytes they put into
//! it, the verdict is one on the program, never an error of the judge, and never `Accepted`.

use rlef::verdict::Grade;
use serde_json::json;

use super::host::{asserted, call, grade, problem, stdin, verdict};

/// `channel()` is the driver's end of the pipe, dug out of the frames below.
const SINK: &str = "import os, sys\n\ndef channel():\n    frame = sys._getframe()\n    while frame:\n        if 'sink' in frame.f_locals:\n            return frame.f_locals['sink']\n        frame = frame.f_back\n\ndef say(text):\n    channel().write(text.encode('ascii') + b'\\n')\n    channel().flush()\n\n";

/// Test code that would be content with an exception, an empty answer, or anything it can look into.
const TESTS: [&str; 3] = [
    "assert candidate() == [3, 4]",
    "try:\n    candidate()\nexcept ValueError:\n    pass\nassert candidate() == 'SECRET-7319'",
    "x = candidate()\nassert len(set(x)) == 2 and sorted(x)[0] == 3 and x == [3, 4]",
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

/// Where the containers of a call without arguments stand, a tuple and a dict, `ARGS` does; without them a reply is
/// refused for its shape before anything else is looked at. A value alone stands for a result.
fn text_of(reply: &str) -> String {
    let reply = if reply.starts_with("VALUE ") || reply.starts_with("NODE ") {
        let (kind, rest) = reply.split_once(' ').unwrap();
        let (nodes, value) = if kind == "NODE" {
            (format!("ARGS, {rest}"), r#"["r", 2]"#)
        } else {
            ("ARGS".to_owned(), rest)
        };
        format!(r#"'{{"result": {{"nodes": [{nodes}], "values": [{value}]}}}}'"#)
    } else {
        reply.to_owned()
    };
    reply.replace("ARGS", r#"["t", []], ["d", []]"#)
}

/// Replies as Python expressions for their text, and what is said of them where it is the reply that is refused.
const REPLIES: &[(&str, &str)] = &[
    (
        r#"'{"result": {"nodes": [], "values": []}}'"#,
        "a container is missing",
    ),
    (
        r#"'{"result": {"nodes": [["l", []], ["d", []]], "values": [1]}}'"#,
        "changed its type",
    ),
    (
        r#"'{"result": {"nodes": [ARGS], "values": []}}'"#,
        "expected 1, got 0",
    ),
    (r#"VALUE ["r", 2]"#, "IndexError"),
    (r#"VALUE ["r", -1]"#, "no position"),
    (r#"NODE ["l", [["r", 2]]]"#, ""),
    (r#"NODE ["t", [["r", 2]]]"#, "holds itself"),
    (
        r#"NODE ["z", [["r", 3]]], ["s", [["r", 2]]]"#,
        "broken reply",
    ),
    (r#"NODE [["x"], []]"#, "broken reply"),
    (r#"NODE ["x", []]"#, "unknown tag"),
    (r"NODE null", "broken reply"),
    (r#"NODE ["I", ["3"]]"#, "no number"),
    (r#"NODE ["F", [3]]"#, "no number"),
    (r#"NODE ["d", [[["r", 0]]]]"#, "broken reply"),
    (
        r#"NODE ["n", ["P", ["class"], [["i", "1"]]]]"#,
        "broken reply",
    ),
    (
        r#"NODE ["n", ["P", ["x", "y"], [["i", "1"]]]]"#,
        "no named tuple",
    ),
    (
        r#"NODE ["n", ["__import__(0)", ["x"], [["i", "1"]]]]"#,
        "broken reply",
    ),
    (r#"NODE ["o", ["Failed", null, []]]"#, "can't be passed"),
    (
        r#"NODE ["o", ["P", [["x"], true, true, ["m"]], []]]"#,
        "can't be passed",
    ),
    (
        r#"NODE ["o", ["P", [["x"], true, true, []], [["__class__", ["k", "int"]]]]]"#,
        "no names",
    ),
    (
        r#"NODE ["o", ["P", [["x=eval(1)"], true, true, []], []]]"#,
        "no names",
    ),
    (
        r#"NODE ["p", ["P", [["x"], true, true, []], [["x", ["r", 2]]]]]"#,
        "holds itself",
    ),
    (r#"NODE ["q", [-1, []]]"#, "broken reply"),
    (r#"NODE ["A", ["i", "AAA"]]"#, "broken reply"),
    (r#"NODE ["A", ["object", "AAAA"]]"#, "broken reply"),
    (r#"NODE ["E", ["eval", []]]"#, "KeyError"),
    (r#"NODE ["C", [[["r", 0], null], 5]]"#, "broken reply"),
    (
        r#"NODE ["Y", ["O", [1180591620717411303424], []]]"#,
        "broken reply",
    ),
    (r#"NODE ["Y", ["O,O", [1], "AAAA"]]"#, "broken reply"),
    (r#"VALUE ["f", "nan"]"#, ""),
    (r#"VALUE ["i", "f" * 9]"#, "delimiter"),
    (
        r#"'{"result": {"nodes": [ARGS], "values": [["i", "' + 'f' * (4 << 20) + '"]]}}'"#,
        "",
    ),
    (
        r#"'{"result": {"nodes": [ARGS], "values": [["R", ["i", "0"], ["i", "' + 'f' * 30 + '"], ["i", "1"]]]}}'"#,
        "",
    ),
    (r#"VALUE "\\ud800""#, ""),
    (r#"VALUE ["D", "x"]"#, "broken reply"),
    (r#"VALUE ["D", "1E+999999999"]"#, ""),
    (
        r#"VALUE ["Q", ["i", "1"], ["i", "0"]]"#,
        "ZeroDivisionError",
    ),
    (
        r#"VALUE ["T", "datetime", 0, 0, 0, 0, 0, 0, 0, 0, null]"#,
        "broken reply",
    ),
    (r#"VALUE ["T", "timezone", "x"]"#, "broken reply"),
    (r#"VALUE ["V", "keys", ["r", 0]]"#, "no dict"),
    (r#"VALUE ["M", "zz"]"#, "broken reply"),
    (r#"VALUE ["k", "eval"]"#, "no type"),
    (r#"VALUE ["k", "__loader__"]"#, "no type"),
    (r#"VALUE ["W", "system", "x"]"#, "KeyError"),
    (r#"VALUE ["W", "UserDict", "x"]"#, "no part"),
    (r#"VALUE ["W", "UUID", ["i", "1"]]"#, "broken reply"),
    (r#"VALUE ["m", [[0, 1]], [], [], null, null]"#, "no match"),
    (r#"VALUE ["x", {}]"#, "KeyError"),
    (r#"VALUE ["h", 0, "x", "o", 5]"#, "broken reply"),
    (
        r#"VALUE ["e", "C", null, [["mro", 1]], "mro", null]"#,
        "broken reply",
    ),
    (
        r#"VALUE ["e", "C", null, [["__eq__", 1]], "__eq__", null]"#,
        "no names",
    ),
    (r#"VALUE ["y", "O8", "", ["r", 7]]"#, "IndexError"),
    (r#"VALUE ["h", 1000000000, "x", "g"]"#, ""),
    (r#"VALUE ["h", "0", "x", "g"]"#, "no handle"),
    (r#"VALUE ["h", 0, {}, "i"]"#, "no handle"),
    (r#"VALUE ["g", ["i", "1"]]"#, "broken reply"),
    (
        r#"'{"result": ' + '[' * 900 + ']' * 900 + '}'"#,
        "broken reply",
    ),
    (r#"'{"result": ' + '[' * 200000"#, ""),
    (r#"'{"odd": 5}'"#, ""),
    (r#"'{"odd": "\\ud800"}'"#, ""),
    (r#"'{"passed": true}'"#, "KeyError"),
    (r#"'{"cause": "", "calls": 9}'"#, "KeyError"),
    (r"'[]'", "no message"),
    (r"'null'", "no message"),
    (r"'1e999'", "no message"),
    (r"'NaN'", "no message"),
    (r"''", ""),
    (
        r#"'{"raised": "ValueError", "builtins": ["ValueError"], "arguments": {"nodes": [], "values": [["r", 0]]}, "trace": "x"}'"#,
        "IndexError",
    ),
    (
        r#"'{"raised": "ValueError", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "\\ud800\\u0000"}'"#,
        "",
    ),
    (
        r#"'{"raised": "\\ud800", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
        "",
    ),
    (
        r#"'{"raised": "a\\u0000b", "builtins": ["ValueError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
        "broken reply",
    ),
    (
        r#"'{"raised": "X", "builtins": ["SystemExit"], "arguments": {"nodes": [["t", [["i", "0"]]]], "values": [["r", 0]]}, "trace": "x"}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": ["KeyboardInterrupt", 5], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": {}}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": [[]], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": ' + '[' * 900 + ']' * 900 + '}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": [], "others": [["unittest.case", "SkipTest"]], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": ""}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": [], "others": [["decimal", "Decimal"], [5, 6]], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": ""}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": [], "arguments": {"nodes": [["t", []], ["d", [["with_traceback", ["i", "1"]]]]], "values": [["r", 0], ["r", 1]]}, "trace": ""}'"#,
        "",
    ),
    (
        r#"'{"raised": "X", "builtins": 7, "arguments": 8, "after": 9}'"#,
        "broken reply",
    ),
    (
        r#"'{"raised": "ExceptionGroup", "builtins": ["ExceptionGroup"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x"}'"#,
        "",
    ),
    (
        r#"'{"raised": "Failed", "builtins": ["AssertionError"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": "x", "expected": "y"}'"#,
        "",
    ),
];

#[test]
fn every_forged_reply_to_a_call_is_the_programs_failure() {
    for (reply, words) in REPLIES {
        let reply = text_of(reply);
        // Once, and then without end, so that later calls are answered before they are made.
        let once = format!("{SINK}def f(*a):\n    say({reply})\n    os._exit(0)\n");
        assert_judged(&once, &TESTS[1..]);
        let verdict = verdict(&once, &problem(vec![asserted(TESTS[0])]));
        assert_ne!(verdict.grade, Grade::Accepted, "{once}");
        // The reply got as far as it was meant to.
        let trace = &verdict.failures[0].trace;
        assert!(trace.contains(words), "{words}: {trace}\n{reply}");
        assert_judged(
            &format!("{SINK}def f(*a):\n    for _ in range(3): say({reply})\n    return [3]\n"),
            &TESTS[..1],
        );
    }
    canary();
}

#[test]
fn every_forged_item_of_a_generator_is_the_programs_failure() {
    for reply in [
        r#"'{"items": 5}'"#,
        r#"'{"end": 1}'"#,
        r#"'{"items": {"nodes": [], "values": []}}'"#,
        r#"'{"items": {"nodes": [ARGS], "values": []}, "end": true}'"#,
        r#"'{"items": {"nodes": [ARGS], "values": [3, 4, 5, null]}, "end": true}'"#,
        r#"'{"items": {"nodes": [ARGS], "values": [["i", "3"], ["i", "4"]]}}'"#,
        r#"'{"items": {"nodes": [null, null, ["t", [["r", 2]]]], "values": [["r", 2]]}}'"#,
        r#"'{"items": {"nodes": [["l", []], null], "values": [["r", 0]]}}'"#,
        r#"'{"items": {"nodes": [ARGS], "values": []}, "raised": "StopIteration", "builtins": ["StopIteration"]}'"#,
        r#"'{"items": {"nodes": [ARGS], "values": []}, "raised": "StopIteration", "builtins": ["StopIteration"], "arguments": {"nodes": [["t", []]], "values": [["r", 0]]}, "trace": ""}'"#,
        r#"'{"cut": 1, "items": {"nodes": [], "values": [["h", 0, "generator", "g"]]}}'"#,
        r#"'{"result": {"nodes": [ARGS], "values": [3]}}'"#,
        r"'null'",
    ] {
        let reply = text_of(reply);
        for times in [1, 50] {
            assert_judged(
                &format!(
                    "{SINK}def f(*a):\n    for _ in range({times}): say({reply})\n    os._exit(0)\n    yield\n"
                ),
                &[
                    "assert list(candidate()) == [3, 4]",
                    "assert sum(1 for x in candidate()) == 2",
                ],
            );
        }
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
    let replies: Vec<String> = REPLIES.iter().map(|(reply, _)| text_of(reply)).collect();
    for message in first.into_iter().chain(replies.iter().map(String::as_str)) {
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
    for depth in [9_000, 30_000] {
        for last in [r#"["s", [["r", %d]]]"#, r#"["d", [[["r", %d], null]]]"#] {
            // Built from within: each level refers to one that is there already.
            let body = format!(
                "n = {depth}\nnodes = ['[\"t\", []], [\"d\", []]', '[\"t\", []]']\nnodes += ['[\"t\", [[\"r\", %d]]]' % k for k in range(2, n + 2)]\nnodes.append('[\"l\", [%s]]' % ', '.join('[\"r\", %d]' % k for k in range(2, n + 3)))\nnodes.append('{last}' % (n + 2))\nsay('{{\"result\": {{\"nodes\": [%s], \"values\": [[\"r\", %d]]}}}}' % (', '.join(nodes), n + 4))\nos._exit(0)"
            );
            let program = format!("{SINK}def f(*a):\n    {}\n", body.replace('\n', "\n    "));
            let verdict = verdict(
                &program,
                &problem(vec![asserted("assert candidate() == 1")]),
            );
            let trace = &verdict.failures[0].trace;
            // What is hashed is hashed; what is too deep to be is refused for that and for nothing else.
            if depth < 10_000 {
                assert_eq!((verdict.grade, trace.as_str()), (Grade::WrongAnswer, ""));
            } else {
                assert_eq!(verdict.grade, Grade::RuntimeError);
                assert!(trace.contains("nested too deeply"), "{trace}");
            }
        }
    }
    canary();
}

/// Call tests: the program may print the reply itself, but what it must say it does not know.
#[test]
fn every_forged_result_of_a_call_test_is_the_programs_failure() {
    for (reply, _) in REPLIES {
        let reply = text_of(reply);
        let program = format!("{SINK}def f(*a):\n    say({reply})\n    os._exit(0)\n");
        let grade = grade(
            &program,
            call(vec![json!([1, 2])], json!([3, [4, {"k": 5}]])),
        );
        assert_ne!(grade, Grade::Accepted, "{program}");
    }
    canary();
}
