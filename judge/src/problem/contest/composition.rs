//! Composition: which families follow each other, and which split each sequence and each constant belongs to.
//! The split depends on names and values only, never on the seed, so that no seed moves a test problem into
//! another set's train split. Draws nothing.

use std::collections::BTreeMap;

use super::Split;
use super::family::Family;
use super::value::Shape;
use super::world::World;
use super::{grids, list_ends, lists, numbers, strings, words};

/// Steps of the longest pipeline of the set itself.
pub const LONGEST: usize = 3;

/// A sequence of families that starts at what is read and ends in a print.
#[derive(Clone, Debug)]
pub(super) struct Composition {
    pub(super) reads: Shape,
    pub(super) families: Vec<&'static Family>,
}

/// A composition and the step it leaves undetailed, if any.
#[derive(Clone, Debug)]
pub(super) struct Outline {
    pub(super) composition: Composition,
    pub(super) hidden: Option<usize>,
}

/// Outlines by family (of the detail left out, if one is) and number of steps.
pub(super) type Families = BTreeMap<&'static str, BTreeMap<usize, Vec<Outline>>>;

/// Label of problems that leave nothing out.
pub(super) const NOTHING_HIDDEN: &str = "none";

/// Every family of the set.
pub(super) fn families() -> impl Iterator<Item = &'static Family> {
    [
        lists::FAMILIES,
        list_ends::FAMILIES,
        strings::FAMILIES,
        words::FAMILIES,
        numbers::FAMILIES,
        grids::FAMILIES,
    ]
    .into_iter()
    .flatten()
}

/// The outlines of a split over some shapes by kind of detail left out, `none` for none; grouped so that kinds,
/// families and lengths can be drawn evenly.
pub(super) fn outlines(
    split: Split,
    reads: &[Shape],
    world: World,
    longest: usize,
) -> BTreeMap<&'static str, Families> {
    let mut outlines = BTreeMap::<_, Families>::new();
    let mut put = |kind, name, composition: &Composition, hidden| {
        let by_length = outlines.entry(kind).or_default().entry(name).or_default();
        let outline = Outline {
            composition: composition.clone(),
            hidden,
        };
        by_length
            .entry(composition.families.len())
            .or_insert_with(Vec::new)
            .push(outline);
    };
    for composition in compositions(reads, world, longest)
        .iter()
        .filter(|composition| split_of(&composition.name()) == split)
    {
        for (place, family) in composition.families.iter().enumerate() {
            put(NOTHING_HIDDEN, family.name, composition, None);
            if let Some(slot) = family
                .slot
                .filter(|slot| world.hides(slot.kind) && composition.shows_step(place))
            {
                put(slot.kind, family.name, composition, Some(place));
            }
        }
    }
    outlines
}

/// The constants a family may have in a split.
pub(super) fn constants(family: &Family, split: Split) -> Vec<i64> {
    let values = family.constant.values();
    if values.clone().count() == 1 {
        return values.collect();
    }
    // Five shares: one to test, one to validation, three to train; which, differs from family to family, so
    // that every digit is met in training, in other families.
    let offset = checksum(family.name) % 5;
    values
        .filter(|value| share((offset + value.unsigned_abs()) % 5, 1) == split)
        .collect()
}

fn compositions(reads: &[Shape], world: World, longest: usize) -> Vec<Composition> {
    let mut whole = Vec::new();
    for &reads in reads {
        let mut open = vec![Composition {
            reads,
            families: Vec::new(),
        }];
        for _ in 0..longest {
            let (finished, unfinished) = open
                .iter()
                .flat_map(|shorter| shorter.longer(world))
                .partition(|longer| longer.gives().is_none());
            whole.extend::<Vec<_>>(finished);
            open = unfinished;
        }
    }
    whole
}

impl Composition {
    /// The shape its last family hands on; `None` once it has printed.
    fn gives(&self) -> Option<Shape> {
        self.families
            .last()
            .map_or(Some(self.reads), |family| family.gives)
    }

    fn longer(&self, world: World) -> Vec<Self> {
        let fits = |family: &&Family| {
            world.holds(family.name) && self.gives() == Some(family.takes()) && self.allows(family)
        };
        let with = |family| Self {
            reads: self.reads,
            families: [self.families.clone(), vec![family]].concat(),
        };
        families().filter(fits).map(with).collect()
    }

    /// No family twice; and letters are only shifted where all are small letters.
    fn allows(&self, next: &Family) -> bool {
        let has = |name| self.families.iter().any(|family| family.name == name);
        let shifted =
            |other| (next.name == "shift" && has(other)) || (next.name == other && has("shift"));
        !has(next.name) && !shifted("case") && !shifted("replace")
    }

    /// Whether the output shows what a step made, so that its detail can be read off one test.
    fn shows_step(&self, place: usize) -> bool {
        self.families[place + 1..].iter().all(|family| family.shows)
    }

    /// What it reads, then its families, as `Pipeline::composition` writes them.
    fn name(&self) -> String {
        let names = self.families.iter().map(|family| family.name);
        std::iter::once(self.reads.name())
            .chain(names)
            .collect::<Vec<_>>()
            .join(">")
    }
}

/// The split of a composition, by its name.
pub(super) fn split_of(composition: &str) -> Split {
    // A lone print is how a family is introduced: always in training.
    if composition.matches('>').count() == 1 {
        return Split::Train;
    }
    share(checksum(composition) % 10, 2)
}

/// The first `held_out` residues go to test, the next to validation, the rest to train.
fn share(residue: u64, held_out: u64) -> Split {
    match residue {
        residue if residue < held_out => Split::Test,
        residue if residue == held_out => Split::Validation,
        _ => Split::Train,
    }
}

/// FNV-1a, 64 bits: the same on every machine and in every version, unlike the standard hasher.
fn checksum(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
