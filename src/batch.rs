//! Episodes → the rows a loss is computed on. Says which token is an action, of which turn, and where its
//! log-probability and the turn's value are read. Pure; holds no tensors.

use crate::episode::Episode;

/// One sampled token.
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
    /// Its log-probability when it was drawn.
    pub sampler_logprob: f32,
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

/// Rows of tokens with their actions and turns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Token ids of each row, unpadded.
    pub rows: Vec<Vec<u32>>,
    /// All sampled tokens, by row, then by position.
    pub actions: Vec<Action>,
    /// All turns, by row, then in order.
    pub turns: Vec<TurnSpan>,
}

impl Batch {
    /// Collates whole episodes, one a row. Only sampled tokens become actions: prompts and feedback never do.
    pub fn collate<'a>(episodes: impl IntoIterator<Item = &'a Episode>) -> Self {
        let mut batch = Self::default();
        for (row, episode) in episodes.into_iter().enumerate() {
            for turn in &episode.turns {
                let start = batch.actions.len();
                let index = batch.turns.len();
                for (offset, (&target, &sampler_logprob)) in turn
                    .completion
                    .tokens
                    .iter()
                    .zip(&turn.completion.sampler_logprobs)
                    .enumerate()
                {
                    let position = turn.prompt_end + offset - 1;
                    batch.actions.push(Action {
                        row,
                        position,
                        target,
                        turn: index,
                        sampler_logprob,
                    });
                }
                batch.turns.push(TurnSpan {
                    row,
                    prompt_last: turn.prompt_end - 1,
                    start,
                    end: batch.actions.len(),
                });
            }
            // What follows the last action predicts nothing that is learnt from.
            let last = episode
                .turns
                .last()
                .map_or(0, |turn| turn.prompt_end + turn.completion.tokens.len());
            batch.rows.push(episode.tokens[..last].to_vec());
        }
        batch
    }

    /// Groups of row indices, neighbours in what they begin with, with at most `tokens` tokens each if all were as long as
    /// the longest (one row at least).
    pub fn micro_batches(&self, rows: &[usize], tokens: usize) -> Vec<Vec<usize>> {
        let mut order = rows.to_vec();
        order.sort_by_key(|&row| (&self.rows[row], row));
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut longest = 0;
        for row in order {
            let length = self.rows[row].len();
            match groups.last_mut() {
                Some(group) if (group.len() + 1) * length.max(longest) <= tokens => {
                    longest = longest.max(length);
                    group.push(row);
                }
                _ => {
                    longest = length;
                    groups.push(vec![row]);
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
        let batch = Batch::collate([&episode]);
        let sampled: Vec<u32> = episode
            .turns
            .iter()
            .flat_map(|turn| turn.completion.tokens.clone())
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
    fn micro_batches_hold_every_row_once_and_respect_the_budget() {
        let batch = Batch {
            rows: (1..30).map(|n| vec![0; (n * 7) % 23 + 1]).collect(),
            ..Batch::default()
        };
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
}
