//! Drivers that are sent as text, as where they could not be compiled.

use rlef::program::Program;
use rlef::verdict::{Grade, Scope, StopAt, TestJudge};
use rlef_sandbox::{Isolation, Language};
use serde_json::json;

use super::CROSSING;
use crate::host::{asserted, call, problem, sandbox, verdict};

/// All other tests run drivers that were compiled once, as `rlef` does.
#[test]
fn drivers_that_are_sent_as_text_say_the_same() {
    let as_text = TestJudge::new(sandbox(Isolation::Process));
    let refused = [
        ("def f(x): return iter(x)", "assert list(f([1, 2])) == [1]"),
        ("def f(x): raise KeyError(x)", "assert f(1) == 1"),
        ("def f(x): return (", "assert f(1) == 1"),
        ("def f(x): x.append(1); return x", "assert f([]) == []"),
    ];
    for (source, test) in CROSSING.iter().chain(&refused) {
        let problem = problem(vec![asserted(test)]);
        let program = Program::bare(*source, Language::Python);
        let said = as_text.verdict(&program, &problem, Scope::All, StopAt::Never);
        let (said, expected) = (said.unwrap(), verdict(source, &problem));
        assert_eq!(said.grade, expected.grade, "{source}\n{test}");
        assert_eq!(said.failures, expected.failures, "{source}\n{test}");
        let right = !refused.contains(&(*source, *test));
        assert_eq!(said.grade == Grade::Accepted, right, "{source}\n{test}");
    }
    let called = problem(vec![call(vec![json!([3, 4])], json!(7))]);
    let program = Program::bare("def f(x): return sum(x)", Language::Python);
    let said = as_text.verdict(&program, &called, Scope::All, StopAt::Never);
    assert_eq!(said.unwrap().grade, Grade::Accepted);
}
