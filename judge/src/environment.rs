//! Environment: one play of one problem, as text. Opened, it says the problem; at each step it takes an answer, has it
//! judged, and gives what is said next, the reward of the turn, and whether it is over. Knows no tokens and no policy: a
//! rollout, a service and a person at a terminal play it alike.
//!
//! `Environment::step` plays one episode. Whoever plays many side by side has all their answers judged together, by the
//! functions of `together`, of which a step is the case of one.

mod play;
mod rewards;
mod together;

use rlef_sandbox::{Cancel, Language};
use serde::{Deserialize, Serialize};

use crate::feedback::{FeedbackOptions, FeedbackStyle};
use crate::judge::{Judge, JudgeError, Judgement};
use crate::problem::Problem;
use crate::prompt::PromptStyle;
use crate::verdict::Scope;
pub use play::{Play, Played};
pub use rewards::{RewardRule, Terms, rewards, terms};
pub use together::{Together, judge_answers, judge_ends};

/// Whose feedback a policy is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackSource {
    /// What its own program did.
    #[default]
    Real,
    /// That it failed, and nothing else.
    Silent,
    /// What another problem's wrong program did, the stop rule unchanged (RLEF, section 4.3).
    Random,
    /// Nothing of any execution: it is asked to read its own answer again, through all turns, so that not even the stop says
    /// whether tests passed (the ablation without execution feedback of RLEF, section 4.2).
    SelfRepair,
    /// There is no feedback and no history: every turn is a fresh answer to the bare problem, until one passes the public
    /// tests. Independent samples under the budget and stop rule of `Real`, to tell repair from trying again.
    Independent,
}

impl FeedbackSource {
    /// Whether a policy may learn from such episodes: their ids are what it was shown.
    pub const fn is_one_dialogue(self) -> bool {
        !matches!(self, Self::Independent)
    }

    /// The name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Silent => "silent",
            Self::Random => "random",
            Self::SelfRepair => "self_repair",
            Self::Independent => "independent",
        }
    }
}

/// Why an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Every public test passed.
    Solved,
    /// The turn limit was reached.
    MaxTurns,
    /// The next turn would not fit the context.
    ContextFull,
    /// The sandbox or the policy's server failed, so the episode must not be learnt from.
    Aborted,
}

/// How many public tests a turn's answer is run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublicTests {
    /// As many as somebody reads of: where feedback shows one failing case at most, those up to the first failure.
    #[default]
    Needed,
    /// All of them, so that those it passes can be counted.
    All,
}

/// How an episode is played.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayConfig {
    /// Answers at most; the paper's is 3 (section 3.1).
    pub turns: usize,
    /// Wording of prompts and feedback.
    pub style: PromptStyle,
    /// Whose feedback is shown.
    pub feedback: FeedbackSource,
    /// How many public tests an answer is run on.
    pub public_tests: PublicTests,
    /// What a turn is worth.
    pub rewards: RewardRule,
}

/// One failing case says what is wrong; a small policy's context is short.
pub const COMPACT_FEEDBACK: FeedbackOptions = FeedbackOptions {
    style: FeedbackStyle::Compact,
    cases: 1,
    field_characters: 60,
    trace_characters: 80,
    language: Language::Python,
};

/// The tests a turn is judged on: the public ones; a problem without any has one turn, which all tests grade.
pub fn turn_scope(problem: &Problem) -> Scope {
    if problem.public_tests.is_empty() {
        Scope::All
    } else {
        Scope::Public
    }
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What is said next; none where it is over.
    pub observation: Option<String>,
    /// Reward of the turn; `None` where the episode must not be learnt from.
    pub reward: Option<f64>,
    /// Why it is over, once it is.
    pub done: Option<StopReason>,
    /// What the judge said of the answer.
    pub judged: Judgement,
}

/// A problem that is played with a judge.
pub struct Environment<'a> {
    play: Play<'a>,
    judge: &'a dyn Judge,
}

impl<'a> Environment<'a> {
    /// Opens a problem, and gives what is said first. Refused where the judge can't judge it, or gives no verdict that could
    /// end it.
    pub fn open(
        problem: &'a Problem,
        judge: &'a dyn Judge,
        config: &'a PlayConfig,
    ) -> Result<(Self, String), JudgeError> {
        judge.supports(problem, Scope::All)?;
        if !judge.gives_verdicts() {
            return Err(JudgeError::NoVerdict {
                judge: judge.name().to_owned(),
                id: problem.id.clone(),
            });
        }
        let play = Play::open(problem, config);
        let first = play.opening();
        Ok((Self { play, judge }, first))
    }

    /// Takes an answer. An error is the judge's failure and says nothing of the answer; the episode is then over and no data.
    ///
    /// # Panics
    /// If it is over: it is single use.
    pub fn step(&mut self, text: &str, cancel: &Cancel) -> Result<Step, JudgeError> {
        let plays = &mut [&mut self.play];
        judge_answers(self.judge, plays, vec![text.to_owned()], cancel).whole()?;
        let observation = if self.play.stop().is_none() {
            let said = self.play.next_message();
            // Where each turn is a fresh answer to the bare problem, it replies to nothing.
            if self.play.config().feedback.is_one_dialogue() {
                self.play.tell(said.clone());
            }
            Some(said)
        } else {
            judge_ends(self.judge, &mut [&mut self.play], cancel).whole()?;
            None
        };
        let rewards = self.play.rewards();
        let judged = self.play.turns().last().map(Played::judgement);
        Ok(Step {
            observation,
            // Of a turn that is not the last one it is known before the end.
            reward: rewards.and_then(|rewards| rewards.last().copied()),
            done: self.play.stop(),
            judged: judged.unwrap_or_else(|| Judgement::of_scores(Vec::new())),
        })
    }

    /// Goes on with a play that was opened before, for whoever keeps it between two steps.
    pub const fn resume(play: Play<'a>, judge: &'a dyn Judge) -> Self {
        Self { play, judge }
    }

    /// What was played, to be kept.
    pub fn into_play(self) -> Play<'a> {
        self.play
    }

    /// What was played so far.
    pub const fn play(&self) -> &Play<'a> {
        &self.play
    }
}

#[cfg(test)]
mod tests;
