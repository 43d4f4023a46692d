//! Two evaluations → the problems that both have, side by side. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{LeftOut, Options, Pair, Report, Score};
use crate::evaluation::estimators::pass_at_k;
use crate::evaluation::record::{Evaluation, ProblemRecord};

/// Puts the two sides of each problem together.
pub(super) fn pair(
    baseline: &Evaluation,
    candidate: &Evaluation,
    options: &Options,
    turn: usize,
    report: &mut Report,
) {
    let theirs: BTreeMap<&str, &ProblemRecord> = candidate
        .problems
        .iter()
        .map(|record| (record.id.as_str(), record))
        .collect();
    let ours: BTreeSet<&str> = baseline
        .problems
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    for record in &candidate.problems {
        if !ours.contains(record.id.as_str()) {
            report.left_out.insert(record.id.clone(), LeftOut::Changed);
        }
    }
    for old in &baseline.problems {
        let new = theirs
            .get(old.id.as_str())
            .filter(|new| new.hash == old.hash);
        let reason = match new {
            _ if options.quarantine.contains(&old.id) => Some(LeftOut::Quarantined),
            None => Some(LeftOut::Changed),
            Some(new) if new.n < options.k || old.n < options.k => Some(LeftOut::Lost),
            Some(_) => None,
        };
        if let (None, Some(new)) = (reason, new) {
            let (before, after) = (old.counts(turn), new.counts(turn));
            let score = |record: &ProblemRecord, c| Score {
                n: record.n,
                c,
                failures: record.failures.clone(),
            };
            report.problems.push(Pair {
                id: old.id.clone(),
                cluster: old.cluster.clone().or_else(|| new.cluster.clone()),
                drop: pass_at_k(before.samples, before.solved, options.k)
                    - pass_at_k(after.samples, after.solved, options.k),
                baseline: score(old, before.solved),
                candidate: score(new, after.solved),
            });
        } else {
            report
                .left_out
                .insert(old.id.clone(), reason.unwrap_or(LeftOut::Changed));
        }
    }
}
