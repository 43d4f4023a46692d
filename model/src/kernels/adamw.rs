//! Weights, gradients and moments → weights and moments one step of AdamW later (Loshchilov and Hutter 2019, arXiv
//! 1711.05101, algorithm 2), in one pass over memory; and the sum of a gradient's squares. Knows no model and no schedule.
#![expect(
    clippy::inline_always,
    reason = "a helper that is not inlined is compiled without the vector instructions of its caller"
)]

use burn::tensor::Tensor;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Elements per task, as in [`super::swiglu`].
const ELEMENTS_PER_TASK: usize = 1 << 14;

/// What one step of AdamW is taken with.
#[derive(Clone, Copy, Debug)]
pub struct AdamwStep {
    /// Learning rate of this step.
    pub rate: f64,
    /// Decay of weights, times the learning rate.
    pub decay: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Steps taken before.
    pub time: usize,
    /// What gradients are multiplied with first.
    pub scale: f64,
}

/// The same by stock operations, for other backends than Flex.
pub(super) fn composed(
    weight: Tensor<2>,
    gradient: Tensor<2>,
    [moment_1, moment_2]: [Tensor<2>; 2],
    step: AdamwStep,
) -> (Tensor<2>, [Tensor<2>; 2]) {
    let time = (step.time + 1) as i32;
    let gradient = gradient * step.scale;
    let moment_1 = moment_1 * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let moment_2 = moment_2 * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let unbiased_1 = moment_1.clone() / (1.0 - step.beta_1.powi(time));
    let unbiased_2 = moment_2.clone() / (1.0 - step.beta_2.powi(time));
    let change = unbiased_1 / (unbiased_2.sqrt() + step.epsilon);
    let weight = weight * (1.0 - step.rate * step.decay) - change * step.rate;
    (weight, [moment_1, moment_2])
}

/// Moves `weight` and its moments in their places.
pub(super) fn step(
    weight: &mut [f32],
    gradient: &[f32],
    moments: [&mut [f32]; 2],
    step: AdamwStep,
) {
    let time = (step.time + 1) as i32;
    let numbers = Numbers {
        scale: step.scale as f32,
        beta_1: step.beta_1 as f32,
        rest_1: (1.0 - step.beta_1) as f32,
        beta_2: step.beta_2 as f32,
        rest_2: (1.0 - step.beta_2) as f32,
        unbias_1: (1.0 / (1.0 - step.beta_1.powi(time))) as f32,
        unbias_2: (1.0 / (1.0 - step.beta_2.powi(time))) as f32,
        epsilon: step.epsilon as f32,
        keep: (1.0 - step.rate * step.decay) as f32,
        rate: -step.rate as f32,
    };
    let [first, second] = moments;
    weight
        .par_chunks_mut(ELEMENTS_PER_TASK)
        .zip(gradient.par_chunks(ELEMENTS_PER_TASK))
        .zip(first.par_chunks_mut(ELEMENTS_PER_TASK))
        .zip(second.par_chunks_mut(ELEMENTS_PER_TASK))
        .for_each(|(((weight, gradient), first), second)| {
            Arch::new().dispatch(Step {
                weight,
                gradient,
                first,
                second,
                numbers,
            });
        });
}

/// Σ x², summed in a fixed order.
pub(super) fn square_sum(values: &[f32]) -> f64 {
    let sums: Vec<f64> = values
        .par_chunks(ELEMENTS_PER_TASK)
        .map(|values| f64::from(Arch::new().dispatch(Squares { values })))
        .collect();
    sums.iter().sum()
}

#[derive(Clone, Copy)]
struct Numbers {
    scale: f32,
    beta_1: f32,
    rest_1: f32,
    beta_2: f32,
    rest_2: f32,
    unbias_1: f32,
    unbias_2: f32,
    epsilon: f32,
    keep: f32,
    rate: f32,
}

struct Step<'a> {
    weight: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    numbers: Numbers,
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (weights, weight_rest) = S::as_mut_simd_f32s(self.weight);
        let (gradients, gradient_rest) = S::as_simd_f32s(self.gradient);
        let (firsts, first_rest) = S::as_mut_simd_f32s(self.first);
        let (seconds, second_rest) = S::as_mut_simd_f32s(self.second);
        let all = weights.iter_mut().zip(gradients).zip(firsts).zip(seconds);
        for (((weight, gradient), first), second) in all {
            [*weight, *first, *second] =
                moved(simd, &self.numbers, *weight, *gradient, *first, *second);
        }
        let last = moved(
            simd,
            &self.numbers,
            simd.partial_load_f32s(weight_rest),
            simd.partial_load_f32s(gradient_rest),
            simd.partial_load_f32s(first_rest),
            simd.partial_load_f32s(second_rest),
        );
        simd.partial_store_f32s(weight_rest, last[0]);
        simd.partial_store_f32s(first_rest, last[1]);
        simd.partial_store_f32s(second_rest, last[2]);
    }
}

/// Weight and moments after the step.
#[inline(always)]
fn moved<S: Simd>(
    simd: S,
    numbers: &Numbers,
    weight: S::f32s,
    gradient: S::f32s,
    first: S::f32s,
    second: S::f32s,
) -> [S::f32s; 3] {
    let all = |number: f32| simd.splat_f32s(number);
    let gradient = simd.mul_f32s(gradient, all(numbers.scale));
    let part = simd.mul_f32s(gradient, all(numbers.rest_1));
    let first = simd.mul_add_f32s(first, all(numbers.beta_1), part);
    let part = simd.mul_f32s(simd.mul_f32s(gradient, gradient), all(numbers.rest_2));
    let second = simd.mul_add_f32s(second, all(numbers.beta_2), part);
    let root = simd.sqrt_f32s(simd.mul_f32s(second, all(numbers.unbias_2)));
    let step = simd.div_f32s(
        simd.mul_f32s(first, all(numbers.unbias_1)),
        simd.add_f32s(root, all(numbers.epsilon)),
    );
    let kept = simd.mul_f32s(weight, all(numbers.keep));
    [
        simd.mul_add_f32s(step, all(numbers.rate), kept),
        first,
        second,
    ]
}

struct Squares<'a> {
    values: &'a [f32],
}

impl WithSimd for Squares<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (values, rest) = S::as_simd_f32s(self.values);
        let rest = simd.partial_load_f32s(rest);
        let mut sums = [simd.mul_f32s(rest, rest), simd.splat_f32s(0.0)];
        for pair in values.chunks(2) {
            for (sum, value) in sums.iter_mut().zip(pair) {
                *sum = simd.mul_add_f32s(*value, *value, *sum);
            }
        }
        simd.reduce_sum_f32s(simd.add_f32s(sums[0], sums[1]))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::super::testing::{numbers, with_threads};
    use super::*;

    const STEP: AdamwStep = AdamwStep {
        rate: 0.01,
        decay: 0.1,
        beta_1: 0.9,
        beta_2: 0.95,
        epsilon: 1e-8,
        time: 0,
        scale: 0.5,
    };

    #[test]
    fn hand_worked_step() {
        let (mut weight, mut first, mut second) = ([1.0_f32, 2.0], [0.0_f32, 1.0], [0.0_f32, 4.0]);
        let moments = [&mut first as &mut [f32], &mut second];
        step(&mut weight, &[2.0, -2.0], moments, STEP);
        // Gradients of 1 and -1 after scaling. First: m 0.1, v 0.05, both unbiased to 1, so a step of 0.01. Second: m 0.9 -
        // 0.1 = 0.8 -> 8, v 3.8 + 0.05 = 3.85 -> 77, so 8/8.7750 = 0.91168. Both weights keep 0.999 first.
        assert!((weight[0] - (0.999 - 0.01)).abs() < 1e-6, "{weight:?}");
        assert!(
            (weight[1] - (1.998 - 0.009_116_8)).abs() < 1e-6,
            "{weight:?}"
        );
        assert!((first[1] - 0.8).abs() < 1e-6 && (second[1] - 3.85).abs() < 1e-6);
    }

    #[test]
    fn it_is_the_composed_step_whatever_the_threads() {
        let size = 2 * ELEMENTS_PER_TASK + 77;
        let mut weight = numbers(1, size);
        let mut moments = [vec![0.0; size], vec![0.0; size]];
        let tensor = |values: &[f32]| -> Tensor<2> {
            Tensor::from_data(TensorData::new(values.to_vec(), [1, size]), &Device::flex())
        };
        let mut expected = (tensor(&weight), moments.each_ref().map(|m| tensor(m)));
        for time in 0..5 {
            let gradient = numbers(10 + time as u64, size);
            let now = AdamwStep { time, ..STEP };
            expected = composed(expected.0, tensor(&gradient), expected.1, now);
            with_threads(1 + time % 3, || {
                let moments = moments.each_mut().map(Vec::as_mut_slice);
                step(&mut weight, &gradient, moments, now);
            });
        }
        let [first, second] = &moments;
        let found = [&weight, first, second];
        let [m1, m2] = expected.1;
        for (found, expected) in found.into_iter().zip([expected.0, m1, m2]) {
            let expected = expected.into_data().try_into_vec::<f32>().unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 2e-6, "{found} and {expected}");
            }
        }
    }

    #[test]
    fn squares_are_summed_the_same_by_any_number_of_threads() {
        let values = numbers(3, 3 * ELEMENTS_PER_TASK + 5);
        let sum: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
        let alone = with_threads(1, || square_sum(&values));
        assert!((alone / sum - 1.0).abs() < 1e-6, "{alone} and {sum}");
        assert_eq!(with_threads(3, || square_sum(&values)), alone);
        assert_eq!(square_sum(&[3.0]), 9.0);
    }
}
