//! Problems as they were read → those a run trains on and those it is measured on. Pure; whoever reads files says what was
//! done.

mod decontaminate;
mod held_out;
mod public;

pub use decontaminate::{Contaminated, decontaminate};
pub use held_out::{Parts, held_out};
pub use public::split_public;
