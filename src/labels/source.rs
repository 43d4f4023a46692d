//! Where labels come from: a file of preferences, or a journal's tests or one of its judges → ratings of answers and choices between
//! two, over one table of answers that all sources share.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use crate::journal::{self, EpisodeRecord, JournalError, TurnRecord};
use crate::pairs::{Asked, CLUSTER};
use crate::preference::{Item, Labels, Placed, Said};
use crate::problem::id::ById;
use crate::problem::{Place, Problem};
use crate::verdict::Grade;

/// The label of a pair that says which of its answers was shown first: `chosen` or `rejected`.
const SHOWN_FIRST: &str = "shown_first";

/// Answers, each once, with what is known of them whoever labels them.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    known: HashMap<(String, String), usize>,
    /// The prompt of each, as a number.
    pub(super) prompts: Vec<usize>,
    /// Characters of each.
    pub(super) characters: Vec<usize>,
    /// Who gave each, where that is known.
    pub(super) by: Vec<Option<String>>,
    prompt_names: HashMap<String, usize>,
    /// The cluster of each prompt.
    pub(super) clusters: Vec<String>,
}

impl Answers {
    /// The number of an answer, which is added where it is new.
    fn place(
        &mut self,
        prompt: &Said,
        text: &Said,
        by: Option<String>,
        cluster: Option<&str>,
    ) -> usize {
        // Texts and messages always serialise.
        let name = serde_json::to_string(prompt).unwrap_or_default();
        let own = cluster.unwrap_or(&name).to_owned();
        let count = self.prompt_names.len();
        let prompt = *self.prompt_names.entry(name.clone()).or_insert(count);
        if prompt == count {
            self.clusters.push(own);
        } else if let Some(cluster) = cluster {
            // A file that names no cluster may have come first.
            cluster.clone_into(&mut self.clusters[prompt]);
        }
        let key = (name, serde_json::to_string(text).unwrap_or_default());
        let place = *self.known.entry(key).or_insert(self.prompts.len());
        if place == self.prompts.len() {
            self.prompts.push(prompt);
            self.characters.push(text.characters());
            self.by.push(by);
        } else if self.by[place].is_none() {
            self.by[place] = by;
        }
        place
    }
}

/// A choice between two answers to one prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// One answer.
    pub one: usize,
    /// The other.
    pub other: usize,
    /// How likely the one is better; 0.5 is a tie.
    pub share: f64,
    /// Whether the one was shown first, where that is known.
    pub one_is_first: Option<bool>,
}

/// Labels of one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// What it is called.
    pub name: String,
    /// Ratings of single answers: the mean of those it gave an answer.
    pub ratings: BTreeMap<usize, f64>,
    /// Choices between two.
    pub choices: Vec<Choice>,
}

/// Why a source can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The journal can't be read.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// It is of other problems.
    #[error("failed to use {path}: {reason}")]
    Problems {
        /// The journal.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A row holds no label of an answer or of two.
    #[error(
        "failed to use {place}: expected a pair, a ranking or a labelled answer, found labelled steps"
    )]
    Steps {
        /// File and row.
        place: Place,
    },
    /// A label can't be understood.
    #[error(
        "failed to use {place}: the label shown_first is {found:?}; expected chosen or rejected"
    )]
    ShownFirst {
        /// File and row.
        place: Place,
        /// What it is.
        found: String,
    },
    /// Nothing is labelled.
    #[error("failed to find a label in {name}: {reason}")]
    None {
        /// The source.
        name: String,
        /// Why.
        reason: &'static str,
    },
}

impl Source {
    /// The labels of a file of preferences.
    pub fn of_items(
        name: &str,
        items: &[Placed],
        answers: &mut Answers,
    ) -> Result<Self, SourceError> {
        let mut found = Ratings::default();
        let mut choices = Vec::new();
        for Placed { place, item } in items {
            match item {
                Item::Pair(pair) => {
                    let cluster = pair.labels.get(CLUSTER).map(String::as_str);
                    let one = answers.place(
                        &pair.prompt,
                        &pair.chosen,
                        by(&pair.labels, "chosen"),
                        cluster,
                    );
                    let other = answers.place(
                        &pair.prompt,
                        &pair.rejected,
                        by(&pair.labels, "rejected"),
                        cluster,
                    );
                    if one == other {
                        continue;
                    }
                    choices.push(Choice {
                        one,
                        other,
                        share: pair.certainty.unwrap_or(1.0),
                        one_is_first: shown_first(&pair.labels, place)?,
                    });
                }
                Item::Ranking(ranking) => {
                    let cluster = ranking.labels.get(CLUSTER).map(String::as_str);
                    let ranked: Vec<(usize, f64)> = (ranking.answers.iter())
                        .map(|ranked| {
                            let by = Some(ranked.by.clone()).filter(|by| !by.is_empty());
                            let place = answers.place(&ranking.prompt, &ranked.answer, by, cluster);
                            (place, ranked.rank)
                        })
                        .collect();
                    for (index, &(one, rank)) in ranked.iter().enumerate() {
                        let rest = ranked[index + 1..]
                            .iter()
                            .filter(|(other, _)| *other != one);
                        choices.extend(rest.map(|&(other, beside)| Choice {
                            one,
                            other,
                            share: better(beside, rank),
                            one_is_first: None,
                        }));
                    }
                }
                Item::Labelled(one) => {
                    let cluster = one.labels.get(CLUSTER).map(String::as_str);
                    let by = one.labels.get("by").cloned();
                    let place = answers.place(&one.prompt, &one.completion, by, cluster);
                    found.add(place, f64::from(u8::from(one.label)));
                }
                Item::Steps(_) => {
                    return Err(SourceError::Steps {
                        place: place.clone(),
                    });
                }
            }
        }
        let source = Self {
            name: name.to_owned(),
            ratings: found.means(),
            choices,
        };
        source.checked("it has no pair of unlike answers and no labelled answer")
    }

    /// What a journal's tests, or one of its judges, say of first answers. `who` is `tests` or a judge's name; `by` names whoever
    /// played, before its version.
    pub fn of_journal(
        (who, by): (&str, &str),
        path: &std::path::Path,
        (problems, asked): (&[Problem], &[Asked]),
        answers: &mut Answers,
    ) -> Result<Self, SourceError> {
        let records: Vec<EpisodeRecord> = journal::read(path)?;
        let by_id = ById::new(problems);
        let mut found = Ratings::default();
        for record in &records {
            let wrong = |reason: String| SourceError::Problems {
                path: path.to_owned(),
                reason,
            };
            let problem = by_id.find(&record.problem_id).map_err(wrong)?;
            let place = problems
                .iter()
                .position(|other| std::ptr::eq(other, problem));
            let (Some(place), Some(first)) = (place, record.turns.first()) else {
                continue;
            };
            let rating = match who {
                TESTS => graded(record, first),
                judge => scored(first, judge),
            };
            let Some(rating) = rating.filter(|_| !first.text.trim().is_empty()) else {
                continue;
            };
            let prompt = Said::plain(&asked[place].prompt);
            let by = format!("{by} {}", record.step);
            let cluster = Some(asked[place].cluster.as_str());
            let answer = answers.place(&prompt, &Said::plain(&first.text), Some(by), cluster);
            found.add(answer, rating);
        }
        let source = Self {
            name: format!("{who}@{}", path.display()),
            ratings: found.means(),
            choices: Vec::new(),
        };
        source.checked("no first answer in it has what was asked for")
    }

    fn checked(self, reason: &'static str) -> Result<Self, SourceError> {
        if self.ratings.is_empty() && self.choices.is_empty() {
            return Err(SourceError::None {
                name: self.name,
                reason,
            });
        }
        Ok(self)
    }
}

/// The source of a journal that is its tests.
const TESTS: &str = "tests";

/// Whether the first answer passes all tests, where that is known.
fn graded(record: &EpisodeRecord, first: &TurnRecord) -> Option<f64> {
    let grade = match (record.turns.len(), first.grade) {
        (1, _) => record.outcome?,
        // It was gone on with: it failed a public test, unless somebody says more of it.
        (_, Grade::Accepted) => first.full?,
        (_, grade) => grade,
    };
    (grade != Grade::Unsupported).then(|| f64::from(u8::from(grade == Grade::Accepted)))
}

/// What a judge says of the whole first answer.
fn scored(first: &TurnRecord, judge: &str) -> Option<f64> {
    let mut whole = first.scores.iter().filter(|score| score.span.is_none());
    whole.find(|score| score.judge == judge)?.value
}

/// The share of the one whose number is the higher.
pub(super) fn better(one: f64, other: f64) -> f64 {
    match one.total_cmp(&other) {
        _ if one == other => 0.5,
        std::cmp::Ordering::Greater => 1.0,
        _ => 0.0,
    }
}

fn shown_first(labels: &Labels, place: &Place) -> Result<Option<bool>, SourceError> {
    match labels.get(SHOWN_FIRST).map(String::as_str) {
        None => Ok(None),
        Some("chosen") => Ok(Some(true)),
        Some("rejected") => Ok(Some(false)),
        Some(found) => Err(SourceError::ShownFirst {
            place: place.clone(),
            found: found.to_owned(),
        }),
    }
}

/// Who gave one side of a pair, by whichever label says it.
fn by(labels: &Labels, side: &str) -> Option<String> {
    let named = labels.get(&format!("{side}_by")).cloned();
    let version = || {
        Some(format!(
            "version {}",
            labels.get(&format!("{side}_policy_version"))?
        ))
    };
    named.or_else(version)
}

/// Sums of ratings.
#[derive(Default)]
struct Ratings(BTreeMap<usize, (f64, f64)>);

impl Ratings {
    fn add(&mut self, answer: usize, rating: f64) {
        let (sum, count) = self.0.entry(answer).or_default();
        *sum += rating;
        *count += 1.0;
    }

    fn means(self) -> BTreeMap<usize, f64> {
        let means = self.0.into_iter();
        means
            .map(|(answer, (sum, count))| (answer, sum / count))
            .collect()
    }
}
