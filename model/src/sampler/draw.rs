//! Logits → a token and its log-probability under the very distribution it was drawn from. Knows no model.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use rlef_judge::sampling::Sampling;

/// Tokens of a nucleus that are put in order at first.
const FIRST_SORTED: usize = 64;

/// Draws a token from `softmax(logits / temperature)` cut as `sampling` says, and gives its log-probability there.
pub(super) fn draw(logits: &[f32], sampling: &Sampling, rng: &mut ChaCha8Rng) -> (u32, f32) {
    let best = argmax(logits);
    if sampling.temperature <= 0.0 {
        // The likeliest of numbers that are none is nothing: that must not look like certainty.
        let sound = logits[best].is_finite();
        return (best as u32, if sound { 0.0 } else { f32::NAN });
    }
    let highest = logits[best];
    let mut weights: Vec<f32> = logits
        .iter()
        .map(|&logit| ((f64::from(logit - highest) / sampling.temperature) as f32).exp())
        .collect();
    if sampling.top_k > 0 {
        keep_likeliest(&mut weights, sampling.top_k);
    }
    if sampling.top_p < 1.0 {
        keep_nucleus(&mut weights, sampling.top_p);
    }
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let mut left = rng.random::<f64>() * total;
    let mut chosen = best;
    for (index, &weight) in weights.iter().enumerate() {
        left -= f64::from(weight);
        if weight > 0.0 && left <= 0.0 {
            chosen = index;
            break;
        }
    }
    (
        chosen as u32,
        (f64::from(weights[chosen]) / total).ln() as f32,
    )
}

/// Sets to zero all weights but the `count` largest, of equals the first.
fn keep_likeliest(weights: &mut [f32], count: usize) {
    if count >= weights.len() {
        return;
    }
    let mut order: Vec<usize> = (0..weights.len()).collect();
    let by_weight = |&a: &usize, &b: &usize| weights[b].total_cmp(&weights[a]).then(a.cmp(&b));
    let (_, _, rest) = order.select_nth_unstable_by(count - 1, by_weight);
    for &mut index in rest {
        weights[index] = 0.0;
    }
}

/// Sets to zero all weights outside the smallest set that holds `top_p` of the total (Holtzman et al. 2020).
fn keep_nucleus(weights: &mut [f32], top_p: f64) {
    let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
    let by_weight = |a: &usize, b: &usize| weights[*b].total_cmp(&weights[*a]).then(a.cmp(b));
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // The set is usually small, so that only as many of the likeliest are put in order as it takes.
    let (mut done, mut seen) = (0, 0.0);
    let mut step = FIRST_SORTED;
    while done < order.len() && seen < top_p * total {
        let rest = &mut order[done..];
        let count = step.min(rest.len());
        if count < rest.len() {
            rest.select_nth_unstable_by(count, by_weight);
        }
        rest[..count].sort_unstable_by(by_weight);
        for &index in &rest[..count] {
            if seen >= top_p * total {
                break;
            }
            seen += f64::from(weights[index]);
            done += 1;
        }
        step *= 4;
    }
    for index in order.split_off(done) {
        weights[index] = 0.0;
    }
}

fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}
