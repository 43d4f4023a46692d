//! Episodes, or examples of a data set → the rows a loss is computed on. Says which token is an action, of which turn, where
//! its log-probability and the turn's value are read, and which rows stay together. Pure; holds no tensors.

use std::ops::Range;

use crate::episode::Episode;

/// One sampled or demonstrated token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Action {
    /// Row of the batch.
    pub row: usize,
    /// Index within the row of the token before it: the position whose hidden state predicts it.
    pub position: usize,
    /// The token.
    pub target: u32,
    /// Index into the batch's turns.
    pub turn: usize,
    /// Its log-probability when it was drawn; nothing where nobody drew it.
    pub sampler_logprob: Option<f32>,
}

/// One turn of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnSpan {
    /// Row of the batch.
    pub row: usize,
    /// Index within the row of the last prompt token, where the value is read.
    pub prompt_last: usize,
    /// Its actions: `actions[start..end]`.
    pub start: usize,
    /// One past its last action.
    pub end: usize,
}

/// A row before it is collated: its tokens, and which of them are learnt from.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// Token ids.
    pub tokens: &'a [u32],
    /// The answers in them, in order.
    pub answers: Vec<Answer<'a>>,
}

/// The tokens of one answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer<'a> {
    /// Where it begins in its row, after one token at least.
    pub start: usize,
    /// Its ids.
    pub tokens: &'a [u32],
    /// Their log-probabilities when they were drawn, one each; nothing where nobody drew them.
    pub sampler_logprobs: Option<&'a [f32]>,
}

/// An episode whose answers are text alone: there are no ids to learn, and none are made up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "failed to learn from episode {sample} of {problem_id:?}: its answer at turn {turn} is text without the ids and log-probabilities it was sampled with, as a server of text or a file of answers gives it; train from a checkpoint that is sampled here, or from an engine (engine.kind vllm or sglang)"
)]
pub struct NotSampled {
    /// The problem.
    pub problem_id: String,
    /// Which of the group's episodes.
    pub sample: usize,
    /// The turn, counted from one.
    pub turn: usize,
}

/// The one way from an episode to what is learnt from: ids that were really sampled.
impl<'a> TryFrom<&'a Episode> for Row<'a> {
    type Error = NotSampled;

    fn try_from(episode: &'a Episode) -> Result<Self, NotSampled> {
        let answers = episode.turns.iter().enumerate().map(|(index, turn)| {
            let sampled = turn.sampled.as_ref().ok_or_else(|| NotSampled {
                problem_id: episode.problem_id.clone(),
                sample: episode.sample,
                turn: index + 1,
            })?;
            Ok(Answer {
                start: turn.prompt_end,
                tokens: &sampled.ids,
                sampler_logprobs: Some(&sampled.log_probs),
            })
        });
        Ok(Self {
            answers: answers.collect::<Result<_, _>>()?,
            tokens: &episode.tokens,
        })
    }
}

/// Where values are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValuesAt {
    /// At the last prompt token of every turn.
    #[default]
    Turns,
    /// Before every token of an answer: at the token it follows.
    Tokens,
}

/// Rows of tokens with their actions and turns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Token ids of each row, unpadded.
    pub rows: Vec<Vec<u32>>,
    /// All sampled tokens, by row, then by position.
    pub actions: Vec<Action>,
    /// All turns, by row, then in order.
    pub turns: Vec<TurnSpan>,
    /// The rows of each unit, which no shuffle and no micro-batch takes apart. They follow each other.
    pub units: Vec<Range<usize>>,
    /// Where values are read.
    pub values_at: ValuesAt,
}

impl Batch {
    /// Collates whole episodes, one a row. Only sampled tokens become actions: prompts and feedback never do.
    pub fn collate<'a>(
        episodes: impl IntoIterator<Item = &'a Episode>,
    ) -> Result<Self, NotSampled> {
        let rows = episodes.into_iter().map(Row::try_from);
        let rows: Vec<Row<'_>> = rows.collect::<Result<_, _>>()?;
        Ok(Self::of_units(rows.into_iter().map(|row| vec![row])))
    }

    /// Collates units of rows. Only the tokens of answers become actions.
    pub fn of_units<'a>(units: impl IntoIterator<Item = Vec<Row<'a>>>) -> Self {
        let mut batch = Self::default();
        for unit in units {
            let first = batch.rows.len();
            for row in &unit {
                batch.push(row);
            }
            batch.units.push(first..batch.rows.len());
        }
        batch
    }

    /// Rows that were collated elsewhere, each a unit of its own.
    pub fn of_rows(rows: Vec<Vec<u32>>, actions: Vec<Action>, turns: Vec<TurnSpan>) -> Self {
        Self {
            units: (0..rows.len()).map(|row| row..row + 1).collect(),
            rows,
            actions,
            turns,
            values_at: ValuesAt::Turns,
        }
    }

    fn push(&mut self, row: &Row<'_>) {
        let index = self.rows.len();
        for answer in &row.answers {
            let start = self.actions.len();
            let turn = self.turns.len();
            let drawn = answer.sampler_logprobs;
            let actions = answer.tokens.iter().enumerate();
            self.actions.extend(actions.map(|(offset, &target)| Action {
                row: index,
                position: answer.start + offset - 1,
                target,
                turn,
                sampler_logprob: drawn.map(|all| all[offset]),
            }));
            self.turns.push(TurnSpan {
                row: index,
                prompt_last: answer.start - 1,
                start,
                end: self.actions.len(),
            });
        }
        // What follows the last action predicts nothing that is learnt from.
        let last = row.answers.last();
        let last = last.map_or(0, |answer| answer.start + answer.tokens.len());
        self.rows.push(row.tokens[..last].to_vec());
    }

    /// The same, with its values read there.
    #[must_use]
    pub fn with_values_at(self, values_at: ValuesAt) -> Self {
        Self { values_at, ..self }
    }

    /// How many values there are to read.
    pub fn values(&self) -> usize {
        match self.values_at {
            ValuesAt::Turns => self.turns.len(),
            ValuesAt::Tokens => self.actions.len(),
        }
    }

    /// Number of actions of every row.
    pub fn row_actions(&self) -> Vec<usize> {
        let mut counts = vec![0; self.rows.len()];
        for action in &self.actions {
            counts[action.row] += 1;
        }
        counts
    }

    /// Of every action, what holds of its turn.
    pub fn by_action<T: Copy>(&self, by_turn: &[T]) -> Vec<T> {
        let turns = self.actions.iter().map(|action| by_turn[action.turn]);
        turns.collect()
    }

    /// The rows of some units, in the order of the units.
    pub fn rows_of(&self, units: &[usize]) -> Vec<usize> {
        let rows = units.iter().flat_map(|&unit| self.units[unit].clone());
        rows.collect()
    }

    /// Groups of units, neighbours in what they begin with, with at most `tokens` tokens each if all their rows were as long
    /// as the longest (one unit at least).
    pub fn micro_batches(&self, units: &[usize], tokens: usize) -> Vec<Vec<usize>> {
        let mut order = units.to_vec();
        order.sort_by_key(|&unit| (&self.rows[self.units[unit].clone()], unit));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let (mut longest, mut rows) = (0, 0);
        for unit in order {
            let of_unit = &self.rows[self.units[unit].clone()];
            let length = of_unit.iter().map(Vec::len).max().unwrap_or(0);
            match groups.last_mut() {
                Some(group) if (rows + of_unit.len()) * length.max(longest) <= tokens => {
                    longest = longest.max(length);
                    rows += of_unit.len();
                    group.push(unit);
                }
                _ => {
                    longest = length;
                    rows = of_unit.len();
                    groups.push(vec![unit]);
                }
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episode::tests::played;
    use crate::verdict::Grade;

    #[test]
    fn actions_are_the_sampled_tokens_and_nothing_else() {
        let episode = played(&[Grade::WrongAnswer, Grade::Accepted], true);
        let batch = Batch::collate([&episode]).unwrap();
        let sampled: Vec<u32> = episode
            .turns
            .iter()
            .flat_map(|turn| turn.sampled.clone().unwrap().ids)
            .collect();
        assert_eq!(
            batch
                .actions
                .iter()
                .map(|action| action.target)
                .collect::<Vec<_>>(),
            sampled
        );
        for action in &batch.actions {
            assert_eq!(batch.rows[action.row][action.position + 1], action.target);
        }
        assert_eq!(batch.turns.len(), 2);
        assert_eq!(batch.turns[1].prompt_last + 1, episode.turns[1].prompt_end);
    }

    #[test]
    fn an_answer_without_ids_is_no_row() {
        let mut episode = played(&[Grade::WrongAnswer, Grade::Accepted], true);
        episode.turns[1].sampled = None;
        let error = Batch::collate([&episode]).unwrap_err();
        assert_eq!((error.sample, error.turn), (0, 2));
        let message = error.to_string();
        assert!(
            message.contains("\"p\"") && message.contains("engine.kind"),
            "{message}"
        );
    }

    #[test]
    fn micro_batches_hold_every_row_once_and_respect_the_budget() {
        let rows = (1..30).map(|n| vec![0; (n * 7) % 23 + 1]).collect();
        let batch = Batch::of_rows(rows, Vec::new(), Vec::new());
        let rows: Vec<usize> = (0..batch.rows.len()).collect();
        let groups = batch.micro_batches(&rows, 60);
        let mut seen: Vec<usize> = groups.concat();
        seen.sort_unstable();
        assert_eq!(seen, rows);
        for group in groups {
            let longest = group
                .iter()
                .map(|&row| batch.rows[row].len())
                .max()
                .unwrap();
            assert!(group.len() == 1 || longest * group.len() <= 60);
        }
    }

    #[test]
    fn a_units_rows_are_never_taken_apart() {
        fn row(tokens: &[u32]) -> Row<'_> {
            let answer = Answer {
                start: tokens.len() - 1,
                tokens: &[7],
                sampler_logprobs: None,
            };
            Row {
                tokens,
                answers: vec![answer],
            }
        }
        let rows: Vec<Vec<u32>> = (0..39_u32)
            .map(|n| vec![n % 3; (n as usize * 7) % 19 + 2])
            .collect();
        let sizes = [2, 1, 3];
        let mut rest = rows.iter();
        let units = (0..20).map(|unit| {
            let rows = rest.by_ref().take(sizes[unit % 3]);
            rows.map(|tokens| row(tokens)).collect::<Vec<_>>()
        });
        let batch = Batch::of_units(units);
        assert_eq!(batch.rows.len(), 39);
        let all: Vec<usize> = (0..20).collect();
        let groups = batch.micro_batches(&all, 70);
        assert!(groups.len() > 3);
        let mut seen = groups.concat();
        seen.sort_unstable();
        assert_eq!(seen, all);
        for group in &groups {
            let rows = batch.rows_of(group);
            let longest = rows.iter().map(|&row| batch.rows[row].len()).max();
            assert!(group.len() == 1 || rows.len() * longest.unwrap() <= 70);
        }
        assert_eq!(batch.rows_of(&[2, 0]), [3, 4, 5, 0, 1]);
    }
}
