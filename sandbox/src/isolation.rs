//! The ways to isolate programs, by name.

use serde::{Deserialize, Serialize};

/// What stands between a program and the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A jailed process: namespaces, control groups, system call filter.
    Process,
    /// WebAssembly: needs nothing of the host, and outcomes repeat to the bit.
    Wasm,
    /// Jailed processes where the host has what they need, else WebAssembly. Modules always run in WebAssembly.
    #[default]
    Auto,
}

impl Isolation {
    /// The name as the command line and configuration have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Wasm => "wasm",
            Self::Auto => "auto",
        }
    }
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Process, Self::Wasm, Self::Auto]
            .into_iter()
            .find(|isolation| isolation.name() == text)
            .ok_or_else(|| format!("`{text}` is no isolation; expected process, wasm or auto"))
    }
}
