//! Episode: one play of one Problem as a policy sampled it, from the first prompt to its stop: the ids, and what the
//! environment says was played. Pure; it neither samples nor judges.

mod credit;
mod standing;

use std::sync::Arc;

use crate::completion::{Completion, FinishReason, Sampled};
use crate::environment::{Played, Terms};
use crate::judge::Score;
use crate::program::{Found, NoProgram, Program};
use crate::verdict::{Grade, Verdict};

pub use crate::environment::StopReason;
pub use credit::TurnCredit;
pub use standing::{Standing, constrain};

/// Prompt → completion → program → verdict → feedback.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// What the policy said.
    pub text: String,
    /// Why it ended.
    pub finish: FinishReason,
    /// The ids that were sampled; none where a server or a file gave text alone, which nothing can be learnt from.
    pub sampled: Option<Sampled>,
    /// Ids of the episode before these: their prompt is `tokens[..prompt_end]`.
    pub prompt_end: usize,
    /// How many tokens it is, where somebody counted.
    pub tokens: Option<usize>,
    /// Whether the text is empty because everything that was said is a thought.
    pub only_thought: bool,
    /// Whether the model, or a filter, declined to answer.
    pub declined: bool,
    /// The program in it, or why there is none; absent where nobody looked.
    pub found: Option<Result<Found, NoProgram>>,
    /// What the public tests said; `Grade::NoProgram` where there was nothing to run.
    pub verdict: Verdict,
    /// What else judges said of it.
    pub scores: Vec<Score>,
    /// What was said of its steps where that is rewarded: of each the sampled token that ends it, and the number.
    pub steps: Vec<(usize, f64)>,
    /// What the policy was told next; empty after the last turn.
    pub feedback: String,
    /// What all tests say of this answer: only where an episode goes on whatever the public tests say, so that a good
    /// answer may be given up again; the last answer's is the episode's outcome.
    pub full: Option<Verdict>,
}

impl Turn {
    /// The program that was judged.
    pub fn program(&self) -> Option<&Program> {
        let found = self.found.as_ref()?.as_ref().ok()?;
        Some(&found.program)
    }

    /// Whether the answer was cut at the token limit.
    pub fn is_cut(&self) -> bool {
        self.finish == FinishReason::Length
    }

    /// Whether there was no program to judge.
    pub fn is_without_program(&self) -> bool {
        self.verdict.grade == Grade::NoProgram
    }
}

/// What an episode began with, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The first message; empty where nobody kept it.
    pub text: Arc<str>,
    /// Public tests of the problem: what failed of them may be told.
    pub public_tests: usize,
}

/// One play of one problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The problem's id.
    pub problem_id: String,
    /// What it began with.
    pub opening: Opening,
    /// Which of the group's episodes this is.
    pub sample: usize,
    /// All ids in order: prompt, completion, feedback, completion ... Ids are only ever appended. Empty where only text was
    /// exchanged.
    pub tokens: Vec<u32>,
    /// The turns so far.
    pub turns: Vec<Turn>,
    /// Why it ended, once it has.
    pub stop: Option<StopReason>,
    /// What public and private tests say of the last answer, once graded.
    pub outcome: Option<Verdict>,
    /// Reward of each turn, from the environment; `None` where the episode must not be learnt from, or was not scored.
    pub rewards: Option<Vec<f64>>,
    /// The same, by what they are for.
    pub terms: Option<Vec<Terms>>,
    /// How it stands beside that.
    pub standing: Standing,
    /// What learning made of its turns, once the round has learnt from it.
    pub credit: Option<Vec<TurnCredit>>,
}

impl Episode {
    /// Starts a play with the ids of the first prompt, where there are any.
    pub fn start(problem_id: String, sample: usize, prompt: Vec<u32>) -> Self {
        Self {
            problem_id,
            opening: Opening::default(),
            sample,
            tokens: prompt,
            turns: Vec::new(),
            stop: None,
            outcome: None,
            rewards: None,
            terms: None,
            standing: Standing::default(),
            credit: None,
        }
    }

    /// Takes what the policy said; what it was worth is told by [`Episode::ended`].
    pub fn push(&mut self, completion: Completion) {
        let prompt_end = self.tokens.len();
        if let Some(sampled) = &completion.sampled {
            self.tokens.extend_from_slice(&sampled.ids);
        }
        self.turns.push(Turn {
            text: completion.text,
            finish: completion.stop,
            sampled: completion.sampled,
            prompt_end,
            tokens: completion.tokens,
            only_thought: completion.only_thought,
            declined: completion.declined,
            found: None,
            verdict: Verdict::no_program(0),
            scores: Vec::new(),
            steps: Vec::new(),
            feedback: String::new(),
            full: None,
        });
    }

    /// The episode with what was played in its turns, why it ended, and what it was worth.
    #[must_use]
    pub fn ended(
        mut self,
        played: Vec<Played>,
        stop: Option<StopReason>,
        outcome: Option<Verdict>,
        rewards: Option<Vec<f64>>,
    ) -> Self {
        for (turn, played) in self.turns.iter_mut().zip(played) {
            turn.text = played.text;
            turn.found = Some(played.found);
            turn.verdict = played.verdict;
            turn.scores = played.scores;
            turn.feedback = played.feedback;
            turn.full = played.full;
        }
        Self {
            stop,
            outcome,
            rewards,
            ..self
        }
    }

    /// Appends the feedback that opens the next turn; `false` where it and a whole completion don't fit.
    pub fn answer(&mut self, tokens: &[u32], end: u32, max_tokens: usize, context: usize) -> bool {
        let truncated = self
            .turns
            .last()
            .is_some_and(|turn| turn.finish != FinishReason::End);
        // A completion cut at the limit or at a stop text has no end token; the prompt closes it, the policy did not.
        let closing = usize::from(truncated);
        if self.tokens.len() + closing + tokens.len() + max_tokens > context {
            return false;
        }
        if truncated {
            self.tokens.push(end);
        }
        self.tokens.extend_from_slice(tokens);
        true
    }

    /// Whether all tests accept the answer that stands after `turn` turns, counted from one: the last one given by then. An
    /// answer that did not end its episode failed a public test, or was judged by all tests.
    pub fn is_solved_by(&self, turn: usize) -> bool {
        if turn >= self.turns.len() {
            return self.is_solved();
        }
        turn.checked_sub(1)
            .and_then(|index| self.turns[index].full.as_ref())
            .is_some_and(Verdict::is_accepted)
    }

    /// Whether public and private tests accept the last answer.
    pub fn is_solved(&self) -> bool {
        self.outcome.as_ref().is_some_and(Verdict::is_accepted)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verdict::Grade;

    pub(crate) fn verdict(grade: Grade) -> Verdict {
        let passed = usize::from(grade == Grade::Accepted);
        Verdict {
            grade,
            passed,
            total: 1,
            failures: Vec::new(),
            cpu_ms: 0.0,
            wall_ms: 0.0,
            fuel: None,
        }
    }

    pub(crate) fn completion(tokens: &[u32]) -> Completion {
        let sampled = Sampled {
            ids: tokens.to_vec(),
            log_probs: tokens.iter().map(|&token| -(token as f32)).collect(),
        };
        Completion::of_sampled(String::new(), sampled, FinishReason::End)
    }

    /// An episode whose turns had these public grades, and whose last answer solved the problem or not.
    pub(crate) fn played(grades: &[Grade], solved: bool) -> Episode {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        let mut turns = Vec::new();
        for (turn, &grade) in grades.iter().enumerate() {
            let first = 10 * (turn as u32 + 1);
            episode.push(completion(&[first, first + 1, first + 2]));
            let goes_on = turn + 1 < grades.len() && grade != Grade::Accepted;
            if goes_on {
                assert!(episode.answer(&[3, 4], 9, 3, 1000));
            }
            turns.push(Played {
                text: String::new(),
                found: Err(NoProgram::NoFence),
                verdict: verdict(grade),
                scores: Vec::new(),
                feedback: if goes_on { "no" } else { "" }.to_owned(),
                full: None,
            });
        }
        let stop = match grades.last() {
            Some(Grade::Accepted) => StopReason::Solved,
            _ => StopReason::MaxTurns,
        };
        let grade = if solved {
            Grade::Accepted
        } else {
            Grade::WrongAnswer
        };
        let mut ended = episode.ended(turns, Some(stop), Some(verdict(grade)), None);
        // Nobody looked for a program.
        for turn in &mut ended.turns {
            turn.found = None;
        }
        ended
    }

    #[test]
    fn ids_are_only_ever_appended() {
        let episode = played(&[Grade::WrongAnswer, Grade::WrongAnswer], false);
        assert_eq!(episode.tokens, vec![1, 2, 10, 11, 12, 3, 4, 20, 21, 22]);
        assert_eq!(episode.stop, Some(StopReason::MaxTurns));
        for turn in &episode.turns {
            let ids = &turn.sampled.as_ref().unwrap().ids;
            let end = turn.prompt_end + ids.len();
            assert_eq!(episode.tokens[turn.prompt_end..end], *ids);
        }
    }

    #[test]
    fn what_would_overflow_the_context_is_not_appended() {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        episode.push(completion(&[5]));
        assert!(!episode.answer(&[3, 4], 9, 10, 14));
        assert_eq!(episode.tokens, vec![1, 2, 5]);
        assert!(episode.answer(&[3, 4], 9, 10, 15));
    }

    #[test]
    fn a_cut_completion_is_closed_by_the_prompt_and_not_by_an_action() {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        let cut = Completion {
            stop: FinishReason::Length,
            ..completion(&[5, 6])
        };
        episode.push(cut);
        assert!(episode.answer(&[3], 9, 1, 100));
        assert_eq!(episode.tokens, vec![1, 2, 5, 6, 9, 3]);
        assert_eq!(episode.turns[0].sampled.as_ref().unwrap().ids, vec![5, 6]);
    }
}
