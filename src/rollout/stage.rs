//! Episodes that go their own ways: what is ready to be sampled, what was answered and waits for the judge, and what is done.
//! A policy takes requests and hands over samples; a few threads take answers and judge them; neither waits for the other's
//! slowest.
//!
//! Requests are taken by turn, then by place: episodes with most turns before them go first, so that no long one begins last.
//! What an episode is asked and told depends on it alone, so in whatever order things finish the episodes are the same, and
//! groups are handed over in the order of the problems.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rlef_sandbox::Cancel;

use super::groups::Groups;
use super::live::Live;
use super::once::Once;
use super::stats::{Busy, RolloutStats};
use super::strangers::Strangers;
use super::{OnGroup, RolloutConfig};
use crate::completion::Completion;
use crate::policy::{Ids, Next, PolicyError, Sample, SampleQueue, Wait};
use crate::server::Usage;

/// What is to be done with an episode before its next turn.
pub(super) enum Step {
    /// Judge this answer.
    Judge(Completion),
    /// Say this before the next answer.
    Tell(String),
}

/// An episode, wherever it is.
enum Slot<'a> {
    /// It waits for its answer, its judge or its stranger.
    Here(Box<Live<'a>>),
    /// Somebody judges it.
    Away,
}

/// Everything that is being played.
pub(super) struct Stage<'a> {
    pub(super) judge: Once<'a>,
    pub(super) config: &'a RolloutConfig,
    pub(super) ids: Option<Ids<'a>>,
    pub(super) cancel: Cancel,
    seed: u64,
    state: Mutex<State<'a>>,
    changed: Condvar,
}

pub(super) struct State<'a> {
    slots: Vec<Slot<'a>>,
    /// By turns played, then by place.
    ready: BTreeSet<(usize, usize)>,
    steps: VecDeque<(usize, Step)>,
    /// Episodes that somebody judges.
    away: usize,
    strangers: Option<Strangers>,
    groups: Groups<'a>,
    pub(super) stats: RolloutStats,
    sampling: Busy,
    judging: Busy,
    /// Nothing is given out any more.
    closed: bool,
    failed: Option<PolicyError>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        lives: Vec<Live<'a>>,
        strangers: Option<Strangers>,
        parts: (Once<'a>, &'a RolloutConfig, Option<Ids<'a>>, u64),
        on_group: OnGroup<'a>,
    ) -> Self {
        let (judge, config, ids, seed) = parts;
        let groups = Groups::new(&lives, config.group, on_group);
        let state = State {
            ready: (0..lives.len()).map(|index| (0, index)).collect(),
            closed: lives.is_empty(),
            slots: (lives.into_iter())
                .map(|live| Slot::Here(Box::new(live)))
                .collect(),
            steps: VecDeque::new(),
            away: 0,
            strangers,
            groups,
            stats: RolloutStats::default(),
            sampling: Busy::default(),
            judging: Busy::default(),
            failed: None,
        };
        Self {
            judge,
            config,
            ids,
            // Without descriptors for it, judges end by themselves.
            cancel: Cancel::new().unwrap_or_default(),
            seed,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'g>(&self, state: MutexGuard<'g, State<'a>>) -> MutexGuard<'g, State<'a>> {
        (self.changed.wait(state)).unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives out nothing more; whoever waits learns it.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Ends everything, for this reason.
    pub(super) fn fail(&self, error: PolicyError) {
        self.lock().failed.get_or_insert(error);
        self.close();
    }

    /// Episodes to judge, at most `most` of them; none once there will be no more.
    pub(super) fn take(&self, most: usize) -> Vec<(usize, Box<Live<'a>>, Step)> {
        let mut state = self.lock();
        while !state.closed && state.steps.is_empty() {
            state = self.wait(state);
        }
        if state.closed {
            return Vec::new();
        }
        let count = most.min(state.steps.len());
        let steps: Vec<(usize, Step)> = state.steps.drain(..count).collect();
        let mut taken = Vec::with_capacity(count);
        for (index, step) in steps {
            if let Slot::Here(live) = std::mem::replace(&mut state.slots[index], Slot::Away) {
                state.away += 1;
                state.judging.begin();
                taken.push((index, live, step));
            }
        }
        taken
    }

    /// Takes back an episode that was judged; `opened` says that its next turn is.
    pub(super) fn put_back(&self, index: usize, live: Box<Live<'a>>, opened: bool) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.away -= 1;
        state.judging.end();
        state.note_first(index, &live);
        let turns = live.play.turns().len();
        if live.play.stop().is_some() {
            state.finish(index, *live, &self.judge);
        } else {
            state.slots[index] = Slot::Here(live);
            match &mut state.strangers {
                Some(strangers) if !opened => strangers.wait(index, turns),
                _ => {
                    state.ready.insert((turns, index));
                }
            }
        }
        state.meet_strangers();
        let broken = state.groups.are_broken();
        drop(guard);
        self.told(broken);
    }

    /// Lets everybody see what has changed; what is under way is not wanted any more where whoever takes groups has enough.
    fn told(&self, broken: bool) {
        if broken {
            self.cancel.cancel();
        }
        self.changed.notify_all();
    }

    /// What it all cost, or why it could not be finished.
    pub(super) fn end(self) -> Result<RolloutStats, PolicyError> {
        let state = self
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        match state.failed {
            Some(error) => Err(error),
            None if !state.groups.are_done() => Err(PolicyError::Stopped),
            None => Ok(state.seconds()),
        }
    }
}

impl<'a> State<'a> {
    /// The cost until now.
    fn seconds(&self) -> RolloutStats {
        RolloutStats {
            sampling_seconds: self.sampling.seconds(),
            judging_seconds: self.judging.seconds(),
            ..self.stats.clone()
        }
    }

    /// An episode is over.
    fn finish(&mut self, index: usize, live: Live<'a>, judge: &Once<'_>) {
        let stats = self.seconds();
        let done = self.groups.take(index, live.into_episode(), &stats);
        if let Some(problem_id) = done {
            judge.forget(&problem_id);
        }
        self.closed |= self.groups.are_done() || self.groups.are_broken();
    }

    /// Notes what the first answer of an episode was told, where others may be told it.
    fn note_first(&mut self, index: usize, live: &Live<'_>) {
        let Some(strangers) = &mut self.strangers else {
            return;
        };
        let first = live.play.turns().first();
        // Where there are no public tests, private ones said what failed, which nobody may read.
        let is_public = !live.play.problem().public_tests.is_empty();
        let told = first.filter(|turn| is_public && !turn.verdict.is_accepted());
        if live.play.turns().len() <= 1 || live.play.stop().is_some() {
            strangers.note(index, told.map(|_| live.play.own_feedback()));
        }
    }

    /// Lets episodes go on whose stranger is known by now.
    fn meet_strangers(&mut self) {
        let found = self.strangers.as_mut().map(Strangers::found);
        for (index, text) in found.into_iter().flatten() {
            let Slot::Here(live) = &self.slots[index] else {
                continue;
            };
            let text = text.unwrap_or_else(|| live.play.own_feedback());
            self.steps.push_back((index, Step::Tell(text)));
        }
    }
}

impl SampleQueue for Stage<'_> {
    fn next(&self, wait: Wait) -> Next {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Next::Closed;
            }
            if let Some((_, index)) = state.ready.pop_first()
                && let Slot::Here(live) = &state.slots[index]
            {
                let request = live.request(self.seed, self.ids.is_some());
                state.sampling.begin();
                return Next::Request(index, request);
            }
            let judging = state.away > 0 || !state.steps.is_empty();
            if wait == Wait::No || (wait == Wait::WhileJudging && !judging) {
                return Next::Nothing { judging };
            }
            // Rows that wait for company are not being sampled.
            if wait == Wait::WhileJudging {
                state.sampling.pause();
            }
            state = self.wait(state);
            state.sampling.go_on();
        }
    }

    fn on_sample(&self, number: usize, sample: Sample, _usage: Option<&Usage>) {
        let mut state = self.lock();
        state.sampling.end();
        match sample {
            Ok(completion) => {
                match completion.tokens {
                    Some(tokens) => state.stats.tokens += tokens,
                    None => state.stats.uncounted += 1,
                }
                state.steps.push_back((number, Step::Judge(completion)));
            }
            Err(error) => {
                let slot = std::mem::replace(&mut state.slots[number], Slot::Away);
                if let Slot::Here(mut live) = slot {
                    live.play.abort();
                    state.stats.lose_answer(&live.episode, &error);
                    state.note_first(number, &live);
                    state.finish(number, *live, &self.judge);
                    state.meet_strangers();
                }
            }
        }
        let broken = state.groups.are_broken();
        drop(state);
        self.told(broken);
    }
}
