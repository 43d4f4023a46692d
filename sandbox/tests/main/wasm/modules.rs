//! Modules as programs: run, limited, and refused with a reason where they are malformed.

use proptest::prelude::*;
use rlef_sandbox::{Job, Language, Outcome, Start, Status};

use super::sandbox;
use crate::support::{limits, text};

fn run(source: impl AsRef<[u8]>, input: &str) -> Outcome {
    let job = Job {
        language: Language::Wasm,
        source: source.as_ref().to_vec(),
        start: Start::Fork,
        files: None,
    };
    sandbox()
        .run(&job, input.as_bytes(), &limits())
        .unwrap_or_else(|error| panic!("failed to {error}"))
}

fn command(body: &str) -> String {
    format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body}))")
}

/// Prints what it reads, up to 1000 bytes.
const ECHO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 1000))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn a_module_reads_and_prints() {
    let outcome = run(ECHO, "hello");
    assert_eq!(
        (outcome.status, text(&outcome.stdout)),
        (Status::Exited(0), "hello".to_owned())
    );
    assert_eq!(run(ECHO, "hello").usage.fuel, outcome.usage.fuel);
}

#[test]
fn traps_and_limits_have_their_status() {
    for (body, status) in [
        ("(loop (br 0))", Status::TimeLimit),
        ("unreachable", Status::Signalled(6)),
        (
            "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
            Status::Signalled(8),
        ),
        ("(drop (i32.load (i32.const -1)))", Status::Signalled(11)),
        (
            "(if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then unreachable))",
            Status::MemoryLimit,
        ),
        (
            "(loop (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (br 0))",
            Status::TimeLimit,
        ),
    ] {
        assert_eq!(run(command(body), "").status, status, "{body}");
    }
    let deep = "(module (func $f (export \"_start\") (call $f) (call $f)))";
    assert_eq!(run(deep, "").status, Status::Signalled(11));
}

/// What a module of its own can do that Python cannot: each ends as the program's own failure.
#[test]
fn attacks_on_the_engine_end_as_outcomes() {
    let grows = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable";
    assert_eq!(run(command(grows), "").status, Status::MemoryLimit);
    let declared = "(module (memory (export \"memory\") 65536) (func (export \"_start\")))";
    assert_eq!(run(declared, "").status, Status::MemoryLimit);
    let table = "(module (memory (export \"memory\") 1) (table $t 0 funcref) (func (export \"_start\") (loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 100000)) (i32.const -1)))) unreachable))";
    assert_eq!(run(table, "").status, Status::MemoryLimit);
    let mutual = "(module (memory (export \"memory\") 1) (func $f (param i64 i64 i64 i64) (call $g (local.get 0) (local.get 1))) (func $g (param i64 i64) (call $f (local.get 0) (local.get 1) (local.get 0) (local.get 1))) (func (export \"_start\") (call $f (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4))))";
    assert_eq!(run(mutual, "").status, Status::Signalled(11));
    let imported_memory =
        "(module (import \"env\" \"memory\" (memory 1)) (func (export \"_start\")))";
    assert_eq!(run(imported_memory, "").status, Status::CompileError);
    // The start function runs before `_start`, under the same limits.
    let start = "(module (memory (export \"memory\") 1) (func $f (loop (br 0))) (start $f) (func (export \"_start\")))";
    assert_eq!(run(start, "").status, Status::TimeLimit);
    let huge_function = format!(
        "(module (func (export \"_start\") {}))",
        "(drop (i32.const 1000000))".repeat(300_000)
    );
    let outcome = run(huge_function, "");
    assert_eq!(outcome.status, Status::CompileError, "{outcome:?}");
    let huge_module = [b"\0asm\x01\0\0\0".as_slice(), &vec![0; 33 << 20]].concat();
    let outcome = run(huge_module, "");
    assert_eq!(outcome.status, Status::CompileError);
    assert!(text(&outcome.stderr).contains("at most"), "{outcome:?}");
    let output = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 2)
      (func (export "_start") (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 65536))
        (loop (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br 0))))"#;
    let outcome = run(output, "");
    assert_eq!(outcome.status, Status::OutputLimit);
    assert!(outcome.stdout.len() <= limits().output_bytes as usize);
    assert_eq!(run(ECHO, "still here").stdout, b"still here");
}

/// Calls that move nothing burn fuel for themselves, whichever they are and whatever they are asked.
#[test]
fn no_host_call_is_free() {
    for (name, parameters, arguments) in [
        (
            "fd_write",
            "i32 i32 i32 i32",
            "(i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0)",
        ),
        (
            "fd_read",
            "i32 i32 i32 i32",
            "(i32.const 0) (i32.const -1) (i32.const -1) (i32.const -1)",
        ),
        (
            "clock_time_get",
            "i32 i64 i32",
            "(i32.const 0) (i64.const 0) (i32.const -1)",
        ),
        (
            "poll_oneoff",
            "i32 i32 i32 i32",
            "(i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)",
        ),
        (
            "poll_oneoff",
            "i32 i32 i32 i32",
            "(i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)",
        ),
        ("random_get", "i32 i32", "(i32.const -1) (i32.const -1)"),
        ("fd_close", "i32", "(i32.const 77)"),
        ("fd_fdstat_get", "i32 i32", "(i32.const 1) (i32.const -1)"),
        (
            "environ_sizes_get",
            "i32 i32",
            "(i32.const -1) (i32.const -1)",
        ),
        ("fd_sync", "i32", "(i32.const 1)"),
    ] {
        let source = format!(
            "(module (import \"wasi_snapshot_preview1\" \"{name}\" (func $call (param {parameters}) (result i32)))\n\
             (memory (export \"memory\") 1) (func (export \"_start\") (loop (drop (call $call {arguments})) (br 0))))"
        );
        let outcome = run(source, "");
        assert_eq!(outcome.status, Status::TimeLimit, "{name}: {outcome:?}");
    }
}

/// Code that a pass around a loop skips, or that a call hides, burns fuel like any other.
#[test]
fn no_code_is_free() {
    let work = "i64.const 3 i64.mul i64.const 5 i64.add ".repeat(20_000);
    let counted = |body: &str| {
        command(&format!(
            "(local $i i32) (local $x i64) (loop $l {body} (local.set $i (i32.add (local.get $i) (i32.const 1))) \
             (br_if $l (i32.lt_u (local.get $i) (i32.const 200000)))) (i64.store (i32.const 200) (local.get $x))"
        ))
    };
    let leaf = format!("(func $leaf (param i64) (result i64) local.get 0 {work})");
    for source in [
        counted("(local.set $x (call $leaf (local.get $x)))")
            .replace("(module", &format!("(module {leaf}")),
        counted(&format!(
            "(if (i32.ge_u (local.get $i) (i32.const 0)) (then local.get $x {work} local.set $x))"
        )),
        counted(&format!(
            "(block (br_if 0 (i32.lt_s (local.get $i) (i32.const 0))) local.get $x {work} local.set $x)"
        )),
        "(module (memory (export \"memory\") 1) (func $r (export \"_start\") (return_call $r)))"
            .to_owned(),
    ] {
        let outcome = run(source, "");
        assert_eq!(outcome.status, Status::TimeLimit, "{outcome:?}");
        // By its fuel, not by the clock: the same in every run.
        assert_eq!(outcome.usage.cpu_us, limits().cpu_ms * 1000);
    }
}

#[test]
fn a_flood_of_host_calls_ends() {
    let flood = r#"(module
      (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (loop (drop (call $yield)) (br 0))))"#;
    assert_eq!(run(flood, "").status, Status::TimeLimit);
}

#[test]
fn what_is_no_command_is_refused_with_the_reason() {
    for (source, reason) in [
        ("(module", "expected"),
        ("(module)", "_start"),
        ("(module (func (export \"_start\") (param i32)))", "_start"),
        (
            "(module (import \"env\" \"system\" (func)) (func (export \"_start\")))",
            "can be imported",
        ),
        (
            "(module (func (export \"_start\") (result i32)))",
            "type mismatch",
        ),
        (
            "(module (memory 100000) (func (export \"_start\")))",
            "memory",
        ),
        ("\0asm\u{1}\0\0\0\u{1}", "unexpected end"),
    ] {
        let outcome = run(source, "");
        assert_eq!(
            outcome.status,
            Status::CompileError,
            "{source}: {}",
            text(&outcome.stderr)
        );
        assert!(
            text(&outcome.stderr).contains(reason),
            "{source}: {}",
            text(&outcome.stderr)
        );
    }
}

#[test]
fn pointers_outside_memory_are_an_error_number_for_the_guest() {
    let wild = r#"(module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (if (i32.ne (call $random (i32.const -8) (i32.const 64)) (i32.const 21)) (then unreachable))))"#;
    assert_eq!(run(wild, "").status, Status::Exited(0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_after_the_header_are_an_outcome(tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let outcome = run([b"\0asm\x01\0\0\0".as_slice(), &tail].concat(), "");
        prop_assert_eq!(outcome.status, Status::CompileError);
    }
}
