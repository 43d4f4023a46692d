//! Contest: the built-in problem set, made from a seed for small policies: read standard input, compute, print.
//!
//! A problem is a pipeline of one to three steps. Each step is a family with one sentence, one line of Python and
//! an evaluator in Rust, so expected outputs never come from running the reference. Most statements leave one
//! detail out (sort order, separator, bound ...), with four possible programs; the first public test tells all
//! four apart. One answer without feedback can therefore be right for one in four of them, and the best
//! single-turn score of a set is a known number: `single_turn_ceiling`.
//!
//! Does not know how a program is run, judged or learnt from.

mod composition;
mod family;
mod grids;
mod inputs;
mod item;
mod list_ends;
mod lists;
mod marks;
mod mistakes;
mod numbers;
mod options;
mod pipeline;
mod slots;
mod strings;
mod summary;
#[cfg(test)]
mod tests;
mod value;
mod words;
mod world;

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::seq::{IndexedRandom, IteratorRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use self::composition::LONGEST;
use self::composition::{Families, NOTHING_HIDDEN, Outline, outlines};
use self::pipeline::Pipeline;
use self::slots::OPTIONS;
use self::value::Value;
use crate::problem::Problem;

pub use self::marks::marks;
pub use self::mistakes::mistake;
pub use self::summary::{options, single_turn_ceiling, summary};
pub use self::value::Shape;
pub use self::world::World;

/// Which part of the set. Parts differ in constants and in compositions, whatever the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// To learn from.
    Train,
    /// To choose settings with.
    Validation,
    /// To report on.
    Test,
}

impl Split {
    /// Every split.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Lower-case name, as in ids and in `contest:test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// What to generate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContestConfig {
    /// Seed of everything drawn; the borders between splits do not depend on it.
    pub seed: u64,
    /// Share of problems whose statement leaves a detail out, 0 to 1.
    pub hidden_share: f64,
    /// Problems of the train split.
    pub train: usize,
    /// Problems of the validation split.
    pub validation: usize,
    /// Problems of the test split.
    pub test: usize,
    /// How many families there are.
    pub world: World,
    /// What problems may read; fewer shapes make a smaller world.
    pub reads: Vec<Shape>,
    /// Steps of the longest problem.
    pub longest: usize,
}

impl Default for ContestConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            hidden_share: 0.8,
            train: 4_000,
            validation: 200,
            test: 300,
            world: World::default(),
            reads: Shape::ALL.to_vec(),
            longest: LONGEST,
        }
    }
}

impl ContestConfig {
    /// Problems of a split.
    pub fn size(&self, split: Split) -> usize {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }
}

/// A problem with all programs that fit its statement, for making demonstrations.
#[derive(Clone, Debug)]
pub struct ContestItem {
    /// The problem.
    pub problem: Problem,
    /// One solution for each option the statement leaves open; exactly one passes.
    pub variants: Vec<String>,
    /// Which of `variants` passes.
    pub option: usize,
    pipeline: Pipeline,
    public_inputs: Vec<Value>,
}

impl ContestItem {
    /// What a program prints on each public input, found without running it; `None` where this set has not written
    /// the program itself, or where it would raise.
    pub fn printed(&self, source: &str) -> Option<Vec<String>> {
        let siblings = self.pipeline.siblings();
        let wrong = || {
            mistakes::wrong_pipelines(&self.pipeline)
                .into_iter()
                .chain(mistakes::misread_pipelines(&self.pipeline))
                .find(|pipeline| pipeline.solution() == source)
        };
        let pipeline = match self.variants.iter().position(|variant| variant == source) {
            Some(option) => siblings.into_iter().nth(option)?,
            None => wrong()?,
        };
        self.public_inputs
            .iter()
            .map(|input| pipeline.output(input))
            .collect()
    }
}

/// The split that a name such as `contest:test` means; `None` for any other text.
pub fn parse_spec(spec: &str) -> Option<Split> {
    let name = spec.strip_prefix("contest:")?;
    Split::ALL.into_iter().find(|split| split.name() == name)
}

/// The problems of a split: the same for the same configuration, byte for byte.
pub fn generate(split: Split, config: &ContestConfig) -> Vec<Problem> {
    items(split, config)
        .into_iter()
        .map(|item| item.problem)
        .collect()
}

/// The problems of a split with their variants.
///
/// Statements with a detail left out come in fours, one for each option; their number is rounded down to that.
/// Fewer problems than asked for come back when `config.reads` does not hold that many different statements.
pub fn items(split: Split, config: &ContestConfig) -> Vec<ContestItem> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    rng.set_stream(split as u64);
    let outlines = outlines(split, &config.reads, config.world, config.longest);
    let size = config.size(split);
    let hidden = (size as f64 * config.hidden_share.clamp(0.0, 1.0) / OPTIONS as f64) as usize;
    let mut set = Set {
        split,
        rng,
        statements: BTreeSet::new(),
        items: Vec::new(),
    };
    let kinds = |hidden| {
        let chosen = outlines
            .iter()
            .filter(move |(kind, _)| (**kind != NOTHING_HIDDEN) == hidden);
        chosen.map(|(_, families)| families).collect()
    };
    set.fill(hidden * OPTIONS, kinds(true));
    set.fill(size, kinds(false));
    let Set {
        mut rng, mut items, ..
    } = set;
    items.shuffle(&mut rng);
    for (number, item) in items.iter_mut().enumerate() {
        item.problem.id = format!("contest/{}/{number:05}", split.name());
    }
    items
}

/// A split in the making.
struct Set {
    split: Split,
    rng: ChaCha8Rng,
    statements: BTreeSet<String>,
    items: Vec<ContestItem>,
}

impl Set {
    /// Adds items of new statements, one kind after the other so that all get the same share, until there are
    /// `size` or no kind has anything new.
    fn fill(&mut self, size: usize, mut kinds: Vec<&Families>) {
        let mut next = 0;
        while self.items.len() < size && !kinds.is_empty() {
            next %= kinds.len();
            if let Some(found) = self.find(kinds[next]) {
                self.items.extend(found);
                next += 1;
            } else {
                kinds.remove(next);
            }
        }
    }

    /// The items of one statement that is not in the set yet.
    fn find(&mut self, families: &Families) -> Option<Vec<ContestItem>> {
        const DRAWS: usize = 200;
        (0..DRAWS).find_map(|_| {
            let outline = draw_outline(families, &mut self.rng)?;
            let pipeline = item::pipeline(outline, self.split, &mut self.rng)?;
            let statement = pipeline.statement();
            if self.statements.contains(&statement) {
                return None;
            }
            let items = item::items(&pipeline, self.split, &mut self.rng)?;
            self.statements.insert(statement);
            Some(items)
        })
    }
}

/// Evenly over families, then over lengths.
fn draw_outline<'a>(families: &'a Families, rng: &mut ChaCha8Rng) -> Option<&'a Outline> {
    families
        .values()
        .choose(rng)?
        .values()
        .choose(rng)?
        .choose(rng)
}
