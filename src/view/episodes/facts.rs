//! A line of a journal → what its episode came to, in some bytes; its texts are passed over.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::episode::StopReason;
use crate::journal::RewardRecord;
use crate::verdict::Grade;

/// What an episode came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Whether it was read; all else says nothing before.
    pub is_known: bool,
    /// What all tests say of the last answer; nothing where the episode was lost.
    pub grade: Option<Grade>,
    /// Why it ended.
    pub stop: Option<StopReason>,
    /// Turns.
    pub turns: u16,
    /// The turn after which it was solved, from one; 0 where it was not.
    pub solved_at: u16,
    /// The sum of its turns' rewards; NaN where none is written.
    pub reward: f32,
    /// Bytes of its answers.
    pub bytes: u32,
    /// Sampled tokens; 0 where they are not written.
    pub tokens: u32,
}

/// A line, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Told {
    pub(super) step: usize,
    #[serde(deserialize_with = "crate::problem::id::deserialize")]
    pub(super) problem_id: String,
    pub(super) sample: usize,
    turns: Vec<Turn>,
    stop: StopReason,
    outcome: Option<Grade>,
}

#[derive(Deserialize)]
struct Turn {
    #[serde(deserialize_with = "bytes")]
    text: usize,
    #[serde(default)]
    tokens: Count,
    #[serde(default)]
    reward: Option<RewardRecord>,
    #[serde(default)]
    full: Option<Grade>,
}

impl Told {
    pub(super) fn facts(&self) -> Facts {
        let accepted_before = self
            .turns
            .iter()
            .position(|turn| turn.full == Some(Grade::Accepted));
        let solved = match accepted_before {
            Some(turn) => turn + 1,
            None if self.outcome == Some(Grade::Accepted) => self.turns.len(),
            None => 0,
        };
        let worth = |reward: &RewardRecord| reward.outcome + reward.scores.values().sum::<f64>();
        let rewards: Vec<f64> = self
            .turns
            .iter()
            .filter_map(|turn| turn.reward.as_ref().map(worth))
            .collect();
        let sum = |of: fn(&Turn) -> usize| self.turns.iter().map(of).sum::<usize>() as u32;
        Facts {
            is_known: true,
            grade: self.outcome,
            stop: Some(self.stop),
            turns: self.turns.len() as u16,
            solved_at: solved as u16,
            reward: if rewards.is_empty() {
                f32::NAN
            } else {
                rewards.iter().sum::<f64>() as f32
            },
            bytes: sum(|turn| turn.text),
            tokens: sum(|turn| turn.tokens.0),
        }
    }
}

/// How many items a list has.
#[derive(Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Count;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count(0))
            }
        }
        deserializer.deserialize_any(Items)
    }
}

/// The bytes of a text, which is not kept.
fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    struct Length;
    impl Visitor<'_> for Length {
        type Value = usize;
        fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            out.write_str("a text")
        }
        fn visit_str<E>(self, text: &str) -> Result<usize, E> {
            Ok(text.len())
        }
    }
    deserializer.deserialize_str(Length)
}
