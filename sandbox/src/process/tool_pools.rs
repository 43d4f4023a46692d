//! Jails that show more of the host than others: a compiler's, a runtime's. One pool for each set of tools.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::blueprint::Blueprint;
use super::jail_pool::{JailPool, Taken};
use crate::error::SandboxError;
use crate::languages::Tools;

/// Pools of jails by the tools that they show, each made when it is first asked for.
#[derive(Debug)]
pub(crate) struct ToolPools {
    /// What all of them are built from, beside their tools.
    pub(crate) blueprint: Blueprint,
    pools: Mutex<HashMap<Tools, Arc<JailPool>>>,
    workers: usize,
}

impl ToolPools {
    pub(crate) fn new(blueprint: Blueprint, workers: usize) -> Self {
        Self {
            blueprint,
            pools: Mutex::default(),
            workers,
        }
    }

    /// A jail that shows these tools.
    pub(crate) fn take(&self, tools: &Tools) -> Result<Taken, SandboxError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = if let Some(pool) = pools.get(tools) {
            pool.clone()
        } else {
            let blueprint = self.blueprint.with_tools(tools)?;
            let pool = Arc::new(JailPool::new(blueprint, self.workers, Vec::new()));
            pools.entry(tools.clone()).or_insert(pool).clone()
        };
        drop(pools);
        pool.take()
    }
}
