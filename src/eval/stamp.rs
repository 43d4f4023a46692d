//! What must be known of a policy, a way to play and a sandbox before two evaluations may be compared: see the judge's crate.

pub use rlef_judge::evaluation::stamp::*;

use crate::rollout::RolloutConfig;

impl RolloutConfig {
    /// The stamp of this way to play.
    pub fn stamp(&self) -> PlayStamp {
        PlayStamp::of(self.turns, self.feedback, self.style, &self.sampling)
    }
}
