//! What a label must be to be kept: of its item, of its kind, within its bounds. Pure.

use super::book::{Label, Said};
use super::task::{Item, Kind};
use crate::preference::Mark;

/// What is wrong with a label of an item.
pub(super) fn check(label: &Label, item: &Item, kind: Kind) -> Result<(), String> {
    let count = item.answers.len();
    let mut order = label.order.clone();
    order.sort_unstable();
    if !order.iter().copied().eq(0..count) {
        return Err(format!(
            "order: expected each of {count} answers once, found {:?}",
            label.order
        ));
    }
    if label
        .confidence
        .is_some_and(|sure| !(1..=9).contains(&sure))
    {
        return Err(format!(
            "confidence: expected a number from 1 to 9, found {:?}",
            label.confidence
        ));
    }
    if !(label.seconds.is_finite() && label.seconds >= 0.0) {
        return Err(format!(
            "seconds: expected a finite number of at least 0, found {}",
            label.seconds
        ));
    }
    let fits = match (&label.said, kind) {
        (Said::Skip, _) | (Said::Tie | Said::BothBad, Kind::Pairs) => true,
        (Said::Better(answer), Kind::Pairs) => *answer < count,
        (Said::Places(places), Kind::Rankings) => {
            places.len() == count && places.iter().all(|place| *place < count)
        }
        (Said::Marks(marks), Kind::Steps) => {
            let to_first_bad = marks.last() == Some(&Mark::Bad);
            marks.len() == item.steps.len()
                || (!marks.is_empty() && marks.len() < item.steps.len() && to_first_bad)
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(format!(
            "said: {:?} is no label of {} with {count} answers and {} steps",
            label.said,
            kind.name(),
            item.steps.len()
        ))
    }
}
