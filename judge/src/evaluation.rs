//! What an evaluation says, as data: solved by turn, pass@k, n@k, repair, with intervals. `record` is the file it is kept in,
//! `stamp` what must be equal before two of them may be compared, `table` what a person sees. Who plays is elsewhere.

pub mod estimators;
pub mod record;
pub mod stamp;
mod table;
mod usage;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::statistics::Estimate;
use crate::verdict::Grade;
pub use table::histogram;
pub use usage::{Prices, Usage};

/// What an evaluation says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Problems evaluated: those of which an episode was graded.
    pub problems: usize,
    /// Problems of which every episode was lost.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub problems_lost: usize,
    /// Clusters they form, which are what intervals resample; 0 in files made before there were any.
    #[serde(default)]
    pub clusters: usize,
    /// Problems without public tests, of which one turn is played: there is nothing to tell a policy.
    #[serde(default)]
    pub single_turn: usize,
    /// Episodes that were graded.
    pub episodes: usize,
    /// Episodes that the sandbox or the policy's server lost; they count nowhere else.
    pub aborted: usize,
    /// Those of them that the policy's server refused, which says something of the policy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: usize,
    /// What the server said when it first refused one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Share of episodes that all tests accept when stopped after turn 1, 2, ...: the last entry is 1@turns.
    pub solved_by_turn: Vec<Estimate>,
    /// Share solved in the end among those that the first answer did not solve, whichever test it failed.
    pub repair_rate: Estimate,
    /// Share of later answers that repeat the program before them.
    pub identical_resubmissions: f64,
    /// Answers that were cut at the token limit, with a program in them or without.
    #[serde(default)]
    pub cut: usize,
    /// Those of them without a program: among the grades they count as `no_program`, though a longer answer may have had one.
    #[serde(default)]
    pub cut_without_program: usize,
    /// Grades of the last answers.
    pub grades: BTreeMap<Grade, usize>,
    /// Mean number of turns.
    pub turns: f64,
    /// Sampled tokens per second of sampling; 0 where nothing was timed, or not every token counted.
    pub tokens_per_second: f64,
    /// Programs judged per second of judging; 0 where nothing was timed.
    pub programs_per_second: f64,
    /// Probability that one of k episodes solves a problem (unbiased), by k.
    #[serde(default)]
    pub pass_at: BTreeMap<usize, Estimate>,
    /// n@k, where every turn counts as a sample: by (n, k).
    #[serde(default)]
    pub n_at: Vec<NAtK>,
    /// What choosing the best of n answers by judges' scores brings; empty where no judge besides the tests was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub best_of: Vec<BestOf>,
    /// What happened at each turn.
    #[serde(default)]
    pub by_turn: Vec<TurnReport>,
    /// Sampled tokens over episodes solved; absent where none was, or not every token was counted.
    #[serde(default)]
    pub tokens_per_solved: Option<f64>,
    /// Share solved in the end, by label and its value, for example `difficulty`, `hard`.
    #[serde(default)]
    pub by_label: BTreeMap<String, BTreeMap<String, Slice>>,
    /// What a server was asked and charged; only where the policy is on a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// n@k with what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NAtK {
    /// Programs that may be submitted.
    pub n: usize,
    /// Answers they are chosen from, turns included.
    pub k: usize,
    /// Share of problems solved.
    pub solved: Estimate,
}

/// What the best of n by score is like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestOf {
    /// Episodes it is chosen from.
    pub n: usize,
    /// `log n - (n - 1) / n`, the KL divergence from the policy of whoever answers with the best of n, in nats.
    pub kl: f64,
    /// How often all tests accept it.
    pub solved: Estimate,
    /// The score it was chosen by.
    pub score: Estimate,
}

/// One part of the problems.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Problems in it.
    pub problems: usize,
    /// Share of its episodes solved in the end.
    pub solved: Estimate,
}

/// What happened at one turn. Passing is by the public tests, which is what an episode goes on or stops by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnReport {
    /// Answers given at this turn.
    pub answers: usize,
    /// Those that pass the public tests.
    pub passed_public: usize,
    /// Answers that were cut at the token limit, with a program in them or without.
    #[serde(default)]
    pub cut: usize,
    /// Answers by what the public tests say, so an accepted one may still fail a private test.
    #[serde(rename = "public_grades", alias = "grades")]
    pub grades: BTreeMap<Grade, usize>,
    /// Answers whose predecessor failed.
    pub after_failure: usize,
    /// Those of them that pass: fixed given failed.
    pub fixed: usize,
    /// `fixed` over `after_failure` with its interval; absent where there is none.
    pub fixed_rate: Option<Estimate>,
    /// Answers whose predecessor passed; only where episodes go on after a pass.
    pub after_pass: usize,
    /// Those of them that fail: broken by repair.
    pub broken: usize,
    /// Answers that pass fewer public tests than their predecessor.
    pub fewer_tests: usize,
    /// Answers that repeat the predecessor's program.
    pub repeated: usize,
    /// Mean share of lines that changed from the predecessor, repeats included: 0 the same, 1 nothing in common; absent at
    /// the first turn.
    pub edit: Option<f64>,
    /// Mean number of sampled tokens; absent where not every answer's were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Answers that are empty, for everything that was said is a thought.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub only_thought: usize,
    /// Answers that the model, or a filter before it, declined to give, as its server says.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub declined: usize,
    /// Other answers that are empty.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub empty: usize,
}

impl Report {
    /// The same report with what a server was asked and charged.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Share solved within all turns: 1@turns.
    pub fn final_solved(&self) -> Estimate {
        self.solved_by_turn.last().copied().unwrap_or(Estimate {
            mean: 0.0,
            low: 0.0,
            high: 1.0,
        })
    }
}
