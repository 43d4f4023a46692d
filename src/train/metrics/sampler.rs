//! The sampler's log-probabilities of the sampled tokens beside the trainer's: how far the two policies are apart, and how many
//! tokens stand out.

/// How far sampler and trainer are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::train) struct Gap {
    /// Largest difference of a token.
    pub(in crate::train) largest: f64,
    /// Mean difference.
    pub(in crate::train) mean: f64,
    /// `KL(sampler ‖ trainer)` a token by the estimator `e^x - 1 - x` with `x = log π - log π_b` (Schulman's k3).
    pub(in crate::train) kl: f64,
    /// The difference that one token in a hundred exceeds.
    pub(in crate::train) q99: f64,
    /// Share of tokens that one finds more than twice as likely as the other.
    pub(in crate::train) outliers: f64,
    /// [`Gap::mean`] and [`Gap::kl`], but no token counts as more than [`MOST`] apart: a few that stand out say nothing of the
    /// two policies, and a mean of exponentials would say nothing else.
    pub(in crate::train) judged: [f64; 2],
}

/// The largest difference of a token that counts where two policies are judged: one finds it e times as likely.
const MOST: f64 = 1.0;

impl Gap {
    /// Of the log-probabilities of some tokens.
    pub(in crate::train) fn of(trainer: &[f32], sampler: &[f32]) -> Self {
        let k3 = |x: f64| x.exp() - 1.0 - x;
        let (mut gap, mut all) = (Self::default(), Vec::with_capacity(trainer.len()));
        for (&trainer, &sampler) in trainer.iter().zip(sampler) {
            let away = f64::from(trainer) - f64::from(sampler);
            let size = f64::from((trainer - sampler).abs());
            let counted = away.clamp(-MOST, MOST);
            gap.mean += size;
            gap.kl += k3(away);
            gap.judged[0] += counted.abs();
            gap.judged[1] += k3(counted);
            gap.outliers += f64::from(u8::from(size > std::f64::consts::LN_2));
            all.push(size);
        }
        if all.is_empty() {
            return gap;
        }
        let count = all.len() as f64;
        let [mean, kl] = &mut gap.judged;
        for sum in [&mut gap.mean, &mut gap.kl, &mut gap.outliers, mean, kl] {
            *sum /= count;
        }
        // What is not a number stands last, so that it is the largest.
        all.sort_by(f64::total_cmp);
        gap.largest = all[all.len() - 1];
        gap.q99 = all[(all.len() - 1) * 99 / 100];
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_worked_gaps() {
        let gap = Gap::of(&[-1.0, -2.0], &[-1.0, -1.5]);
        assert_eq!((gap.largest, gap.mean, gap.outliers), (0.5, 0.25, 0.0));
        let kl = 0.5 * (0.606_530_66 - 1.0 + 0.5);
        assert!((gap.kl - kl).abs() < 1e-8);
        assert_eq!(gap.judged, [gap.mean, gap.kl]);
        assert_eq!(Gap::of(&[], &[]), Gap::default());
    }

    #[test]
    fn a_token_that_stands_out_is_counted_and_weighs_little() {
        // One in two hundred is e^9 times as likely to the trainer, the others agree.
        let (mut trainer, sampler) = (vec![-1.0; 200], vec![-1.0; 200]);
        trainer[7] = 8.0;
        let gap = Gap::of(&trainer, &sampler);
        assert_eq!((gap.largest, gap.q99, gap.outliers), (9.0, 0.0, 0.005));
        assert!(gap.kl > 40.0, "{gap:?}");
        assert!((gap.judged[0] - 0.005).abs() < 1e-12, "{gap:?}");
        assert!(
            (gap.judged[1] - 0.718_281_8 / 200.0).abs() < 1e-8,
            "{gap:?}"
        );
    }

    #[test]
    fn what_is_no_number_is_no_small_gap() {
        for bad in [f32::NAN, f32::INFINITY] {
            let gap = Gap::of(&[-1.0, bad, -1.0], &[-1.0, -1.0, -1.5]);
            assert!(!gap.largest.is_finite(), "{gap:?}");
        }
    }
}
