//! The parent side of process isolation: spawns jails, feeds them programs and inputs, watches, collects.

pub(crate) mod blueprint;
pub(crate) mod builder;
pub(crate) mod cgroup;

pub(crate) mod drive;
pub(crate) mod identity;
pub(crate) mod image;
mod in_force;
pub(crate) mod interaction;
mod jail_pool;
pub(crate) mod jails;
pub(crate) mod outcome;
mod pairs;
mod request;
pub(crate) mod run;
pub(crate) mod single;
pub(crate) mod stream;
mod tool_pools;
mod toolchains;
pub(crate) mod tree;
mod warm;
pub(crate) mod worker;
