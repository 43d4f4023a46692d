//! What a rollout cost: counts, and the time in which anything was being sampled or judged.

use std::time::Instant;

use crate::episode::Episode;
use crate::judge::JudgeError;
use crate::policy::LostAnswer;

/// What a rollout cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RolloutStats {
    /// Tokens sampled, as far as they were counted.
    pub tokens: usize,
    /// Answers whose tokens nobody counted.
    pub uncounted: usize,
    /// Programs judged, repetitions of one program included.
    pub programs: usize,
    /// Episodes that ended because no answer came.
    pub lost_answers: usize,
    /// Those of them that the policy's server refused.
    pub refused: usize,
    /// What it said the first time.
    pub refusal: Option<String>,
    /// Episodes that ended because no verdict came.
    pub lost_verdicts: usize,
    /// Seconds in which an answer was being sampled; some of them are those in which others were judged.
    pub sampling_seconds: f64,
    /// Seconds in which an answer was being judged.
    pub judging_seconds: f64,
}

impl RolloutStats {
    /// Counts another's in.
    pub fn add(&mut self, other: &Self) {
        self.tokens += other.tokens;
        self.uncounted += other.uncounted;
        self.programs += other.programs;
        self.lost_answers += other.lost_answers;
        self.refused += other.refused;
        if self.refusal.is_none() {
            self.refusal.clone_from(&other.refusal);
        }
        self.lost_verdicts += other.lost_verdicts;
        self.sampling_seconds += other.sampling_seconds;
        self.judging_seconds += other.judging_seconds;
    }

    /// Counts an answer that didn't come, and says why.
    pub(super) fn lose_answer(&mut self, episode: &Episode, error: &LostAnswer) {
        self.lost_answers += 1;
        if let LostAnswer::Refused { .. } = error {
            self.refused += 1;
            self.refusal.get_or_insert_with(|| error.to_string());
        }
        // Whoever stopped it needs no list of what was under way.
        if *error != LostAnswer::Stopped {
            aborted(episode, error);
        }
    }

    /// Counts a judgement that didn't come, and says why.
    pub(super) fn lose_verdict(&mut self, episode: &Episode, error: &JudgeError) {
        self.lost_verdicts += 1;
        if !matches!(error, JudgeError::Stopped) {
            aborted(episode, error);
        }
    }
}

fn aborted(episode: &Episode, error: &dyn std::error::Error) {
    tracing::warn!(
        problem = episode.problem_id,
        sample = episode.sample,
        error = %error,
        "episode aborted"
    );
}

/// The time in which anything of a kind was under way.
#[derive(Default)]
pub(super) struct Busy {
    under_way: usize,
    since: Option<Instant>,
    seconds: f64,
}

impl Busy {
    pub(super) fn begin(&mut self) {
        self.under_way += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    pub(super) fn end(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
        if self.under_way == 0 {
            self.pause();
        }
    }

    /// Counts no time until something begins or [`Busy::go_on`] is said.
    pub(super) fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.seconds += since.elapsed().as_secs_f64();
        }
    }

    pub(super) fn go_on(&mut self) {
        if self.under_way > 0 {
            self.since.get_or_insert_with(Instant::now);
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        let now = self
            .since
            .map_or(0.0, |since| since.elapsed().as_secs_f64());
        self.seconds + now
    }
}
