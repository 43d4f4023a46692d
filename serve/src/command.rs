//! `serve` as a person types it: arguments → a server that runs until it is told to end.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use clap::builder::RangedU64ValueParser;
use rlef_judge::problem::contest::{self, ContestConfig};
use rlef_judge::problem::{self, Schema, printable_lines};
use rlef_judge::verdict::{CACHE_BYTES, HostJudge, VerdictCache, chosen_judge};
use rlef_sandbox::Isolation;

use crate::config::{Bounds, Config, tokens};
use crate::problems::{Set, Sets};
use crate::server::Server;

/// Arguments of `serve`.
#[derive(ClapArgs, Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
#[command(
    after_help = "It answers rlef's own interface (GET /v1/openapi.json), and those of SandboxFusion, OpenEnv, OpenRLHF, slime, \
    NeMo-Gym, open-instruct and Piston; docs/serve.md says which setting of which client to change.\n\n\
    Exit codes: 0 ended as it was told to, 2 usage, 3 a protection is missing, 4 the sandbox failed.\n\n\
    Examples:\n  rlef serve --problems HumanEval.jsonl.gz\n  \
    rlef serve --bind 0.0.0.0:8080 --token-file tokens.txt --problems contest:train"
)]
pub struct Args {
    /// Where to listen. Another address than this machine's own needs --token-file or --open.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    bind: SocketAddr,
    /// Problems to serve, each a set of the file's name: a file of any known schema, SCHEMA:FILE, or `contest:train`,
    /// `contest:validation`, `contest:test`.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    problems: Vec<String>,
    /// Tokens, one a line, of which every request must show one. The file must be readable by its owner alone.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let anybody who reaches the address run programs here, without a token.
    #[arg(long)]
    open: bool,
    /// Programs run side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = RangedU64ValueParser::<usize>::new().range(0..=1024))]
    workers: usize,
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Judge everything anew, and keep no verdicts.
    #[arg(long)]
    no_cache: bool,
    /// Let every timeout stand, without a second run of those near the limit.
    #[arg(long)]
    no_reruns: bool,
    /// Requests held at once; more are told to come again.
    #[arg(long, default_value_t = Bounds::default().requests, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 20))]
    queue: usize,
    /// Megabytes of one request's body.
    #[arg(long, default_value_t = Bounds::default().body_bytes >> 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 12))]
    max_body_mb: usize,
    /// Seconds that requests under way have once the server is told to end by SIGTERM or Ctrl-C.
    #[arg(long, default_value_t = Bounds::default().drain.as_secs(), value_parser = RangedU64ValueParser::<u64>::new().range(0..=86_400))]
    drain_seconds: u64,
    /// Write a line for each request to standard error: from where, route, status, time.
    #[arg(long)]
    log: bool,
    /// Write bodies as well: programs, tests and answers.
    #[arg(long, requires = "log")]
    log_bodies: bool,
}

/// Says words to a person; where nobody can be told, nobody is.
fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable_lines(words));
}

impl Args {
    fn config(&self) -> anyhow::Result<Config> {
        let tokens = self.token_file.as_deref().map(tokens).transpose();
        let bounds = Bounds {
            requests: self.queue,
            body_bytes: self.max_body_mb << 20,
            all_bytes: Bounds::default().all_bytes.max(self.max_body_mb << 22),
            drain: Duration::from_secs(self.drain_seconds),
            ..Bounds::default()
        };
        let config = Config {
            tokens: tokens.map_err(failed)?.unwrap_or_default(),
            open: self.open,
            bounds,
            log: self.log,
            log_bodies: self.log_bodies,
            ..Config::of(self.bind)
        };
        // Before anything is started or read.
        config.check().map_err(failed)?;
        Ok(config)
    }

    fn judge(&self) -> anyhow::Result<HostJudge> {
        let mut judge = chosen_judge(self.isolation, self.python.as_deref(), self.workers)?;
        if !self.no_reruns {
            judge = judge.with_reruns();
        }
        if self.no_cache {
            return Ok(judge);
        }
        let Some(folder) = VerdictCache::default_folder() else {
            say("verdicts are not kept: none of RLEF_CACHE, XDG_CACHE_HOME and HOME is set");
            return Ok(judge);
        };
        Ok(match VerdictCache::open(&folder, CACHE_BYTES) {
            Ok(cache) => judge.with_cache(cache),
            Err(error) => {
                say(&format!("failed to {error}"));
                judge
            }
        })
    }
}

fn failed(error: crate::ConfigError) -> anyhow::Error {
    anyhow::Error::new(error)
}

/// The set that a name on the command line stands for.
fn set(name: &str) -> anyhow::Result<Set> {
    if let Some(split) = contest::parse_spec(name) {
        let problems = contest::generate(split, &ContestConfig::default());
        return Ok(Set::new(name, problems));
    }
    let (schema, path) = match name.split_once(':') {
        Some((schema, path)) if Schema::named(schema).is_some() => {
            (Schema::named(schema), Path::new(path))
        }
        _ => (None, Path::new(name)),
    };
    let (problems, notices) = problem::read(path, schema)?;
    for notice in notices {
        say(&format!("warning: {notice}"));
    }
    let file = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    // `HumanEval` for `HumanEval.jsonl.gz`.
    let stem = file
        .split('.')
        .find(|part| !part.is_empty())
        .unwrap_or("problems");
    Ok(Set::new(stem, problems))
}

/// Serves until it is told to end: once to finish what is under way, twice to end at once.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.config()?;
    more_descriptors();
    let sets = args.problems.iter().map(|name| set(name));
    let sets: Vec<Set> = sets.collect::<anyhow::Result<_>>()?;
    let judge = Arc::new(args.judge()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("failed to watch for signals")?;
    // Before it is said that it listens: whoever reads that may end it.
    let mut ends = {
        let _entered = runtime.enter();
        Ends::new().context("failed to watch for signals")?
    };
    let server = Server::start(config, judge, Sets::new(sets)).map_err(failed)?;
    say(&format!("listening on http://{}", server.address()));
    runtime.block_on(ends.next());
    say("ending: requests under way are finished; once more ends at once");
    server.drain();
    let ended = server.ended();
    runtime.block_on(async {
        tokio::select! {
            () = ended => {}
            () = ends.next() => server.end(),
        }
    });
    Ok(())
}

/// Signals that end a server.
struct Ends {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Takes as many descriptors as there may be: each connection is one.
fn more_descriptors() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && setrlimit(Resource::RLIMIT_NOFILE, hard.min(1 << 20), hard).is_err()
    {
        tracing::warn!("only {soft} files and connections may be open at once");
    }
}
