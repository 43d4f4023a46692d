//! What is asked of a gate, and which of that makes no sense. Pure.

use std::collections::BTreeSet;

use super::Difference;

/// What is asked of a gate.
#[derive(Clone, Debug)]
pub struct Options {
    /// k of pass@k.
    pub k: usize,
    /// Turn after which a problem counts as solved, from one; the last where absent.
    pub turn: Option<usize>,
    /// Drop that is tolerated, as a share: 0.02 is two points.
    pub margin: f64,
    /// Chance of a false alarm that is accepted.
    pub alpha: f64,
    /// Labels by whose values the problems are tested too.
    pub slices: Vec<String>,
    /// Problems that must pass.
    pub golden: BTreeSet<String>,
    /// Share of a golden problem's episodes that must be solved.
    pub golden_rate: f64,
    /// Problems left out, known to be unreliable.
    pub quarantine: BTreeSet<String>,
    /// Differences between the evaluations that are accepted.
    pub allow: BTreeSet<Difference>,
    /// Largest share of episodes the sandbox may have lost on either side.
    pub max_infra_rate: f64,
    /// Seed of random flips, where there are any.
    pub seed: u64,
}

impl Options {
    /// What no gate can be asked, in words; `Ok` where all of it makes sense.
    pub fn check(&self) -> Result<(), String> {
        let shares = [
            ("margin", self.margin * 100.0, 0.0, 100.0),
            ("max-infra-rate", self.max_infra_rate, 0.0, 1.0),
            ("golden-rate", self.golden_rate, 0.0, 1.0),
        ];
        for (name, value, least, most) in shares {
            if !(least..=most).contains(&value) {
                return Err(format!(
                    "use --{name} {value}; expected a number from {least} to {most}"
                ));
            }
        }
        if self.golden_rate <= 0.0 {
            return Err("use --golden-rate 0, which every golden problem passes; expected a number above 0, at most 1".to_owned());
        }
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            let alpha = self.alpha;
            return Err(format!(
                "use --alpha {alpha}; expected a number between 0 and 0.5"
            ));
        }
        if self.k == 0 {
            return Err("use --k 0; expected at least 1".to_owned());
        }
        if self.turn == Some(0) {
            return Err("use --turn 0; turns are counted from 1".to_owned());
        }
        if let Some(id) = self.golden.intersection(&self.quarantine).next() {
            return Err(format!(
                "use {id} as --golden and in --quarantine; a problem that is left out can't be one that must pass"
            ));
        }
        Ok(())
    }
}
