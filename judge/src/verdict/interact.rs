//! Stdin tests that an interactor decides by talking with the program, each in a sandbox of its own.
//!
//! The interactor reads input and answer before anything the program says. The rule, which leaves nothing to chance:
//!
//! 1. A program that does not compile gets that verdict.
//! 2. If the interactor rejects, the answer is wrong, however the program ends or would have ended: whatever an interactor
//!    says, it says because of what the program printed, for it is never told of a program's failure.
//! 3. If the program fails (it crashes, breaks a limit, ends with another exit code than 0) and the interactor, which has
//!    read everything the program printed, waits for more, the program's failure is the verdict.
//! 4. If the interactor accepts, the program must end well too, or its failure is the verdict.
//! 5. An interactor that fails by itself (an exception, a limit, an exit code that means nothing) is run once more. If it
//!    fails again, it is run beside a program that says nothing: if it fails there too, before it waits for the program's
//!    words, the problem is at fault, and there is no verdict; so is one that sleeps until its time is over whatever was said.
//!    Else it failed on what the program said, which is a wrong answer. So is talking on and on to a program that has ended.
//!
//! What keeps either from seeing who was faster is in the sandbox, see `Sandbox::run_interactive`.

use rlef_sandbox::{Interaction, Job, Language, Limits, Outcome, Side, Start, Status};

use super::checker::{frame, job_of};
use super::decider::{accepting, accepts};
use super::run::Run;
use super::stdin::{self, Case};
use super::{Failure, Grade, JudgeError, Runner, tail};
use crate::comparator::{Checker, Protocol};
use crate::program::Program;

/// How many times the program's wall limit an interactor may wait for it: the sandbox puts the program's own limit off as
/// often where the machine is busy.
const PATIENCE: u64 = 10;
/// Says nothing until the interactor has ended.
const SILENT: &[u8] = b"import sys\nsys.stdin.buffer.read()\n";
/// Says one line, and no more until the interactor has ended.
const SPEAKS: &[u8] = b"import sys\nprint(flush=True)\nsys.stdin.buffer.read()\n";
/// CPU time under which an interactor that ran out of time has slept, in microseconds.
const ASLEEP_US: u64 = 1_000_000;
/// How long the silent program lets an interactor wait, in milliseconds.
const SILENCE_MS: u64 = 3_000;

/// Lets the program talk with the interactor, once for each case.
pub(super) fn judge<R: Runner>(
    run: &mut Run<'_, R>,
    program: &Program,
    cases: &[Case<'_>],
    limits: &Limits,
    interactor: &Checker,
) -> Result<(), JudgeError> {
    let job = stdin::job(program, None);
    // The interactor waits while the program works, so its clock must be the longer one.
    let default = Limits::default();
    let patient = Limits {
        cpu_ms: limits.cpu_ms.saturating_add(default.cpu_ms),
        wall_ms: limits
            .wall_ms
            .saturating_mul(PATIENCE)
            .saturating_add(default.wall_ms),
        int_digits: limits.int_digits,
        ..default
    };
    let protocol = interactor.protocol;
    let talking = job_of(interactor, true, run.testlib());
    let interactor = Side::new(&talking, &patient).content_with(accepting(protocol));
    for case in cases {
        let preface = frame(case, b"");
        let talk =
            |run: &Run<'_, R>| run.interaction(interactor, &preface, Side::new(&job, limits));
        let mut interaction = talk(run)?;
        let mut word = word(protocol, &interaction);
        if matches!(word, Word::Fails(_)) {
            interaction = talk(run)?;
            word = self::word(protocol, &interaction);
        }
        let outcome = &interaction.program;
        let failure = match word {
            Word::Accepts => None,
            Word::Program => Some(stdin::failed(case, outcome, String::new())),
            Word::Rejects(words) => Some(wrong(case, outcome, words)),
            Word::Broken(detail) => return Err(run.broken_interactor(detail)),
            Word::Fails(detail)
                if fails_alone(run, protocol, interactor, &preface, &interaction)? =>
            {
                return Err(run.broken_interactor(detail));
            }
            Word::Fails(detail) => {
                let words = format!("the interactor failed on what the program said: {detail}");
                Some(wrong(case, outcome, words))
            }
        };
        run.record(failure, outcome);
        if run.is_done() {
            return Ok(());
        }
    }
    Ok(())
}

/// What follows from how the two ended.
#[derive(Debug, PartialEq, Eq)]
enum Word {
    Accepts,
    /// The answer is wrong; the interactor's words.
    Rejects(String),
    /// The program's own failure is the verdict.
    Program,
    /// The interactor can't tell, maybe because of what the program said.
    Fails(String),
    /// The interactor could not even begin.
    Broken(String),
}

fn word(protocol: Protocol, interaction: &Interaction) -> Word {
    let said = &interaction.interactor;
    let failure = Grade::of(interaction.program.status);
    if interaction.waited
        || said.status != Status::CompileError && failure == Some(Grade::CompileError)
    {
        return Word::Program;
    }
    match accepts(protocol, said) {
        Ok(true) if failure.is_some() => Word::Program,
        Ok(true) => Word::Accepts,
        Ok(false) => Word::Rejects(tail(&said.stderr)),
        Err(detail) if matches!(said.status, Status::CompileError | Status::Unsupported) => {
            Word::Broken(detail)
        }
        Err(_) if said.status == Status::OutputLimit && failure.is_none() => {
            Word::Rejects("the interactor talked on when the program had ended".to_owned())
        }
        Err(detail) => Word::Fails(detail),
    }
}

/// Whether the interactor fails even if it hears nothing.
fn fails_alone<R: Runner>(
    run: &Run<'_, R>,
    protocol: Protocol,
    interactor: Side<'_>,
    preface: &[u8],
    before: &Interaction,
) -> Result<bool, JudgeError> {
    // Beside silence one that only sleeps looks as if it waited for words. A word tells the two apart; an end would not,
    // for careless interactors that wait at the end for more are no reason to lose the verdict.
    let source = if sleeps(before) { SPEAKS } else { SILENT };
    let silent = Job {
        language: Language::Python,
        source: source.to_vec(),
        start: Start::Fork,
        files: None,
    };
    let limits = Limits {
        cpu_ms: SILENCE_MS,
        wall_ms: SILENCE_MS,
        ..Limits::default()
    };
    let alone = run.interaction(interactor, preface, Side::new(&silent, &limits))?;
    let fails = matches!(word(protocol, &alone), Word::Fails(_) | Word::Broken(_));
    Ok(fails && (!sleeps(before) || sleeps(&alone)))
}

/// Whether the interactor slept until its time was over.
fn sleeps(interaction: &Interaction) -> bool {
    let one = &interaction.interactor;
    one.status == Status::TimeLimit && one.usage.cpu_us < ASLEEP_US
}

/// A wrong answer, however the program ended.
fn wrong(case: &Case<'_>, outcome: &Outcome, words: String) -> Failure {
    Failure {
        grade: Grade::WrongAnswer,
        trace: words,
        ..stdin::failed(case, outcome, String::new())
    }
}
