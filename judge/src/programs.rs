//! Programs of a file + problems → one judgement a line, in the order of the file, as they come. What a line says, for machines
//! or for people, is `line`'s.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use rlef_sandbox::{Cancel, Language};
use serde::Deserialize;

use crate::judge::{Judge, JudgeError, Judgement, Submission};
use crate::nearest::meant;
use crate::problem::id::{self, ById};
use crate::problem::{Problem, printable};
use crate::program::{Extraction, Found, NoProgram, Program, Wanted};
use crate::verdict::{Grade, Scope, StopAt};

/// Why a file of programs can't be judged: its line, what was found, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProgramsError(String);

#[derive(Deserialize)]
struct Line {
    /// The problem; a bare number stands for the one whose id ends in it.
    #[serde(alias = "task_id", deserialize_with = "id::deserialize")]
    problem_id: String,
    /// A whole program. `solution`, as EvalPlus has it, is one, too.
    #[serde(alias = "solution")]
    program: Option<String>,
    /// An answer, in which the program is looked for.
    completion: Option<String>,
    /// Its language; without it what `--language` says, else the problem's.
    language: Option<String>,
}

/// What a line may say that decides, and other names that people give the language.
const DECIDE: [&str; 6] = [
    "problem_id",
    "task_id",
    "program",
    "solution",
    "completion",
    "language",
];
const OF_LANGUAGE: [&str; 3] = ["lang", "programming_language", "prog_lang"];

/// Why a line isn't understood: a field that is nearly one that decides. Others are the file's own (`result`, `seed`), and
/// decide nothing.
fn misspelt(line: &str) -> Option<String> {
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).ok()?;
    fields.into_iter().find_map(|(field, _)| {
        // `completion_id` is no misspelt `completion`.
        let longer = |known: &str| {
            field
                .strip_prefix(known)
                .is_some_and(|rest| rest.starts_with('_'))
        };
        if DECIDE.contains(&&*field) || DECIDE.into_iter().any(longer) {
            return None;
        }
        let near = if OF_LANGUAGE.contains(&&*field) {
            " (did you mean language?)".to_owned()
        } else {
            meant(&field, DECIDE)
        };
        (!near.is_empty()).then(|| format!(": unknown field `{}`{near}", printable(&field)))
    })
}

/// In which language answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// In this one.
    One(Language),
    /// In any that a fence names.
    Any,
}

/// The choice of this name; the reason where there is none.
pub fn spoken(name: &str) -> Result<Spoken, String> {
    if name.eq_ignore_ascii_case("any") {
        return Ok(Spoken::Any);
    }
    Language::from_tag(name)
        .map(Spoken::One)
        .ok_or_else(|| expected(name, &["any"]))
}

/// What a name that is no language's should have been: a language, or one of these words.
fn expected(name: &str, words: &[&'static str]) -> String {
    let known = [&Language::ALL.map(Language::name), words].concat();
    let near = meant(name, known.iter().copied());
    format!("expected one of {}{near}", known.join(", "))
}

/// An answer of a file, and the problem it is for.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// The whole of it.
    pub text: String,
    /// The program in it, or why there is none.
    pub found: Result<Found, NoProgram>,
}

impl Answer<'_> {
    /// What was made of the answer.
    pub fn extraction(&self) -> Extraction {
        Extraction::of(&self.found)
    }
}

/// The answers of a text; every line is checked before anything runs. `path` is where the text is from.
pub fn read<'a>(
    text: &str,
    path: &Path,
    problems: &'a [Problem],
    default: Option<Spoken>,
) -> Result<Vec<Answer<'a>>, ProgramsError> {
    let by_id = ById::new(problems);
    let mut answers = Vec::new();
    for (index, line) in id::without_mark(text)
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let bad = |reason: String| {
            let place = format!("failed to read line {} of {}", index + 1, path.display());
            ProgramsError(format!("{place}{reason}"))
        };
        if let Some(reason) = misspelt(line) {
            return Err(bad(reason));
        }
        let line: Line = serde_json::from_str(line).map_err(|error| {
            bad(format!(
                " as a program (expected problem_id and program or completion): {error}"
            ))
        })?;
        let problem = by_id
            .find(&line.problem_id)
            .map_err(|reason| bad(format!(": {reason}")))?;
        let named = match &line.language {
            None => default,
            Some(name) => Some(Spoken::One(Language::from_tag(name).ok_or_else(|| {
                let expected = expected(name, &[]);
                bad(format!(": unknown language `{name}`; {expected}"))
            })?)),
        };
        let wanted = Wanted::of(problem);
        let wanted = match named {
            None => wanted,
            Some(Spoken::One(language)) => wanted.in_language(language),
            Some(Spoken::Any) => wanted.in_any_language(problem),
        };
        let (text, found) = match (line.program, line.completion) {
            (Some(source), None) => {
                let found = Found::given(Program::bare(source.clone(), wanted.language()));
                (source, Ok(found))
            }
            (None, Some(text)) => {
                let found = Program::find(&text, &wanted);
                (text, found)
            }
            (Some(_), Some(_)) => {
                return Err(bad(
                    ": it has a program (`program` or `solution`) and a `completion`; keep the one that is to be judged"
                        .to_owned(),
                ));
            }
            (None, None) => {
                return Err(bad(
                    ": expected `program` (or `solution`) with the source, or `completion` with an answer; add one of them"
                        .to_owned(),
                ));
            }
        };
        answers.push(Answer {
            problem,
            text,
            found,
        });
    }
    if answers.is_empty() {
        return Err(ProgramsError(format!(
            "failed to find a program in {}: the file is empty",
            path.display()
        )));
    }
    Ok(answers)
}

/// The languages that programs are in.
pub fn languages(answers: &[Answer<'_>]) -> BTreeSet<Language> {
    answers
        .iter()
        .filter_map(|answer| answer.found.as_ref().ok())
        .map(|found| found.program.language)
        .collect()
}

/// How judgements are written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// When a program's tests end before the last.
    pub stop: StopAt,
    /// As JSON lines instead of a table.
    pub json: bool,
    /// With what private tests asked and expected.
    pub show_private: bool,
    /// Whether all are judged even where nobody reads on.
    pub to_the_end: bool,
}

/// How many programs got which grade, and how many got none.
#[derive(Debug, Default)]
pub struct Counts {
    /// Programs by grade.
    pub grades: BTreeMap<Grade, usize>,
    /// The judge failed.
    pub errors: usize,
    /// The problem can't be judged.
    pub faults: usize,
}

impl Counts {
    /// Programs that were judged and not accepted.
    pub fn rejected(&self) -> usize {
        self.grades
            .iter()
            .filter(|(grade, _)| **grade != Grade::Accepted)
            .map(|(_, count)| count)
            .sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let total = self.grades.values().sum::<usize>() + self.errors + self.faults;
        let accepted = self.grades.get(&Grade::Accepted).copied().unwrap_or(0);
        write!(formatter, "{accepted} of {total} accepted")?;
        for (grade, count) in self
            .grades
            .iter()
            .filter(|(grade, _)| **grade != Grade::Accepted)
        {
            write!(formatter, ", {count} {}", grade.name())?;
        }
        if self.faults > 0 {
            write!(
                formatter,
                ", {} not judged: their problem is at fault",
                self.faults
            )?;
        }
        if self.errors > 0 {
            write!(
                formatter,
                ", {} not judged: the sandbox failed",
                self.errors
            )?;
        }
        Ok(())
    }
}

/// Judges and writes, each judgement as soon as those before it are written. A reader that went away ends it without an error.
pub fn judge_all(
    judge: &dyn Judge,
    answers: &[Answer<'_>],
    options: Options,
    mut out: impl Write,
    on_progress: &mut dyn FnMut(usize, &Counts),
) -> io::Result<Counts> {
    let submissions: Vec<Submission<'_>> = answers
        .iter()
        .map(|answer| {
            let program = answer.found.as_ref().ok().map(|found| &found.program);
            Submission {
                text: &answer.text,
                ..Submission::of(answer.problem, program, Scope::All, options.stop)
            }
        })
        .collect();
    let mut counts = Counts::default();
    let mut written = Ok(());
    let width = answers
        .iter()
        .map(|answer| printable(&answer.problem.id).chars().count())
        .max()
        .unwrap_or(0);
    // Without descriptors for it all are judged, though nobody reads.
    let cancel = Cancel::new().unwrap_or_default();
    let mut take = |index: usize, result: Result<Judgement, JudgeError>| {
        let answer = &answers[index];
        // Nobody else says what a program is worth.
        let result = result.and_then(|judgement| match &judgement.verdict {
            Some(verdict) => {
                *counts.grades.entry(verdict.grade).or_default() += 1;
                Ok(judgement)
            }
            None => Err(JudgeError::NoVerdict {
                judge: judge.name().to_owned(),
                id: answer.problem.id.clone(),
            }),
        });
        match &result {
            Ok(_) => {}
            Err(error) if error.is_of_problem() => counts.faults += 1,
            Err(_) => counts.errors += 1,
        }
        let text = if options.json {
            line::json(answer, &result, options.show_private)
        } else {
            line::row(answer, &result, width)
        };
        if written.is_ok() {
            written = writeln!(out, "{text}").and_then(|()| out.flush());
        }
        on_progress(index + 1, &counts);
        // Where nobody reads on, the exit code may still be of all programs.
        if let Err(error) = &written
            && !(options.to_the_end && error.kind() == io::ErrorKind::BrokenPipe)
        {
            cancel.cancel();
        }
    };
    // Judges may answer in another order than that of the file.
    let (mut waiting, mut due) = (BTreeMap::new(), 0);
    judge.judge_all(&submissions, &cancel, &mut |index, result| {
        waiting.insert(index, result);
        while let Some(result) = waiting.remove(&due).filter(|_| !cancel.is_cancelled()) {
            take(due, result);
            due += 1;
        }
    });
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(counts),
    }
}

#[cfg(test)]
mod tests;
