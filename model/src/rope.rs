//! A configuration's rotary part → the frequency of every pair of a head's elements: plain (Su et al. 2021,
//! arXiv 2104.09864) or stretched for longer texts as Hugging Face checkpoints ask. Knows nothing of positions.

use serde::{Deserialize, Serialize};

/// How the plain frequencies are stretched; the names and fields are those of a Hugging Face `config.json`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rope_type", rename_all = "lowercase")]
pub enum RopeScaling {
    /// All frequencies divided by the factor (Chen et al. 2023, arXiv 2306.15595).
    Linear {
        /// How much longer texts are.
        factor: f64,
    },
    /// Llama 3.1: low frequencies divided, high ones kept, a ramp between (Meta, 2024).
    Llama3 {
        /// How much longer texts are.
        factor: f64,
        /// Wavelengths above `original / low_freq_factor` are divided.
        low_freq_factor: f64,
        /// Wavelengths below `original / high_freq_factor` are kept.
        high_freq_factor: f64,
        /// Positions before the stretch.
        original_max_position_embeddings: usize,
    },
    /// YaRN (Peng et al. 2023, arXiv 2309.00071): a ramp over dimensions, and sharper attention.
    Yarn {
        /// How much longer texts are.
        factor: f64,
        /// Positions before the stretch.
        original_max_position_embeddings: usize,
        /// Turns over the original length above which a dimension is kept.
        beta_fast: f64,
        /// Turns over the original length below which a dimension is divided.
        beta_slow: f64,
        /// Multiplies cosines and sines.
        attention_factor: f64,
    },
}

impl RopeScaling {
    /// The first entry with which frequencies are no numbers, with what it is and what is expected.
    pub fn fault(&self) -> Option<(&'static str, f64, &'static str)> {
        const POSITIVE: &str = "a finite number above 0";
        let positive = |name, value: f64| {
            (!(value > 0.0 && value.is_finite())).then_some((name, value, POSITIVE))
        };
        let length = |length: usize| positive("original_max_position_embeddings", length as f64);
        match *self {
            Self::Linear { factor } => positive("factor", factor),
            Self::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            } => positive("factor", factor)
                .or_else(|| positive("low_freq_factor", low))
                .or_else(|| positive("high_freq_factor", high))
                .or_else(|| length(original))
                .or((low == high).then_some((
                    "high_freq_factor",
                    high,
                    "a number other than low_freq_factor",
                ))),
            Self::Yarn {
                factor,
                original_max_position_embeddings: original,
                beta_fast,
                beta_slow,
                attention_factor,
            } => positive("factor", factor)
                .or_else(|| length(original))
                .or_else(|| positive("beta_fast", beta_fast))
                .or_else(|| positive("beta_slow", beta_slow))
                .or_else(|| positive("attention_factor", attention_factor)),
        }
    }
}

/// Frequencies of one head, and what multiplies its cosines and sines.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotary {
    /// Radians per position, one for each of the `width / 2` pairs.
    pub frequencies: Vec<f64>,
    /// 1 but for YaRN.
    pub factor: f64,
}

impl Rotary {
    /// Frequencies `base^(−2i / width)`, stretched where asked.
    ///
    /// # Panics
    /// When `width` is odd or zero.
    pub fn new(width: usize, base: f64, scaling: Option<RopeScaling>) -> Self {
        assert!(
            width > 0 && width.is_multiple_of(2),
            "a rotary head has an even width, not {width}"
        );
        let half = width / 2;
        let plain = (0..half).map(|i| base.powf(-(i as f64) / half as f64));
        let mut factor = 1.0;
        let frequencies = match scaling {
            None => plain.collect(),
            Some(RopeScaling::Linear { factor }) => plain.map(|f| f / factor).collect(),
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor: low,
                high_freq_factor: high,
                original_max_position_embeddings: original,
            }) => plain
                .map(|f| {
                    let turns = original as f64 * f / std::f64::consts::TAU;
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - kept) * f / factor + kept * f
                })
                .collect(),
            Some(RopeScaling::Yarn {
                factor: stretch,
                original_max_position_embeddings: original,
                beta_fast,
                beta_slow,
                attention_factor,
            }) => {
                factor = attention_factor;
                // Dimension whose wave turns this often over the original length (YaRN, equation 17 ff.).
                let dimension = |turns: f64| {
                    let length = original as f64 / (turns * std::f64::consts::TAU);
                    width as f64 * length.ln() / (2.0 * base.ln())
                };
                let low = dimension(beta_fast).floor().max(0.0);
                let mut high = dimension(beta_slow).ceil().min(width as f64 - 1.0);
                if low == high {
                    high += 0.001;
                }
                plain
                    .enumerate()
                    .map(|(i, f)| {
                        let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                        divided * f / stretch + (1.0 - divided) * f
                    })
                    .collect()
            }
        };
        Self {
            frequencies,
            factor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_and_linear_by_hand() {
        let plain = Rotary::new(4, 100.0, None);
        assert_eq!((plain.frequencies, plain.factor), (vec![1.0, 0.1], 1.0));
        let linear = Rotary::new(4, 100.0, Some(RopeScaling::Linear { factor: 4.0 }));
        assert_eq!(linear.frequencies, vec![0.25, 0.025]);
    }

    #[test]
    fn llama3_keeps_fast_waves_divides_slow_ones_and_ramps_between() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 100,
        };
        // Turns over 100 positions: 15.9, 1.59 (ramp: 0.59/3 kept) and 0.159.
        let found = Rotary::new(6, 1000.0, Some(scaling)).frequencies;
        let kept = (100.0 * 0.1 / std::f64::consts::TAU - 1.0) / 3.0;
        let expected = [1.0, 0.1 * (kept + (1.0 - kept) / 8.0), 0.01 / 8.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn yarn_keeps_the_first_dimensions_and_divides_the_last() {
        let scaling = RopeScaling::Yarn {
            factor: 4.0,
            original_max_position_embeddings: 32_768,
            beta_fast: 32.0,
            beta_slow: 1.0,
            attention_factor: 1.138_629_436_111_989,
        };
        let plain = Rotary::new(128, 1e6, None).frequencies;
        let found = Rotary::new(128, 1e6, Some(scaling));
        assert_eq!(found.frequencies[0], plain[0]);
        assert!((found.frequencies[63] - plain[63] / 4.0).abs() < 1e-15);
        assert!(found.factor > 1.13);
    }
}
