//! What a round has read of its rows → what it made of its episodes, turn by turn, kept for whoever looks at it.

use super::part::Part;
use super::sample::Sampled;
use super::update::Before;
use crate::episode::TurnCredit;
use crate::objective::{Known, Old, Scored};
use crate::rollout::Group;

/// What was made of the turns of an episode, which a group's index and a number in it name.
pub(super) type Given = (usize, usize, Vec<TurnCredit>);

/// What was made of the episodes of each part; `read` are their log-probabilities.
pub(super) fn of_parts(parts: &[Part<'_>], known: &[Known], read: &[Before]) -> Vec<Vec<Given>> {
    let all = parts.iter().zip(known).zip(read);
    all.map(|((part, known), read)| of_part(part, known, read))
        .collect()
}

fn of_part(part: &Part<'_>, known: &Known, (before, fresh): &Before) -> Vec<Given> {
    let (batch, objective) = (&part.batch, &*part.task.objective);
    let scored = Scored {
        material: &part.material,
        units: &part.units,
        batch,
        policy: (known.policy.as_deref()).filter(|_| objective.needs().old == Old::ForCredit),
        reference: known.reference.as_deref(),
        values: known.values.as_deref(),
    };
    let terms = objective.terms(&scored);
    let turn = |number: usize| {
        let span = &batch.turns[number];
        let actions = || span.start..span.end;
        let pair = |one: &[f32], other: &[f32], make: fn(f64) -> f64| {
            let apart = actions().map(|at| make(f64::from(one[at]) - f64::from(other[at])));
            TurnCredit::kept(apart)
        };
        let advantages = &known.credit.advantages;
        TurnCredit {
            tokens: span.end - span.start,
            terms: (terms.iter())
                .filter_map(|(name, of)| Some(((*name).to_owned(), *of.get(number)?)))
                .collect(),
            advantages: match advantages.len() {
                0 => Vec::new(),
                _ => TurnCredit::kept(actions().map(|at| f64::from(advantages[at]))),
            },
            ratios: pair(fresh, before, f64::exp),
            reference_gap: match &known.reference {
                Some(reference) => pair(before, reference, |apart| apart),
                None => Vec::new(),
            },
        }
    };
    let mut given: Vec<Given> = Vec::new();
    let mut next = 0;
    for (row, candidate) in scored.candidates().enumerate() {
        let first = next;
        while batch.turns.get(next).is_some_and(|turn| turn.row == row) {
            next += 1;
        }
        let Some(episode) = candidate.episode else {
            continue;
        };
        let (group, sample) = (candidate.group, episode.sample);
        // An answer may be in several pairs: what was read of it is the same.
        if given.iter().all(|(g, s, _)| (*g, *s) != (group, sample)) {
            given.push((group, sample, (first..next).map(turn).collect()));
        }
    }
    given
}

/// The groups that were played, each episode with what was made of it.
pub(super) fn given(played: Vec<Sampled>, credit: Vec<Vec<Given>>) -> Vec<Group> {
    let mut all = Vec::new();
    for ((mut groups, _), credit) in played.into_iter().zip(credit) {
        for (group, sample, turns) in credit {
            let episodes = groups.get_mut(group).map(|group| &mut group.episodes);
            let mut episodes = episodes.into_iter().flatten();
            if let Some(episode) = episodes.find(|episode| episode.sample == sample) {
                episode.credit = Some(turns);
            }
        }
        all.append(&mut groups);
    }
    all
}
