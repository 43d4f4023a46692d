//! Feedback of a stranger's program: of each episode and turn, whose first answer stands in for its own. The pool is what the
//! first answers of all episodes were told, in an order that is drawn from the seed, so that it depends neither on who is still
//! playing nor on when who was judged.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What an episode's first answer was told.
enum First {
    /// It isn't judged yet.
    Unknown,
    /// Nothing that could be shown to others: it passed, or was lost, or nobody may read what failed.
    Nothing,
    Told(String),
}

/// Whose feedback an episode is shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// An answer that decides it is not judged yet.
    Unknown,
    /// Nobody else's: all other first answers passed.
    Nobody,
    /// This.
    Told(String),
}

/// The pool.
pub(super) struct Strangers {
    seed: u64,
    /// Episodes with equal numbers are kin: they play one problem, or problems that are told alike.
    kin: Vec<usize>,
    firsts: Vec<First>,
    /// Episodes that wait, with the turns they have played.
    waiting: Vec<(usize, usize)>,
}

impl Strangers {
    pub(super) fn new(seed: u64, kin: Vec<usize>) -> Self {
        Self {
            seed,
            firsts: kin.iter().map(|_| First::Unknown).collect(),
            kin,
            waiting: Vec::new(),
        }
    }

    /// Notes what the first answer of an episode was told; later ones change nothing.
    pub(super) fn note(&mut self, episode: usize, told: Option<String>) {
        if let First::Unknown = self.firsts[episode] {
            self.firsts[episode] = match told.filter(|text| !text.is_empty()) {
                Some(text) => First::Told(text),
                None => First::Nothing,
            };
        }
    }

    /// Puts an episode that has played `turns` among those that wait for a stranger.
    pub(super) fn wait(&mut self, episode: usize, turns: usize) {
        self.waiting.push((episode, turns));
    }

    /// Those that need wait no longer, with what they are told; none is their own.
    pub(super) fn found(&mut self) -> Vec<(usize, Option<String>)> {
        let mut found = Vec::new();
        for (episode, turns) in std::mem::take(&mut self.waiting) {
            match self.of(episode, turns) {
                Stranger::Unknown => self.waiting.push((episode, turns)),
                Stranger::Nobody => found.push((episode, None)),
                Stranger::Told(text) => found.push((episode, Some(text))),
            }
        }
        found
    }

    /// The first in the turn's order, counted from the episode itself, that is no kin of it and was told something.
    fn of(&self, episode: usize, turns: usize) -> Stranger {
        let mut order: Vec<usize> = (0..self.kin.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(
            self.seed.wrapping_add(turns as u64),
        ));
        let place = order.iter().position(|&item| item == episode);
        let after = order.iter().cycle().skip(place.unwrap_or(0) + 1);
        for &other in after.take(order.len().saturating_sub(1)) {
            if self.kin[other] == self.kin[episode] {
                continue;
            }
            match &self.firsts[other] {
                First::Unknown => return Stranger::Unknown,
                First::Nothing => {}
                First::Told(text) => return Stranger::Told(text.clone()),
            }
        }
        Stranger::Nobody
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(told: &[Option<&str>]) -> Strangers {
        let mut pool = Strangers::new(7, vec![0, 0, 1, 1, 2]);
        for (episode, told) in told.iter().enumerate() {
            if let Some(text) = told {
                pool.note(episode, Some((*text).to_owned()));
            }
        }
        pool
    }

    #[test]
    fn a_stranger_is_no_kin_and_the_same_whatever_is_judged_first() {
        let whole = pool(&[Some("a"), Some("b"), Some("c"), Some("d"), Some("e")]);
        for episode in 0..5 {
            for turns in 1..4 {
                let Stranger::Told(text) = whole.of(episode, turns) else {
                    panic!("everybody was told something");
                };
                let other = (text.as_bytes()[0] - b'a') as usize;
                assert_ne!(whole.kin[other], whole.kin[episode]);
                // Whatever subset is known, the answer is that one or not known yet.
                for known in 0..32_u32 {
                    let mut part = Strangers::new(7, whole.kin.clone());
                    for item in (0..5).filter(|item| known >> item & 1 == 1) {
                        part.note(item, Some(["a", "b", "c", "d", "e"][item].to_owned()));
                    }
                    let found = part.of(episode, turns);
                    assert!(
                        found == Stranger::Unknown || found == Stranger::Told(text.clone()),
                        "{found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn whoever_passed_is_passed_over_and_nobody_is_left_waiting() {
        let mut pool = Strangers::new(7, vec![0, 1, 2]);
        pool.wait(0, 1);
        pool.note(0, Some("own".to_owned()));
        assert!(pool.found().is_empty());
        pool.note(1, None);
        pool.note(2, Some("told".to_owned()));
        assert_eq!(pool.found(), [(0, Some("told".to_owned()))]);
        assert!(pool.found().is_empty());
        let mut alone = Strangers::new(7, vec![0, 0, 1]);
        alone.wait(0, 1);
        alone.note(2, Some(String::new()));
        assert_eq!(alone.found(), [(0, None)]);
    }
}
