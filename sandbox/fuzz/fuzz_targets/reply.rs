//! Messages of the jail.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rlef_sandbox::fuzzing::reply(bytes));
