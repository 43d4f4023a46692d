//! How long do pages of a large journal take, and what do they hold in memory? A journal of made-up episodes is written, each some ten
//! kilobytes, and looked at as a browser does: opened, listed while it is still being read and after, filtered, sorted, and one
//! episode shown. Nothing of it is real but its size.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rlef::journal::{self, EpisodeRecord, Frames};
use rlef::view::{Loaders, Places, View, routes};
use rlef_benchmarks::{head, measure, peak, row};
use rlef_serve::Config;
use rlef_serve::pages::Pages;

/// Pages of a large journal.
#[derive(Parser)]
struct Args {
    /// Episodes.
    #[arg(long, default_value_t = 200_000)]
    episodes: usize,
    /// Bytes of an episode's lines, about.
    #[arg(long, default_value_t = 10_000)]
    bytes: usize,
    /// Where the journal is written; a folder that may grow by a few hundred megabytes. One that is there is used again.
    #[arg(long)]
    folder: PathBuf,
    /// Times that each page is asked for.
    #[arg(long, default_value_t = 5)]
    times: usize,
}

/// Problems that are played.
const PROBLEMS: usize = 4_000;
/// Episodes that are written at once.
const ROUND: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let run = args.folder.join("run");
    let path = run.join(journal::NAME);
    if !path.exists() {
        std::fs::create_dir_all(&run)?;
        std::fs::write(run.join("config.toml"), "rounds = 2\nproblems = \"none\"\n")?;
        std::fs::write(run.join("metrics.jsonl"), "{\"round\":0,\"reward\":0.5}\n")?;
        std::fs::write(run.join("timings.jsonl"), "")?;
        written(&path, &args)?;
    }
    head();
    let loaders = Loaders {
        problems: |_| Err("none are at hand".to_owned()),
        tokenizer: |_| Err("there is none".to_owned()),
    };
    let places = Places::of(vec![args.folder.clone()]).map_err(anyhow::Error::msg)?;
    let config = Config::of("127.0.0.1:0".parse()?);
    let pages = Pages::start(config, routes(&View::new(places, loaders)))?;
    let of = run.display();
    let bytes = std::fs::metadata(&path)?.len();
    let list = format!("/episodes?of={of}");
    let (found, sample) = measure(|| get(pages.address(), &list));
    found?;
    row(
        "view",
        &format!("first page of {bytes} bytes"),
        0,
        1,
        "page",
        sample,
    );
    // While the rest is being read.
    for time in 0..args.times {
        asked(&pages, "list while it is read", &list, time)?;
    }
    let since = Instant::now();
    while get(pages.address(), &format!("{list}&solved=0"))?.contains("left out of this list") {
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!(
        "all episodes were read after {:.1} s",
        since.elapsed().as_secs_f64()
    );
    let middle = args.episodes / 2;
    let shown = [
        ("list", list.clone()),
        (
            "a page in the middle",
            format!("{list}&page={}", middle / 50),
        ),
        ("by reward", format!("{list}&sort=reward&descending=1")),
        (
            "by length in the middle",
            format!("{list}&sort=length&page={}", middle / 50),
        ),
        (
            "by verdict and turn",
            format!("{list}&verdict=accepted&solved=2"),
        ),
        (
            "by problem",
            format!("{list}&problem=problem-0042&sort=step"),
        ),
        ("an episode", format!("/episode?of={of}&n={middle}")),
        ("the run", format!("/run?of={of}")),
        ("problems", format!("/problems?of={of}")),
    ];
    for (name, address) in &shown {
        for time in 0..args.times {
            asked(&pages, name, address, time)?;
        }
    }
    peak("view");
    Ok(())
}

fn asked(pages: &Pages, name: &str, address: &str, time: usize) -> anyhow::Result<()> {
    let (found, sample) = measure(|| get(pages.address(), address));
    found?;
    row("view", name, time, 1, "page", sample);
    Ok(())
}

/// A page's text.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    anyhow::ensure!(
        text.starts_with("HTTP/1.1 200"),
        "{path}: {}",
        text.lines().next().unwrap_or_default()
    );
    Ok(text)
}

fn written(path: &Path, args: &Args) -> anyhow::Result<()> {
    let mut frames = Frames::after(path, 0)?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let none: Arc<str> = Arc::from("");
    for first in (0..args.episodes).step_by(ROUND) {
        let round = first..(first + ROUND).min(args.episodes);
        let records =
            round.map(|number| Ok((episode(number, args.bytes, &mut random)?, Arc::clone(&none))));
        frames.append(&records.collect::<anyhow::Result<Vec<_>>>()?)?;
    }
    frames.sync()?;
    Ok(())
}

/// An episode of two or three turns, whose lines have about so many bytes: half of them ids and log-probabilities.
fn episode(number: usize, bytes: usize, random: &mut ChaCha8Rng) -> anyhow::Result<EpisodeRecord> {
    let turns = random.random_range(1..=3);
    let solved = random.random::<f64>() < 0.4;
    let size = bytes / turns;
    let turn = |place: usize, random: &mut ChaCha8Rng| {
        let last = place + 1 == turns;
        let grade = if last && solved {
            "accepted"
        } else {
            "wrong_answer"
        };
        let line = |random: &mut ChaCha8Rng| {
            format!(
                "x{} = {} + x{}\n",
                random.random_range(0..99),
                random.random::<u32>(),
                random.random_range(0..99)
            )
        };
        let mut text = "```python\n".to_owned();
        while text.len() < size / 2 {
            text += &line(random);
        }
        text += "print(x1)\n```";
        let tokens: Vec<u32> = (0..size / 24)
            .map(|_| random.random_range(0..32_000))
            .collect();
        let log_probs: Vec<f32> = tokens.iter().map(|_| -random.random::<f32>()).collect();
        serde_json::json!({"text": text, "finish": "end", "tokens": tokens, "sampler_logprobs": log_probs, "grade": grade,
            "passed": 0, "total": 3, "failures": [], "reward": {"outcome": if last { random.random::<f64>() } else { 0.0 }},
            "feedback": if last { "" } else { "Your code failed a test: expected 3, got 4." }})
    };
    let turns: Vec<serde_json::Value> = (0..turns).map(|place| turn(place, random)).collect();
    let record = serde_json::json!({"step": number / ROUND, "problem_id": format!("problem-{:05}", number / 8 % PROBLEMS), "sample": number % 8,
        "turns": turns, "stop": if solved { "solved" } else { "max_turns" }, "outcome": if solved { "accepted" } else { "wrong_answer" },
        "passed": 1, "total": 9});
    Ok(serde_json::from_value(record)?)
}
