//! Graded groups → the record of an evaluation, which is a file that the judge's crate reads and writes.

use std::collections::{BTreeMap, HashMap};

pub use rlef_judge::evaluation::record::*;

use super::Report;
use super::stamp::{PolicyStamp, SandboxStamp};
use crate::episode::StopReason;
use crate::problem::Problem;
use crate::rollout::{Group, RolloutConfig};

/// Bytes of a label's value up to which it is kept, for slices: longer ones are texts and addresses.
const LABEL_BYTES: usize = 64;

/// What an evaluation was made with, besides problems and episodes.
#[derive(Clone, Debug)]
pub struct Setting<'a> {
    /// Name of the problem set.
    pub problems: &'a str,
    /// The policy.
    pub policy: PolicyStamp,
    /// How episodes were played.
    pub config: &'a RolloutConfig,
    /// What ran the programs.
    pub sandbox: SandboxStamp,
    /// Settings of sampling that the policy's server chose.
    pub left_to_server: Vec<String>,
    /// Seed of all draws.
    pub seed: u64,
}

/// The record of graded groups; every group's problem is among `problems`.
pub fn evaluation(
    setting: &Setting<'_>,
    problems: &[Problem],
    groups: &[Group],
    report: &Report,
) -> Evaluation {
    let by_id: HashMap<&str, &Problem> = problems
        .iter()
        .map(|problem| (problem.id.as_str(), problem))
        .collect();
    let mut rules: Vec<Rules> = Vec::new();
    let mut records: Vec<ProblemRecord> = groups
        .iter()
        .filter_map(|group| {
            let problem = by_id.get(group.problem_id.as_str())?;
            let (hash, rule) = split(problem);
            let place = rules
                .iter()
                .position(|known| *known == rule)
                .unwrap_or_else(|| {
                    rules.push(rule);
                    rules.len() - 1
                });
            Some(problem_record(
                problem,
                hash,
                place,
                group,
                setting.config.turns,
            ))
        })
        .collect();
    let mut members: BTreeMap<String, usize> = BTreeMap::new();
    for name in records.iter().filter_map(|record| record.cluster.clone()) {
        *members.entry(name).or_default() += 1;
    }
    for record in &mut records {
        record.cluster.take_if(|name| members[name] < 2);
    }
    records.sort_by(|one, other| one.id.cmp(&other.id));
    let parts = records
        .iter()
        .map(|record| (record.id.as_str(), &record.hash, &rules[record.rules]));
    Evaluation {
        schema: SCHEMA.to_owned(),
        provenance: Provenance {
            rlef: env!("CARGO_PKG_VERSION").to_owned(),
            problems: setting.problems.to_owned(),
            problems_hash: hash_of(parts),
            policy: setting.policy.clone(),
            play: setting.config.stamp().left(setting.left_to_server.clone()),
            sandbox: setting.sandbox.clone(),
            rollouts: setting.config.group,
            seed: setting.seed,
        },
        rules,
        report: Some(Report {
            tokens_per_second: 0.0,
            programs_per_second: 0.0,
            ..report.clone()
        }),
        problems: records,
    }
}

fn problem_record(
    problem: &Problem,
    hash: String,
    rules: usize,
    group: &Group,
    turns: usize,
) -> ProblemRecord {
    let graded: Vec<_> = group
        .episodes
        .iter()
        .filter(|episode| episode.outcome.is_some())
        .collect();
    let mut failures = BTreeMap::new();
    for verdict in graded.iter().filter_map(|episode| episode.outcome.as_ref()) {
        if !verdict.is_accepted() {
            *failures.entry(verdict.grade).or_default() += 1;
        }
    }
    ProblemRecord {
        id: problem.id.clone(),
        hash,
        rules,
        n: graded.len(),
        c: (1..=turns)
            .map(|turn| {
                graded
                    .iter()
                    .filter(|episode| episode.is_solved_by(turn))
                    .count()
            })
            .collect(),
        public: graded
            .iter()
            .filter(|episode| super::passes_public(episode))
            .count(),
        lost: group
            .episodes
            .iter()
            .filter(|episode| episode.stop == Some(StopReason::Aborted))
            .count(),
        failures,
        labels: problem
            .labels
            .iter()
            .filter(|(_, value)| value.len() <= LABEL_BYTES)
            .map(|(label, value)| (label.clone(), value.clone()))
            .collect(),
        cluster: Some(problem.cluster()),
    }
}
