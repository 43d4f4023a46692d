//! Who is next: everybody in turn, whoever has how much waiting. Knows nothing of what waits.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// Things that wait, and are taken one by one.
pub(crate) trait Line {
    /// What waits.
    type Item;

    /// The next.
    fn take(&mut self) -> Option<Self::Item>;

    /// Whether nothing waits.
    fn is_empty(&self) -> bool;
}

impl<T> Line for VecDeque<T> {
    type Item = T;

    fn take(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn is_empty(&self) -> bool {
        VecDeque::is_empty(self)
    }
}

/// A line for each key, which are served in turn. Keys without anything that waits are forgotten.
#[derive(Debug)]
pub(crate) struct Turns<K, L> {
    lines: HashMap<K, L>,
    order: VecDeque<K>,
}

impl<K, L> Default for Turns<K, L> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, L: Line + Default> Turns<K, L> {
    /// The line of this key, into which something is put at once.
    pub(crate) fn of(&mut self, key: &K) -> &mut L {
        if !self.lines.contains_key(key) {
            self.order.push_back(key.clone());
        }
        self.lines.entry(key.clone()).or_default()
    }

    /// The line of this key, where something may wait.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut L> {
        self.lines.get_mut(key)
    }
}

impl<K: Clone + Eq + Hash, L: Line> Line for Turns<K, L> {
    type Item = (K, L::Item);

    fn take(&mut self) -> Option<(K, L::Item)> {
        while let Some(key) = self.order.pop_front() {
            // A line may have been emptied by other means.
            let item = self.lines.get_mut(&key).and_then(Line::take);
            if self.lines.get(&key).is_none_or(Line::is_empty) {
                self.lines.remove(&key);
            } else {
                self.order.push_back(key.clone());
            }
            if let Some(item) = item {
                return Some((key, item));
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.lines.values().all(Line::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Two = Turns<u8, Turns<char, VecDeque<u32>>>;

    fn order(put: &[(u8, char, u32)]) -> Vec<u32> {
        let mut line = Two::default();
        for (who, name, item) in put {
            line.of(who).of(name).push_back(*item);
        }
        std::iter::from_fn(|| line.take().map(|(_, (_, item))| item)).collect()
    }

    #[test]
    fn everybody_has_a_turn_and_names_win_nobody_more() {
        // One with three waiting, another with one.
        let found = order(&[(1, 'a', 1), (1, 'a', 2), (1, 'a', 3), (2, 'a', 10)]);
        assert_eq!(found, [1, 10, 2, 3]);
        // One by three names has as many turns as one by a single name.
        let found = order(&[
            (1, 'a', 1),
            (1, 'b', 2),
            (1, 'c', 3),
            (2, 'a', 10),
            (2, 'a', 11),
        ]);
        assert_eq!(found, [1, 10, 2, 11, 3]);
    }

    #[test]
    fn a_line_that_was_emptied_holds_nobody_up() {
        let mut line = Two::default();
        line.of(&1).of(&'a').push_back(1);
        line.of(&2).of(&'a').push_back(2);
        line.get_mut(&1).unwrap().get_mut(&'a').unwrap().clear();
        assert_eq!(line.take(), Some((2, ('a', 2))));
        assert!(line.take().is_none() && line.is_empty());
    }

    proptest! {
        /// All that was put in comes out once, and nobody waits for more than one item of each other before each of his own.
        #[test]
        fn nothing_is_lost_and_nobody_starves(put in prop::collection::vec((0_u8..4, 0_u8..3), 0..60)) {
            let put: Vec<(u8, char, u32)> = put
                .iter()
                .enumerate()
                .map(|(item, &(who, name))| (who, char::from(b'a' + name), item as u32))
                .collect();
            let found = order(&put);
            let mut sorted = found.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..put.len() as u32).collect::<Vec<_>>());
            for who in 0..4 {
                let of = |item: &u32| put[*item as usize].0;
                let mut since = HashMap::new();
                for item in &found {
                    if of(item) == who {
                        since.clear();
                    } else if found[found.iter().position(|other| other == item).unwrap()..]
                        .iter()
                        .any(|later| of(later) == who)
                    {
                        let count = since.entry(of(item)).or_insert(0);
                        *count += 1;
                        prop_assert!(*count <= 1);
                    }
                }
            }
        }
    }
}
