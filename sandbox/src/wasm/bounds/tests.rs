use super::*;

fn checked(text: &str) -> Result<(), String> {
    check(&wat::parse_str(text).unwrap())
}

fn function(body: &str) -> String {
    format!(
        "(module (type $wide (func (param {}))) (type $n (func)) (func (export \"_start\") {body}))",
        "i64 ".repeat(500)
    )
}

#[test]
fn each_bound_refuses_what_is_over_it_by_its_name() {
    let wide = "i64.const 1 ".repeat(500);
    for (text, reason) in [
        (
            function(&format!("(local {})", "i64 ".repeat(20_001))),
            "20001 locals in a function; at most 20000",
        ),
        (
            function(&format!(
                "(local {}) {}",
                "i32 ".repeat(10_000),
                "(block (br_if 0 (local.get 9)))".repeat(3_000)
            )),
            "locals times blocks",
        ),
        (
            function(&format!("{} {}", "loop ".repeat(257), "end ".repeat(257))),
            "257 loops within one another; at most 256",
        ),
        (
            function(&format!(
                "{} {}",
                "block ".repeat(20_001),
                "end ".repeat(20_001)
            )),
            "blocks within one another",
        ),
        (
            function(&format!(
                "(br_table {} (i32.const 0))",
                "0 ".repeat(140_000)
            )),
            "targets of br_table",
        ),
        (
            function(&format!(
                "(block (result {}) {wide} {}) unreachable",
                "i64 ".repeat(500),
                "(br_if 0 (i32.const 0))".repeat(5_000)
            )),
            "values carried",
        ),
        (
            format!(
                "(module (func $f (param {0}) (result {0}) unreachable) (func {wide} {1} unreachable))",
                "i64 ".repeat(500),
                "call $f ".repeat(3_000)
            ),
            "values carried",
        ),
        (
            format!(
                "(module (type (func (param {0}) (result {0}))))",
                "i64 ".repeat(600)
            ),
            "parameters and results of one type",
        ),
        (
            format!("(module {})", "(type (func (param i32)))".repeat(50_001)),
            "types",
        ),
        (
            format!("(module {})", "(func)".repeat(100_001)),
            "functions",
        ),
        (
            format!(
                "(module (memory 2000) {})",
                "(data (i32.const 0) \"x\")".repeat(50_001)
            ),
            "data segments",
        ),
        (
            "(module (memory 2000) (data (i32.const 5) \"x\") (data (i32.const 99000000) \"x\"))"
                .to_owned(),
            "bytes from the first to the last",
        ),
        (
            "(module (memory 1) (memory 1))".to_owned(),
            "2 memories; at most 1",
        ),
    ] {
        let error = checked(&text).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

/// What compilers make of large programs stays within them.
#[test]
fn large_programs_are_within_the_bounds() {
    for text in [
        function(&format!(
            "(local {}) {}",
            "i32 ".repeat(2_000),
            "(block (br_if 0 (local.get 9)))".repeat(10_000)
        )),
        // A switch of five thousand cases.
        function(&format!(
            "(local i32) {} (br_table {} (local.get 0)) {}",
            "block ".repeat(5_000),
            (0..5_000)
                .map(|case| case.to_string())
                .collect::<Vec<_>>()
                .join(" "),
            "end ".repeat(5_000)
        )),
        function(&format!("{} {}", "loop ".repeat(60), "end ".repeat(60))),
        format!("(module {})", "(func (call 0))".repeat(30_000)),
    ] {
        checked(&text).unwrap();
    }
}
