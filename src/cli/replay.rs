//! `rlef replay`: judge every answer of a journal again, or compare it with another journal, and tell where they part.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_sandbox::Isolation;

use super::output::{print, print_json, say};
use super::{exit, source};
use crate::journal::diff::{Change, Told, What, diff, named};
use crate::journal::{self, EpisodeRecord};
use crate::problem::Problem;
use crate::problem::id::ById;
use crate::program::{Program, Wanted};
use crate::rollout::{Work, grade_once, turn_scope};
use crate::verdict::{HostJudge, Scope, Verdict, chosen_judge};

/// Arguments of `rlef replay`.
#[derive(ClapArgs)]
#[command(
    after_help = "Everything is judged anew, whatever verdicts are kept.\n\nExit codes: 0 nothing changed, 1 something did, 2 usage or input, 4 the sandbox failed.\n\nExamples:\n  \
    rlef replay --journal runs/train-001/journal.jsonl --problems contest:train\n  \
    rlef replay --journal monday.jsonl --against tuesday.jsonl"
)]
pub struct Args {
    /// The journal to judge again.
    #[arg(long)]
    journal: PathBuf,
    /// Compare with this journal instead; nothing is run.
    #[arg(long)]
    against: Option<PathBuf>,
    /// The problems it was played on.
    #[arg(long, default_value = "contest:train")]
    problems: String,
    #[command(flatten)]
    schema: source::SchemaArgs,
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = crate::cli::workers())]
    workers: usize,
    /// Print every change as a line of JSON.
    #[arg(long)]
    json: bool,
}

/// What is judged again.
struct Item<'a> {
    record: &'a EpisodeRecord,
    /// The turn by its public tests, from one; `None` for the last answer by all tests.
    turn: Option<usize>,
    problem: &'a Problem,
    program: Option<Program>,
    was: Told,
}

/// The program in an answer of a journal.
pub(super) fn program_of(text: &str, problem: &Problem) -> Option<Program> {
    let found = Program::find(text, &Wanted::of(problem));
    found.ok().map(|found| found.program)
}

/// Compares; exits with 1 where something changed and 4 where the sandbox failed.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let records: Vec<EpisodeRecord> = journal::read(&args.journal)?;
    let (changes, lost, what) = if let Some(path) = &args.against {
        (diff(&records, &journal::read(path)?), 0, "compared")
    } else {
        let (changes, lost) = again(args, &records)?;
        (changes, lost, "judged again")
    };
    for change in &changes {
        if args.json {
            print_json(&serde_json::to_string(change)?);
        } else {
            print(&change.to_string());
        }
    }
    say!(
        "{} episodes {what}, {} changes, {lost} verdicts lost to the sandbox",
        records.len(),
        changes.len()
    );
    Ok(match (changes.is_empty(), lost) {
        (true, 0) => ExitCode::SUCCESS,
        (true, _) => ExitCode::from(exit::INFRASTRUCTURE),
        _ => ExitCode::from(exit::NO),
    })
}

/// Judges every turn by the tests it was judged on, and every last answer by all.
fn again(args: &Args, records: &[EpisodeRecord]) -> anyhow::Result<(Vec<Change>, usize)> {
    let problems = source::problems(&args.schema.applied(&args.problems)?)?;
    let by_id = ById::new(&problems);
    let (mut turns, mut finals) = (Vec::new(), Vec::new());
    for record in records.iter().filter(|record| record.outcome.is_some()) {
        let problem = by_id.find(&record.problem_id).map_err(|reason| {
            anyhow::anyhow!(
                "failed to replay {} on {}: {reason}",
                args.journal.display(),
                args.problems
            )
        })?;
        let item = |turn: Option<usize>, text: &str, was: Told| Item {
            record,
            turn,
            problem,
            program: program_of(text, problem),
            was,
        };
        for (index, turn) in record.turns.iter().enumerate() {
            let was = Told {
                grade: Some(turn.grade),
                tests: Some((turn.passed, turn.total)),
            };
            turns.push(item(Some(index + 1), &turn.text, was));
            if let Some(full) = turn.full {
                finals.push(item(
                    Some(index + 1),
                    &turn.text,
                    Told {
                        grade: Some(full),
                        tests: None,
                    },
                ));
            }
        }
        let text = record.turns.last().map_or("", |turn| turn.text.as_str());
        finals.push(item(
            None,
            text,
            Told {
                grade: record.outcome,
                tests: None,
            },
        ));
    }
    let judge = chosen_judge(args.isolation, args.python.as_deref(), args.workers)?;
    let (mut changes, mut lost) = judged(&judge, &turns, turn_scope);
    let (more, also_lost) = judged(&judge, &finals, |_| Scope::All);
    changes.extend(more);
    lost += also_lost;
    // In the order of the journal, an episode's turns before its end.
    let place: HashMap<(usize, &str, usize), usize> = records
        .iter()
        .enumerate()
        .map(|(index, record)| {
            (
                (record.step, record.problem_id.as_str(), record.sample),
                index,
            )
        })
        .collect();
    changes.sort_by_key(|change| {
        let episode = place
            .get(&(change.step, change.problem_id.as_str(), change.sample))
            .copied();
        (episode, change.turn.unwrap_or(usize::MAX))
    });
    Ok((changes, lost))
}

fn judged(
    judge: &HostJudge,
    items: &[Item<'_>],
    scope_of: impl Fn(&Problem) -> Scope,
) -> (Vec<Change>, usize) {
    let work: Vec<Option<Work<'_>>> = items
        .iter()
        .map(|item| {
            item.program.as_ref().map(|program| Work {
                problem: item.problem,
                program,
                scope: scope_of(item.problem),
            })
        })
        .collect();
    let (mut changes, mut lost) = (Vec::new(), 0);
    for (item, verdict) in items.iter().zip(grade_once(judge, &work)) {
        let total = scope_of(item.problem).tests(item.problem).len();
        let now = match verdict.unwrap_or_else(|| Ok(Verdict::no_program(total))) {
            Ok(verdict) => verdict,
            Err(error) => {
                say!(
                    "{} sample {}: {error}",
                    item.record.problem_id,
                    item.record.sample
                );
                lost += 1;
                continue;
            }
        };
        // Grading by all tests ends at the first failure, so that only its grade is comparable.
        let is = Told {
            grade: Some(now.grade),
            tests: item.was.tests.map(|_| (now.passed, now.total)),
        };
        if is != item.was {
            let what = What::Verdict {
                was: item.was.clone(),
                is,
            };
            changes.push(Change {
                detail: detail(&now),
                ..named(item.record, item.turn, what)
            });
        }
    }
    (changes, lost)
}

/// The first failing test of the new verdict.
fn detail(verdict: &Verdict) -> String {
    let Some(failure) = verdict.failures.first() else {
        return String::new();
    };
    let short = |text: &str| {
        let line = text.trim().replace('\n', "\\n");
        line.chars().take(60).collect::<String>()
    };
    let last = failure
        .trace
        .trim_end()
        .lines()
        .next_back()
        .unwrap_or_default();
    if last.is_empty() {
        format!(
            "test {} expected '{}' and got '{}'",
            failure.test,
            short(&failure.expected),
            short(&failure.got)
        )
    } else {
        format!("test {}: {}", failure.test, short(last))
    }
}
