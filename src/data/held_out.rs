//! Problems → a part to train on and a part to measure on. Clusters stay whole, and which part one is in depends on its name
//! alone: another seed, or more problems, leave what was set aside where it was.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// Problems that are set aside at most; more would cost time and say little more.
const MOST: usize = 200;

/// The two parts, each in the order the problems came in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// To train on.
    pub training: Vec<Problem>,
    /// To measure on.
    pub held_out: Vec<Problem>,
}

/// Sets about `share` of the problems aside: one cluster at least, unless there is but one.
pub fn held_out(problems: Vec<Problem>, share: f64) -> Parts {
    let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
    for problem in &problems {
        *sizes.entry(problem.cluster()).or_default() += 1;
    }
    let wanted = ((problems.len() as f64 * share).round() as usize).clamp(1, MOST);
    let mut order: Vec<(Vec<u8>, &String, usize)> = sizes
        .iter()
        .map(|(name, &size)| (Sha256::digest(name.as_bytes()).to_vec(), name, size))
        .collect();
    order.sort();
    let (mut chosen, mut count) = (std::collections::BTreeSet::new(), 0);
    for (_, name, size) in &order {
        if count >= wanted || chosen.len() + 1 == order.len() {
            break;
        }
        // A cluster that is most of the set is for training.
        if count + size > wanted.max(1) && (!chosen.is_empty() || 2 * size > problems.len()) {
            continue;
        }
        chosen.insert((*name).clone());
        count += size;
    }
    let (held_out, training) = problems
        .into_iter()
        .partition(|problem| chosen.contains(&problem.cluster()));
    Parts { training, held_out }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::data) fn problem(id: &str, statement: &str) -> Problem {
        serde_json::from_value(serde_json::json!({
            "id": id,
            "statement": statement,
            "public_tests": [{"kind": "stdin", "input": "1\n", "expected": "2\n"}],
            "private_tests": [{"kind": "stdin", "input": "2\n", "expected": "3\n"}],
        }))
        .unwrap()
    }

    fn set(count: usize) -> Vec<Problem> {
        let one = |number: usize| problem(&format!("p{number}"), &format!("Statement {number}."));
        (0..count).map(one).collect()
    }

    fn ids(problems: &[Problem]) -> Vec<&str> {
        problems.iter().map(|problem| problem.id.as_str()).collect()
    }

    #[test]
    fn a_share_is_set_aside_and_stays_where_it_was() {
        for (count, expected) in [(10, 2), (2, 1), (3, 1), (100, 20), (5000, 200)] {
            let parts = held_out(set(count), 0.2);
            assert_eq!(parts.held_out.len(), expected, "{count}");
            assert_eq!(parts.training.len(), count - expected);
        }
        assert!(held_out(set(1), 0.2).held_out.is_empty());
        let (few, more) = (held_out(set(10), 0.2), held_out(set(11), 0.2));
        let kept = ids(&few.held_out);
        let later = ids(&more.held_out);
        let moved = kept.iter().filter(|id| !later.contains(id)).count();
        assert!(moved <= 1, "{kept:?} {later:?}");
    }

    #[test]
    fn clusters_are_never_taken_apart() {
        let mut problems = set(30);
        for (number, problem) in problems.iter_mut().enumerate() {
            let cluster = format!("c{}", number / 4);
            problem.labels.insert("cluster".to_owned(), cluster);
        }
        let parts = held_out(problems, 0.2);
        let of = |part: &[Problem]| -> std::collections::BTreeSet<String> {
            part.iter().map(Problem::cluster).collect()
        };
        assert!(!parts.held_out.is_empty() && parts.held_out.len() <= 8);
        assert!(of(&parts.held_out).is_disjoint(&of(&parts.training)));
    }
}
