//! Inputs: draws what a test reads, so that boundaries of the constants, ties, repeats and negative numbers occur
//! often. Does not know what a pipeline makes of an input; who asks rejects the unsuitable ones.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::family::{Constant, letter};
use super::pipeline::Pipeline;
use super::value::{Shape, Value};

/// How large an input is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// One or two items: the edge cases.
    Tiny,
    /// A few small items: what a policy is shown.
    Short,
    /// More and larger items.
    Long,
}

/// One input for a pipeline.
pub(super) fn draw(pipeline: &Pipeline, size: Size, rng: &mut ChaCha8Rng) -> Value {
    let source = Source::new(pipeline, size);
    match pipeline.reads {
        Shape::List => Value::List(source.list(rng)),
        Shape::Text => Value::Text(source.text(rng)),
        Shape::Words => Value::Words(
            (0..source.count(rng).min(6))
                .map(|_| source.word(rng))
                .collect(),
        ),
        Shape::Number => Value::Number(source.natural(rng)),
        Shape::Pair => Value::Pair(source.natural(rng), source.natural(rng).max(1)),
        Shape::Grid => {
            let width = rng.random_range(if size == Size::Tiny { 1..=2 } else { 2..=4 });
            let row = |rng: &mut ChaCha8Rng| (0..width).map(|_| source.integer(rng)).collect();
            Value::Grid((0..pipeline.rows).map(|_| row(rng)).collect())
        }
    }
}

struct Source {
    size: Size,
    /// Numbers worth meeting: the constants.
    numbers: Vec<i64>,
    /// Letters worth meeting.
    letters: Vec<char>,
    /// Whether capitals occur.
    capitals: bool,
    /// Whether numbers of four and five digits occur: what a modulus needs to show.
    large: bool,
    /// Whether a number says how long a list is.
    counts: bool,
}

impl Source {
    fn new(pipeline: &Pipeline, size: Size) -> Self {
        let has = |names: &[&str]| {
            pipeline
                .steps
                .iter()
                .any(|step| names.contains(&step.family.name))
        };
        let counts = has(&["count-to", "count-between", "divisors"]);
        let mut source = Self {
            size,
            numbers: Vec::new(),
            letters: Vec::new(),
            capitals: has(&["case", "case-each", "sort-letters", "no-vowels"]),
            large: has(&["modulo", "sum-modulo", "product", "n-modulo"]) && !counts,
            counts,
        };
        for step in &pipeline.steps {
            match step.family.constant {
                Constant::Letter => source.letters.push(letter(step.constant)),
                Constant::None | Constant::Width => {}
                Constant::Count | Constant::Times | Constant::Divisor | Constant::Bound => {
                    source.numbers.push(step.constant);
                }
            }
        }
        source
    }

    fn count(&self, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(match self.size {
            Size::Tiny => 1..=2,
            Size::Short if self.large => 2..=4,
            Size::Short => 3..=7,
            Size::Long => 5..=10,
        })
    }

    fn list(&self, rng: &mut ChaCha8Rng) -> Vec<i64> {
        let mut list: Vec<_> = (0..self.count(rng)).map(|_| self.integer(rng)).collect();
        match rng.random_range(0..8) {
            0 => list.sort_unstable(),
            1 => list.sort_unstable_by(|left, right| right.cmp(left)),
            // A repeat in place of the last item: ties and duplicates.
            2 | 3 => {
                let again = list.choose(rng).copied();
                list.pop();
                list.extend(again);
            }
            _ => {}
        }
        list
    }

    fn integer(&self, rng: &mut ChaCha8Rng) -> i64 {
        match (rng.random_range(0..8), self.numbers.choose(rng)) {
            (0 | 1, Some(near)) => near + rng.random_range(-1..=1),
            (2, Some(multiple)) => multiple * rng.random_range(1..=3),
            (3, _) => rng.random_range(-9..=-1),
            _ if self.large => rng.random_range(1_000..=20_000),
            _ if self.size == Size::Long => rng.random_range(-20..=40),
            _ => rng.random_range(0..=12),
        }
    }

    fn natural(&self, rng: &mut ChaCha8Rng) -> i64 {
        match (self.size, rng.random_range(0..4), self.numbers.choose(rng)) {
            (Size::Tiny, ..) => rng.random_range(0..=2),
            (_, 0, Some(near)) => near + rng.random_range(-1..=1),
            (_, 1, Some(multiple)) => multiple * rng.random_range(1..=4),
            (_, 2, _) => rng.random_range(2..=12),
            _ if self.large => rng.random_range(1_000..=20_000),
            (Size::Short, ..) => rng.random_range(3..=30),
            (Size::Long, ..) if self.counts => rng.random_range(5..=40),
            (Size::Long, ..) => rng.random_range(5..=120),
        }
    }

    fn text(&self, rng: &mut ChaCha8Rng) -> String {
        let half: String = (0..self.count(rng)).map(|_| self.letter(rng)).collect();
        if rng.random_bool(0.2) {
            half.chars().chain(half.chars().rev().skip(1)).collect()
        } else {
            half
        }
    }

    fn word(&self, rng: &mut ChaCha8Rng) -> String {
        let longest = if self.size == Size::Long { 7 } else { 5 };
        (0..rng.random_range(1..=longest))
            .map(|_| self.letter(rng))
            .collect()
    }

    fn letter(&self, rng: &mut ChaCha8Rng) -> char {
        let small = match (rng.random_range(0..3), self.letters.choose(rng)) {
            (0, Some(wanted)) => *wanted,
            // Few letters, so that repeats and ties are common.
            (1, _) => letter(rng.random_range(0..6)),
            _ => letter(rng.random_range(0..26)),
        };
        if self.capitals && rng.random_bool(0.4) {
            small.to_ascii_uppercase()
        } else {
            small
        }
    }
}
