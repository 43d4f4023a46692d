//! Counts of one problem → pass@k and n@k, without bias and without drawing anything. Pure.
//!
//! pass@k is Chen et al. 2021 (arXiv 2107.03374, equation 1). n@k is AlphaCode's (Li et al. 2022, arXiv 2203.07814,
//! appendix A.3, algorithm 1): of k samples only those that pass the public tests may be submitted, n of them are, and the
//! problem is solved if one passes all tests. The paper draws random repeats; here the expectation is summed exactly.
//! RLEF (arXiv 2410.02089, section 3.1) counts every turn as a sample, so an episode of up to t turns costs t of the k
//! ([`episodes_of`]): 1@3 is one episode of three turns, 10@100 is 33.

/// Probability that at least one of `k` samples, drawn without replacement from `n` of which `c` are correct, is
/// correct. `k` is at most `n`, `c` at most `n`.
pub fn pass_at_k(n: usize, c: usize, k: usize) -> f64 {
    if n - c < k {
        return 1.0;
    }
    // C(n-c, k) / C(n, k) as a product, which stays within [0, 1] where factorials overflow.
    let miss: f64 = (n - c + 1..=n).map(|i| 1.0 - k as f64 / i as f64).product();
    1.0 - miss
}

/// Whole number of which every pass@k of `n` samples is a multiple of the inverse: C(n, k), if it fits.
pub fn denominator(n: usize, k: usize) -> Option<u64> {
    (0..k.min(n - k) as u64).try_fold(1_u64, |product, i| {
        Some(product.checked_mul(n as u64 - i)? / (i + 1))
    })
}

/// What is known of one problem's samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Samples.
    pub samples: usize,
    /// Those that pass the public tests, and so may be submitted.
    pub public: usize,
    /// Those that pass all tests; at most `public`.
    pub solved: usize,
}

/// Probability that the problem is solved by `n` submissions chosen among the public-passing of `k` samples, drawn without
/// replacement from those of `counts`; `k` is at most their number.
pub fn n_at_k(counts: Counts, n: usize, k: usize) -> f64 {
    let Counts {
        samples,
        public,
        solved,
    } = counts;
    let fewest = k.saturating_sub(samples - public);
    (fewest..=k.min(public))
        .map(|found| {
            let ways = ln_choose(public, found) + ln_choose(samples - public, k - found)
                - ln_choose(samples, k);
            let submitted = found.min(n);
            // Which public-passing samples were drawn is as random as which of them are submitted.
            ways.exp() * pass_at_k(public, solved, submitted)
        })
        .sum::<f64>()
        .min(1.0)
}

/// Episodes that a budget of `k` samples pays for, where each may take `turns` of them.
pub fn episodes_of(k: usize, turns: usize) -> usize {
    k / turns.max(1)
}

fn ln_choose(n: usize, k: usize) -> f64 {
    let ln_factorial = |n: usize| libm::lgamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::seq::SliceRandom;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Every subset of `k` of `0..n`.
    fn subsets(n: usize, k: usize) -> Vec<Vec<usize>> {
        (0_u32..1 << n)
            .filter(|bits| bits.count_ones() as usize == k)
            .map(|bits| (0..n).filter(|i| bits >> i & 1 == 1).collect())
            .collect()
    }

    /// n@k by listing every draw of k, and within it every choice of submissions. Samples are numbered: solved first,
    /// then public-passing, then the rest.
    fn enumerated(counts: Counts, n: usize, k: usize) -> f64 {
        let draws = subsets(counts.samples, k);
        let total: f64 = draws
            .iter()
            .map(|draw| {
                let found: Vec<usize> = draw
                    .iter()
                    .copied()
                    .filter(|&i| i < counts.public)
                    .collect();
                let choices = subsets(found.len(), n.min(found.len()));
                let solved = choices
                    .iter()
                    .filter(|choice| choice.iter().any(|&i| found[i] < counts.solved))
                    .count();
                solved as f64 / choices.len() as f64
            })
            .sum();
        total / draws.len() as f64
    }

    /// AlphaCode's algorithm 1 to the letter, with random draws.
    fn algorithm_1(counts: Counts, n: usize, k: usize, repeats: usize) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut hypergeometric = |success: usize, fail: usize, draws: usize| {
            let mut urn: Vec<bool> = (0..success + fail).map(|i| i < success).collect();
            urn.shuffle(&mut rng);
            urn[..draws].iter().filter(|hit| **hit).count()
        };
        let hits = (0..repeats)
            .filter(|_| {
                let e = hypergeometric(counts.public, counts.samples - counts.public, k);
                let n = e.min(n);
                hypergeometric(counts.solved, counts.public - counts.solved, n) > 0
            })
            .count();
        hits as f64 / repeats as f64
    }

    #[test]
    fn pass_at_k_by_hand() {
        // 10 samples, 3 correct: 1 - C(7,5)/C(10,5) = 1 - 21/252.
        assert!((pass_at_k(10, 3, 5) - (1.0 - 21.0 / 252.0)).abs() < 1e-12);
        assert!((pass_at_k(5, 2, 1) - 0.4).abs() < 1e-12);
        assert_eq!(
            (pass_at_k(5, 0, 5), pass_at_k(5, 1, 5), pass_at_k(5, 5, 1)),
            (0.0, 1.0, 1.0)
        );
        // Far beyond the largest factorial of a double.
        assert!((pass_at_k(2000, 1, 100) - 0.05).abs() < 1e-12);
        assert_eq!(
            (denominator(10, 5), denominator(5, 1)),
            (Some(252), Some(5))
        );
        assert_eq!(denominator(200, 100), None);
    }

    #[test]
    fn n_at_k_by_hand() {
        // 4 samples, 2 pass the public tests, 1 of them all. Draw 2, submit 1: both public 1/6 -> 1/2; one public 4/6 -> 1/2.
        let counts = Counts {
            samples: 4,
            public: 2,
            solved: 1,
        };
        assert!((n_at_k(counts, 1, 2) - 5.0 / 12.0).abs() < 1e-12);
        // Submit both: solved iff the one is drawn.
        assert!((n_at_k(counts, 2, 2) - 0.5).abs() < 1e-12);
        // One episode submitted is the solve rate.
        assert!((n_at_k(counts, 1, 1) - 0.25).abs() < 1e-12);
        assert_eq!(
            (episodes_of(3, 3), episodes_of(100, 3), episodes_of(10, 1)),
            (1, 33, 10)
        );
    }

    #[test]
    fn n_at_k_is_algorithm_1_of_alphacode() {
        let counts = Counts {
            samples: 200,
            public: 31,
            solved: 9,
        };
        let (exact, drawn) = (n_at_k(counts, 10, 33), algorithm_1(counts, 10, 33, 20_000));
        assert!((exact - drawn).abs() < 0.017, "{exact} {drawn}");
    }

    proptest! {
        #[test]
        fn pass_at_k_is_the_share_of_all_draws(n in 1_usize..9, c in 0_usize..9, k in 1_usize..9) {
            let (c, k) = (c.min(n), k.min(n));
            let draws = subsets(n, k);
            let hits = draws.iter().filter(|draw| draw.iter().any(|&i| i < c)).count();
            prop_assert!((pass_at_k(n, c, k) - hits as f64 / draws.len() as f64).abs() < 1e-12);
        }

        #[test]
        fn n_at_k_is_the_share_of_all_draws_and_choices(
            samples in 1_usize..8, public in 0_usize..8, solved in 0_usize..8, n in 1_usize..8, k in 1_usize..8
        ) {
            let public = public.min(samples);
            let counts = Counts { samples, public, solved: solved.min(public) };
            let (n, k) = (n, k.min(samples));
            prop_assert!((n_at_k(counts, n, k) - enumerated(counts, n, k)).abs() < 1e-9);
        }

        #[test]
        fn submitting_everything_is_pass_at_k(samples in 1_usize..60, seed in any::<u64>()) {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let public = rng.random_range(0..=samples);
            let counts = Counts { samples, public, solved: rng.random_range(0..=public) };
            let k = rng.random_range(1..=samples);
            prop_assert!((n_at_k(counts, k, k) - pass_at_k(samples, counts.solved, k)).abs() < 1e-9);
        }

        #[test]
        fn pass_at_k_has_no_bias(n in 2_usize..12, c in 0_usize..12, k in 1_usize..12) {
            // The mean over all subsamples of size m >= k is the value on the whole.
            let (c, k) = (c.min(n), k.min(n - 1));
            let subsamples = subsets(n, n - 1);
            let mean: f64 = subsamples
                .iter()
                .map(|some| pass_at_k(n - 1, some.iter().filter(|&&i| i < c).count(), k))
                .sum::<f64>() / subsamples.len() as f64;
            prop_assert!((mean - pass_at_k(n, c, k)).abs() < 1e-12);
        }
    }
}
