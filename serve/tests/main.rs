//! The server over its sockets: by the binary where programs really run, in this process with a machine of straw where load and
//! failures are what matters.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod action;
mod client;
mod clients;
mod deploy;
mod dialects;
mod hostile;
mod load;
mod native;
mod python;
mod real;
mod straw;
mod verbs;
