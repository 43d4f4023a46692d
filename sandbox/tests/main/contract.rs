//! What every isolation does with programs that mean no harm.

mod host;
mod idioms;
mod interactive;
mod limit;
mod pair;
mod plain;
mod statuses;
