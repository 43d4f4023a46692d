//! The first call in `main` of a program that is its own helper: becomes what it was started as.

use std::{env, process};

use crate::jail::become_helper;
use crate::protocol::JAIL_ARGUMENT;

/// If this process was started as a jail or to compile a module, becomes that and never returns; otherwise does nothing.
///
/// Must be the first call in `main` of every binary that is the helper of a [`crate::Sandbox`], before any
/// thread is started.
pub fn jail_entry() {
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        Some(argument) if argument == JAIL_ARGUMENT => process::exit(become_helper()),
        #[cfg(feature = "wasm")]
        Some(argument) if argument == crate::wasm::child::ARGUMENT => {
            crate::wasm::child::entry(arguments)
        }
        _ => {}
    }
}
