//! RLEF's recipe without a value network: the return of a turn against the mean of those of the other episodes of its problem at
//! the same turn (leave-one-out, as RLOO has it of whole episodes: Ahmadian et al. 2024, arXiv 2402.14740, equation 8). PPO's clip
//! per token and the reference in the reward are those of `ppo` (Gehring et al. 2024, arXiv 2410.02089, section 2.2). For
//! engines that train no values, and where a second network does not fit.

use super::stats::{self, Tokens};
use super::{
    Asked, AskedLoss, Correction, Credit, Entry, Fault, Loss, LossInputs, Needs, Objective, Scored,
    Setup, Share, Unasked,
};
use crate::advantage::{self, Normalisation};
use crate::reward;

/// The line of the table.
pub const ENTRY: Entry = Entry {
    name: "turn_group",
    older: &[],
    about: "RLEF without a value network: a turn against the same turn of the problem's other episodes",
    keys: &[
        "objective.clip",
        "objective.normalisation",
        "objective.correction",
        "reward.kl_beta",
    ],
    build: |setup| Ok(Box::new(TurnGroup::new(setup)?)),
};

/// The settings of a run.
#[derive(Clone, Debug)]
pub struct TurnGroup {
    clip: f64,
    kl_beta: f64,
    normalisation: Normalisation,
    correction: Option<Correction>,
}

impl TurnGroup {
    fn new(setup: &Setup<'_>) -> Result<Self, Fault> {
        setup.no_settings()?;
        Ok(Self {
            clip: setup.config.clip,
            kl_beta: setup.kl_beta,
            normalisation: setup.config.normalisation,
            correction: setup.config.correction,
        })
    }
}

impl Objective for TurnGroup {
    fn needs(&self) -> Needs {
        Needs {
            least_group: 2,
            ..stats::needs_held(self.kl_beta)
        }
    }

    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let returns = stats::returns(scored, |plain, turn| {
            if self.kl_beta == 0.0 {
                return plain;
            }
            let span = scored.batch.turns[turn].start..scored.batch.turns[turn].end;
            let (policy, reference) = (scored.policy(), scored.reference());
            reward::shaped(plain, &policy[span.clone()], &reference[span], self.kl_beta)
        });
        let groups: Vec<usize> = scored.candidates().map(|row| row.group).collect();
        let mut numbers = vec![0; groups.len()];
        let places = scored.batch.turns.iter().map(|turn| {
            let number = numbers[turn.row];
            numbers[turn.row] += 1;
            (groups[turn.row], number)
        });
        let places: Vec<(usize, usize)> = places.collect();
        let by_turn =
            advantage::advantages(&returns, &baselines(&places, &returns), self.normalisation);
        let by_turn: Vec<f32> = by_turn.into_iter().map(|value| value as f32).collect();
        Credit {
            advantages: scored.batch.by_action(&by_turn),
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

/// What each turn is expected to come to, given its group and which of its episode's it is: the mean of the others' returns at that
/// turn. Where no other of the group has one, that of the other groups; 0 where there is none at all.
fn baselines(places: &[(usize, usize)], returns: &[f64]) -> Vec<f64> {
    let mean = |at: usize, of: &dyn Fn(usize) -> bool| {
        let others = (0..places.len()).filter(|&other| other != at && of(other));
        let (sum, count) = others.fold((0.0, 0_usize), |(sum, count), other| {
            (sum + returns[other], count + 1)
        });
        (count > 0).then(|| sum / count as f64)
    };
    (0..places.len())
        .map(|at| {
            mean(at, &|other| places[other] == places[at])
                .or_else(|| mean(at, &|other| places[other].1 == places[at].1))
                .unwrap_or(0.0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_baselines() {
        // Three episodes of one problem, the second with one turn; one of another problem.
        let places = [
            (0, 0),
            (0, 1),
            (0, 0),
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
            (1, 2),
        ];
        let returns = [0.5, 1.0, 1.0, -1.0, -1.0, -0.5, -0.75, -1.0];
        let found = baselines(&places, &returns);
        // First turns of problem 0: 0.5, 1 and -1; second turns: 1 and -1.
        assert_eq!(found[..5], [0.0, -1.0, -0.25, 0.75, 1.0]);
        // Nobody else has played problem 1: first turns of problem 0 have a mean of 1/6, second ones of 0; no third one.
        assert!((found[5] - 0.5 / 3.0).abs() < 1e-12);
        assert_eq!(found[6..], [0.0, 0.0]);
    }

    #[test]
    fn episodes_that_did_alike_teach_nothing() {
        let places = [(0, 0), (0, 0), (1, 0), (1, 0)];
        let returns = [1.0, 1.0, -1.0, -1.0];
        assert_eq!(baselines(&places, &returns), returns);
    }
}
