//! How far something is: a bar with a line below it on a terminal, plain lines elsewhere; always on stderr. Both are there from
//! the first second, and move while nothing is told.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::say;
use super::{levels, screen};
use rlef_judge::counted::counted;

/// Says what is going on, whenever it is asked.
pub type Meter = Arc<dyn Fn() -> String + Send + Sync>;

/// Tells a person how far something is.
pub struct Progress {
    bar: Option<ProgressBar>,
    /// The bar's number on the screen.
    shown: Option<u64>,
    label: String,
    total: u64,
    started: Instant,
    last_line: Arc<Mutex<Instant>>,
    /// Whether a plain line said how far it is.
    has_told: bool,
    ended: Arc<AtomicBool>,
}

/// Least time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);
/// Time without a plain line after which one says what is going on.
const SILENCE: Duration = Duration::from_secs(30);
/// How often a bar is drawn anew.
const TICK: Duration = Duration::from_millis(250);
/// The first line of a bar, which fits 80 columns, and what is going on or was told last in the rest of the second.
const TEMPLATE: &str =
    "{prefix} {bar:20} {pos}/{len}  {elapsed} gone, {eta} to go\n  {doing}{wide_msg}";
/// The same for a terminal that would break the first line, of which a redraw then wipes half.
const NARROW: &str = "{prefix} {pos}/{len}  {elapsed} gone\n  {doing}{wide_msg}";
/// Columns that the first line may take.
const WIDE: usize = 72;

impl Progress {
    /// Starts counting to `total` of what `noun` names one of.
    pub fn new(label: &str, noun: &str, total: u64) -> Self {
        Self::watching(label, noun, total, Arc::new(String::new))
    }

    /// The same, with somebody who says what is going on between two steps.
    pub fn watching(label: &str, noun: &str, total: u64, meter: Meter) -> Self {
        let is_quiet = levels::is_quiet();
        let bar = (!is_quiet && std::io::stderr().is_terminal()).then(|| {
            let is_narrow = screen::width(std::io::stderr()).is_some_and(|width| width < WIDE);
            let template = if is_narrow { NARROW } else { TEMPLATE };
            let shown = Arc::clone(&meter);
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .with_key(
                    "doing",
                    move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
                        let _ = out.write_str(&spaced(&shown()));
                    },
                );
            let bar = ProgressBar::new(total)
                .with_style(style)
                .with_prefix(label.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        let progress = Self {
            label: label.to_owned(),
            total,
            started: Instant::now(),
            last_line: Arc::new(Mutex::new(Instant::now())),
            has_told: false,
            ended: Arc::new(AtomicBool::new(bar.is_some())),
            shown: bar.as_ref().map(screen::show),
            bar,
        };
        if progress.bar.is_none() && !is_quiet {
            say!("{label}: {}", counted(total as usize, noun));
            progress.break_silence(meter);
        }
        progress
    }

    /// Says now and then that it goes on, where nothing else does.
    fn break_silence(&self, meter: Meter) {
        let (last, ended) = (Arc::clone(&self.last_line), Arc::clone(&self.ended));
        let (label, started) = (self.label.clone(), self.started);
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if last.elapsed() >= SILENCE && !ended.load(Ordering::Relaxed) {
                    let gone = started.elapsed().as_secs();
                    say!("{label}: {gone}s gone  {}", meter());
                    *last = Instant::now();
                }
            }
        });
    }

    /// Says that `done` are done, with a word on what they were like.
    pub fn set(&mut self, done: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message.to_owned());
            return;
        }
        let mut last = self
            .last_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // The first one at once, so that it is seen to move.
        let first = done > 0 && !self.has_told;
        if first || last.elapsed() >= PLAIN_INTERVAL || done == self.total {
            let spent = self.started.elapsed().as_secs_f64();
            let left = spent / done.max(1) as f64 * (self.total - done.min(self.total)) as f64;
            let words = format!(
                "{done}/{}  {spent:.0}s gone, {left:.0}s to go  {message}",
                self.total
            );
            say!("{}", words.trim_end());
            self.has_told |= done > 0;
            *last = Instant::now();
        }
    }

    /// Ends the bar and leaves its last state on the screen.
    pub fn finish(&self) {
        self.ended.store(true, Ordering::Relaxed);
        // Once: drawn again it would wipe what was said since.
        if let Some(bar) = self.bar.as_ref().filter(|bar| !bar.is_finished()) {
            bar.abandon();
        }
        if let Some(number) = self.shown {
            screen::forget(number);
        }
    }
}

impl Drop for Progress {
    /// A bar that is still drawn would wipe what is said after it, an error for one.
    fn drop(&mut self) {
        self.finish();
    }
}

/// What is going on, apart from what was told.
fn spaced(words: &str) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!("{words}  ")
    }
}
