//! Episode: one play of one Problem, from the first prompt to its stop. A pure state machine over token ids;
//! it neither samples nor judges.

use serde::{Deserialize, Serialize};

use crate::policy::sampler::{Completion, StopCause};
use crate::program::{Found, NoProgram, Program};
use crate::verdict::Verdict;

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
    /// The sandbox or the policy's server failed; the episode is no data.
    Aborted,
}

/// Prompt → completion → program → verdict → feedback.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Tokens of the episode before this completion: its prompt is `tokens[..prompt_end]`.
    pub prompt_end: usize,
    /// What the policy said.
    pub completion: Completion,
    /// The completion as text.
    pub text: String,
    /// The program in it, or why there is none; absent where nobody looked.
    pub found: Option<Result<Found, NoProgram>>,
    /// What the public tests said; `Grade::NoProgram` where there was nothing to run.
    pub verdict: Verdict,
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
}

/// One play of one problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// The problem's id.
    pub problem_id: String,
    /// Which of the group's episodes this is.
    pub sample: usize,
    /// All ids in order: prompt, completion, feedback, completion ... Ids are only ever appended.
    pub tokens: Vec<u32>,
    /// The turns so far.
    pub turns: Vec<Turn>,
    /// Why it ended, once it has.
    pub stop: Option<StopReason>,
    /// What public and private tests say of the last answer, once graded.
    pub outcome: Option<Verdict>,
}

impl Episode {
    /// Starts a play with the tokens of the first prompt.
    pub fn start(problem_id: String, sample: usize, prompt: Vec<u32>) -> Self {
        Self {
            problem_id,
            sample,
            tokens: prompt,
            turns: Vec::new(),
            stop: None,
            outcome: None,
        }
    }

    /// Takes what the policy said and what the public tests said of it.
    ///
    /// # Panics
    /// If the episode has ended: it is single use.
    pub fn push(
        &mut self,
        completion: Completion,
        text: String,
        verdict: Verdict,
        max_turns: usize,
    ) {
        assert!(
            self.stop.is_none(),
            "an episode takes no turn after its stop"
        );
        let solved = verdict.is_accepted();
        let prompt_end = self.tokens.len();
        self.tokens.extend_from_slice(&completion.tokens);
        self.turns.push(Turn {
            prompt_end,
            completion,
            text,
            found: None,
            verdict,
            feedback: String::new(),
            full: None,
        });
        if solved {
            self.stop = Some(StopReason::Solved);
        } else if self.turns.len() >= max_turns {
            self.stop = Some(StopReason::MaxTurns);
        }
    }

    /// Says which program the last answer was found to hold.
    pub fn tell_found(&mut self, found: Result<Found, NoProgram>) {
        if let Some(turn) = self.turns.last_mut() {
            turn.found = Some(found);
        }
    }

    /// Appends the feedback that opens the next turn, or stops where it and a whole completion don't fit.
    pub fn answer(
        &mut self,
        feedback: String,
        tokens: &[u32],
        end: u32,
        max_tokens: usize,
        context: usize,
    ) {
        let truncated = self
            .turns
            .last()
            .is_some_and(|turn| turn.completion.stop != StopCause::End);
        // A completion cut at the limit or at a stop text has no end token; the prompt closes it, the policy did not.
        let closing = usize::from(truncated);
        if self.tokens.len() + closing + tokens.len() + max_tokens > context {
            self.stop = Some(StopReason::ContextFull);
            return;
        }
        if truncated {
            self.tokens.push(end);
        }
        self.tokens.extend_from_slice(tokens);
        if let Some(turn) = self.turns.last_mut() {
            turn.feedback = feedback;
        }
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
        Completion {
            tokens: tokens.to_vec(),
            sampler_logprobs: tokens.iter().map(|&token| -(token as f32)).collect(),
            stop: StopCause::End,
        }
    }

    /// An episode whose turns had these public grades, and whose last answer solved the problem or not.
    pub(crate) fn played(grades: &[Grade], solved: bool) -> Episode {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        for (turn, &grade) in grades.iter().enumerate() {
            let first = 10 * (turn as u32 + 1);
            episode.push(
                completion(&[first, first + 1, first + 2]),
                String::new(),
                verdict(grade),
                grades.len(),
            );
            if episode.stop.is_none() {
                episode.answer("no".to_owned(), &[3, 4], 9, 3, 1000);
            }
        }
        let grade = if solved {
            Grade::Accepted
        } else {
            Grade::WrongAnswer
        };
        episode.outcome = Some(verdict(grade));
        episode
    }

    #[test]
    fn ids_are_only_ever_appended() {
        let episode = played(&[Grade::WrongAnswer, Grade::WrongAnswer], false);
        assert_eq!(episode.tokens, vec![1, 2, 10, 11, 12, 3, 4, 20, 21, 22]);
        assert_eq!(episode.stop, Some(StopReason::MaxTurns));
        for turn in &episode.turns {
            let end = turn.prompt_end + turn.completion.tokens.len();
            assert_eq!(episode.tokens[turn.prompt_end..end], turn.completion.tokens);
        }
    }

    #[test]
    fn a_context_that_would_overflow_stops_the_episode() {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        episode.push(
            completion(&[5]),
            String::new(),
            verdict(Grade::WrongAnswer),
            3,
        );
        episode.answer("no".to_owned(), &[3, 4], 9, 10, 14);
        assert_eq!(episode.stop, Some(StopReason::ContextFull));
        assert_eq!(episode.tokens, vec![1, 2, 5]);
    }

    #[test]
    fn a_cut_completion_is_closed_by_the_prompt_and_not_by_an_action() {
        let mut episode = Episode::start("p".to_owned(), 0, vec![1, 2]);
        let cut = Completion {
            stop: StopCause::Length,
            ..completion(&[5, 6])
        };
        episode.push(cut, String::new(), verdict(Grade::NoProgram), 3);
        episode.answer("no".to_owned(), &[3], 9, 1, 100);
        assert_eq!(episode.tokens, vec![1, 2, 5, 6, 9, 3]);
        assert_eq!(episode.turns[0].completion.tokens, vec![5, 6]);
    }

    #[test]
    #[should_panic(expected = "no turn after its stop")]
    fn an_episode_is_single_use() {
        let mut episode = played(&[Grade::Accepted], true);
        episode.push(completion(&[5]), String::new(), verdict(Grade::Accepted), 3);
    }
}
