//! What WebAssembly isolation protects by, and what programs lack under it.

use super::gaps::GAPS;
use crate::isolation::Isolation;
use crate::protection::{Protection, Safeguard, SafeguardState};

/// What WebAssembly isolation protects by.
pub(super) fn protection(interpreter: &str) -> Protection {
    let by_construction = "WebAssembly: the guest has no call that reaches it";
    let means = |name| match name {
        Safeguard::MemoryLimit => "WebAssembly: growth of linear memory is refused",
        Safeguard::ProcessLimit => "WebAssembly: no processes, no threads",
        Safeguard::CpuLimit => "WebAssembly: fuel, the same on every machine",
        Safeguard::PrivateRoot => "WebAssembly: read-only files in memory",
        _ => by_construction,
    };
    let mut safeguards = Vec::new();
    for name in [
        Safeguard::PrivateRoot,
        Safeguard::ProcessNamespace,
        Safeguard::NetworkNamespace,
        Safeguard::NoCapabilities,
        Safeguard::SystemCallFilter,
        Safeguard::MemoryLimit,
        Safeguard::ProcessLimit,
        Safeguard::CpuLimit,
    ] {
        safeguards.push(SafeguardState {
            name,
            in_force: true,
            means: means(name).to_owned(),
            remedy: None,
        });
    }
    Protection {
        isolation: Isolation::Wasm.name().to_owned(),
        interpreter: interpreter.to_owned(),
        safeguards,
        gaps: GAPS.map(str::to_owned).to_vec(),
    }
}
