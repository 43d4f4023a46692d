//! Values as Python compares them.

use serde_json::json;

use super::*;

const TOLERANT: Comparison = Comparison::Floats {
    absolute: 1e-6,
    relative: 1e-6,
};

fn equal(expected: &Value, nodes: &Value, got: &Value, rule: &Comparison) -> bool {
    let packed: Packed = serde_json::from_value(json!({"nodes": nodes, "values": [got]})).unwrap();
    packed.equals(expected, rule)
}

fn atom(expected: &Value, got: &Value) -> bool {
    equal(expected, &json!([]), got, &Comparison::Exact)
}

#[test]
fn atoms_equal_as_in_python() {
    assert!(atom(&json!(null), &json!(null)));
    assert!(atom(&json!("a"), &json!("a")));
    assert!(atom(&json!(true), &json!(["i", "1"])));
    assert!(atom(&json!(1), &json!(true)));
    assert!(atom(&json!(1), &json!(["f", "1.0"])));
    assert!(atom(&json!(1.0), &json!(["i", "1"])));
    assert!(atom(&json!(-255), &json!(["i", "-ff"])));
    assert!(!atom(&json!("1"), &json!(["i", "1"])));
    assert!(!atom(&json!(1), &json!("1")));
    assert!(!atom(&json!(null), &json!(false)));
    assert!(!atom(&json!(0), &json!(null)));
    assert!(!atom(&json!(true), &json!("True")));
    assert!(!atom(&json!("a"), &json!(["b", "61"])));
}

#[test]
fn integers_are_exact_and_floats_take_the_tolerance() {
    assert!(!atom(
        &json!(9_007_199_254_740_993_u64),
        &json!(["i", "20000000000000"])
    ));
    assert!(!atom(
        &json!(9_007_199_254_740_993_u64),
        &json!(["f", "9007199254740992.0"])
    ));
    assert!(!atom(
        &json!(1),
        &json!(["i", "100000000000000000000000000000000000000000001"])
    ));
    assert!(!atom(&json!(0.3), &json!(["f", "0.30000000000000004"])));
    let close = |expected: &Value, got: &Value| equal(expected, &json!([]), got, &TOLERANT);
    assert!(close(&json!(0.3), &json!(["f", "0.30000000000000004"])));
    assert!(close(&json!(2), &json!(["f", "2.0000001"])));
    assert!(!close(&json!(1_000_000_007), &json!(["i", "3b9aca00"])));
    assert!(!close(&json!(1_000_000_007), &json!(["f", "1000000000.0"])));
    assert!(!close(&json!(0.5), &json!(["f", "nan"])));
    assert!(!close(&json!(0.5), &json!(["f", "inf"])));
}

#[test]
fn containers_equal_by_content() {
    let nodes = json!([
        ["l", [["r", 1], ["r", 2]]],
        ["t", [["i", "1"], ["i", "2"]]],
        ["d", [["a", ["r", 1]], [["i", "a"], null]]],
        ["s", [["i", "1"]]]
    ]);
    assert!(equal(
        &json!([[1, 2], {"a": [1, 2], "10": null}]),
        &nodes,
        &json!(["r", 0]),
        &Comparison::Exact
    ));
    assert!(!equal(
        &json!([[1, 2]]),
        &nodes,
        &json!(["r", 0]),
        &Comparison::Exact
    ));
    assert!(!equal(
        &json!([1]),
        &nodes,
        &json!(["r", 3]),
        &Comparison::Exact
    ));
    assert!(!equal(
        &json!([1]),
        &nodes,
        &json!(["r", 9]),
        &Comparison::Exact
    ));
    assert!(!equal(
        &json!({"a": 1}),
        &json!([["d", [1]]]),
        &json!(["r", 0]),
        &Comparison::Exact
    ));
}

#[test]
fn numbers_of_every_type_equal_as_in_python() {
    let is = |expected: Value, got: Value| assert!(atom(&expected, &got), "{expected} {got}");
    let is_not = |expected: Value, got: Value| assert!(!atom(&expected, &got), "{expected} {got}");
    is(json!(0.5), json!(["D", "0.50"]));
    is(json!(25), json!(["D", "2.5E+1"]));
    is(json!(0), json!(["D", "0E-99"]));
    is(json!(-1.25), json!(["D", "-1.25"]));
    let tenth = "0.1000000000000000055511151231257827021181583404541015625";
    is(json!(0.1), json!(["D", tenth]));
    is_not(json!(0.1), json!(["D", "0.1"]));
    is_not(json!(0.1), json!(["D", format!("{tenth}1")]));
    is_not(json!(1), json!(["D", "1E+999999999"]));
    is_not(json!(0), json!(["D", "1E-999999999"]));
    is_not(json!(1), json!(["D", "NaN"]));
    is_not(json!(1), json!(["D", "x"]));
    is(json!(0.5), json!(["Q", ["i", "1"], ["i", "2"]]));
    is(json!(-3), json!(["Q", ["i", "-3"], ["i", "1"]]));
    is_not(json!(0.1), json!(["Q", ["i", "1"], ["i", "a"]]));
    is_not(json!(1), json!(["Q", ["i", "1"], ["i", "0"]]));
    is(json!(2), json!(["c", "2.0", "-0.0"]));
    is_not(json!(2), json!(["c", "2.0", "1.0"]));
    is(json!(3), json!(["y", "<i8", "", ["i", "3"]]));
    is(json!(true), json!(["y", "|b1", "", true]));
    is_not(json!(3), json!(["y", "<M8[D]", "", null]));
    is(json!("r"), json!(["e", "C", "str", [], "RED", "r"]));
    is_not(json!(null), json!(["e", "C", null, [], "RED", null]));
    is_not(json!([1]), json!(["h", 0, "generator", "g"]));
    is_not(json!(null), json!(["h", 0, "generator", "g"]));
    let near = |expected: Value, got: Value| equal(&expected, &json!([]), &got, &TOLERANT);
    assert!(near(json!(0.1), json!(["D", "0.1"])));
    assert!(near(
        json!(0.333_333_333_3),
        json!(["Q", ["i", "1"], ["i", "3"]])
    ));
    assert!(!near(json!(0.34), json!(["Q", ["i", "1"], ["i", "3"]])));
}

#[test]
fn dicts_and_tuples_of_every_kind_equal_by_content() {
    let pairs = json!([["a", ["i", "1"]]]);
    for node in [
        json!(["d", pairs]),
        json!(["C", pairs]),
        json!(["O", pairs]),
        json!(["E", ["int", pairs]]),
    ] {
        let nodes = json!([node]);
        assert!(equal(
            &json!({"a": 1}),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!({"a": 2}),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
    }
    let point = json!([["n", ["P", ["x", "y"], [["i", "1"], ["i", "2"]]]]]);
    assert!(equal(
        &json!([1, 2]),
        &point,
        &json!(["r", 0]),
        &Comparison::Exact
    ));
    assert!(!equal(
        &json!([1]),
        &point,
        &json!(["r", 0]),
        &Comparison::Exact
    ));
    // What Python calls unequal to a list or to a dict stays so.
    for node in [
        json!(["q", [null, [["i", "1"]]]]),
        json!(["A", ["i", "AQAAAA=="]]),
        json!(["Y", ["<i8", [1], "AQAAAAAAAAA="]]),
        json!(["z", [["i", "1"]]]),
        json!(["o", ["P", null, [["a", ["i", "1"]]]]]),
        json!(["n", "x"]),
        json!(["E", 5]),
    ] {
        let nodes = json!([node]);
        assert!(!equal(
            &json!([1]),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
        assert!(!equal(
            &json!({"a": 1}),
            &nodes,
            &json!(["r", 0]),
            &Comparison::Exact
        ));
    }
}

#[test]
fn a_list_that_holds_itself_ends() {
    let nodes = json!([["l", [["r", 0]]]]);
    assert!(!equal(
        &json!([[[1]]]),
        &nodes,
        &json!(["r", 0]),
        &Comparison::Exact
    ));
}

#[test]
fn values_print_as_python_prints_them() {
    let value = json!([null, true, 1, 0.5, "it's", "\"a'\n", {"k": []}]);
    assert_eq!(
        python_text(&value),
        r#"[None, True, 1, 0.5, "it's", '"a\'\n', {'k': []}]"#
    );
}
