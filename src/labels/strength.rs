//! Choices between answers of several hands → how strong each hand is: Bradley and Terry's model (1952), fitted by Hunter's
//! minorisation (2004), on Elo's scale, where 400 points are odds of ten to one.

use serde::Serialize;

use super::intervals::Measured;

/// One who gave answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Competitor {
    /// Its name.
    pub by: String,
    /// Choices its answers were in, against those of others.
    pub choices: usize,
    /// Points; 0 is the mean.
    pub elo: Measured,
}

/// Rounds of the fit at most.
const ROUNDS: usize = 10_000;
/// The largest change of a logarithm at which it ends.
const CLOSE: f64 = 1e-9;

/// Points by how often each won against each other one: `wins[i][j]` of `i` over `j`, a tie half a win of both. Each is also given
/// `prior` wins and losses against one of middling strength, so that one that always won has an end. Their mean is 0.
pub fn elo(wins: &[Vec<f64>], prior: f64) -> Vec<f64> {
    let count = wins.len();
    let mut strengths = vec![1.0_f64; count];
    for _ in 0..ROUNDS {
        let next: Vec<f64> = (0..count)
            .map(|own| {
                let won: f64 = wins[own].iter().sum::<f64>() + prior;
                let met: f64 = (0..count)
                    .filter(|&other| other != own)
                    .map(|other| {
                        (wins[own][other] + wins[other][own]) / (strengths[own] + strengths[other])
                    })
                    .sum();
                let met = met + 2.0 * prior / (strengths[own] + 1.0);
                if met > 0.0 {
                    (won / met).max(1e-12)
                } else {
                    strengths[own]
                }
            })
            .collect();
        let moved = |(one, other): (&f64, &f64)| (one.ln() - other.ln()).abs();
        let most = next.iter().zip(&strengths).map(moved).fold(0.0, f64::max);
        strengths = next;
        if most < CLOSE {
            break;
        }
    }
    let points: Vec<f64> = strengths
        .iter()
        .map(|strength| 400.0 * strength.log10())
        .collect();
    let mean = points.iter().sum::<f64>() / count.max(1) as f64;
    points.into_iter().map(|points| points - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_points() {
        // Three of four: odds of three to one, 400 log10 3 = 190.85 apart.
        let points = elo(&[vec![0.0, 3.0], vec![1.0, 0.0]], 0.0);
        assert!(
            (points[0] - points[1] - 190.848_5).abs() < 1e-3,
            "{points:?}"
        );
        assert!((points[0] + points[1]).abs() < 1e-9);
        // 1 beats 2 by 3 to 1 and 2 beats 3 by 3 to 1; the model says nine to one of 1 and 3.
        let chain = [
            vec![0.0, 3.0, 0.0],
            vec![1.0, 0.0, 3.0],
            vec![0.0, 1.0, 0.0],
        ];
        let points = elo(&chain, 0.0);
        assert!(
            (points[0] - points[2] - 2.0 * 190.848_5).abs() < 1e-2,
            "{points:?}"
        );
    }

    #[test]
    fn one_that_always_won_has_an_end() {
        // Without a prior the first would be infinitely strong; with one it is stronger the more it won.
        let of = |won: f64| elo(&[vec![0.0, won], vec![0.0, 0.0]], 0.5)[0];
        assert!(of(4.0).is_finite() && of(40.0) > of(4.0) && of(4.0) > 0.0);
        assert_eq!(elo(&[vec![0.0, 0.0], vec![0.0, 0.0]], 0.5), [0.0, 0.0]);
        assert!(elo(&[], 0.5).is_empty());
    }
}
