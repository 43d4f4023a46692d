//! What no program may do to the host, to the sandbox, to other programs, or to its own later tests.
//!
//! One property a test, each a short program; after each the same sandbox judges a correct program correctly.

mod dialogue;
mod escape;
mod exhaustion;
mod files;
mod interference;
mod interpreter;
mod kin;
mod leaks;
mod lies;
mod neighbours;
mod oddities;
mod surface;
mod together;
