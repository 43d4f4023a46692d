//! Two evaluations of the same problems → is the candidate worse? One difference a problem (baseline − candidate, so
//! that a positive number is a drop), whatever was measured on it, added up over the problems that were sampled together.
//! Pure and seeded.
//!
//! - p-value: sign-flip test with the cluster as the unit. Under "nothing changed" a cluster's difference is as likely
//!   as its negative. Differences that are multiples of 1/L are summed exactly; at one sample a problem this *is* the
//!   exact McNemar test. Otherwise 20,000 seeded flips.
//! - bounds: Tango's score interval for paired shares (Statistics in Medicine 17, 1998), with counts in units of
//!   the size of one change, so that it is Tango's own at one sample a problem and narrows as differences get finer.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bisect;

/// Random flips where the exact distribution would be too large.
pub const FLIPS: usize = 20_000;

/// Cells of work up to which the distribution of the sum is computed exactly.
const EXACT_WORK: u64 = 400_000_000;

/// One-sided p-value that the sum of differences is this large or larger by flipping signs, and whether it is exact.
/// `denominator`: every difference is a whole multiple of 1/denominator, where there is one.
pub fn sign_flip(differences: &[f64], denominator: Option<u64>, seed: u64) -> (f64, bool) {
    if let Some(whole) = denominator.and_then(|denominator| whole(differences, denominator)) {
        let support: u64 = whole.iter().map(|value| value.unsigned_abs()).sum();
        let moving = whole.iter().filter(|&&value| value != 0).count() as u64;
        if support.saturating_mul(moving) <= EXACT_WORK {
            return (exact(&whole), true);
        }
    }
    let moving: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let observed: f64 = moving.iter().sum();
    // Sums in another order differ in the last bits; a tie is a hit.
    let tie = 1e-9 * moving.iter().map(|d| d.abs()).sum::<f64>();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let hits = (0..FLIPS)
        .filter(|_| {
            let sum: f64 = moving
                .iter()
                .map(|&d| if rng.random::<bool>() { d } else { -d })
                .sum();
            sum >= observed - tie
        })
        .count();
    // The observed signs are one of the possible draws, so p is never 0 (Phipson & Smyth 2010).
    ((1 + hits) as f64 / (1 + FLIPS) as f64, false)
}

/// The differences times `denominator`, without their common divisor; `None` where they are not whole.
fn whole(differences: &[f64], denominator: u64) -> Option<Vec<i64>> {
    let mut values = Vec::with_capacity(differences.len());
    for difference in differences {
        let value = difference * denominator as f64;
        if (value - value.round()).abs() > 1e-6 || value.abs() > 1e15 {
            return None;
        }
        values.push(value.round() as i64);
    }
    let divisor = values
        .iter()
        .fold(0, |divisor, value| gcd(divisor, value.unsigned_abs()));
    if divisor > 1 {
        for value in &mut values {
            *value /= divisor as i64;
        }
    }
    Some(values)
}

/// Greatest common divisor.
pub(crate) fn gcd(one: u64, other: u64) -> u64 {
    if other == 0 {
        one
    } else {
        gcd(other, one % other)
    }
}

/// P(Σ ±|d| ≥ Σ d): the sum is twice the sum of the positively signed minus all, so that one table of subset sums will do.
fn exact(differences: &[i64]) -> f64 {
    let sizes: Vec<usize> = differences
        .iter()
        .filter(|&&value| value != 0)
        .map(|value| value.unsigned_abs() as usize)
        .collect();
    let all: usize = sizes.iter().sum();
    let observed: i64 = differences.iter().sum();
    let mut probability = vec![0.0_f64; all + 1];
    probability[0] = 1.0;
    let mut reach = 0;
    for size in sizes {
        reach += size;
        for sum in (0..=reach).rev() {
            let with = if sum >= size {
                probability[sum - size]
            } else {
                0.0
            };
            probability[sum] = 0.5 * (probability[sum] + with);
        }
    }
    // all + observed is even: both are sums of the same numbers up to signs.
    let least = i64::midpoint(all as i64, observed) as usize;
    probability[least..].iter().sum::<f64>().min(1.0)
}

/// Lower and upper bound of the mean difference of problems, each one-sided with normal quantile `z`. `differences` has
/// one sum a cluster, `problems` counts the problems in all of them, `largest` those of the largest cluster.
pub fn bounds(differences: &[f64], problems: usize, largest: usize, z: f64) -> (f64, f64) {
    let problems = problems as f64;
    if differences.is_empty() {
        return (-1.0, 1.0);
    }
    let down: f64 = differences.iter().filter(|d| **d > 0.0).sum();
    let up: f64 = -differences.iter().filter(|d| **d < 0.0).sum::<f64>();
    let squares: f64 = differences.iter().map(|d| d * d).sum();
    // Size of a typical change: 1 at one sample a problem and one problem a cluster. Where nothing changed nothing is
    // known of it but the largest it could be.
    let unit = if down + up > 0.0 {
        squares / (down + up)
    } else {
        largest.max(1) as f64
    };
    tango(down / unit, up / unit, problems / unit, z)
}

/// Tango's score bounds of (b − c)/n, for b pairs that went down and c that went up among n.
pub fn tango(b: f64, c: f64, n: f64, z: f64) -> (f64, f64) {
    let estimate = (b - c) / n;
    let low = bisect(-1.0, estimate, |delta| score(b, c, n, delta) > z);
    let high = bisect(estimate, 1.0, |delta| score(b, c, n, delta) > -z);
    (low, high)
}

/// How many standard errors the estimate lies above `delta`, with the nuisance parameter at its restricted maximum
/// likelihood.
fn score(b: f64, c: f64, n: f64, delta: f64) -> f64 {
    let distance = b - c - n * delta;
    let linear = -b - c + (2.0 * n - b + c) * delta;
    let constant = -c * delta * (1.0 - delta);
    let root = (linear * linear - 8.0 * n * constant).max(0.0).sqrt();
    let up = ((root - linear) / (4.0 * n)).max(0.0);
    let variance = n * (2.0 * up + delta * (1.0 - delta));
    if variance <= 0.0 {
        return if distance == 0.0 {
            0.0
        } else {
            distance.signum() * f64::INFINITY
        };
    }
    distance / variance.sqrt()
}

#[cfg(test)]
mod tests;
