//! Modules that take their compiler much more than they are long: each is the program's own fault, told by name, and takes
//! nothing from the process that asked for it.

use std::time::Duration;

use rlef_sandbox::{
    Batch, Cancel, Job, Language, Limits, Sandbox, SandboxConfig, SandboxError, Start, Status,
    WasmError,
};

use crate::support::{config, limits, text};

fn job(source: String) -> Job {
    Job {
        language: Language::Wasm,
        source: source.into_bytes(),
        start: Start::Fork,
        files: None,
    }
}

fn sandbox(configure: impl FnOnce(&mut SandboxConfig)) -> Sandbox {
    let mut config = SandboxConfig {
        isolation: rlef_sandbox::Isolation::Wasm,
        ..config(1)
    };
    configure(&mut config);
    Sandbox::new(config).unwrap_or_else(|error| panic!("failed to {error}"))
}

fn command(body: &str) -> String {
    format!("(module (memory (export \"memory\") 1) (func (export \"_start\") {body}))")
}

/// What one core does in seconds, with code for the compiler to find no short way through.
fn long() -> String {
    let body =
        "(i64.store (i32.const 0) (i64.mul (i64.load (i32.const 0)) (i64.load (i32.const 8))))";
    let functions = format!("(func {})", body.repeat(200)).repeat(1_500);
    format!("(module (memory (export \"memory\") 1) {functions} (func (export \"_start\")))")
}

fn refused(sandbox: &Sandbox, source: String, reason: &str) {
    let outcome = sandbox.run(&job(source), b"", &limits()).unwrap();
    let said = text(&outcome.stderr);
    assert_eq!(outcome.status, Status::CompileError, "{reason}: {said}");
    assert!(said.contains(reason), "{reason}: {said}");
    let next = sandbox.run(&job(command("")), b"", &limits()).unwrap();
    assert_eq!(next.status, Status::Exited(0));
}

#[test]
fn what_is_over_a_bound_is_refused_by_its_name() {
    let sandbox = sandbox(|_| {});
    let many = |text: &str, times: usize| text.repeat(times);
    for (source, reason) in [
        (
            command(&format!(
                "(local {}) {}",
                many("i64 ", 19_000),
                (0..30_000)
                    .map(|block| format!("(block (br_if 0 (i32.wrap_i64 (local.get {}))))", block * 7 % 19_000))
                    .collect::<Vec<_>>()
                    .concat()
            )),
            "locals times blocks",
        ),
        (
            command(&format!("{} {}", many("loop ", 20_000), many("end ", 20_000))),
            "loops within one another",
        ),
        (
            command(&format!("{} {}", many("block ", 90_000), many("end ", 90_000))),
            "blocks within one another",
        ),
        (
            command(&format!("(br_table {} (i32.const 0))", many("0 ", 300_000))),
            "targets of br_table",
        ),
        (command(&many("(drop (i32.const 1000000))", 300_000)), "bytes in a function"),
        (
            format!("(module {} (func (export \"_start\")))", many("(func)", 200_000)),
            "functions",
        ),
        (
            "(module (memory (export \"memory\") 4000) (data (i32.const 0) \"x\") (data (i32.const 250000000) \"x\") \
             (func (export \"_start\")))"
                .to_owned(),
            "bytes from the first to the last",
        ),
    ] {
        refused(&sandbox, source, reason);
    }
    // What the engine has no room for.
    refused(
        &sandbox,
        "(module (memory (export \"memory\") 1) (table 10000000 funcref) (func (export \"_start\")))"
            .to_owned(),
        "exceeds",
    );
    // Text that is none, deep or long.
    for source in [
        many("(", 2_000_000),
        many("(;", 1_000_000),
        format!("(module {}", many(" ", 30_000_000)),
    ] {
        refused(&sandbox, source, "");
    }
}

#[test]
fn a_compiler_without_memory_or_time_is_the_programs_fault() {
    let small = sandbox(|config| config.compile_limits.memory_bytes = 1 << 20);
    let wide = format!("(func {})", "nop ".repeat(900_000)).repeat(7);
    let source =
        format!("(module (memory (export \"memory\") 1) {wide} (func (export \"_start\")))");
    refused(&small, source, "more than 1 MB of memory");
    let brief = sandbox(|config| config.compile_limits.cpu_ms = 1_000);
    let outcome = brief.run(&job(long()), b"", &limits()).unwrap();
    assert_eq!(outcome.status, Status::CompileError, "{outcome:?}");
    assert!(
        text(&outcome.stderr).contains("more than 1 s of CPU time"),
        "{}",
        text(&outcome.stderr)
    );
}

#[test]
fn compiling_is_cancelled_like_any_run() {
    let sandbox = sandbox(|_| {});
    let cancel = Cancel::new().unwrap();
    let ended = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            sandbox.run_batch(
                &Batch::new(&job(long()), &[b"".as_slice()], &limits()).cancelled_by(&cancel),
            )
        });
        std::thread::sleep(Duration::from_millis(100));
        cancel.cancel();
        running.join().unwrap()
    });
    assert!(matches!(ended, Err(SandboxError::Cancelled)), "{ended:?}");
}

/// Python, which is ours, is compiled without a child; so it runs where none can be started, and a module says why not.
#[test]
fn without_a_helper_python_runs_and_a_module_is_an_error() {
    let sandbox = sandbox(|config| config.helper = Some("/nowhere".into()));
    let python = Job {
        language: Language::Python,
        source: b"print(6 * 7)".to_vec(),
        start: Start::Fork,
        files: None,
    };
    assert_eq!(
        sandbox.run(&python, b"", &limits()).unwrap().stdout,
        b"42\n"
    );
    let module = job(command("(drop (i32.const 271828))"));
    let error = sandbox.run(&module, b"", &Limits::default()).unwrap_err();
    assert!(
        matches!(&error, SandboxError::Wasm(WasmError::Compiler(reason)) if reason.contains("/nowhere")),
        "{error}"
    );
}
