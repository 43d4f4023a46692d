//! Bytes that all requests may hold together: bodies and what they become, problems that were sent, messages of sockets, and
//! answers that are not taken yet.

use std::sync::Arc;

use super::{Refused, Shares, Taken, Wait, too_late};
use crate::failure::{Failure, Kind};

/// Bytes are counted in units of this many.
const UNIT: usize = 1024;

/// All of them.
#[derive(Clone, Debug)]
pub(crate) struct Bytes(Arc<Shares>);

/// What one caller may hold of them.
#[derive(Clone, Debug)]
pub(crate) struct Purse {
    bytes: Arc<Shares>,
    who: Arc<str>,
    /// What the same request holds beside.
    beside: usize,
}

/// Bytes that somebody holds, until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held {
    taken: Option<Taken>,
    units: usize,
    bytes: usize,
}

impl Bytes {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Shares::new(bytes / UNIT)))
    }

    /// Those that this caller may have.
    pub(crate) fn of(&self, who: &Arc<str>) -> Purse {
        Purse {
            bytes: Arc::clone(&self.0),
            who: Arc::clone(who),
            beside: 0,
        }
    }

    /// How many are held.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken().saturating_mul(UNIT)
    }
}

impl Held {
    /// Notes that so many more are held.
    fn put(&mut self, taken: Taken, units: usize) {
        match &mut self.taken {
            Some(own) => {
                own.free.merge(taken.free);
                own.own.merge(taken.own);
            }
            none => *none = Some(taken),
        }
        self.units += units;
    }

    /// Gives so many back.
    pub(crate) fn less(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        let spare = self.units - self.bytes.div_ceil(UNIT).min(self.units);
        if let Some(taken) = &mut self.taken {
            drop((taken.free.split(spare), taken.own.split(spare)));
            self.units -= spare;
        }
    }

    /// Whether it is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl Purse {
    /// The same for a request that holds these already.
    pub(crate) fn beside(self, held: &Held) -> Self {
        Self {
            beside: held.bytes,
            ..self
        }
    }

    /// Takes so many more. What could never be had is too large.
    pub(crate) async fn take(
        &self,
        held: &mut Held,
        bytes: usize,
        wait: Wait,
    ) -> Result<(), Failure> {
        let units = self.units(held, bytes)?;
        if units > 0 {
            let taken = self.bytes.take(&self.who, units as u32, wait).await;
            held.put(taken.map_err(failure)?, units);
        }
        held.bytes = held.bytes.saturating_add(bytes);
        Ok(())
    }

    /// The same at once, or not at all.
    pub(crate) fn take_now(&self, held: &mut Held, bytes: usize) -> Result<(), Failure> {
        let units = self.units(held, bytes)?;
        if units > 0 {
            let taken = self.bytes.take_now(&self.who, units as u32);
            held.put(taken.map_err(failure)?, units);
        }
        held.bytes = held.bytes.saturating_add(bytes);
        Ok(())
    }

    /// So many at once, or none.
    pub(crate) fn hold(&self, bytes: usize) -> Result<Held, Failure> {
        let mut held = Held::default();
        self.take_now(&mut held, bytes)?;
        Ok(held)
    }

    /// Units that are missing for so many more.
    fn units(&self, held: &Held, bytes: usize) -> Result<usize, Failure> {
        let own = held.bytes.saturating_add(bytes);
        let (all, own) = (
            own.saturating_add(self.beside).div_ceil(UNIT),
            own.div_ceil(UNIT),
        );
        if all > self.bytes.each {
            return Err(Failure::new(
                Kind::Large,
                "the request takes more memory than one caller may have",
            ));
        }
        Ok(own.saturating_sub(held.units))
    }
}

fn failure(refused: Refused) -> Failure {
    match refused {
        Refused::Share => Failure::new(
            Kind::Share,
            "what of yours waits takes all memory that one caller may have; come again when some is done",
        ),
        Refused::Full => Failure::new(
            Kind::Busy,
            "the requests that wait take all memory there is for them; come again later",
        ),
        Refused::Late => too_late(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::block_on;
    use super::*;

    #[test]
    fn bytes_come_back_and_what_never_fits_is_too_large() {
        block_on(async {
            let bytes = Bytes::new(16 * UNIT);
            let purse = bytes.of(&"a".into());
            let mut held = Held::default();
            purse.take(&mut held, 8 * UNIT, Wait::No).await.unwrap();
            let mut more = Held::default();
            let share = purse.take(&mut more, 5 * UNIT, Wait::No).await.unwrap_err();
            assert_eq!(share.kind, Kind::Share);
            let other = bytes.of(&"b".into());
            assert_eq!(other.hold(9 * UNIT).unwrap_err().kind, Kind::Busy);
            let large = purse.hold(13 * UNIT).unwrap_err();
            assert_eq!(large.kind, Kind::Large);
            // What is held beside counts: it will never be less.
            let large = purse.clone().beside(&held).hold(5 * UNIT).unwrap_err();
            assert_eq!(large.kind, Kind::Large);
            assert_eq!(bytes.taken(), 8 * UNIT);
            drop(held);
            purse.take(&mut more, 12 * UNIT, Wait::No).await.unwrap();
            drop(more);
            assert_eq!(bytes.taken(), 0);
        });
    }

    /// Who sends byte by byte holds no more than who sends all at once.
    #[test]
    fn parts_of_a_unit_are_counted_together() {
        let bytes = Bytes::new(16 * UNIT);
        let purse = bytes.of(&"a".into());
        let mut held = Held::default();
        for _ in 0..3 * UNIT {
            purse.take_now(&mut held, 1).unwrap();
        }
        assert_eq!(bytes.taken(), 3 * UNIT);
        held.less(UNIT + 1);
        assert_eq!(bytes.taken(), 2 * UNIT);
        held.less(usize::MAX);
        assert!(held.is_empty() && bytes.taken() == 0);
        purse.take_now(&mut held, 1).unwrap();
        assert_eq!(bytes.taken(), UNIT);
    }
}
