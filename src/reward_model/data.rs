//! Preferences → what a reward model learns from: of every prompt its different answers, as ids, and which of them are better
//! than which. All pairs of a prompt stand together, so that none of its answers is computed twice (Ouyang et al. 2022).

use std::collections::HashMap;

use super::Pairwise;
use crate::checkpoint::tokenizer::{Tokenizer, TokenizerError};
use crate::examples;
use crate::pairs::CLUSTER;
use crate::preference::{Item, Placed, Said};
use crate::problem::Place;

/// A prompt with its answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompted {
    /// The ids of each answer after its prompt.
    pub texts: Vec<Vec<u32>>,
    /// Tokens of each answer alone.
    pub lengths: Vec<usize>,
    /// What is known of them.
    pub compared: Vec<Compared>,
    /// What its problem was sampled together with, where its pairs say it; intervals draw that whole.
    pub cluster: Option<String>,
}

/// What is known of a prompt's answers, by their places.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// One is better than another.
    Pair(Comparison),
    /// Several have ranks, of which lower is better.
    Ranking(Vec<(usize, f64)>),
}

/// A pair without what it counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The preferred answer.
    pub chosen: usize,
    /// The other.
    pub rejected: usize,
    /// By how much its score is to be higher.
    pub margin: f64,
    /// How likely the order is right.
    pub certainty: f64,
}

/// Why preferences can't be learnt from.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A row is of another kind, or no conversation.
    #[error("failed to read {place}: {reason}")]
    Row {
        /// File and row.
        place: Place,
        /// What was found, and what was expected.
        reason: String,
    },
    /// Nothing is left.
    #[error(
        "failed to find a preference to learn from: {too_long} are longer than the model's context of {context} tokens, and {equal} are of two equal answers"
    )]
    None {
        /// How many are too long.
        too_long: usize,
        /// How many are of equal answers.
        equal: usize,
        /// Tokens of the context.
        context: usize,
    },
    /// The tokenizer gives no ids.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

/// Preferences by prompt, and what is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Data {
    /// In the order in which their prompts come first.
    pub prompts: Vec<Prompted>,
    /// Preferences with an answer that is longer than the context.
    pub too_long: usize,
    /// Pairs of two equal answers.
    pub equal: usize,
}

impl Data {
    /// Gathers items by prompt.
    pub fn of(items: &[Placed], tokenizer: &Tokenizer, context: usize) -> Result<Self, DataError> {
        let mut data = Self::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        for Placed { place, item } in items {
            let row = |reason: String| DataError::Row {
                place: place.clone(),
                reason,
            };
            let (prompt, answers): (&Said, Vec<(&Said, &str)>) = match item {
                Item::Pair(pair) => {
                    let both = vec![(&pair.chosen, "chosen"), (&pair.rejected, "rejected")];
                    (&pair.prompt, both)
                }
                Item::Ranking(ranking) => {
                    let answers = ranking.answers.iter();
                    let answers = answers.map(|ranked| (&ranked.answer, "answers"));
                    (&ranking.prompt, answers.collect())
                }
                Item::Labelled(_) | Item::Steps(_) => {
                    let words = "expected a pair of answers or a ranking, which a reward model is learnt from, found an answer that stands alone";
                    return Err(row(words.to_owned()));
                }
            };
            let mut texts = Vec::with_capacity(answers.len());
            for (answer, name) in answers {
                let ids = examples::ids(prompt, answer, name, tokenizer)?;
                texts.push(ids.map_err(row)?);
            }
            if texts.iter().any(|(ids, _)| ids.len() > context) {
                data.too_long += 1;
                continue;
            }
            let key = serde_json::to_string(prompt).unwrap_or_default();
            let at = *known.entry(key).or_insert(data.prompts.len());
            if at == data.prompts.len() {
                data.prompts.push(Prompted::default());
            }
            let prompted = &mut data.prompts[at];
            let labels = match item {
                Item::Pair(pair) => &pair.labels,
                Item::Ranking(ranking) => &ranking.labels,
                Item::Labelled(one) => &one.labels,
                Item::Steps(one) => &one.labels,
            };
            if let Some(cluster) = labels.get(CLUSTER) {
                prompted.cluster = Some(cluster.clone());
            }
            let places: Vec<usize> = texts.into_iter().map(|text| prompted.place(text)).collect();
            match item {
                Item::Pair(_) if places[0] == places[1] => data.equal += 1,
                Item::Pair(pair) => prompted.compared.push(Compared::Pair(Comparison {
                    chosen: places[0],
                    rejected: places[1],
                    margin: pair.margin.unwrap_or(0.0),
                    certainty: pair.certainty.unwrap_or(1.0),
                })),
                Item::Ranking(ranking) => {
                    let mut ranks: Vec<(usize, f64)> = Vec::new();
                    for (place, ranked) in places.iter().zip(&ranking.answers) {
                        if ranks.iter().any(|(other, _)| other == place) {
                            data.equal += 1;
                        } else {
                            ranks.push((*place, ranked.rank));
                        }
                    }
                    prompted.compared.push(Compared::Ranking(ranks));
                }
                Item::Labelled(_) | Item::Steps(_) => {}
            }
        }
        data.prompts.retain(|prompted| !prompted.pairs().is_empty());
        if data.prompts.is_empty() {
            return Err(DataError::None {
                too_long: data.too_long,
                equal: data.equal,
                context,
            });
        }
        Ok(data)
    }

    /// How many pairs there are.
    pub fn pairs(&self) -> usize {
        self.prompts
            .iter()
            .map(|prompted| prompted.pairs().len())
            .sum()
    }
}

impl Prompted {
    /// The place of an answer, which is added where it is new.
    fn place(&mut self, (ids, start): (Vec<u32>, usize)) -> usize {
        if let Some(place) = self.texts.iter().position(|other| *other == ids) {
            return place;
        }
        self.lengths.push(ids.len() - start);
        self.texts.push(ids);
        self.texts.len() - 1
    }

    /// All pairs that are said or follow from rankings, ties among them only where a pair says so.
    pub fn pairs(&self) -> Vec<Comparison> {
        let pairs = self.compared.iter().flat_map(|compared| match compared {
            Compared::Pair(pair) => vec![*pair],
            Compared::Ranking(ranks) => {
                let all = ranks.iter().enumerate();
                let pairs = all.flat_map(|(index, one)| {
                    let others = ranks[index + 1..].iter();
                    others
                        .filter(move |other| other.1 != one.1)
                        .map(move |other| {
                            let (better, worse) = if one.1 < other.1 {
                                (one, other)
                            } else {
                                (other, one)
                            };
                            Comparison {
                                chosen: better.0,
                                rejected: worse.0,
                                margin: 0.0,
                                certainty: 1.0,
                            }
                        })
                });
                pairs.collect()
            }
        });
        pairs.collect()
    }

    /// The same with what each counts, so that a prompt counts `weight` however many pairs it has; places are counted on from
    /// `first`.
    pub fn weighed(&self, first: usize, weight: f64) -> Vec<Pairwise> {
        let pairs = self.pairs();
        let each = weight / pairs.len().max(1) as f64;
        let pairs = pairs.into_iter().map(|pair| Pairwise {
            chosen: first + pair.chosen,
            rejected: first + pair.rejected,
            margin: pair.margin,
            certainty: pair.certainty,
            weight: each,
        });
        pairs.collect()
    }
}
