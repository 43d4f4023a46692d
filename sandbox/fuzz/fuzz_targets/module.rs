//! Bytes as a WebAssembly module: refused with a reason, or run within its limits; never a failure of the sandbox.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rlef_sandbox::{Isolation, Job, Language, Limits, Sandbox, SandboxConfig, Start};

static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let directory = std::env::temp_dir().join(format!("rlef-fuzz-{}", std::process::id()));
    Sandbox::new(SandboxConfig {
        isolation: Isolation::Wasm,
        workers: 1,
        cache_bytes: 64 << 20,
        cache_directory: Some(directory),
        ..SandboxConfig::default()
    })
    .expect("WebAssembly needs nothing of the host")
});

fuzz_target!(|bytes: &[u8]| {
    let job = Job {
        language: Language::Wasm,
        source: bytes.to_vec(),
        start: Start::default(), files: None, };
    let limits = Limits {
        cpu_ms: 20,
        memory_bytes: 64 << 20,
        output_bytes: 1 << 12,
        ..Limits::default()
    };
    SANDBOX.run(&job, b"1 2\n", &limits).expect("an outcome");
});
