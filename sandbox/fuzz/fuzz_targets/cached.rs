//! Entries of the cache of compiled programs.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| rlef_sandbox::fuzzing::cached(bytes));
