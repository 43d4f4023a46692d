//! WebAssembly modules that are WASI commands: never a process; WebAssembly isolation runs them.

use super::{Definition, Toolchain, always_main};

pub(crate) const DEFINITION: Definition = Definition {
    title: "WebAssembly",
    tags: &["wasm", "wat"],
    extensions: &["wasm", "wat"],
    find,
    unit: always_main,
    wanted_memory: |_| false,
};

fn find() -> Result<Toolchain, String> {
    Err("modules run in WebAssembly only".to_owned())
}
