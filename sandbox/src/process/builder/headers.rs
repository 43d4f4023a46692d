//! Headers compiled in advance, which large ones are worth.

use std::path::PathBuf;

use super::Builder;
use crate::cancel::Cancel;
use crate::error::SandboxError;
use crate::languages::{Compile, Launch, Precompiled, Toolchain};
use crate::limits::Limits;
use crate::outcome::Status;
use crate::store::{Store, StoreKey};

/// Bytes of the largest header compiled in advance, and memory for compiling it.
const LARGEST_HEADER: u64 = 512 << 20;

impl Builder {
    /// The header compiled in advance, if it can be made and kept.
    pub(super) fn header(
        &self,
        store: &Store,
        cancel: &Cancel,
        toolchain: &Toolchain,
        compile: &Compile,
        precompiled: &Precompiled,
    ) -> Result<Option<PathBuf>, SandboxError> {
        let key = StoreKey::of(&[
            b"header",
            toolchain.identity.as_bytes(),
            format!("{:?} {}", precompiled.command, precompiled.header).as_bytes(),
        ]);
        store.file_or_make(&key, cancel, || {
            let launch = Launch {
                file: "main.hpp".to_owned(),
                command: precompiled.command.clone(),
                ..compile.launch.clone()
            };
            let limits = Limits {
                cpu_ms: 60_000,
                wall_ms: 600_000,
                memory_bytes: 3 * LARGEST_HEADER,
                file_bytes: LARGEST_HEADER,
                ..self.limits.clone()
            };
            let source = precompiled.header.as_bytes();
            let (outcome, artifact) =
                self.run_compiler(cancel, &launch, source, "main", &limits)?;
            // A compiler that cannot do it compiles without.
            Ok((outcome.status == Status::Exited(0) && !artifact.is_empty()).then_some(artifact))
        })
    }
}
