//! What an objective can ask of a server that trains: a loss of each token, by a name that such servers know, and what each token
//! counts in the whole.

use super::inputs::Totals;
use super::stats::Clip;

/// A loss as a server is asked for it: the sum over the learnt tokens of the loss's part times the token's share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// The part of each token.
    pub loss: AskedLoss,
    /// What it counts.
    pub share: Share,
}

/// A part of each token, with `r = π/π_old` and `A` its advantage. Each grows with `A`: what a token counts can be put there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AskedLoss {
    /// `-r A`.
    ImportanceSampling,
    /// `-min(r A, clip(r, 1 - low, 1 + high) A)`.
    Ppo(Clip),
    /// `-sg(clip(r, 1 - low, 1 + high)) A log π`.
    Cispo(Clip),
}

impl AskedLoss {
    /// What servers of the Tinker API call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImportanceSampling => "importance_sampling",
            Self::Ppo(_) => "ppo",
            Self::Cispo(_) => "cispo",
        }
    }

    /// How far ratios may be from 1, where they are cut.
    pub const fn clip(self) -> Option<Clip> {
        match self {
            Self::ImportanceSampling => None,
            Self::Ppo(clip) | Self::Cispo(clip) => Some(clip),
        }
    }
}

/// What a token counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// As much as any of the update.
    Tokens,
    /// As much as any of its row, and all rows alike.
    Rows,
    /// One over the rows of the update and over this.
    Constant(f64),
}

impl Share {
    /// The share of a token of a row with so many learnt ones.
    pub fn of(self, totals: Totals, actions: usize) -> f64 {
        let parts = match self {
            Self::Tokens => totals.tokens as f64,
            Self::Rows => (totals.rows * actions) as f64,
            Self::Constant(length) => totals.rows as f64 * length,
        };
        1.0 / parts
    }
}

/// Why an objective asks nothing, in the words of its configuration's error.
pub type Unasked = &'static str;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_to_a_mean() {
        let totals = Totals {
            tokens: 10,
            turns: 3,
            rows: 2,
            units: 2,
        };
        // Rows of 4 and 6 tokens.
        let sum = |share: Share| 4.0 * share.of(totals, 4) + 6.0 * share.of(totals, 6);
        assert!((sum(Share::Tokens) - 1.0).abs() < 1e-12);
        assert!((sum(Share::Rows) - 1.0).abs() < 1e-12);
        assert!((sum(Share::Constant(5.0)) - 1.0).abs() < 1e-12);
        assert_eq!(Share::Rows.of(totals, 4), 0.125);
    }
}
