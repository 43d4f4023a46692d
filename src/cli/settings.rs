//! A TOML file and the keys set on the command line → what they configure.

use std::path::Path;

use anyhow::Context;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::config::{Assignment, merge};

/// `file` over `base`, and the keys over both; the file's own errors have its lines.
pub(super) fn read<T: DeserializeOwned>(
    base: Table,
    file: Option<&Path>,
    set: &[Assignment],
) -> anyhow::Result<T> {
    let mut table = base;
    if let Some(path) = file {
        let context = || format!("failed to read {}", path.display());
        let text = crate::files::read_to_string(path).with_context(context)?;
        let _: T = toml::from_str(&text).with_context(context)?;
        merge(&mut table, toml::from_str(&text).with_context(context)?);
    }
    for assignment in set {
        let fault =
            |reason: String| anyhow::anyhow!("failed to use --set {}: {reason}", assignment.text());
        assignment.put(&mut table).map_err(fault)?;
        let _: T = (table.clone().try_into())
            .map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    }
    (table.try_into()).context("failed to use what is configured")
}
