//! What happened, counted, in the text that Prometheus reads.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rlef_judge::judge::JudgeCounts;
use rlef_judge::verdict::Grade;

use crate::failure::Kind;

/// Upper ends of the buckets of a duration, in milliseconds.
const BOUNDS_MS: [u64; 14] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 60_000,
];

/// Durations, by how many were at most how long.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    buckets: [AtomicU64; BOUNDS_MS.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Durations {
    pub(crate) fn add(&self, duration: Duration) {
        let us = duration.as_micros().min(u128::from(u64::MAX)) as u64;
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        if let Some(bucket) = BOUNDS_MS.iter().position(|&bound| us <= bound * 1000) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, out: &mut String, name: &str, label: &str) {
        let mut below = 0;
        for (bound, bucket) in BOUNDS_MS.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let seconds = *bound as f64 / 1000.0;
            let _ = writeln!(out, "{name}_bucket{{{label},le=\"{seconds}\"}} {below}");
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{{label},le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{{{label}}} {sum}");
        let _ = writeln!(out, "{name}_count{{{label}}} {count}");
    }
}

/// What happened so far.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Requests by dialect and status.
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// Requests that got no answer, by kind.
    failures: Mutex<BTreeMap<Kind, u64>>,
    verdicts: Mutex<BTreeMap<Grade, u64>>,
    /// From the request's arrival until a worker takes it.
    pub(crate) queued: Durations,
    /// What the worker does.
    pub(crate) worked: Durations,
    /// From the request's head to the answer's head.
    pub(crate) answered: Durations,
    /// Programs that ran without a verdict.
    pub(crate) runs: AtomicU64,
    /// Of those, such as were compiled with an earlier one.
    pub(crate) runs_together: AtomicU64,
    /// Requests that waited for the same judgement as another.
    pub(crate) joined: AtomicU64,
    /// Callers who left before their answer.
    pub(crate) left: AtomicU64,
    /// Things that wait for a worker.
    pub(crate) waiting: AtomicU64,
    /// Workers at work.
    pub(crate) working: AtomicU64,
    /// Requests that are held.
    pub(crate) held: AtomicU64,
    /// Bytes that requests, sent problems, messages and answers hold.
    pub(crate) held_bytes: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) episodes: AtomicU64,
}

fn count<K: Ord>(map: &Mutex<BTreeMap<K, u64>>, key: K) {
    *map.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(key)
        .or_default() += 1;
}

fn all<K: Ord + Copy>(map: &Mutex<BTreeMap<K, u64>>) -> Vec<(K, u64)> {
    let map = map.lock().unwrap_or_else(PoisonError::into_inner);
    map.iter().map(|(key, count)| (*key, *count)).collect()
}

impl Metrics {
    pub(crate) fn request(&self, dialect: &'static str, status: u16, took: Duration) {
        count(&self.requests, (dialect, status));
        self.answered.add(took);
    }

    pub(crate) fn failure(&self, kind: Kind) {
        count(&self.failures, kind);
    }

    pub(crate) fn verdict(&self, grade: Grade) {
        count(&self.verdicts, grade);
    }

    /// The text that Prometheus reads.
    pub(crate) fn text(&self, judge: &JudgeCounts) -> String {
        let mut out = String::new();
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        let name = "rlef_requests_total";
        head(&mut out, name, "counter", "Requests by dialect and status.");
        for ((dialect, status), count) in all(&self.requests) {
            let labels = format!("dialect=\"{dialect}\",status=\"{status}\"");
            let _ = writeln!(out, "{name}{{{labels}}} {count}");
        }
        let name = "rlef_failures_total";
        head(
            &mut out,
            name,
            "counter",
            "Requests and items without an answer, by kind.",
        );
        let failures = all(&self.failures);
        for kind in Kind::ALL {
            let count = failures.iter().find(|(other, _)| *other == kind);
            let count = count.map_or(0, |(_, count)| *count);
            let _ = writeln!(out, "{name}{{kind=\"{}\"}} {count}", kind.row().0);
        }
        let name = "rlef_verdicts_total";
        head(&mut out, name, "counter", "Verdicts given.");
        for (grade, count) in all(&self.verdicts) {
            let _ = writeln!(out, "{name}{{verdict=\"{}\"}} {count}", grade.name());
        }
        let name = "rlef_phase_seconds";
        let help =
            "Time by phase: queue until a worker takes it, work by the worker, answer the whole.";
        head(&mut out, name, "histogram", help);
        self.queued.write(&mut out, name, "phase=\"queue\"");
        self.worked.write(&mut out, name, "phase=\"work\"");
        self.answered.write(&mut out, name, "phase=\"answer\"");
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let numbers = [
            (
                "rlef_runs_total",
                "counter",
                "Programs run without a verdict.",
                load(&self.runs),
            ),
            (
                "rlef_runs_together_total",
                "counter",
                "Of those, compiled with another.",
                load(&self.runs_together),
            ),
            (
                "rlef_joined_total",
                "counter",
                "Requests that shared a judgement under way.",
                load(&self.joined),
            ),
            (
                "rlef_cached_total",
                "counter",
                "Verdicts found in the cache.",
                judge.cached as u64,
            ),
            (
                "rlef_judged_total",
                "counter",
                "Verdicts found by running programs.",
                judge.judged as u64,
            ),
            (
                "rlef_callers_left_total",
                "counter",
                "Callers who hung up first.",
                load(&self.left),
            ),
            (
                "rlef_waiting",
                "gauge",
                "Things that wait for a worker.",
                load(&self.waiting),
            ),
            (
                "rlef_working",
                "gauge",
                "Workers at work.",
                load(&self.working),
            ),
            (
                "rlef_requests_held",
                "gauge",
                "Requests that are held.",
                load(&self.held),
            ),
            (
                "rlef_held_bytes",
                "gauge",
                "Bytes that requests, sent problems, messages and answers hold.",
                load(&self.held_bytes),
            ),
            (
                "rlef_connections",
                "gauge",
                "Open connections.",
                load(&self.connections),
            ),
            (
                "rlef_episodes",
                "gauge",
                "Open episodes.",
                load(&self.episodes),
            ),
        ];
        for (name, kind, help, number) in numbers {
            head(&mut out, name, kind, help);
            let _ = writeln!(out, "{name} {number}");
        }
        out
    }
}

/// Counts one up for as long as it lives.
#[derive(Debug)]
pub(crate) struct Gauge<'a>(&'a AtomicU64);

impl<'a> Gauge<'a> {
    pub(crate) fn up(number: &'a AtomicU64) -> Self {
        number.fetch_add(1, Ordering::Relaxed);
        Self(number)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one_that_prometheus_reads() {
        let metrics = Metrics::default();
        metrics.request("rlef", 200, Duration::from_millis(3));
        metrics.request("rlef", 200, Duration::from_secs(100));
        metrics.failure(Kind::Busy);
        metrics.verdict(Grade::Accepted);
        let text = metrics.text(&JudgeCounts::default());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("rlef_"), "{line}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
        for line in [
            "rlef_requests_total{dialect=\"rlef\",status=\"200\"} 2",
            "rlef_phase_seconds_bucket{phase=\"answer\",le=\"0.002\"} 0",
            "rlef_phase_seconds_bucket{phase=\"answer\",le=\"0.005\"} 1",
            "rlef_phase_seconds_bucket{phase=\"answer\",le=\"+Inf\"} 2",
            "rlef_failures_total{kind=\"busy\"} 1",
            "rlef_failures_total{kind=\"infrastructure\"} 0",
            "rlef_verdicts_total{verdict=\"accepted\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
