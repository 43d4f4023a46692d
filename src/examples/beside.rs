//! Labelled answers → each with the answer to another prompt put after its own, as KTO's estimate of the divergence asks for.

use super::{Example, Tokens};

/// Puts beside every example's row its prompt with the answer of the next example, in their order and round at the end, that
/// has another prompt and fits. Examples for which there is none are left out.
pub(super) fn with_others(examples: Vec<Example>, context: usize) -> Vec<Example> {
    let rows: Vec<Tokens> = examples
        .iter()
        .map(|example| example.rows[0].clone())
        .collect();
    let count = rows.len();
    let beside = |(place, mut example): (usize, Example)| {
        let own = &rows[place];
        let next = (1..count).map(|step| &rows[(place + step) % count]);
        let mut others = next.filter(|other| prompt(other) != prompt(own));
        let other = others.find_map(|other| joined(own, other, context))?;
        example.rows.push(other);
        Some(example)
    };
    examples
        .into_iter()
        .enumerate()
        .filter_map(beside)
        .collect()
}

fn prompt(row: &Tokens) -> &[u32] {
    &row.ids[..row.answers[0].start]
}

/// One row's prompt and the other's answer, where both fit.
fn joined(own: &Tokens, other: &Tokens, context: usize) -> Option<Tokens> {
    let (start, from) = (own.answers[0].start, other.answers[0].start);
    let ids = [prompt(own), &other.ids[from..]].concat();
    let answers = other.answers.iter();
    let answers = answers.map(|span| span.start - from + start..span.end - from + start);
    let answers = answers.collect();
    (ids.len() <= context).then_some(Tokens { ids, answers })
}
