//! Judgements under way: whoever wants the same one waits for it, and it is ended once nobody does.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rlef_judge::judge::Judgement;
use tokio::sync::watch;

use crate::caller::Caller;
use crate::failure::Failure;

pub(crate) type Key = [u8; 32];
type Answer = Result<Arc<Judgement>, Failure>;

/// All judgements under way, by what they are about.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<Key, Weak<Flight>>>);

/// One of them, held by those who wait for it.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) caller: Arc<Caller>,
    answer: watch::Receiver<Option<Answer>>,
    key: Key,
    all: Weak<Flights>,
}

/// Where its answer goes.
#[derive(Debug)]
pub(crate) struct Landing(watch::Sender<Option<Answer>>);

impl Landing {
    pub(crate) fn answer(self, answer: Answer) {
        // Nobody to be told.
        drop(self.0.send(Some(answer)));
    }
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Weak<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The judgement under way, or a new one, which whoever gets the landing has to see to.
    pub(crate) fn join(self: &Arc<Self>, key: Key) -> (Arc<Flight>, Option<Landing>) {
        let mut all = self.lock();
        if let Some(flight) = all.get(&key).and_then(Weak::upgrade) {
            return (flight, None);
        }
        let (sender, answer) = watch::channel(None);
        let flight = Arc::new(Flight {
            caller: Caller::new(),
            answer,
            key,
            all: Arc::downgrade(self),
        });
        all.insert(key, Arc::downgrade(&flight));
        (flight, Some(Landing(sender)))
    }
}

impl Flight {
    /// The answer, once it is there.
    pub(crate) async fn wait(&self) -> Answer {
        let mut answer = self.answer.clone();
        let found = answer.wait_for(Option::is_some).await;
        match found.ok().and_then(|found| found.clone()) {
            Some(answer) => answer,
            None => Err(Failure::lost()),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.caller.leave();
        if let Some(all) = self.all.upgrade() {
            let mut all = all.lock();
            // Another may have taken its place.
            if all
                .get(&self.key)
                .is_some_and(|other| other.strong_count() == 0)
            {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rlef_judge::verdict::Verdict;

    use super::*;

    #[test]
    fn the_same_is_judged_once_and_ended_when_nobody_waits() {
        let flights = Arc::<Flights>::default();
        let (first, landing) = flights.join([1; 32]);
        let (second, none) = flights.join([1; 32]);
        assert!(none.is_none() && Arc::ptr_eq(&first, &second));
        let (other, another) = flights.join([2; 32]);
        assert!(another.is_some());
        drop(first);
        assert!(!second.caller.is_gone());
        let caller = Arc::clone(&other.caller);
        drop(other);
        assert!(caller.is_gone() && flights.lock().len() == 1);
        let judgement = Arc::new(Verdict::no_program(1).into());
        landing.unwrap().answer(Ok(judgement));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        assert!(runtime.block_on(second.wait()).is_ok());
        drop(second);
        assert!(flights.lock().is_empty());
        // One that nobody saw to is an error, never a wait without end.
        let (lost, landing) = flights.join([3; 32]);
        drop(landing);
        let error = runtime.block_on(lost.wait()).unwrap_err();
        assert!(error.is_infrastructure());
    }
}
