//! What the kernel and a program say of how it ended.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (i32, u64, u8, &[u8])| {
    let (wait_status, cpu_us, flags, stderr) = input;
    rlef_sandbox::fuzzing::outcome(wait_status, cpu_us, flags, stderr);
});
