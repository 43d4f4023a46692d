//! Runs one untrusted program under limits; knows nothing of models, problems or tests.
//!
//! `Job` + input + `Limits` → `Outcome`, or a `SandboxError` when the sandbox itself failed.
//!
//! [`Sandbox`] keeps jails warm (`process`), each a helper process that locked itself up (`jail`) around an
//! interpreter (`languages`). What has to be compiled goes through the `workshop` first. What stands between a program and the host is in [`Protection`]; the threat
//! model is in the crate's README.

#![deny(unsafe_code)]

mod admission;
mod apart;
mod cancel;
mod config;
mod diagnostics;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod image;
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
mod pool;
mod process;
pub mod protection;
mod restart;
mod sandbox;
mod store;
mod trial;
#[cfg(feature = "wasm")]
mod wasm;
mod workshop;

pub use apart::{ApartError, ApartWork, apart, apart_entry};
pub use cancel::{Cancel, CancelOnDrop};
pub use config::SandboxConfig;
pub use error::SandboxError;
pub use isolation::{Isolation, Sandbox};
pub use jail::jail_entry;
pub use job::{Files, Job, Language, Side, Start};
pub use languages::LanguageState;
pub use limits::Limits;
pub use outcome::{Interaction, Outcome, Status, Usage};
pub use process::cgroup::CgroupError;
pub use process::wire::WireError;
pub use protection::{Protection, Safeguard, SafeguardState};
pub use restart::restart_with;
pub use store::{Store, StoreError, StoreKey, StoreLayout};
#[cfg(feature = "wasm")]
pub use wasm::WasmError;
