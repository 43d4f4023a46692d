//! A model that is sampled and trained on a server of the Tinker API, as SkyRL's is: sessions, futures, snapshots, passes and
//! steps. Rows go there as ids, numbers come back; what they are learnt from is made here.
//!
//! Such a server takes what makes no sense and answers as if it had made some. What is sent is checked first (`datum`), and what
//! comes back before it is used (`trainer`). Was written against SkyRL 0.4, whose passes and samples are protobuf (`wire`) and
//! whose other calls are JSON.

mod adapter;
mod client;
mod datum;
mod error;
mod passes;
mod session;
mod settings;
mod trainer;
mod wire;

pub use datum::{Datum, Token};
pub use error::TinkerError;
pub use passes::{Loss, Passed, Said, Stepped};
pub use settings::{Backend, TinkerConfig};
pub use trainer::Trainer;
