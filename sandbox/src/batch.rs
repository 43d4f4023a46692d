//! What is asked of a sandbox at once: one program, its inputs, its limits, and what ends it early.

use std::fmt;
use std::sync::Mutex;

use crate::cancel::{Cancel, NEVER};
use crate::folder::{Folder, FoundFiles};
use crate::job::Job;
use crate::limits::Limits;
use crate::outcome::{Outcome, Usage};

/// Whether the input after this one is to be run, by the number and the outcome of this one.
type GoOn<'a> = dyn Fn(usize, &Outcome) -> bool + Sync + 'a;

/// One program and the inputs that it is to be run on, each from the same clean state. A source that does not compile is
/// tried once, and its outcome stands for every input.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// The program.
    pub job: &'a Job,
    /// Its inputs.
    pub inputs: &'a [&'a [u8]],
    /// What it may use on each of them.
    pub limits: &'a Limits,
    /// What ends it from outside: at once where a process runs or the caller waits for its turn, after the current input
    /// where a module runs.
    pub cancel: &'a Cancel,
    go_on: Option<&'a GoOn<'a>>,
    among: Option<&'a Among<'a>>,
}

/// Files around a program, and where those go that are wanted of it.
pub(crate) struct Among<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) found: Mutex<FoundFiles>,
}

impl<'a> Batch<'a> {
    /// This program on all of these inputs, which nothing ends early.
    pub const fn new(job: &'a Job, inputs: &'a [&'a [u8]], limits: &'a Limits) -> Self {
        Self {
            job,
            inputs,
            limits,
            cancel: &NEVER,
            go_on: None,
            among: None,
        }
    }

    /// The same, ended by [`Cancel::cancel`].
    #[must_use]
    pub const fn cancelled_by(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// The same, ended by the first outcome that `go_on` says no to. It is asked once about each.
    #[must_use]
    pub const fn going_on_while(mut self, go_on: &'a GoOn<'a>) -> Self {
        self.go_on = Some(go_on);
        self
    }

    /// The same, among these files.
    pub(crate) const fn among(mut self, among: &'a Among<'a>) -> Self {
        self.among = Some(among);
        self
    }

    /// The files around it, if there are any.
    pub(crate) const fn files(&self) -> Option<&'a Among<'a>> {
        self.among
    }

    /// Whether anything is to be run after this outcome.
    pub fn goes_on(&self, index: usize, outcome: &Outcome) -> bool {
        self.go_on.is_none_or(|go_on| go_on(index, outcome))
    }

    /// The outcome of a source that can't be run, for every input; what finding that out took is charged to the first.
    pub(crate) fn refused(&self, outcome: Outcome) -> Vec<Outcome> {
        let again = Outcome {
            usage: Usage {
                fuel: outcome.usage.fuel.map(|_| 0),
                ..Usage::default()
            },
            ..outcome.clone()
        };
        let mut outcomes = vec![outcome];
        while self.goes_on(outcomes.len() - 1, &outcomes[outcomes.len() - 1])
            && outcomes.len() < self.inputs.len()
        {
            outcomes.push(again.clone());
        }
        outcomes
    }
}

impl fmt::Debug for Batch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Batch")
            .field("job", self.job)
            .field("inputs", &self.inputs.len())
            .field("limits", self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Language, Start};
    use crate::outcome::Status;

    #[test]
    fn a_refused_source_is_charged_once_and_asked_about_each_time() {
        let job = Job {
            language: Language::Python,
            source: Vec::new(),
            start: Start::Fork,
            files: None,
        };
        let refused = Outcome {
            status: Status::CompileError,
            stdout: Vec::new(),
            stderr: b"why".to_vec(),
            usage: Usage {
                cpu_us: 7,
                fuel: Some(5),
                ..Usage::default()
            },
        };
        let (limits, inputs) = (Limits::default(), [&b""[..]; 4]);
        let batch = Batch::new(&job, &inputs, &limits);
        let outcomes = batch.refused(refused.clone());
        let costs: Vec<_> = outcomes
            .iter()
            .map(|one| (one.usage.cpu_us, one.usage.fuel))
            .collect();
        assert_eq!(
            costs,
            [(7, Some(5)), (0, Some(0)), (0, Some(0)), (0, Some(0))]
        );
        assert!(outcomes.iter().all(|one| one.stderr == b"why"));
        let asked = Mutex::new(Vec::new());
        let two = |index, outcome: &Outcome| {
            asked.lock().unwrap().push((index, outcome.usage.cpu_us));
            index < 1
        };
        assert_eq!(batch.going_on_while(&two).refused(refused).len(), 2);
        assert_eq!(*asked.lock().unwrap(), [(0, 7), (1, 0)]);
    }
}
