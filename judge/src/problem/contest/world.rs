//! World: how much of the set there is. A smaller one has fewer families and fewer kinds of detail to leave out, so
//! that a policy of a million parameters can know it all; its problems are problems of the full one.

use serde::{Deserialize, Serialize};

use super::pipeline::Pipeline;

/// How much of the set there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum World {
    /// About half of the families; the details left out are those an output shows by itself.
    #[default]
    Core,
    /// Every family and every kind of detail.
    Full,
}

const CORE_FAMILIES: &[&str] = &[
    // Lists.
    "multiples",
    "no-multiples",
    "modulo",
    "sort",
    "reverse",
    "distinct",
    "negate",
    "square",
    "joined",
    "print",
    "is-sorted",
    "total",
    "range",
    "count-distinct",
    "length",
    // Text.
    "reverse-word",
    "case",
    "sort-letters",
    "no-vowels",
    "drop-letter",
    "repeat-letters",
    "pad-word",
    "spread",
    "print-word",
    "palindrome",
    // Words.
    "reverse-words",
    "reverse-each",
    "sort-words",
    "case-each",
    "join-words",
    "print-words",
    "count-words",
    // Numbers and pairs.
    "square-n",
    "digits",
    "n-modulo",
    "is-multiple",
    "pad-n",
    "print-n",
    "digit-sum-n",
    "combine",
    "gcd",
    // Grids.
    "join-rows",
    "flip",
    "diagonal",
    "join-grid",
    "print-grid",
    "sort-rows",
];

const CORE_KINDS: &[&str] = &["separator", "fill", "case", "answer", "order", "modulus"];

impl World {
    /// Whether a family of this name is in it.
    pub(super) fn holds(self, family: &str) -> bool {
        self == Self::Full || CORE_FAMILIES.contains(&family)
    }

    /// Whether a detail of this kind may be left out.
    pub(super) fn hides(self, kind: &str) -> bool {
        self == Self::Full || CORE_KINDS.contains(&kind)
    }

    /// The smallest world that holds a pipeline.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let core = pipeline
            .steps
            .iter()
            .all(|step| Self::Core.holds(step.family.name));
        if core { Self::Core } else { Self::Full }
    }
}
