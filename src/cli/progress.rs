//! A progress line on a terminal, plain lines elsewhere; always on stderr.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::say;

/// Tells a person how far something is.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    started: Instant,
    last_line: Option<Instant>,
}

/// Least time between two plain lines.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

impl Progress {
    /// Starts counting to `total`.
    pub fn new(label: &str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{prefix} {bar:24} {pos}/{len} {elapsed} left {eta}  {msg}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total)
                .with_style(style)
                .with_prefix(label.to_owned())
        });
        if bar.is_none() {
            say!("{label}: {total}");
        }
        Self {
            bar,
            total,
            started: Instant::now(),
            last_line: None,
        }
    }

    /// Says that `done` are done, with a word on what they were like.
    pub fn set(&mut self, done: u64, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            bar.set_message(message.to_owned());
            return;
        }
        let due = self
            .last_line
            .is_none_or(|last| last.elapsed() >= PLAIN_INTERVAL)
            || done == self.total;
        if due {
            let spent = self.started.elapsed().as_secs_f64();
            let left = spent / done.max(1) as f64 * (self.total - done.min(self.total)) as f64;
            say!(
                "{done}/{} {spent:.0}s, {left:.0}s left  {message}",
                self.total
            );
            self.last_line = Some(Instant::now());
        }
    }

    /// Prints a line of its own above the bar.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say!("{text}")),
            None => say!("{text}"),
        }
    }

    /// Ends the bar and leaves its last state on the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
