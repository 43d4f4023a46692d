//! One file per language: how a program is found an interpreter, prepared and started.

pub(crate) mod python;
