//! Messages of the helper.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rlef_sandbox::fuzzing::setup(bytes));
