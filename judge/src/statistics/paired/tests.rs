use proptest::prelude::{prop, prop_assert, proptest};

use super::*;
use crate::statistics::normal_quantile;

/// The p-value by listing every choice of signs.
fn enumerated(differences: &[f64]) -> f64 {
    let observed: f64 = differences.iter().sum();
    let choices = 1_u32 << differences.len();
    let hits = (0..choices)
        .filter(|signs| {
            let sum: f64 = differences
                .iter()
                .enumerate()
                .map(|(index, d)| if signs >> index & 1 == 1 { *d } else { -*d })
                .sum();
            sum >= observed - 1e-9
        })
        .count();
    hits as f64 / f64::from(choices)
}

/// Bounds where every problem is a cluster of its own.
fn alone(differences: &[f64], z: f64) -> (f64, f64) {
    bounds(differences, differences.len(), 1, z)
}

#[test]
fn bounds_of_clusters_are_those_of_fewer_larger_units() {
    // 100 problems in 50 pairs whose members change together, 12 down and 2 up: Tango's bounds of the 50 pairs, for each
    // is one unit of twice the size.
    let mut sums = vec![2.0; 12];
    sums.extend([-2.0; 2]);
    sums.resize(50, 0.0);
    assert_eq!(bounds(&sums, 100, 2, 1.645), tango(12.0, 2.0, 50.0, 1.645));
    // Nothing changed: as if 50 units had been seen, not 100.
    assert_eq!(
        bounds(&[0.0; 50], 100, 2, 1.645),
        tango(0.0, 0.0, 50.0, 1.645)
    );
}

#[test]
fn one_sample_a_problem_is_the_exact_test_of_mcnemar() {
    // 8 went down, 2 went up, 90 stayed: P(X >= 8), X ~ B(10, 1/2) = (45 + 10 + 1) / 1024.
    let mut differences = vec![1.0; 8];
    differences.extend([-1.0; 2]);
    differences.extend([0.0; 90]);
    let (p, exact) = sign_flip(&differences, Some(1), 1);
    assert!(exact);
    assert!((p - 56.0 / 1024.0).abs() < 1e-12, "{p}");
}

#[test]
fn nothing_changed_is_no_evidence() {
    assert_eq!(sign_flip(&[0.0; 5], Some(5), 1), (1.0, true));
    assert_eq!(sign_flip(&[], Some(5), 1), (1.0, true));
}

#[test]
fn by_hand_with_fifths() {
    // 2/5, 1/5, -1/5: sums of 8 sign choices are 4 2 2 0 0 -2 -2 -4 fifths; the observed is 2, reached by 3.
    let (p, exact) = sign_flip(&[0.4, 0.2, -0.2], Some(5), 1);
    assert!(exact && (p - 3.0 / 8.0).abs() < 1e-12, "{p}");
}

#[test]
fn random_flips_agree_with_exact_ones() {
    let differences: Vec<f64> = (0..40)
        .map(|index| f64::from((index * 7 % 11) - 4) / 10.0)
        .collect();
    let (exact, _) = sign_flip(&differences, Some(10), 1);
    let (drawn, is_exact) = sign_flip(&differences, None, 1);
    assert!(!is_exact);
    let error = (exact * (1.0 - exact) / FLIPS as f64).sqrt();
    assert!((exact - drawn).abs() < 5.0 * error, "{exact} {drawn}");
    assert_eq!(
        sign_flip(&differences, None, 1),
        sign_flip(&differences, None, 1)
    );
}

proptest! {
    #[test]
    fn the_exact_distribution_is_the_enumerated_one(values in prop::collection::vec(-6_i32..=6, 1..11)) {
        let differences: Vec<f64> = values.iter().map(|&value| f64::from(value) / 6.0).collect();
        let (p, exact) = sign_flip(&differences, Some(6), 1);
        prop_assert!(exact);
        prop_assert!((p - enumerated(&differences)).abs() < 1e-9);
    }

    #[test]
    fn bounds_hold_the_estimate_and_turn_round_with_the_sides(
        values in prop::collection::vec(-5_i32..=5, 1..60)
    ) {
        let differences: Vec<f64> = values.iter().map(|&value| f64::from(value) / 5.0).collect();
        let mean = differences.iter().sum::<f64>() / differences.len() as f64;
        let (low, high) = alone(&differences, 1.645);
        prop_assert!(low <= mean + 1e-9 && mean <= high + 1e-9, "{} {} {}", low, mean, high);
        prop_assert!(low >= -1.0 && high <= 1.0);
        let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
        let (low_turned, high_turned) = alone(&turned, 1.645);
        prop_assert!((low + high_turned).abs() < 1e-6 && (high + low_turned).abs() < 1e-6);
    }
}

#[test]
fn without_any_change_the_bound_is_by_hand() {
    // n d / (1 - d) = z^2, so d = z^2 / (n + z^2).
    let z = normal_quantile(0.95);
    let (low, high) = alone(&[0.0; 164], z);
    assert!((high - z * z / (164.0 + z * z)).abs() < 1e-9, "{high}");
    assert!((low + high).abs() < 1e-9);
}

#[test]
fn the_nuisance_parameter_is_at_its_maximum_likelihood() {
    // The closed form against a search over the trinomial likelihood of (down, up, same) with down - up = delta.
    for (b, c, n, delta) in [
        (12.0, 2.0, 50.0, 0.05),
        (3.0, 9.0, 40.0, 0.1),
        (0.0, 4.0, 30.0, -0.02),
    ] {
        let likelihood = |up: f64| {
            let down = up + delta;
            let log = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
            log(b, down) + log(c, up) + log(n - b - c, 1.0 - up - down)
        };
        let least = (-delta).max(0.0);
        let best = (1..200_000)
            .map(|step| least + f64::from(step) * (1.0 - least) / 400_000.0)
            .filter(|up| 2.0 * up + delta < 1.0)
            .max_by(|one, other| likelihood(*one).total_cmp(&likelihood(*other)))
            .unwrap();
        let variance = n * (2.0 * best + delta - delta * delta);
        let expected = (b - c - n * delta) / variance.sqrt();
        assert!((score(b, c, n, delta) - expected).abs() < 1e-3, "{b} {c}");
    }
}

#[test]
fn at_one_sample_the_effective_counts_are_the_counts() {
    let mut differences = vec![1.0; 12];
    differences.extend([-1.0; 2]);
    differences.extend([0.0; 36]);
    assert_eq!(alone(&differences, 1.645), tango(12.0, 2.0, 50.0, 1.645));
}

/// Problems of differing difficulty; the candidate loses `drop` on a share of them. Share of worlds in which the upper
/// bound is below the truth, the lower one above it, and the test alarms at 5%.
fn errors(problems: usize, samples: u32, drop: f64, worlds: u64) -> (f64, f64, f64) {
    let z = normal_quantile(0.95);
    let (mut above, mut below, mut alarms) = (0, 0, 0);
    for world in 0..worlds {
        let mut rng = ChaCha8Rng::seed_from_u64(world);
        let differences: Vec<f64> = (0..problems)
            .map(|_| {
                let p: f64 = match rng.random_range(0..4) {
                    0 => 0.0,
                    1 => 0.5,
                    _ => 0.9,
                };
                // Half of the solvable problems carry the whole drop, so that it is clustered.
                let loses = p > 0.0 && rng.random_bool(0.5);
                let lower = if loses { p - drop / 0.375 } else { p };
                let mut draw = |p: f64| (0..samples).filter(|_| rng.random_bool(p)).count();
                (draw(p) as f64 - draw(lower) as f64) / f64::from(samples)
            })
            .collect();
        let (low, high) = alone(&differences, z);
        above += usize::from(low > drop);
        below += usize::from(high < drop);
        alarms += usize::from(sign_flip(&differences, Some(u64::from(samples)), 1).0 < 0.05);
    }
    let share = |count: usize| count as f64 / worlds as f64;
    (share(above), share(below), share(alarms))
}

#[test]
fn bounds_and_test_err_about_as_often_as_they_say() {
    // 1,000 worlds at 5%: standard error 0.7 points.
    for (problems, samples) in [(164, 1), (164, 5), (40, 5), (40, 1)] {
        for drop in [0.0, 0.05] {
            let (above, below, alarms) = errors(problems, samples, drop, 1000);
            assert!(
                above < 0.075,
                "{problems} x {samples}, {drop}: lower bound above: {above}"
            );
            assert!(
                below < 0.075,
                "{problems} x {samples}, {drop}: upper bound below: {below}"
            );
            if drop == 0.0 {
                assert!(alarms < 0.07, "{problems} x {samples}: alarms {alarms}");
            }
        }
    }
    let (.., power) = errors(164, 5, 0.05, 200);
    assert!(power > 0.5, "{power}");
}
