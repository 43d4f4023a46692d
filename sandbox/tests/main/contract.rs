//! What every isolation does with programs that mean no harm.

mod addresses;
mod host;
mod idioms;
mod interactive;
mod limit;
mod pair;
mod plain;
mod statuses;
