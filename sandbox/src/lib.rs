//! Runs one untrusted program under limits; knows nothing of models, problems or tests.
//!
//! `Job` + input + `Limits` → `Outcome`, or a `SandboxError` when the sandbox itself failed.
//!
//! [`Sandbox`] hands it to a backend. One keeps jails warm (`process`), each a helper process that locked itself up (`jail`)
//! around an interpreter (`languages`), and compiles what has to be compiled (`process/builder`); the other runs it in
//! WebAssembly (`wasm`). What was made is kept in a [`Store`]. What stands between a program and the host is in
//! [`Protection`]; the threat model is in the crate's README.

#![deny(unsafe_code)]

mod admission;
mod apart;
mod backend;
mod batch;
mod cancel;
mod config;
mod diagnostics;
mod entry;
mod error;
mod folder;
#[cfg(fuzzing)]
pub mod fuzzing;
mod isolation;
#[expect(
    unsafe_code,
    reason = "namespaces, capabilities and exec have no safe interface"
)]
mod jail;
pub mod job;
mod languages;
pub mod limits;
pub mod outcome;
mod process;
pub mod protection;
mod protocol;
mod restart;
mod sandbox;
mod store;
mod trial;
#[cfg(feature = "wasm")]
mod wasm;

pub use apart::{ApartError, ApartWork, apart, apart_entry};
pub use batch::Batch;
pub use cancel::{Cancel, CancelOnDrop};
pub use config::SandboxConfig;
pub use entry::jail_entry;
pub use error::SandboxError;
pub use folder::{Folder, FoundFiles};
pub use isolation::Isolation;
pub use job::{Files, Job, Language, Side, Start};
pub use languages::LanguageState;
pub use limits::Limits;
pub use outcome::{Interaction, Outcome, Status, Usage};
pub use process::cgroup::CgroupError;
pub use protection::{Protection, Safeguard, SafeguardState};
pub use protocol::wire::WireError;
pub use restart::restart_with;
pub use sandbox::Sandbox;
pub use store::{Store, StoreError, StoreKey, StoreLayout};
#[cfg(feature = "wasm")]
pub use wasm::WasmError;
