//! What does a journal of frames cost beside one of lines? The episodes of a journal that was played are written again and
//! again, each time as another policy version's, into both; then both are opened, and one episode is looked for in the middle.
//!
//! A file of lines is open once all of it is read: nothing less finds an episode.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use rlef::journal::{self, EpisodeRecord, FrameReader, Frames, Lines, Selection};
use rlef_benchmarks::{head, measure, peak, row};

/// Frames beside lines.
#[derive(Parser)]
struct Args {
    /// A journal whose episodes are written.
    #[arg(long)]
    journal: PathBuf,
    /// Megabytes of lines to write.
    #[arg(long, default_value_t = 256)]
    megabytes: u64,
    /// Where both are written; a folder that may grow so large.
    #[arg(long)]
    folder: PathBuf,
    /// Leave the lines out.
    #[arg(long)]
    frames_alone: bool,
}

/// Episodes of a round: what is appended at once.
const ROUND: usize = 256;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let source: Vec<EpisodeRecord> = journal::read(&args.journal)?;
    anyhow::ensure!(!source.is_empty(), "the journal holds no episode");
    let mut size = 0;
    for record in &source {
        size += serde_json::to_vec(record)?.len() as u64 + 1;
    }
    let times = (args.megabytes << 20).div_ceil(size) as usize;
    let episodes = times * source.len();
    let (lines, frames) = (
        args.folder.join(journal::FIRST_FORM),
        args.folder.join(journal::NAME),
    );
    let rounds = || {
        (0..times).flat_map(|time| {
            source.chunks(ROUND).map(move |round| {
                let of = |record: &EpisodeRecord| EpisodeRecord {
                    step: time,
                    ..record.clone()
                };
                round.iter().map(of).collect::<Vec<_>>()
            })
        })
    };
    head();
    if !args.frames_alone {
        let mut open = Lines::open(&lines, 0)?;
        let (written, sample) = measure(|| -> anyhow::Result<u64> {
            for round in rounds() {
                open.append(&round)?;
            }
            Ok(open.sync()?)
        });
        said("lines", "write", episodes, written?, sample);
    }
    let mut open = Frames::after(&frames, 0)?;
    let none: Arc<str> = Arc::from("");
    let (written, sample) = measure(|| -> anyhow::Result<u64> {
        for round in rounds() {
            let round = round.into_iter().map(|record| (record, Arc::clone(&none)));
            open.append(&round.collect::<Vec<_>>())?;
        }
        Ok(open.sync()?)
    });
    said("frames", "write", episodes, written?, sample);
    drop(open);
    let index = args.folder.join(journal::INDEX);
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    eprintln!("index: {} bytes", bytes(&index));

    let one = Selection {
        step: Some(times / 2),
        problem_id: Some(source[source.len() / 2].problem_id.clone()),
        sample: Some(source[source.len() / 2].sample),
    };
    let (reader, sample) = measure(|| FrameReader::open(&frames));
    let reader = reader?;
    anyhow::ensure!(
        reader.episodes().count() == episodes,
        "episodes are missing"
    );
    said("frames", "open", episodes, bytes(&frames), sample);
    let (found, sample) = measure(|| reader.chosen(&one));
    anyhow::ensure!(!found?.is_empty(), "the episode is missing");
    said("frames", "find", 1, 0, sample);
    std::fs::remove_file(&index)?;
    let (reader, sample) = measure(|| FrameReader::open(&frames));
    anyhow::ensure!(
        reader?.episodes().count() == episodes,
        "episodes are missing"
    );
    said(
        "frames",
        "open without index",
        episodes,
        bytes(&frames),
        sample,
    );
    peak("frames");
    if !args.frames_alone {
        let (read, sample) = measure(|| journal::read::<EpisodeRecord>(&frames));
        anyhow::ensure!(read?.len() == episodes, "episodes are missing");
        said("frames", "read all", episodes, bytes(&frames), sample);
        let (read, sample) = measure(|| journal::read_chosen(&lines, &one));
        anyhow::ensure!(!read?.is_empty(), "the episode is missing");
        said("lines", "open and find", episodes, bytes(&lines), sample);
        peak("lines");
    }
    Ok(())
}

fn said(form: &str, what: &str, items: usize, bytes: u64, sample: rlef_benchmarks::Sample) {
    let case = format!("{form}; {what}; {bytes} bytes");
    row("journal", &case, 0, items, "episode", sample);
}
