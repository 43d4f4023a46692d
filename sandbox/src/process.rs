//! The parent side of process isolation: spawns jails, feeds them programs and inputs, watches, collects.

pub(crate) mod blueprint;
pub(crate) mod cgroup;
pub(crate) mod drive;
pub(crate) mod identity;
pub(crate) mod interaction;
pub(crate) mod outcome;
pub(crate) mod run;
pub(crate) mod stream;
pub(crate) mod tree;
pub(crate) mod wire;
pub(crate) mod worker;
