//! The verbs: parse, call one function, map to an exit code.
fn main() {}
