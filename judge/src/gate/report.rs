//! What a gate found: its answer, its tests, and every problem on both sides.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Test;
use crate::evaluation::record::Provenance;
use crate::verdict::Grade;

/// Form of the JSON output.
pub const SCHEMA: &str = "rlef-gate/1";

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A drop beyond the margin is excluded.
    NoRegression,
    /// A drop is certain, or a golden problem fails.
    Regression,
    /// The data can't tell.
    Inconclusive,
    /// The two may not be compared.
    NotComparable,
    /// Too much was lost to the server or the sandbox.
    InfrastructureFailed,
}

impl Verdict {
    /// The words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoRegression => "no regression",
            Self::Regression => "regression",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not comparable",
            Self::InfrastructureFailed => "infrastructure failed",
        }
    }
}

/// Everything a gate found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The answer.
    pub verdict: Verdict,
    /// Why, most important first.
    pub reasons: Vec<String>,
    /// What was compared, for example `pass@1 after 3 turns`.
    pub metric: String,
    /// Tolerated drop, as a share.
    pub margin: f64,
    /// Accepted chance of a false alarm.
    pub alpha: f64,
    /// All problems; absent where nothing could be compared.
    pub overall: Option<Test>,
    /// One test a slice, by `label=value`; p-values adjusted together with the overall one (Holm).
    pub slices: BTreeMap<String, Test>,
    /// Golden problems that do not pass.
    pub golden_failures: Vec<String>,
    /// The problems that were compared, the largest drop first.
    pub problems: Vec<Pair>,
    /// Problems that were not, and why.
    pub left_out: BTreeMap<String, LeftOut>,
    /// Episodes lost to the server or the sandbox: baseline, candidate.
    pub lost: (usize, usize),
    /// What the baseline is.
    pub baseline: Provenance,
    /// What the candidate is.
    pub candidate: Provenance,
}

/// One problem on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The problem.
    pub id: String,
    /// What it was sampled together with; absent where it stands alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Episodes and solved ones of the baseline.
    pub baseline: Score,
    /// And of the candidate.
    pub candidate: Score,
    /// Baseline − candidate of the metric.
    pub drop: f64,
}

/// One side of a problem.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// Episodes.
    pub n: usize,
    /// Solved.
    pub c: usize,
    /// Why the rest is not.
    pub failures: BTreeMap<Grade, usize>,
}

/// Why a problem was not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftOut {
    /// Listed as unreliable.
    Quarantined,
    /// Only one side has it, or its text or tests changed, and that was accepted.
    Changed,
    /// One side lost so many episodes that the metric is undefined.
    Lost,
}

impl Pair {
    /// Solved before, never now.
    pub fn newly_fails(&self) -> bool {
        self.baseline.c > 0 && self.candidate.c == 0
    }

    /// Never before, solved now.
    pub fn newly_passes(&self) -> bool {
        self.baseline.c == 0 && self.candidate.c > 0
    }
}
