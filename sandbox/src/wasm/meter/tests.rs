use wasmtime::{Engine, Linker, Module, Store, Trap, Val};

use super::*;
use crate::wasm::engine;
use crate::wasm::files::Files;
use crate::wasm::host::{Input, Output, Setup};

fn store(engine: &Engine) -> Store<Host> {
    let host = Host::new(Setup {
        input: Input::Bytes {
            bytes: Vec::new().into(),
            at: 0,
        },
        output: Output::Bytes(Vec::new()),
        output_bytes: 0,
        fuel: 0,
        fuel_per_ms: 1,
        wall_ms: 1,
        memory_limit: 1 << 30,
        open_files: 8,
        files: Files::default(),
    });
    let mut store = Store::new(engine, host);
    store.set_epoch_deadline(u64::MAX);
    store
}

/// What the function `f` of a module gives with this much fuel, and what is then left.
fn run(text: &str, fuel: u64) -> (wasmtime::Result<Vec<i64>>, i64) {
    let engine = Engine::new(&engine::config(false)).unwrap();
    let bytes = metered(&wat::parse_str(text).unwrap(), Tariff::Module).unwrap();
    let module = Module::new(&engine, bytes).unwrap();
    let mut store = store(&engine);
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    begin(&mut store, instance, fuel).unwrap();
    let function = instance.get_func(&mut store, "f").unwrap();
    let mut results = vec![Val::I64(0); function.ty(&store).results().len()];
    let ended = function.call(&mut store, &[], &mut results);
    let values = results.iter().map(|value| match value {
        Val::I32(value) => i64::from(*value),
        Val::I64(value) => *value,
        _ => 0,
    });
    (ended.map(|()| values.collect()), left(&mut store).unwrap())
}

#[test]
fn what_ends_gives_what_it_gave() {
    // Results by falling through, by branches to the function itself and by returns; loops with and without calls.
    let text = r#"(module
        (memory 1)
        (func $square (param i32) (result i32) (i32.mul (local.get 0) (local.get 0)))
        (func $pair (param i32) (result i32 i64)
            (local i32)
            (loop $again
                (local.set 1 (i32.add (local.get 1) (call $square (local.get 0))))
                (if (i32.eq (local.get 0) (i32.const 3)) (then (local.get 1) (i64.const 7) (br 2)))
                (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (local.get 1) (i64.const 9))
        (func (export "f") (result i32 i64 i32)
            (local i32 i32)
            (memory.fill (i32.const 8) (i32.const 5) (i32.const 64))
            (loop $outer
                (local.set 1 (i32.const 4))
                (loop $inner
                    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
                    (br_if $inner (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))
                (br_if $outer (i32.lt_u (local.get 0) (i32.const 12))))
            (call $pair (i32.const 5))
            (return (i32.add (local.get 0) (i32.load8_u (i32.const 70))))))"#;
    let (values, left) = run(text, 10_000);
    assert_eq!(values.unwrap(), [50, 7, 17]);
    assert!((9_000..9_950).contains(&left), "{left}");
    assert_eq!(run(text, 10_000).1, left);
    // With exactly what it burns it ends, with one less it doesn't.
    assert_eq!(run(text, 10_000 - left as u64).1, 0);
    assert_eq!(run(text, 9_999 - left as u64).1, -1);
}

#[test]
fn what_never_ends_runs_out() {
    // Guests have a stack of the size that their threads have.
    std::thread::Builder::new()
        .stack_size(engine::THREAD_STACK)
        .spawn(endless)
        .unwrap()
        .join()
        .unwrap();
}

fn endless() {
    let functions = [
        r#"(func (export "f") (loop (br 0)))"#,
        r#"(func (export "f") (loop (loop (br 1))))"#,
        r#"(func (export "f") (block (loop (br_table 1 0 (i32.const 1)))) (loop (br 0)))"#,
        r#"(func $f (export "f") (call $g) (call $g)) (func $g (call $h) (call $h)) (func $h (loop (call $n) (br 0))) (func $n)"#,
        r#"(func $f (export "f") (return_call $f))"#,
        r#"(table 1 funcref) (elem (i32.const 0) $f) (func $f (export "f") (return_call_indirect (i32.const 0)))"#,
        r#"(func $f (export "f") (call $g)) (func $g (return_call $f))"#,
        r#"(memory 4) (func (export "f") (loop (memory.fill (i32.const 0) (i32.const 1) (i32.const 250000)) (br 0)))"#,
        r#"(memory 4) (func (export "f") (loop (memory.copy (i32.const 0) (i32.const 9) (i32.const 250000)) (br 0)))"#,
        r#"(memory 4) (func (export "f") (loop (drop (memory.grow (i32.const 0))) (br 0)))"#,
        r#"(func (export "f") (result i32 i32) (loop (result i32 i32) (br 0)))"#,
        r#"(func (export "f") (unreachable)) (func $g (loop (br 0))) (start $g)"#,
    ];
    for text in functions {
        let engine = Engine::new(&engine::config(false)).unwrap();
        let bytes = metered(
            &wat::parse_str(format!("(module {text})")).unwrap(),
            Tariff::Module,
        )
        .unwrap();
        let module = Module::new(&engine, bytes).unwrap();
        let mut store = store(&engine);
        let instance = Linker::new(&engine)
            .instantiate(&mut store, &module)
            .unwrap();
        let ended = begin(&mut store, instance, 1_000_000).and_then(|()| {
            let function = instance.get_func(&mut store, "f").unwrap();
            let mut results = vec![Val::I32(0); function.ty(&store).results().len()];
            function.call(&mut store, &[], &mut results)
        });
        let trap = ended.unwrap_err().downcast::<Trap>().unwrap();
        assert_eq!(trap, Trap::UnreachableCodeReached, "{text}");
        let left = left(&mut store).unwrap();
        assert!((-100_000..0).contains(&left), "{text}: {left}");
    }
}

#[test]
fn bytes_that_are_moved_are_paid_for() {
    let text = |bytes: u32| {
        format!(
            r#"(module (memory 16) (func (export "f") (memory.fill (i32.const 0) (i32.const 1) (i32.const {bytes}))))"#
        )
    };
    let burnt = |bytes| 1_000_000 - run(&text(bytes), 1_000_000).1;
    assert_eq!(burnt(1 << 20) - burnt(0), 1 << 17);
    assert!(burnt(0) > 0);
}

/// Where a thousand multiplications can stand so that they run once, or not.
const PLACES: [(&str, bool); 14] = [
    ("(func (export \"f\") WORK)", true),
    ("(func $leaf WORK) (func (export \"f\") (call $leaf))", true),
    (
        "(func $leaf WORK) (func (export \"f\") (return_call $leaf))",
        true,
    ),
    (
        "(table 1 funcref) (elem (i32.const 0) $leaf) (func $leaf WORK) (func (export \"f\") (call_indirect (i32.const 0)))",
        true,
    ),
    ("(func (export \"f\") (if (i32.const 1) (then WORK)))", true),
    (
        "(func (export \"f\") (if (i32.const 0) (then) (else WORK)))",
        true,
    ),
    (
        "(func (export \"f\") (block (br_if 0 (i32.const 0)) WORK))",
        true,
    ),
    (
        "(func (export \"f\") (block (block (block (br_table 0 1 (i32.const 7)))) WORK))",
        true,
    ),
    (
        "(func (export \"f\") (block (block (block (block (if (i32.const 1) (then WORK)))))))",
        true,
    ),
    (
        "(func (export \"f\") (loop (if (i32.const 1) (then WORK))))",
        true,
    ),
    ("(func (export \"f\") (loop (loop WORK)))", true),
    (
        "(func (export \"f\") (loop (br_if 0 (i32.const 0))) WORK)",
        true,
    ),
    (
        "(func (export \"f\") (if (i32.const 0) (then WORK)))",
        false,
    ),
    (
        "(func (export \"f\") (block (br_if 0 (i32.const 1)) WORK))",
        false,
    ),
];

#[test]
fn what_runs_is_paid_for_wherever_it_stands_and_what_does_not_is_not() {
    let burnt = |text: &str, work: &str| {
        let text = text.replace("WORK", work);
        let text = format!("(module (global $g (mut i64) (i64.const 3)) {text})");
        let (ended, left) = run(&text, 1_000_000);
        ended.unwrap();
        1_000_000 - left
    };
    let work = format!(
        "global.get $g {}global.set $g",
        "i64.const 3 i64.mul ".repeat(1_000)
    );
    for (text, runs) in PLACES {
        let burnt = burnt(text, &work) - burnt(text, "");
        let expected = if runs { 3_000..3_020 } else { -20..20 };
        assert!(expected.contains(&burnt), "{text}: {burnt}");
    }
}

/// Much that is little each: behind branches every one of which is taken.
#[test]
fn many_short_branches_cost_at_least_half_of_what_they_take() {
    let arm = "(if (i32.const 1) (then (global.set $g (i64.mul (global.get $g) (i64.const 3)))))";
    for (before, after) in [("", ""), ("(loop ", ")"), ("(block ", ")")] {
        let text = format!(
            "(module (global $g (mut i64) (i64.const 3)) (func (export \"f\") {before} {} {after}))",
            arm.repeat(500)
        );
        let (ended, left) = run(&text, 1_000_000);
        ended.unwrap();
        // A multiplication, reading and writing a global, and the branch.
        assert!(1_000_000 - left >= 500 * (3 + 4 + 2 + 2) / 2, "{left}");
    }
}

/// The interpreter's own code is priced as ever: what its programs' limits were measured by.
#[test]
fn the_interpreters_tariff_stays() {
    let text = r#"(module (func $leaf (result i64) (i64.mul (i64.const 3) (i64.const 5)))
        (func (export "f") (local i32) (drop (call $leaf))
            (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 10))))))"#;
    let engine = Engine::new(&engine::config(false)).unwrap();
    let bytes = metered(&wat::parse_str(text).unwrap(), Tariff::Interpreter).unwrap();
    let module = Module::new(&engine, bytes).unwrap();
    let mut store = store(&engine);
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &module)
        .unwrap();
    begin(&mut store, instance, 1_000).unwrap();
    let function = instance.get_func(&mut store, "f").unwrap();
    function.call(&mut store, &[], &mut []).unwrap();
    // A call, and ten times an addition, a comparison and a branch.
    assert_eq!(left(&mut store), Some(1_000 - 4 - 30));
}

#[test]
fn what_has_no_price_is_no_program() {
    for text in [
        "(module (memory i64 1))",
        "(module (memory 1 2 shared))",
        "(module (tag))",
        "(module (type (struct)))",
    ] {
        assert!(
            metered(&wat::parse_str(text).unwrap(), Tariff::Module).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_module_cannot_take_the_name_of_its_fuel() {
    for text in [
        r#"(module (global (export "rlef fuel") (mut i64) (i64.const 0)))"#,
        r#"(module (func (export "rlef begin")))"#,
    ] {
        let error = metered(&wat::parse_str(text).unwrap(), Tariff::Module).unwrap_err();
        assert!(error.contains("a name of the sandbox's own"), "{error}");
    }
    // Nor can it name the global by its number.
    let text = r#"(module (func (export "f") (global.set 0 (i64.const 99))))"#;
    assert!(metered(&wat::parse_str(text).unwrap(), Tariff::Module).is_err());
}

#[test]
fn valid_modules_stay_valid() {
    use proptest::prelude::*;
    let config = || wasm_smith::Config {
        max_instructions: 400,
        max_funcs: 20,
        gc_enabled: false,
        memory64_enabled: false,
        exceptions_enabled: false,
        relaxed_simd_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        custom_page_sizes_enabled: false,
        multi_value_enabled: true,
        tail_call_enabled: true,
        bulk_memory_enabled: true,
        ..wasm_smith::Config::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let longer = std::cell::Cell::new(0);
    runner
        .run(&prop::collection::vec(any::<u8>(), 1024..8192), |seed| {
            let mut seed = arbitrary::Unstructured::new(&seed);
            let Ok(module) = wasm_smith::Module::new(config(), &mut seed) else {
                return Ok(());
            };
            let plain = module.to_bytes();
            let bytes = metered(&plain, Tariff::Module).map_err(TestCaseError::fail)?;
            // What is added to any module takes some twenty bytes.
            longer.set(longer.get() + u32::from(bytes.len() > plain.len() + 60));
            Validator::new()
                .validate_all(&bytes)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            Ok(())
        })
        .unwrap();
    assert!(longer.get() > 50, "{longer:?}");
}
