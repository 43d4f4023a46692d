//! `serve` as a person types it: arguments → a server that runs until it is told to end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use clap::builder::RangedU64ValueParser;
use rlef_judge::problem::contest::{self, ContestConfig};

use crate::cli::host::HostArgs;
use crate::cli::output::insist;
use crate::cli::source;
use crate::config::{Bounds, Config, tokens};
use crate::problems::{Set, Sets};
use crate::server::Server;

/// How often it is looked whether the parent is still there.
const PARENT_LOOK: Duration = Duration::from_millis(200);

/// Arguments of `serve`.
#[derive(ClapArgs, Clone, Debug)]
#[command(
    after_help = "It answers rlef's own interface (GET /v1/openapi.json), and those of SandboxFusion, OpenEnv, OpenRLHF, slime, \
    NeMo-Gym, open-instruct and Piston; docs/serve.md says which setting of which client to change.\n\n\
    Exit codes: 0 ended as it was told to, 2 usage, 3 a protection is missing, 4 the sandbox failed.\n\n\
    Examples:\n  rlef serve --problems HumanEval.jsonl.gz\n  \
    rlef serve --bind 0.0.0.0:8080 --token-file tokens.txt \\\n      \
    --problems contest:train"
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
    #[command(flatten)]
    host: HostArgs,
    /// Requests held at once; more are told to come again.
    #[arg(long, default_value_t = Bounds::default().requests, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 20))]
    queue: usize,
    /// Megabytes of one request's body.
    #[arg(long, default_value_t = Bounds::default().body_bytes >> 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=1 << 12))]
    max_body_mb: usize,
    /// Seconds that requests under way have once the server is told to end by SIGTERM or Ctrl-C.
    #[arg(long, default_value_t = Bounds::default().drain.as_secs(), value_parser = RangedU64ValueParser::<u64>::new().range(0..=86_400))]
    drain_seconds: u64,
    /// End as soon as this process, which started the server, is gone.
    #[arg(long, value_name = "PID")]
    while_parent: Option<u32>,
    /// Write a line for each request to standard error: from where, route, status, time.
    #[arg(long)]
    log: bool,
    /// Write bodies as well: programs, tests and answers.
    #[arg(long, requires = "log")]
    log_bodies: bool,
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
    let problems = source::problems(name)?;
    let (_, path) = source::named(name);
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
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = args.config()?;
    more_descriptors();
    let sets = args.problems.iter().map(|name| set(name));
    let sets: Vec<Set> = sets.collect::<anyhow::Result<_>>()?;
    let judge = Arc::new(args.host.judge()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to watch for signals")?;
    // Before it is said that it listens: whoever reads that may end it.
    let mut ends = {
        let _entered = runtime.enter();
        Ends::new().context("failed to watch for signals")?
    };
    let server = Server::start(config, judge, Sets::new(sets)).map_err(failed)?;
    insist!("listening on http://{}", server.address());
    let told = runtime.block_on(async {
        tokio::select! {
            () = ends.next() => true,
            () = orphaned(args.while_parent) => false,
        }
    });
    if !told {
        server.end();
        return Ok(ExitCode::SUCCESS);
    }
    insist!("ending: requests under way are finished; once more ends at once");
    server.drain();
    let ended = server.ended();
    runtime.block_on(async {
        tokio::select! {
            () = ended => {}
            () = ends.next() => server.end(),
            () = orphaned(args.while_parent) => server.end(),
        }
    });
    Ok(ExitCode::SUCCESS)
}

/// Waits until the process that started this one is gone; for ever where none is named.
async fn orphaned(parent: Option<u32>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    // Whoever takes its place as parent is another.
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(PARENT_LOOK).await;
    }
}

/// Signals that end a server.
pub(crate) struct Ends {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Ends {
    pub(crate) fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn next(&mut self) {
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
