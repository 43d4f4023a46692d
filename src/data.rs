//! Problems as they were read → those a run trains on and those it is measured on. Pure; whoever reads files says what was
//! done.

mod held_out;

pub use held_out::{Parts, held_out};
