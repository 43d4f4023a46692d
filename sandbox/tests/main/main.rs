//! The sandbox from outside: `contract` says what every isolation must do, `hostile` what no program may.

mod contract;
mod hostile;
mod leftovers;
mod support;
