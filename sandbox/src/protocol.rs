//! What supervisor and jail have in common: the plan of a jail and the messages between them. Neither side's work.

pub(crate) mod plan;
pub(crate) mod wire;

/// First argument of a process that is to become a jail.
pub(crate) const JAIL_ARGUMENT: &str = "__jail";
