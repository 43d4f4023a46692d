//! The `[data]` table of a run's TOML: which problems are trained on, how often each is drawn, and what is learnt of them.

use serde::{Deserialize, Serialize};

/// Which problems are trained on, and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataConfig {
    /// Sets to train on beside `problems`, which has weight 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetConfig>,
    /// Private tests that become public ones, of problems without a public test, so that a policy is told what failed: the
    /// first of each, which then are private no more, and one stays private at least. Evaluation sets that are named stay as
    /// they are. 0 leaves such problems at one turn.
    pub public_from_private: usize,
    /// Training problems that are left out for being in a set to evaluate or validate on: `off` for none, `exact` for equal
    /// words of the statement, `ngram` also for statements that share much of theirs.
    pub decontaminate: Decontamination,
    /// Share of a training statement's runs of 13 words that one statement to evaluate on has too, from which on `ngram`
    /// leaves it out.
    pub overlap: f64,
    /// Whether groups whose episodes all have the same reward are left out of the updates, whatever the objective.
    pub drop_zero_variance: bool,
    /// Running solve rates between which problems are drawn as often as others; outside of them a twentieth as often, so
    /// that it shows when they change. `[0.0, 1.0]` for all.
    pub solve_rate: [f64; 2],
    /// `off`, or `solve_rate`: problems are drawn the more often the nearer their running solve rate is to one half.
    pub curriculum: Curriculum,
}

/// One more set of problems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetConfig {
    /// A file, or `contest:train`.
    pub problems: String,
    /// How often problems of this set are drawn, beside 1 for `problems`, whatever the sizes of the sets.
    #[serde(default = "one")]
    pub weight: f64,
}

const fn one() -> f64 {
    1.0
}

/// What is left out for being measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decontamination {
    /// Nothing.
    #[default]
    Off,
    /// Statements of the same words.
    Exact,
    /// Statements that share much of their words in order, too.
    Ngram,
}

/// What how often a problem is drawn goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curriculum {
    /// Nothing: every problem once a pass.
    #[default]
    Off,
    /// Its running solve rate.
    SolveRate,
}

impl Default for DataConfig {
    /// Every problem as often as any other, and all of them learnt from.
    fn default() -> Self {
        Self {
            sets: Vec::new(),
            public_from_private: 0,
            decontaminate: Decontamination::Off,
            overlap: 0.5,
            drop_zero_variance: false,
            solve_rate: [0.0, 1.0],
            curriculum: Curriculum::Off,
        }
    }
}

impl DataConfig {
    /// Whether draws go by running solve rates, which a run then keeps.
    pub fn goes_by_rates(&self) -> bool {
        self.curriculum != Curriculum::Off || self.solve_rate != [0.0, 1.0]
    }

    /// The first of the settings that makes no sense: its key, what it is, and what is expected.
    pub(super) fn fault(&self) -> Option<(String, String, &'static str)> {
        let [low, high] = self.solve_rate;
        if !(0.0 <= low && low < high && high <= 1.0) {
            let found = format!("[{low}, {high}]");
            let expected = "two numbers from 0 to 1, the smaller one first";
            return Some(("data.solve_rate".to_owned(), found, expected));
        }
        let bad = |set: &&SetConfig| !(set.weight > 0.0 && set.weight.is_finite());
        let set = self.sets.iter().find(bad)?;
        let key = format!("the weight of {} in data.sets", set.problems);
        Some((key, set.weight.to_string(), "a finite number above 0"))
    }
}
