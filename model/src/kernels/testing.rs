//! Two functions of the same flat leaves → whether their values and gradients agree, with each other and
//! with finite differences; and reproducible inputs for that.

use burn::tensor::{Device, Tensor, TensorData};

/// `count` numbers in [-1, 1) that depend on the seed alone (Knuth's MMIX generator).
pub(super) fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
        })
        .collect()
}

/// A plain tensor of [`numbers`].
pub(super) fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
    let values = numbers(seed, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// The elements of a tensor, row by row.
pub(super) fn elements<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("f32 elements")
}

/// Runs `work` on a pool of so many threads.
pub(super) fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool")
        .install(work)
}

/// A function of flat leaves with a flat result.
pub(super) type Function<'a> = &'a dyn Fn(&[Tensor<1>]) -> Tensor<1>;

/// Checks that values agree to 1e-5 and gradients to 1e-4 of their largest element, and that the gradients
/// of `fused` agree with central differences to 1 %.
pub(super) fn assert_agree(sizes: &[usize], fused: Function, composed: Function) {
    let leaves: Vec<Vec<f32>> = sizes
        .iter()
        .zip(1..)
        .map(|(&size, seed)| numbers(seed, size))
        .collect();
    let (value, gradients) = differentiate(&leaves, fused);
    let (expected_value, expected_gradients) = differentiate(&leaves, composed);
    assert_close(&value, &expected_value, 1e-5);
    for (gradient, expected) in gradients.iter().zip(&expected_gradients) {
        assert_close(gradient, expected, 1e-4);
    }
    assert_slopes(&leaves, &gradients, fused);
}

/// Checks that a way back written by hand gives the gradients of the function's graph to 1e-4 of their largest element, and
/// its slopes by finite differences to 1 %.
pub(super) fn assert_way_back<const N: usize>(
    sizes: [usize; N],
    function: impl Fn([Tensor<1>; N]) -> Tensor<1>,
    back: impl Fn([Tensor<1>; N], Tensor<1>) -> [Tensor<1>; N],
) {
    let mut seed = 0;
    let leaves = sizes.map(|size| {
        seed += 1;
        numbers(seed, size)
    });
    let of_slice = |x: &[Tensor<1>]| function(std::array::from_fn(|place| x[place].clone()));
    let (value, expected) = differentiate(&leaves, &of_slice);
    let plain = leaves
        .clone()
        .map(|leaf| Tensor::from_floats(leaf.as_slice(), &Device::flex()));
    let directions = Tensor::from_floats(numbers(99, value.len()).as_slice(), &Device::flex());
    let found = back(plain, directions).map(elements);
    for (found, expected) in found.iter().zip(&expected) {
        assert_close(found, expected, 1e-4);
    }
    assert_slopes(&leaves, &found, &of_slice);
}

/// Checks `|a − b| ≤ tolerance · max(1e-3, max |b|)` for all elements.
pub(super) fn assert_close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-3_f32, |scale, x| scale.max(x.abs()));
    for (place, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "element {place}: {a} instead of {b}"
        );
    }
}

fn differentiate(leaves: &[Vec<f32>], function: Function) -> (Vec<f32>, Vec<Vec<f32>>) {
    let device = Device::flex().autodiff();
    let leaves: Vec<Tensor<1>> = leaves
        .iter()
        .map(|leaf| Tensor::<1>::from_floats(leaf.as_slice(), &device).require_grad())
        .collect();
    let value = function(&leaves);
    let directions = Tensor::from_floats(numbers(99, value.dims()[0]).as_slice(), &device);
    let gradients = (value.clone() * directions).sum().backward();
    let gradients = leaves
        .iter()
        .map(|leaf| {
            leaf.grad(&gradients)
                .map(elements)
                .expect("a gradient for every leaf")
        })
        .collect();
    (elements(value.inner()), gradients)
}

fn assert_slopes(leaves: &[Vec<f32>], gradients: &[Vec<f32>], function: Function) {
    const STEP: f32 = 1e-2;
    let loss = |leaves: &[Vec<f32>]| -> f64 {
        let device = Device::flex();
        let leaves: Vec<Tensor<1>> = leaves
            .iter()
            .map(|leaf| Tensor::from_floats(leaf.as_slice(), &device))
            .collect();
        let value = elements(function(&leaves));
        let directions = numbers(99, value.len());
        value
            .iter()
            .zip(directions)
            .map(|(v, d)| f64::from(*v) * f64::from(d))
            .sum()
    };
    for (which, gradient) in gradients.iter().enumerate() {
        let scale = gradient.iter().fold(0.1_f32, |scale, x| scale.max(x.abs()));
        // A handful of elements spread over the leaf: each costs two evaluations.
        for place in (0..gradient.len()).step_by(gradient.len().div_ceil(9)) {
            let at = |step: f32| {
                let mut moved = leaves.to_vec();
                moved[which][place] += step;
                loss(&moved)
            };
            let slope = ((at(STEP) - at(-STEP)) / f64::from(2.0 * STEP)) as f32;
            let error = (slope - gradient[place]).abs();
            assert!(
                error <= 1e-2 * scale,
                "leaf {which}, element {place}: gradient {}, slope {slope}",
                gradient[place]
            );
        }
    }
}
