//! What a judge is given.

use crate::problem::Problem;
use crate::program::Program;
use crate::verdict::{Scope, StopAt};

/// An answer to a problem.
#[derive(Clone, Copy, Debug)]
pub struct Submission<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// The whole answer; empty where only a program is known.
    pub text: &'a str,
    /// The program in it, if there is one.
    pub program: Option<&'a Program>,
    /// Which turn of an episode it is, counted from zero.
    pub turn: usize,
    /// Which of the problem's tests decide.
    pub scope: Scope,
    /// When a judge that runs tests ends before the last of them.
    pub stop: StopAt,
    /// What is to be said of it.
    pub asks: Asks,
}

/// What is to be said of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Asks {
    /// Everything the judge can say.
    #[default]
    Everything,
    /// The verdict alone: what else there is to say was said before.
    Verdict,
}

/// What of a submission a judgement depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    /// The program, whatever stands around it.
    Program,
    /// The whole text, and which turn it is.
    Text,
}

impl<'a> Submission<'a> {
    /// A program on its own, judged by these tests.
    pub const fn of(
        problem: &'a Problem,
        program: Option<&'a Program>,
        scope: Scope,
        stop: StopAt,
    ) -> Self {
        Self {
            problem,
            text: "",
            program,
            turn: 0,
            scope,
            stop,
            asks: Asks::Everything,
        }
    }
}
