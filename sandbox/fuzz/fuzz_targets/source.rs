//! Sources and what compilers say of them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rlef_sandbox::fuzzing::source(bytes));
