//! Play: what was said and judged in one episode, from the first prompt to its stop. A pure state machine; whoever drives it
//! asks the judge and tells it the answer.

use super::{
    COMPACT_FEEDBACK, FeedbackSource, PlayConfig, PublicTests, StopReason, Terms, terms, turn_scope,
};
use crate::feedback::{self, FeedbackOptions};
use crate::judge::{Asks, JudgeError, Judgement, Score, Submission};
use crate::problem::Problem;
use crate::program::{Found, NoProgram, Program};
use crate::prompt::{self, PromptStyle};
use crate::verdict::{PublicVerdict, Scope, StopAt, Verdict};

/// One turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Played {
    /// The whole answer.
    pub text: String,
    /// The program in it, or why there is none.
    pub found: Result<Found, NoProgram>,
    /// What the tests of a turn said; `Grade::NoProgram` where there was nothing to run.
    pub verdict: Verdict,
    /// What else judges said.
    pub scores: Vec<Score>,
    /// What was said next; empty after the last turn.
    pub feedback: String,
    /// What all tests say of this answer: only where an episode goes on whatever the public tests say, so that a good
    /// answer may be given up again; the last answer's is the episode's outcome.
    pub full: Option<Verdict>,
}

impl Played {
    /// The program that was judged.
    pub fn program(&self) -> Option<&Program> {
        self.found.as_ref().ok().map(|found| &found.program)
    }

    /// What was judged.
    pub fn judgement(&self) -> Judgement {
        Judgement {
            scores: self.scores.clone(),
            ..self.verdict.clone().into()
        }
    }
}

/// What all tests say, of what the public ones said, which all passed, and the private ones.
fn of_both(public: &Verdict, mut private: Verdict) -> Verdict {
    // Numbers of tests count through both lists: who shows a failure must know that its test is a private one.
    for failure in &mut private.failures {
        failure.test += public.total;
    }
    Verdict {
        passed: public.passed + private.passed,
        total: public.total + private.total,
        cpu_ms: public.cpu_ms + private.cpu_ms,
        wall_ms: public.wall_ms + private.wall_ms,
        fuel: public
            .fuel
            .zip(private.fuel)
            .map(|(one, other)| one + other),
        ..private
    }
}

/// One play of one problem.
#[derive(Clone, Debug)]
pub struct Play<'a> {
    problem: &'a Problem,
    config: &'a PlayConfig,
    turns: Vec<Played>,
    stop: Option<StopReason>,
    outcome: Option<Verdict>,
}

impl<'a> Play<'a> {
    /// A play that has not begun.
    pub const fn open(problem: &'a Problem, config: &'a PlayConfig) -> Self {
        Self {
            problem,
            config,
            turns: Vec::new(),
            stop: None,
            outcome: None,
        }
    }

    /// The same, with turns that were taken before and what they came to, as [`Play::into_parts`] gave them.
    #[must_use]
    pub fn with_parts(
        mut self,
        turns: Vec<Played>,
        stop: Option<StopReason>,
        outcome: Option<Verdict>,
    ) -> Self {
        (self.turns, self.stop, self.outcome) = (turns, stop, outcome);
        self
    }

    /// What is said first.
    pub fn opening(&self) -> String {
        let problem = self.problem;
        prompt::statement(self.config.style, problem.language(), &problem.statement)
    }

    /// The problem.
    pub const fn problem(&self) -> &'a Problem {
        self.problem
    }

    /// How it is played.
    pub const fn config(&self) -> &'a PlayConfig {
        self.config
    }

    /// The turns so far.
    pub fn turns(&self) -> &[Played] {
        &self.turns
    }

    /// Why it is over, once it is.
    pub const fn stop(&self) -> Option<StopReason> {
        self.stop
    }

    /// What all tests say of the last answer, once graded.
    pub const fn outcome(&self) -> Option<&Verdict> {
        self.outcome.as_ref()
    }

    /// The turns and the outcome.
    pub fn into_parts(self) -> (Vec<Played>, Option<StopReason>, Option<Verdict>) {
        (self.turns, self.stop, self.outcome)
    }

    /// An answer as its turn is judged: public tests run as far as somebody reads what they say; grading ends at the first
    /// failure.
    pub(super) fn submission<'s>(
        &self,
        text: &'s str,
        found: &'s Result<Found, NoProgram>,
    ) -> Submission<'s>
    where
        'a: 's,
    {
        let scope = turn_scope(self.problem);
        Submission {
            problem: self.problem,
            text,
            program: found.as_ref().ok().map(|found| &found.program),
            turn: self.turns.len(),
            scope,
            stop: if scope == Scope::Public && self.reads_every_test() {
                StopAt::Never
            } else {
                StopAt::FirstFailure
            },
            asks: Asks::Everything,
        }
    }

    /// Whether anybody reads of a public test behind the first that failed: whoever counts them, and feedback of more than
    /// one case.
    fn reads_every_test(&self) -> bool {
        let shows_cases = match self.config.feedback {
            FeedbackSource::Real | FeedbackSource::Random => self.options().cases > 1,
            FeedbackSource::Silent | FeedbackSource::SelfRepair | FeedbackSource::Independent => {
                false
            }
        };
        self.config.public_tests == PublicTests::All || shows_cases
    }

    /// Takes an answer and what was judged of it; where nothing was, the episode is over and no data.
    ///
    /// # Panics
    /// If it is over: it is single use.
    pub(super) fn take(
        &mut self,
        text: String,
        found: Result<Found, NoProgram>,
        judgement: Judgement,
        judge: &str,
    ) -> Result<(), JudgeError> {
        assert!(
            self.stop.is_none(),
            "an episode takes no turn after its stop"
        );
        let verdict = judgement.verdict.ok_or_else(|| JudgeError::NoVerdict {
            judge: judge.to_owned(),
            id: self.problem.id.clone(),
        })?;
        let solved = verdict.is_accepted();
        self.turns.push(Played {
            text,
            found,
            verdict,
            scores: judgement.scores,
            feedback: String::new(),
            full: None,
        });
        let limit = self.turn_limit();
        let more = self.turns.len() < limit;
        // To stop at a pass would tell a policy that reads its own answers that earlier ones failed.
        let tells = self.config.feedback != FeedbackSource::SelfRepair;
        if solved && (tells || !more) {
            self.stop = Some(StopReason::Solved);
        } else if !more {
            self.stop = Some(StopReason::MaxTurns);
        }
        Ok(())
    }

    /// Answers it may take: feedback needs a public test.
    fn turn_limit(&self) -> usize {
        if self.problem.public_tests.is_empty() {
            1
        } else {
            self.config.turns
        }
    }

    /// What the last answer's own run would have one say next, whatever feedback is shown.
    pub fn own_feedback(&self) -> String {
        let last = self.turns.last();
        last.map_or(String::new(), |turn| {
            let public = PublicVerdict::of(turn.verdict.clone(), self.problem);
            feedback::render(&public, self.options())
        })
    }

    /// What is said next, where another episode's feedback is not to be shown.
    pub fn next_message(&self) -> String {
        match self.config.feedback {
            FeedbackSource::Real | FeedbackSource::Random => self.own_feedback(),
            FeedbackSource::Silent => feedback::silent(&self.options()),
            FeedbackSource::SelfRepair => feedback::read_again(&self.options()),
            FeedbackSource::Independent => self.opening(),
        }
    }

    fn options(&self) -> FeedbackOptions {
        let bounds = match self.config.style {
            PromptStyle::Compact => COMPACT_FEEDBACK,
            PromptStyle::Full => FeedbackOptions::default(),
        };
        FeedbackOptions {
            language: self.problem.language(),
            ..bounds
        }
    }

    /// Notes what was said after the last answer.
    pub fn tell(&mut self, feedback: String) {
        if let Some(turn) = self.turns.last_mut() {
            turn.feedback = feedback;
        }
    }

    /// Ends it where the next turn would not fit.
    pub fn cut(&mut self) {
        self.stop = Some(StopReason::ContextFull);
    }

    /// Ends it as no data.
    pub fn abort(&mut self) {
        self.stop = Some(StopReason::Aborted);
        self.outcome = None;
    }

    /// The answer of a turn, to be judged by the private tests. Nothing is left to judge where it failed a public test, or
    /// where the problem has only one kind of tests.
    fn graded(&self, turn: usize) -> Option<Submission<'_>> {
        let said = self.turns.get(turn)?;
        let program = said.program().filter(|_| said.verdict.is_accepted())?;
        if self.turn_says_all() {
            return None;
        }
        Some(Submission {
            problem: self.problem,
            text: &said.text,
            program: Some(program),
            turn,
            scope: Scope::Private,
            stop: StopAt::FirstFailure,
            asks: Asks::Verdict,
        })
    }

    /// Whether a turn is judged by all the tests there are.
    fn turn_says_all(&self) -> bool {
        self.problem.public_tests.is_empty() || self.problem.private_tests.is_empty()
    }

    /// The last answer, where all tests must still say what it is worth.
    pub(super) fn due_last(&self) -> Option<Submission<'_>> {
        let last = self.turns.len().checked_sub(1)?;
        self.graded(last).filter(|_| !self.is_aborted())
    }

    /// The answers before the last that pass the public tests, where passing did not end the episode.
    pub(super) fn due_earlier(&self) -> Vec<Submission<'_>> {
        if self.is_aborted() || self.config.feedback != FeedbackSource::SelfRepair {
            return Vec::new();
        }
        let earlier = 0..self.turns.len().saturating_sub(1);
        earlier.filter_map(|turn| self.graded(turn)).collect()
    }

    /// Says how the last answer stands with its private tests; none where its turn said it.
    pub(super) fn grade(&mut self, private: Option<Verdict>) {
        if self.is_aborted() {
            return;
        }
        let last = self.turns.last().map(|turn| &turn.verdict);
        self.outcome = last.map(|public| match private {
            Some(private) => of_both(public, private),
            None => public.clone(),
        });
        if self.config.feedback == FeedbackSource::SelfRepair && self.turn_says_all() {
            let earlier = self.turns.len().saturating_sub(1);
            let passed = |turn: &&mut Played| turn.verdict.is_accepted() && turn.found.is_ok();
            for turn in self.turns[..earlier].iter_mut().filter(passed) {
                turn.full = Some(turn.verdict.clone());
            }
        }
    }

    /// Says how an earlier answer stands with its private tests.
    pub(super) fn grade_earlier(&mut self, turn: usize, private: Verdict) {
        if let Some(turn) = self.turns.get_mut(turn) {
            turn.full = Some(of_both(&turn.verdict, private));
        }
    }

    const fn is_aborted(&self) -> bool {
        matches!(self.stop, Some(StopReason::Aborted))
    }

    /// Rewards of the turns so far; `None` where the episode must not be learnt from.
    pub fn rewards(&self) -> Option<Vec<f64>> {
        Some(self.terms()?.iter().map(Terms::sum).collect())
    }

    /// The same, by what they are for.
    pub fn terms(&self) -> Option<Vec<Terms>> {
        let turns = (self.turns.iter()).map(|turn| (turn.verdict.grade, &turn.scores[..]));
        terms(
            turns,
            self.stop,
            self.outcome.as_ref(),
            &self.config.rewards,
        )
    }
}
