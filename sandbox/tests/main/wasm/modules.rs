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
