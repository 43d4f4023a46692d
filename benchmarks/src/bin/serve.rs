//! What does HTTP cost beside judging in this process, how long do callers wait, and is a crowd of whom some hang up answered
//! once each?
//!
//! `serve cost` prints programs a CPU second in this process, over HTTP, and by a bare interpreter behind HTTP, at 1 and 20 tests,
//! interleaved; the callers' own CPU time is taken off. `serve wait` prints how long callers wait at 8, 64 and 512 connections. `serve crowd` sends many requests of
//! which a tenth is given up at a random moment, and fails unless every other is answered once with the verdict that judging in
//! this process gives, memory stays, and nothing is left running.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use rlef::judge::Submission;
use rlef::problem::{Problem, TestCase};
use rlef::program::Program;
use rlef::verdict::{HostJudge, Scope, StopAt, host_judge};
use rlef_benchmarks::bare;
use rlef_benchmarks::http::Connection;
use rlef_benchmarks::{Sample, head, measure, row};
use rlef_sandbox::Language;
use rlef_serve::{Bounds, Config, Machine, Server, Set, Sets};
use serde_json::{Value, json};

/// The server's cost, its callers' waiting, and a crowd.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    question: Question,
    /// Programs judged side by side.
    #[arg(long, default_value_t = 2, global = true)]
    workers: usize,
}

#[derive(Subcommand)]
enum Question {
    /// Programs a CPU second, in this process and over HTTP.
    Cost {
        /// Runs of each case.
        #[arg(long, default_value_t = 3)]
        runs: usize,
    },
    /// How long callers wait.
    Wait {
        /// Requests at each number of connections.
        #[arg(long, default_value_t = 3000)]
        requests: usize,
    },
    /// A crowd of whom some hang up.
    Crowd {
        /// Requests.
        #[arg(long, default_value_t = 20_000)]
        requests: usize,
        /// Connections.
        #[arg(long, default_value_t = 512)]
        connections: usize,
    },
}

const SUM: &str = "print(sum(map(int, input().split())))\n";

fn sums(id: usize, tests: usize) -> Problem {
    let test = |n: usize| TestCase::Stdin {
        input: format!("{n} {id}\n"),
        expected: format!("{}\n", n + id),
    };
    Problem {
        id: format!("sum-{id}"),
        statement: "Add two numbers.".to_owned(),
        public_tests: (0..tests).map(test).collect(),
        ..Problem::default()
    }
}

fn server(judge: HostJudge, problems: &[Problem]) -> anyhow::Result<Server> {
    let bounds = Bounds {
        requests: 4096,
        ..Bounds::default()
    };
    let config = Config {
        bounds,
        ..Config::of(([127, 0, 0, 1], 0).into())
    };
    let sets = Sets::new(vec![Set::new("sums", problems.to_vec())]);
    Ok(Server::start(
        config,
        Arc::new(judge) as Arc<dyn Machine>,
        sets,
    )?)
}

fn body(id: &str, program: &str) -> String {
    json!({"problem_id": id, "program": program}).to_string()
}

/// CPU seconds of this thread.
fn own_cpu() -> f64 {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(0.0, |usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    })
}

/// Has `connections` callers send all bodies; the callers' CPU seconds, and how long each request took.
fn callers(
    server: &Server,
    bodies: &[String],
    connections: usize,
) -> anyhow::Result<(f64, Vec<Duration>)> {
    let next = AtomicUsize::new(0);
    let results = std::thread::scope(|threads| {
        let callers: Vec<_> = (0..connections)
            .map(|_| {
                threads.spawn(|| -> anyhow::Result<(f64, Vec<Duration>)> {
                    let mut connection = Connection::open(server.address())?;
                    let mut took = Vec::new();
                    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let begun = Instant::now();
                        let (status, text) = connection.post("/v1/judge", body)?;
                        anyhow::ensure!(
                            status == 200 && text.contains("\"accepted\":true"),
                            "{status}: {text}"
                        );
                        took.push(begun.elapsed());
                    }
                    Ok((own_cpu(), took))
                })
            })
            .collect();
        let lost = || anyhow::anyhow!("a caller panicked");
        let ended = callers
            .into_iter()
            .map(|caller| caller.join().unwrap_or_else(|_| Err(lost())));
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let cpu = results.iter().map(|(cpu, _)| cpu).sum();
    let took = results.into_iter().flat_map(|(_, took)| took).collect();
    Ok((cpu, took))
}

/// The same programs by a server that runs a bare interpreter for each test, two requests at once; the callers' CPU seconds.
fn bare_callers(programs: usize, tests: usize, workers: usize) -> anyhow::Result<f64> {
    let address = bare::start()?;
    let next = AtomicUsize::new(0);
    let ended: Vec<anyhow::Result<f64>> = std::thread::scope(|threads| {
        let caller = || -> anyhow::Result<f64> {
            let mut connection = Connection::open(address)?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= programs * tests {
                    return Ok(own_cpu());
                }
                let (id, n) = (number / tests, number % tests);
                let body = json!({"code": SUM, "stdin": format!("{n} {id}\n")}).to_string();
                let (_, said) = connection.post("/run_code", &body)?;
                anyhow::ensure!(said.trim() == (n + id).to_string(), "{said}");
            }
        };
        let callers: Vec<_> = (0..workers).map(|_| threads.spawn(caller)).collect();
        let lost = || anyhow::anyhow!("a caller panicked");
        let ended = callers
            .into_iter()
            .map(|caller| caller.join().unwrap_or_else(|_| Err(lost())));
        ended.collect()
    });
    ended.into_iter().sum()
}

fn cost(workers: usize, runs: usize) -> anyhow::Result<()> {
    head();
    let program = Program::bare(SUM, Language::Python);
    for run in 0..runs {
        for (tests, count) in [(1, 600), (20, 150)] {
            let problems: Vec<Problem> = (0..count).map(|id| sums(id, tests)).collect();
            let (accepted, sample) = measure(|| -> anyhow::Result<usize> {
                let judge = host_judge(workers)?;
                let submissions: Vec<Submission<'_>> = problems
                    .iter()
                    .map(|problem| {
                        Submission::of(problem, Some(&program), Scope::All, StopAt::Never)
                    })
                    .collect();
                let verdicts = judge.verdicts(&submissions);
                Ok(verdicts
                    .iter()
                    .flatten()
                    .filter(|verdict| verdict.is_accepted())
                    .count())
            });
            anyhow::ensure!(accepted? == count, "a correct program was not accepted");
            row(
                "serve",
                &format!("in this process; {tests} tests"),
                run,
                count,
                "programs",
                sample,
            );
            let bodies: Vec<String> = problems
                .iter()
                .map(|problem| body(&problem.id, SUM))
                .collect();
            let (own, sample) = measure(|| -> anyhow::Result<f64> {
                let server = server(host_judge(workers)?, &problems)?;
                let (cpu, _) = callers(&server, &bodies, 8)?;
                server.drain();
                server.wait();
                Ok(cpu)
            });
            let sample = Sample {
                cpu: sample.cpu - own?,
                ..sample
            };
            row(
                "serve",
                &format!("over HTTP; {tests} tests"),
                run,
                count,
                "programs",
                sample,
            );
            let (own, sample) = measure(|| bare_callers(count, tests, workers));
            let sample = Sample {
                cpu: sample.cpu - own?,
                ..sample
            };
            row(
                "serve",
                &format!("bare exec over HTTP, a request a test; {tests} tests"),
                run,
                count,
                "programs",
                sample,
            );
        }
    }
    Ok(())
}

fn wait(workers: usize, requests: usize) -> anyhow::Result<()> {
    println!("connections,requests,requests_per_second,p50_ms,p99_ms,longest_ms");
    for connections in [8, 64, 512] {
        let problems: Vec<Problem> = (0..requests).map(|id| sums(id, 1)).collect();
        let bodies: Vec<String> = problems
            .iter()
            .map(|problem| body(&problem.id, SUM))
            .collect();
        let server = server(host_judge(workers)?, &problems)?;
        let begun = Instant::now();
        let (_, mut took) = callers(&server, &bodies, connections)?;
        let seconds = begun.elapsed().as_secs_f64();
        took.sort_unstable();
        let at = |share: f64| {
            let place = ((took.len() - 1) as f64 * share) as usize;
            took[place].as_secs_f64() * 1000.0
        };
        println!(
            "{connections},{requests},{:.0},{:.1},{:.1},{:.1}",
            requests as f64 / seconds,
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    Ok(())
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}

/// A number that looks drawn, of this place.
const fn drawn(place: usize) -> usize {
    (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % 1000
}

const KINDS: [(&str, &str); 5] = [
    (SUM, "accepted"),
    ("print(0)\n", "wrong_answer"),
    ("1/0\n", "runtime_error"),
    ("print(\n", "compile_error"),
    (
        "import time\ntime.sleep(0.05)\nprint(sum(map(int, input().split())))\n",
        "accepted",
    ),
];

fn crowd(workers: usize, requests: usize, connections: usize) -> anyhow::Result<()> {
    let problems: Vec<Problem> = (0..requests).map(|id| sums(id + 1, 1)).collect();
    // What judging in this process says of some of them.
    let judge = host_judge(workers)?;
    let some = problems.iter().take(KINDS.len() * 20).enumerate();
    for (place, problem) in some {
        let (source, expected) = KINDS[place % KINDS.len()];
        let program = Program::bare(source, Language::Python);
        let verdict = judge
            .tests()
            .verdict(&program, problem, Scope::All, StopAt::Never)?;
        anyhow::ensure!(
            verdict.grade.name() == expected,
            "{source}: {}",
            verdict.grade.name()
        );
    }
    let server = server(judge, &problems)?;
    let (next, answered, given_up) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let caller = || -> anyhow::Result<()> {
        let mut connection = Connection::open(server.address())?;
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(problem) = problems.get(place) else {
                return Ok(());
            };
            let (source, expected) = KINDS[place % KINDS.len()];
            connection.send("/v1/judge", &body(&problem.id, source))?;
            if drawn(place) < 100 {
                std::thread::sleep(Duration::from_millis(drawn(place + 1) as u64));
                connection = Connection::open(server.address())?;
                given_up.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let (status, text) = connection.receive()?;
            let said: Value = serde_json::from_str(&text)?;
            anyhow::ensure!(
                status == 200 && said["verdict"] == expected && said["problem_id"] == problem.id,
                "{}: {status} {text}",
                problem.id
            );
            let now = answered.fetch_add(1, Ordering::Relaxed) + 1;
            if now.is_multiple_of(2000) {
                eprintln!("{now} answered, {} MB resident", resident() >> 20);
            }
        }
    };
    let begun = Instant::now();
    std::thread::scope(|threads| {
        let all: Vec<_> = (0..connections).map(|_| threads.spawn(caller)).collect();
        let mut ended = all.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended.try_for_each(|one| one.unwrap_or_else(|_| Err(anyhow::anyhow!("a caller panicked"))))
    })?;
    let (answered, given_up) = (answered.into_inner(), given_up.into_inner());
    anyhow::ensure!(
        answered + given_up == requests,
        "{answered} and {given_up} of {requests}"
    );
    server.drain();
    server.wait();
    println!(
        "{requests} requests of {connections} connections in {:.0} s: {answered} answered once each with the right verdict, \
         {given_up} given up; {} MB resident at the end",
        begun.elapsed().as_secs_f64(),
        resident() >> 20
    );
    let pid = std::process::id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    anyhow::ensure!(children.trim().is_empty(), "processes are left: {children}");
    println!("no process is left");
    Ok(())
}

fn main() -> anyhow::Result<()> {
    rlef_sandbox::jail_entry();
    let args = Args::parse();
    match args.question {
        Question::Cost { runs } => cost(args.workers, runs),
        Question::Wait { requests } => wait(args.workers, requests),
        Question::Crowd {
            requests,
            connections,
        } => crowd(args.workers, requests, connections),
    }
}
