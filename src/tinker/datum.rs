//! A row of a batch → what a pass is sent. A server takes lists of other lengths, numbers that are none and ids that there are
//! not, and answers as if nothing were wrong: they are refused here.

use super::wire::{DatumMessage, Tensor, chunk};
use super::{Backend, TinkerError};

/// A row with what each of its tokens is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    tokens: Vec<u32>,
    /// One for each token but the first: 1 where it is learnt.
    weights: Vec<f32>,
    /// Old log-probabilities.
    old: Vec<f32>,
    advantages: Vec<f32>,
}

/// What is learnt of one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// Where the token stands in its row.
    pub place: usize,
    /// Its log-probability from before the updates.
    pub old: f32,
    /// Its advantage times its share of the whole loss.
    pub advantage: f64,
}

impl Backend {
    /// What an advantage is multiplied by so that the server's loss is the sum of all tokens' parts: `rows` are those of the whole
    /// update, `actions` those that are learnt of the token's row.
    pub const fn factor(self, rows: usize, actions: usize) -> f64 {
        match self {
            Self::Jax => (rows * actions) as f64,
            Self::Fsdp | Self::Megatron => 1.0,
        }
    }
}

impl Datum {
    /// Of a row's ids and what is learnt of them, in their order.
    pub fn new(
        tokens: &[u32],
        learnt: &[Token],
        vocabulary: usize,
        context: usize,
    ) -> Result<Self, TinkerError> {
        let unsound = |reason: String| {
            Err(TinkerError::Unsound {
                what: "a row to learn from".to_owned(),
                reason,
            })
        };
        if tokens.len() < 2 || learnt.is_empty() {
            return unsound(format!(
                "it has {} tokens, of which {} are learnt; expected two, and one",
                tokens.len(),
                learnt.len()
            ));
        }
        if tokens.len() > context {
            return unsound(format!(
                "it has {} tokens, and the model's context holds {context}",
                tokens.len()
            ));
        }
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= vocabulary) {
            return unsound(format!("it holds the id {id} of {vocabulary}"));
        }
        let inner = tokens.len() - 1;
        let mut datum = Self {
            tokens: tokens.to_vec(),
            weights: vec![0.0; inner],
            old: vec![0.0; inner],
            advantages: vec![0.0; inner],
        };
        for one in learnt {
            let Some(at) = one.place.checked_sub(1).filter(|&at| at < inner) else {
                return unsound(format!(
                    "a token at {} is learnt of {}",
                    one.place,
                    tokens.len()
                ));
            };
            if datum.weights[at] != 0.0 {
                return unsound(format!("the token at {} is learnt twice", one.place));
            }
            let advantage = one.advantage as f32;
            if !(one.old.is_finite() && advantage.is_finite()) {
                return unsound(format!(
                    "the token at {} has the log-probability {} and the advantage {}",
                    one.place, one.old, one.advantage
                ));
            }
            (datum.weights[at], datum.old[at], datum.advantages[at]) = (1.0, one.old, advantage);
        }
        Ok(datum)
    }

    /// How many numbers a pass gives of it.
    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Its ids.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// As it is sent. Weights are always said: without them prompts count.
    pub(super) fn message(&self) -> DatumMessage {
        let (last, targets) = (self.tokens.len() - 1, &self.tokens[1..]);
        let inputs = [
            ("target_tokens", Tensor::ids(targets)),
            ("weights", Tensor::floats(&self.weights)),
            ("logprobs", Tensor::floats(&self.old)),
            ("advantages", Tensor::floats(&self.advantages)),
        ];
        DatumMessage {
            model_input: vec![chunk(&self.tokens[..last])],
            loss_fn_inputs: inputs
                .into_iter()
                .map(|(name, tensor)| (name.to_owned(), tensor))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: usize, old: f32, advantage: f64) -> Token {
        Token {
            place,
            old,
            advantage,
        }
    }

    /// A prompt of two, an answer of two, feedback of one, an answer of one.
    #[test]
    fn only_what_was_sampled_has_a_weight() {
        let row = [5, 6, 7, 8, 9, 4];
        let learnt = [at(2, -1.0, 0.5), at(3, -2.0, 0.5), at(5, -3.0, -1.5)];
        let datum = Datum::new(&row, &learnt, 10, 6).unwrap();
        assert_eq!(datum.weights, [0.0, 1.0, 1.0, 0.0, 1.0]);
        assert_eq!(datum.old, [0.0, -1.0, -2.0, 0.0, -3.0]);
        assert_eq!(datum.advantages, [0.0, 0.5, 0.5, 0.0, -1.5]);
        let message = datum.message();
        let of = |name: &str| message.loss_fn_inputs[name].dense.clone().unwrap();
        assert_eq!(of("target_tokens").len(), 5 * 8);
        assert_eq!(of("target_tokens")[..8], [6, 0, 0, 0, 0, 0, 0, 0]);
        for name in ["weights", "logprobs", "advantages"] {
            assert_eq!(of(name).len(), 5 * 4, "{name}");
        }
    }

    #[test]
    fn what_a_server_would_take_and_must_not_is_refused() {
        let row = [1, 2, 3];
        let good = [at(1, -1.0, 1.0)];
        assert!(Datum::new(&row, &good, 4, 3).is_ok());
        let bad: [(&[u32], &[Token], usize, usize); 9] = [
            (&row, &[], 4, 3),
            (&row[..1], &good, 4, 3),
            (&row, &good, 3, 3),
            (&row, &good, 4, 2),
            (&row, &[at(0, -1.0, 1.0)], 4, 3),
            (&row, &[at(3, -1.0, 1.0)], 4, 3),
            (&row, &[at(1, f32::NAN, 1.0)], 4, 3),
            (&row, &[at(1, -1.0, f64::INFINITY)], 4, 3),
            (&row, &[good[0], good[0]], 4, 3),
        ];
        for (row, learnt, vocabulary, context) in bad {
            let refused = Datum::new(row, learnt, vocabulary, context);
            assert!(
                matches!(refused, Err(TinkerError::Unsound { .. })),
                "{row:?} {learnt:?}"
            );
        }
        // Too large for 32 bits is infinite there.
        assert!(Datum::new(&row, &[at(1, -1.0, 1e39)], 4, 3).is_err());
    }

    /// A mean over rows of means over tokens, undone: each token's part counts as it was given.
    #[test]
    fn what_a_backend_divides_by_is_multiplied_before() {
        let parts = [vec![0.25, 0.5], vec![1.0]];
        let of = |backend: Backend| -> f64 {
            let rows = parts.iter().map(|row| {
                let sent = row
                    .iter()
                    .map(|part| part * backend.factor(parts.len(), row.len()));
                let sum: f64 = sent.sum();
                match backend {
                    Backend::Jax => sum / row.len() as f64 / parts.len() as f64,
                    Backend::Fsdp | Backend::Megatron => sum,
                }
            });
            rows.sum()
        };
        for backend in [Backend::Jax, Backend::Fsdp, Backend::Megatron] {
            assert_eq!(of(backend), 1.75, "{backend:?}");
        }
    }
}
