//! A turn of an episode as a page shows it: the program, what changed in it, what tests and judges said, what it was worth, and
//! the feedback that came next.

use askama::Template;

use crate::checkpoint::tokenizer::Tokenizer;
use crate::episode::TurnCredit;
use crate::journal::{EpisodeRecord, FailureRecord, TurnRecord};
use crate::problem::{Problem, TestCase};
use crate::program::{Extraction, Program, Wanted};
use crate::verdict::Grade;
use crate::view::curves::short;
use crate::view::difference::{self, Difference};
use crate::view::highlight;
use crate::view::tokens::{self, Colouring};
use crate::view::visible::{MOST, Shown, start};

/// Tests of each kind that a page shows at most.
const TESTS: usize = 30;
/// Failures that a journal writes of a turn at most.
const WRITTEN: usize = 8;
/// Bytes of a test's texts that a table shows of each.
const CELL: usize = 2_000;

/// A turn.
pub(in crate::view) struct Turn {
    pub(in crate::view) number: usize,
    pub(in crate::view) class: &'static str,
    pub(in crate::view) grade: String,
    pub(in crate::view) passed: String,
    /// How its program was found, or why there is none.
    pub(in crate::view) found: String,
    /// The program's lines, marked.
    pub(in crate::view) program: Vec<String>,
    /// Bytes of it that are left out.
    pub(in crate::view) program_left: usize,
    pub(in crate::view) answer: Shown,
    pub(in crate::view) finish: String,
    pub(in crate::view) difference: Option<Difference>,
    /// The table of its public tests, as a piece of a page; nothing where the problem is not at hand.
    pub(in crate::view) tests: String,
    pub(in crate::view) rewards: Vec<(String, String)>,
    pub(in crate::view) opinions: Vec<Opinion>,
    pub(in crate::view) feedback: Shown,
    /// Its tokens, coloured by whatever is known of them.
    pub(in crate::view) tokens: Vec<Colouring>,
    pub(in crate::view) count: Option<usize>,
}

/// A table of tests.
#[derive(Template)]
#[template(path = "tests.html")]
struct Tests {
    tests: Vec<Test>,
    left: usize,
    has_verdicts: bool,
}

/// A test and what became of it.
struct Test {
    number: usize,
    input: Shown,
    expected: Shown,
    got: Shown,
    class: &'static str,
    verdict: String,
}

/// What a judge said.
pub(in crate::view) struct Opinion {
    pub(in crate::view) judge: String,
    pub(in crate::view) value: String,
    pub(in crate::view) about: String,
    pub(in crate::view) reason: String,
}

fn cell(text: &str) -> Shown {
    let (text, left) = start(text, CELL);
    Shown {
        text: text.to_owned(),
        left,
    }
}

/// What a test gives and what it expects, as texts.
fn texts(test: &TestCase) -> (String, String) {
    match test {
        TestCase::Stdin { input, expected } => (input.clone(), expected.clone()),
        TestCase::Call {
            function,
            arguments,
            expected,
        } => {
            let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
            (
                format!("{function}({})", arguments.join(", ")),
                expected.to_string(),
            )
        }
        TestCase::Asserted { code, .. } => (code.clone(), String::new()),
    }
}

/// Tests without a program's verdict on them, as a table; nothing where there are none.
pub(in crate::view) fn table(tests: &[TestCase]) -> Result<String, askama::Error> {
    if tests.is_empty() {
        return Ok(String::new());
    }
    let (tests, left) = bare(tests);
    Tests {
        tests,
        left,
        has_verdicts: false,
    }
    .render()
}

fn bare(tests: &[TestCase]) -> (Vec<Test>, usize) {
    let shown = tests.iter().take(TESTS).enumerate().map(|(number, test)| {
        let (input, expected) = texts(test);
        Test {
            number,
            input: cell(&input),
            expected: cell(&expected),
            got: cell(""),
            class: "none",
            verdict: String::new(),
        }
    });
    (shown.collect(), tests.len().saturating_sub(TESTS))
}

/// The public tests of a turn.
fn judged(turn: &TurnRecord, tests: &[TestCase]) -> Result<String, askama::Error> {
    if tests.is_empty() {
        return Ok(String::new());
    }
    let (mut shown, left) = bare(tests);
    let first = turn.failures.first().map(|failure| failure.test);
    let last = turn.failures.last().map(|failure| failure.test);
    for test in &mut shown {
        let failure = turn
            .failures
            .iter()
            .find(|failure| failure.test == test.number);
        let (class, verdict) = match failure {
            Some(failure) => {
                test.got = cell(&got(failure));
                ("bad", failure.grade.name().replace('_', " "))
            }
            None if turn.grade == Grade::Accepted => ("good", "passed".to_owned()),
            None if matches!(
                turn.grade,
                Grade::NoProgram | Grade::CompileError | Grade::Unsupported
            ) =>
            {
                ("none", "not run".to_owned())
            }
            None if turn.stopped && first.is_some_and(|first| test.number > first) => {
                ("none", "not run: an earlier one failed".to_owned())
            }
            None if turn.failures.is_empty() => ("none", "not written".to_owned()),
            None if turn.failures.len() >= WRITTEN
                && last.is_some_and(|last| test.number > last) =>
            {
                ("none", "not written".to_owned())
            }
            None => ("good", "passed".to_owned()),
        };
        (test.class, test.verdict) = (class, verdict);
    }
    Tests {
        tests: shown,
        left,
        has_verdicts: true,
    }
    .render()
}

fn got(failure: &FailureRecord) -> String {
    if failure.trace.is_empty() {
        failure.got.clone()
    } else {
        failure.trace.clone()
    }
}

fn program(turn: &TurnRecord, wanted: &Wanted) -> (Option<Program>, String) {
    let found = Program::find(&turn.text, wanted);
    let words = match turn.program.as_ref().unwrap_or(&Extraction::of(&found)) {
        Extraction::Taken(taken) => {
            let rule = serde_json::to_value(taken.rule).ok();
            let rule = rule
                .and_then(|rule| Some(rule.as_str()?.replace('_', " ")))
                .unwrap_or_default();
            match taken.block {
                0 => format!("taken without a fence ({rule})"),
                block => format!("block {block} of {} ({rule})", taken.of),
            }
        }
        Extraction::Absent { none } => none.to_string(),
    };
    (found.ok().map(|found| found.program), words)
}

/// All turns of an episode. Where the problem is not at hand its tests are left out.
pub(in crate::view) fn turns(
    record: &EpisodeRecord,
    problem: Option<&Problem>,
    (tokenizer, credit): (Option<&Tokenizer>, Option<&[TurnCredit]>),
    whole: bool,
) -> Result<Vec<Turn>, askama::Error> {
    let unknown = Problem::default();
    let wanted = Wanted::of(problem.unwrap_or(&unknown));
    let mut before: Option<String> = None;
    let mut turns = Vec::with_capacity(record.turns.len());
    for (index, turn) in record.turns.iter().enumerate() {
        let credit = credit.and_then(|all| all.get(index));
        let (program, found) = program(turn, &wanted);
        let source = program.as_ref().map(|program| program.source.clone());
        let (shown, program_left) = start(
            source.as_deref().unwrap_or_default(),
            if whole { usize::MAX } else { MOST },
        );
        let lines = program.as_ref().map_or_else(Vec::new, |program| {
            highlight::lines(program.language, shown)
        });
        let difference = before
            .as_deref()
            .zip(source.as_deref())
            .map(|(old, new)| difference::difference(old, new));
        let tests = match problem {
            Some(problem) => judged(turn, &problem.public_tests)?,
            None => String::new(),
        };
        turns.push(Turn {
            number: index + 1,
            class: if turn.grade == Grade::Accepted {
                "good"
            } else {
                "bad"
            },
            grade: super::grade(Some(turn.grade)),
            passed: if turn.stopped {
                format!(
                    "{} passed before the first failure, of {}",
                    turn.passed, turn.total
                )
            } else {
                format!("{} of {} passed", turn.passed, turn.total)
            },
            found,
            program: lines,
            program_left,
            answer: Shown::of(&turn.text, whole),
            finish: turn
                .finish
                .map_or_else(String::new, |finish| format!("{finish:?}").to_lowercase()),
            difference,
            tests,
            rewards: rewards(turn, credit),
            opinions: opinions(turn),
            feedback: Shown::of(&turn.feedback, whole),
            tokens: coloured(turn, tokenizer, credit),
            count: turn.tokens.as_ref().map(Vec::len),
        });
        before = source.or(before);
    }
    Ok(turns)
}

fn coloured(
    turn: &TurnRecord,
    tokenizer: Option<&Tokenizer>,
    credit: Option<&TurnCredit>,
) -> Vec<Colouring> {
    let (Some(sampled), Some(tokenizer)) = (turn.sampled(), tokenizer) else {
        return Vec::new();
    };
    tokens::colourings(tokenizer, (&sampled.ids, &sampled.log_probs), credit)
}

/// What the turn was worth: what was played, and what the objective added.
fn rewards(turn: &TurnRecord, credit: Option<&TurnCredit>) -> Vec<(String, String)> {
    let Some(reward) = &turn.reward else {
        return Vec::new();
    };
    let outcome = std::iter::once(("outcome".to_owned(), short(reward.outcome)));
    let scores = reward
        .scores
        .iter()
        .map(|(judge, value)| (judge.clone(), short(*value)));
    let added = credit.into_iter().flat_map(|credit| &credit.terms);
    let added = added.map(|(name, value)| (format!("{name}, of the objective"), short(*value)));
    outcome.chain(scores).chain(added).collect()
}

fn opinions(turn: &TurnRecord) -> Vec<Opinion> {
    let one = |score: &crate::judge::Score| {
        let part = score.span.clone().and_then(|span| turn.text.get(span));
        Opinion {
            judge: score.judge.clone(),
            value: score.value.map_or_else(|| "no opinion".to_owned(), short),
            about: part.map_or_else(
                || "the answer".to_owned(),
                |part| start(part, 120).0.to_owned(),
            ),
            reason: score.reason.clone(),
        }
    };
    turn.scores.iter().map(one).collect()
}
