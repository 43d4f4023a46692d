//! REINFORCE++ (Hu 2025, arXiv 2501.03262): no values and no groups. Each token's reward is what holds it near the reference,
//! the last one of a turn has the turn's reward as well; a token's return is standardised over all tokens of the round, and
//! PPO's clip does the rest.

use super::stats::{self, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored,
    Setup, Share, Unasked,
};

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "reinforce_pp",
    older: &[],
    about: "REINFORCE++: returns of tokens, standardised over the round, with PPO's clip",
    keys: &["objective.clip", "objective.correction", "reward.kl_beta"],
    build: |setup| Ok(Box::new(ReinforcePp::new(setup)?)),
};

/// REINFORCE++ with the settings of a run.
#[derive(Clone, Debug)]
pub struct ReinforcePp {
    clip: f64,
    kl_beta: f64,
    correction: Option<Correction>,
}

impl ReinforcePp {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        Ok(Self {
            clip: setup.config.clip,
            kl_beta: setup.kl_beta,
            correction: setup.config.correction,
        })
    }
}

impl Objective for ReinforcePp {
    fn needs(&self) -> Needs {
        stats::needs_held(self.kl_beta)
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let held = stats::held(scored, self.kl_beta);
        let rewards: Vec<&[f64]> = scored.candidates().map(|row| &*row.rewards).collect();
        let by_turn: Vec<f64> = rewards.concat();
        let turns = scored.batch.turns.iter().zip(by_turn);
        let turns: Vec<Turn> = turns
            .map(|(turn, reward)| Turn {
                row: turn.row,
                tokens: turn.end - turn.start,
                reward,
            })
            .collect();
        Credit {
            advantages: standardised(&returns(&turns, &held)),
            ..Credit::default()
        }
    }

    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        stats::kl_terms(scored, self.kl_beta)
    }

    fn loss(&self, inputs: &LossInputs<'_>) -> Loss {
        let (tokens, own) = Tokens::corrected(inputs, self.correction);
        let (loss, seen) = stats::token_loss(tokens, self.clip, inputs.totals.tokens);
        Loss::new(loss, seen).with(own)
    }

    fn asked(&self) -> Result<Asked, Unasked> {
        Ok(Asked {
            loss: AskedLoss::Ppo(self.clip.into()),
            share: Share::Tokens,
        })
    }

    fn correction(&self) -> Option<Correction> {
        self.correction
    }
}

/// A turn of a row, with so many tokens and a reward.
#[derive(Clone, Copy, Debug)]
struct Turn {
    row: usize,
    tokens: usize,
    reward: f64,
}

/// The return of every token: the rewards of its row from it on, less what held it and those after it.
fn returns(turns: &[Turn], held: &[f64]) -> Vec<f64> {
    let mut all = vec![0.0; held.len()];
    let (mut end, mut sum, mut row) = (held.len(), 0.0, usize::MAX);
    for turn in turns.iter().rev() {
        if turn.row != row {
            (sum, row) = (0.0, turn.row);
        }
        sum += turn.reward;
        for index in (end - turn.tokens..end).rev() {
            sum -= held[index];
            all[index] = sum;
        }
        end -= turn.tokens;
    }
    all
}

/// Mean 0 and deviation 1 over all tokens of the round.
fn standardised(returns: &[f64]) -> Vec<f32> {
    let zeros = vec![0.0; returns.len()];
    let all = crate::advantage::advantages(returns, &zeros, crate::advantage::Normalisation::Batch);
    all.into_iter().map(|advantage| advantage as f32).collect()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Tensor;

    use super::super::stats::tests::{differences, near, number, row, tokens};
    use super::*;

    #[test]
    fn hand_worked_returns() {
        let turn = |row, tokens, reward| Turn {
            row,
            tokens,
            reward,
        };
        let turns = [
            turn(0, 2, -0.2),
            turn(0, 1, 1.0),
            turn(1, 0, 0.0),
            turn(1, 2, -1.0),
        ];
        let found = returns(&turns, &[0.1, 0.2, 0.3, 0.0, 0.5]);
        let expected = [0.2, 0.3, 0.7, -1.5, -1.5];
        for (found, expected) in found.into_iter().zip(expected) {
            near(found, expected);
        }
    }

    #[test]
    fn hand_worked_advantages() {
        // Mean 1, deviation √2.
        let found = standardised(&[3.0, 1.0, 1.0, -1.0]);
        let root = std::f64::consts::SQRT_2;
        for (found, expected) in found.into_iter().zip([root, 0.0, 0.0, -root]) {
            near(f64::from(found), expected);
        }
    }

    #[test]
    fn hand_worked_loss() {
        // Ratios e^0.5 cut to 1.2, e^0.5 whole under A = -1, e^-0.5 = 0.6065 under A = -1 cut to 0.8.
        let at = tokens(row(&[-0.5, -0.5, -1.5]), &[-1.0; 3], &[1.0, -1.0, -1.0]);
        let (loss, seen) = stats::token_loss(at, 0.2, 3);
        near(number(loss), -(1.2 - 1.648_721 - 0.8) / 3.0);
        assert_eq!(seen.clipped, 3.0);
    }

    #[test]
    fn its_gradient_agrees_with_finite_differences() {
        let (old, advantages) = ([-1.0, -0.7, -1.3], [0.7, -1.2, 0.4]);
        let loss = |x: Tensor<1>| stats::token_loss(tokens(x, &old, &advantages), 0.2, 3).0;
        differences(&[-0.95, -0.8, -1.4], loss, |x| number(loss(row(x))));
    }
}
