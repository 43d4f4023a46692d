//! `rlef doctor --problems`: the audit of a set, told as it goes.

use std::process::ExitCode;

use super::super::output::{insist, keep, print, print_json, say};
use super::super::{exit, progress::Progress, source};
use super::Args;
use rlef_judge::problem::audit::{Audit, Finding, Seen, Told};
use rlef_judge::problem::quarantine::Quarantine;
use rlef_judge::problem::{printable, printable_lines};
use rlef_judge::verdict::chosen_judge;

/// Tries every problem's programs, prints a line for each problem that isn't fine (all of them as JSON), and writes
/// the quarantine list. Exit code 1 where a problem isn't usable.
pub(super) fn run(name: &str, args: &Args) -> anyhow::Result<ExitCode> {
    let (problems, unread) = source::readable(name)?;
    let mut audit = Audit::of_unread(&unread);
    for finding in &audit.findings {
        tell(finding, args.json)?;
    }
    let judge = chosen_judge(args.isolation, args.python.as_deref(), 0)?;
    let mut seen = Seen::default();
    for other in &args.against {
        for problem in source::problems(other)? {
            // Twins within another set are that set's own affair.
            let _ = seen.twin(&problem, &format!("{} in {other}", problem.id));
        }
    }
    let mut progress = Progress::new("trying", "problem", problems.len() as u64);
    let mut told = Ok(());
    audit.examine(
        &judge,
        &problems,
        args.most.max(1),
        &mut seen,
        &mut |index, said| {
            match said {
                Told::Found(finding) if told.is_ok() => told = tell(finding, args.json),
                Told::Found(_) => {}
                Told::Lost(problem, error) => {
                    let words = printable_lines(&error.to_string());
                    insist!(
                        "{} is not judged: failed to {words}",
                        printable(&problem.id)
                    );
                }
            }
            progress.set(index as u64 + 1, "");
        },
    );
    told?;
    progress.finish();
    say!("{}", audit.summary());
    let (lost, usable) = (audit.lost, audit.is_usable());
    if let Some(path) = &args.quarantine {
        let entries = audit.entries;
        keep(
            path,
            serde_json::to_string_pretty(&Quarantine { entries })?.as_bytes(),
        )?;
    }
    Ok(match (lost, usable) {
        (1.., _) => ExitCode::from(exit::INFRASTRUCTURE),
        (_, false) => ExitCode::from(exit::NO),
        _ => ExitCode::SUCCESS,
    })
}

/// Prints what was found of a problem as soon as it is, for a large set takes long.
fn tell(finding: &Finding, json: bool) -> anyhow::Result<()> {
    if json {
        print_json(&serde_json::to_string(finding)?);
    } else if !finding.state.is_usable() {
        let (id, detail) = (printable(&finding.problem_id), printable(&finding.detail));
        print(&format!("{id:<24} {:<18} {detail}", finding.state.name()));
    }
    Ok(())
}
