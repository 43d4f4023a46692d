//! Rows of single sets that say more than others do.

use super::*;

#[test]
fn cruxeval_accepts_its_outputs() {
    references_are_accepted("cruxeval/data/cruxeval.jsonl", 20);
}

/// One calls without arguments, one has a comma after the last; as outputs and as inputs.
#[test]
fn cruxeval_takes_every_way_to_write_arguments() {
    let Some(path) = data("cruxeval/data/cruxeval.jsonl") else {
        return;
    };
    for name in ["cruxeval", "cruxeval-input"] {
        let set = problem::load_as(&path, problem::Schema::named(name)).unwrap();
        let some: Vec<Problem> = (set.into_iter())
            .filter(|problem| {
                ["sample_0", "sample_135", "sample_452"].contains(&problem.id.as_str())
            })
            .collect();
        assert_eq!(some.len(), 3);
        assert_all_accepted(&some, &grades(&some, reference, StopAt::FirstFailure));
    }
}

#[test]
#[ignore = "files that not everybody has: .ci/outside data"]
fn humaneval_plus_accepts_its_references() {
    references_are_accepted("humanevalplus/HumanEvalPlus-Mini.jsonl.gz", 8);
}

/// One whose result is a million numbers long.
#[test]
fn humaneval_plus_takes_results_of_a_million_numbers() {
    let Some(set) = load("humanevalplus/HumanEvalPlus.jsonl.gz") else {
        return;
    };
    let long = ["HumanEval/100"];
    let some: Vec<Problem> = (set.into_iter())
        .filter(|problem| long.contains(&problem.id.as_str()))
        .collect();
    assert_all_accepted(&some, &grades(&some, reference, StopAt::FirstFailure));
}

/// Its inputs have a list with a dictionary in it where its examples have dictionaries.
#[test]
fn mbpp_plus_takes_a_list_for_a_list() {
    let Some(set) = load("mbppplus/MbppPlus.jsonl.gz") else {
        return;
    };
    let some: Vec<Problem> = (set.into_iter())
        .filter(|problem| problem.id == "Mbpp/301")
        .collect();
    assert_all_accepted(&some, &grades(&some, reference, StopAt::FirstFailure));
}

#[test]
fn mbpp_plus_takes_a_match_for_found() {
    let Some(set) = load("mbppplus/MbppPlus.jsonl.gz") else {
        return;
    };
    let found = ["Mbpp/737", "Mbpp/787", "Mbpp/794", "Mbpp/793"];
    let some: Vec<Problem> = (set.into_iter())
        .filter(|problem| found.contains(&problem.id.as_str()))
        .collect();
    assert_eq!(some.len(), 4);
    assert_all_accepted(&some, &grades(&some, reference, StopAt::FirstFailure));
    let truth = |problem: &Problem| {
        let source = &problem.references[0].source;
        source
            .replace("return re.search(", "return bool(re.search(")
            .replace(", string)", ", string))")
            .replace(",  text)", ",  text))")
    };
    assert_all_accepted(&some, &grades(&some, truth, StopAt::FirstFailure));
    let never = |problem: &Problem| {
        let source = &problem.references[0].source;
        source
            .replace("return re.search(", "return None and re.search(")
            .replace("return len(", "return 7 + len(")
    };
    for (problem, verdict) in some.iter().zip(grades(&some, never, StopAt::FirstFailure)) {
        assert_eq!(verdict.grade, Grade::WrongAnswer, "{}", problem.id);
    }
}

/// Rows whose deciding field is beside the ones their schema is known by: a right program and one that only the other
/// fields would accept.
#[test]
fn fields_beside_the_usual_ones_decide() {
    use serde_json::json;

    let cases = [
        (
            json!({"task_id": 7, "code": "def even(n):\n    return n % 2 == 0", "prompt": "Even?", "test_list": ["assert even (4) == True"],
                 "test": "for n in range(-3, 9):\n    assert even(n) == (n % 2 == 0), n\n"}),
            "def even(n):\n    return n % 2 == 0\n",
            "def even(n):\n    return n == 4\n",
        ),
        (
            json!({"data_source": "d", "prompt": "Thrice.", "reward_model": {"ground_truth":
                 {"inputs": [""], "outputs": [""], "assert_case": ["assert thrice(2) == 6", "assert thrice(0) == 0"]}}}),
            "def thrice(n):\n    return 3 * n\n",
            "def thrice(n):\n    return 6\n",
        ),
        (
            json!({"task_id": "tops", "prompt": "from typing import *\n", "entry_point": "Solution().tops", "query": "Two largest.",
                 "test": "def check(candidate):\n    assert candidate(xs = [1, 3, 2]) == [3, 2]\n    assert candidate(xs = []) == []\n"}),
            "class Solution:\n    def tops(self, xs: List[int]) -> List[int]:\n        return sorted(xs, reverse=True)[:2]\n",
            "class Solution:\n    def tops(self, xs):\n        return [3, 2]\n",
        ),
        (
            json!({"task_id": "T/0", "prompt": "def inc(x):\n", "entry_point": "inc", "canonical_solution": "    return x + 1\n",
                 "base_input": [[1]], "plus_input": [], "atol": 0, "test": "def check(candidate):\n    assert candidate(5) == 6\n"}),
            "    return x + 1\n",
            "    return 2\n",
        ),
    ];
    for (row, right, wrong) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.jsonl");
        std::fs::write(&path, row.to_string()).unwrap();
        let set = problem::load(&path).unwrap_or_else(|error| panic!("failed to {error}"));
        assert_all_accepted(&set, &grades(&set, |_| right.to_owned(), StopAt::Never));
        let verdicts = grades(&set, |_| wrong.to_owned(), StopAt::Never);
        assert_eq!(verdicts[0].grade, Grade::WrongAnswer, "{row}");
    }
}

/// Test code that ends without a call would accept every program.
#[test]
fn test_code_that_calls_nothing_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    let row = serde_json::json!({"task_id": "T/0", "prompt": "", "entry_point": "f",
        "test": "def test_f(candidate):\n    assert candidate(1) == 2\n"});
    std::fs::write(&path, row.to_string()).unwrap();
    let set = problem::load(&path).unwrap();
    let program = Program::bare("def f(x):\n    return 7\n".to_owned(), set[0].language());
    let error = judge().verdict(&program, &set[0], Scope::All, StopAt::Never);
    let message = error.unwrap_err().to_string();
    assert!(message.contains("without a call"), "{message}");
}
