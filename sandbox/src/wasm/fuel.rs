//! How much fuel a millisecond of CPU time is.
//!
//! Fuel counts instructions (`meter`), not time: programs that wait for memory burn slowly, tight loops fast. The
//! interpreter's rate is that of fast-burning programs, so that a program that is within its limit as a process is within
//! it here; the price is that a slow-burning one may run up to several times longer than its limit. A module's rate is
//! such that what computes takes at most four times its limit. `sandbox/examples/wasm` measures both; its results are in
//! `benchmarks/results`.

/// Fuel that Python programs burn in a millisecond of what they take as a process.
pub(super) const PYTHON_PER_MS: u64 = 16_000_000;
/// Fuel of a millisecond of a module's CPU limit: of chains of one instruction those that burn the slowest burn a little
/// more than a quarter of it in a millisecond, and tight loops as much.
pub(super) const MODULE_PER_MS: u64 = 8_000_000;
/// How many times its CPU limit a run may really take before it counts as one that never ends: a program that waits
/// for memory in every instruction would otherwise take hundreds of times its limit to burn its fuel.
pub(super) const SLOWEST_FACTOR: u64 = 10;
/// How many times its CPU limit may pass on the wall clock before the machine is said to be overloaded.
pub(super) const BACKSTOP_FACTOR: u64 = 200;

/// Fuel of a CPU limit.
pub(super) fn budget(cpu_ms: u64, per_ms: u64) -> u64 {
    cpu_ms.saturating_mul(per_ms).clamp(1, u64::MAX / 4)
}

/// CPU microseconds that this much fuel stands for.
pub(super) fn microseconds(fuel: u64, per_ms: u64) -> u64 {
    u64::try_from(u128::from(fuel) * 1000 / u128::from(per_ms)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_and_its_fuel_are_one_another() {
        let fuel = budget(250, PYTHON_PER_MS);
        assert_eq!(microseconds(fuel, PYTHON_PER_MS), 250_000);
        assert!(budget(u64::MAX, PYTHON_PER_MS) < u64::MAX);
    }
}
