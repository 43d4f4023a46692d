//! Options: what the options of the slots that several families share mean, in the order of the slot's table.
//! Knows values only, no words and no code.

use std::cmp::Reverse;

use super::slots::OPTIONS;

/// What each option of `ANSWER` prints for false and for true.
const ANSWERS: [[&str; 2]; OPTIONS] = [["no", "yes"], ["No", "Yes"], ["NO", "YES"], ["0", "1"]];

/// The word for a truth value under an option of `ANSWER`.
pub(super) fn answer(truth: bool, option: usize) -> String {
    ANSWERS[option][usize::from(truth)].to_owned()
}

/// Sum, maximum, minimum or count; `None` for the extremes of nothing.
pub(super) fn aggregate(values: &[i64], option: usize) -> Option<i64> {
    match option {
        0 => Some(values.iter().sum()),
        1 => values.iter().max().copied(),
        2 => values.iter().min().copied(),
        _ => Some(values.len() as i64),
    }
}

/// The sum, difference, product or (floored) remainder; `None` for a remainder by zero.
pub(super) fn operate(left: i64, right: i64, option: usize) -> Option<i64> {
    match option {
        0 => left.checked_add(right),
        1 => left.checked_sub(right),
        2 => left.checked_mul(right),
        _ if right > 0 => Some(left.rem_euclid(right)),
        _ => None,
    }
}

/// The slice of `items` an option of `CUT` keeps; lengths beyond the end keep or drop everything.
pub(super) fn cut<T: Clone>(items: &[T], count: i64, option: usize) -> Vec<T> {
    let count = usize::try_from(count).unwrap_or(0).min(items.len());
    let rest = items.len() - count;
    match option {
        0 => items[..count].to_vec(),
        1 => items[rest..].to_vec(),
        2 => items[count..].to_vec(),
        _ => items[..rest].to_vec(),
    }
}

/// Whether `value` is on the side of `bound` an option of `BOUND` keeps.
pub(super) fn beside(value: i64, bound: i64, option: usize) -> bool {
    match option {
        0 => value > bound,
        1 => value >= bound,
        2 => value < bound,
        _ => value <= bound,
    }
}

/// The item with the largest key, ties as an option of `TIE` says; `None` for no items.
pub(super) fn leader<T: Ord + Clone>(
    items: &[T],
    option: usize,
    key: impl Fn(&T) -> usize,
) -> Option<T> {
    let ranked = items.iter().enumerate();
    match option {
        0 => ranked.max_by_key(|(place, item)| (key(item), Reverse(*place))),
        1 => ranked.max_by_key(|(place, item)| (key(item), *place)),
        2 => ranked.max_by_key(|(_, item)| (key(item), Reverse((*item).clone()))),
        _ => ranked.max_by_key(|(_, item)| (key(item), (*item).clone())),
    }
    .map(|(_, item)| item.clone())
}
