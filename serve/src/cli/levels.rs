//! How much is said on standard error: `--quiet`, `--verbose` and `RLEF_LOG`.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{ArgAction, Args};
use rlef_judge::nearest::meant;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::screen;

/// The variable that names a level, where no flag does.
const VARIABLE: &str = "RLEF_LOG";

/// What there is, from the least on. Each says what the one before it says, too.
const LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Whether neither notes nor progress are said.
static QUIET: AtomicBool = AtomicBool::new(false);

/// The options of every verb that say how much is said.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Levels {
    /// Say warnings and errors alone on standard error, no notes and no progress; as RLEF_LOG=warn does.
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        display_order = 900
    )]
    quiet: bool,
    /// Say more on standard error, requests that are sent again for one; twice, all there is. As RLEF_LOG=debug and
    /// RLEF_LOG=trace do.
    #[arg(short, long, global = true, action = ArgAction::Count, display_order = 901)]
    verbose: u8,
}

impl Levels {
    /// Has so much be said from now on. Once a process.
    pub fn begin(self) -> anyhow::Result<()> {
        let level = self.level(std::env::var_os(VARIABLE).as_deref())?;
        QUIET.store(level < LevelFilter::INFO, Ordering::Relaxed);
        // Other crates' words are about what is theirs: hardly anybody wants them.
        let others = match level {
            LevelFilter::TRACE => LevelFilter::DEBUG,
            level => level.min(LevelFilter::WARN),
        };
        let words = fmt::layer()
            .with_writer(|| screen::Words)
            .with_target(false)
            .with_ansi(screen::has_colours())
            // What can't be said is no reason to panic.
            .log_internal_errors(false);
        tracing_subscriber::registry()
            .with(words)
            .with(
                Targets::new()
                    .with_default(others)
                    .with_target("rlef", level),
            )
            .init();
        Ok(())
    }

    fn level(self, named: Option<&OsStr>) -> anyhow::Result<LevelFilter> {
        let named = named.map(OsStr::to_string_lossy).unwrap_or_default();
        Ok(match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (_, 1) => LevelFilter::DEBUG,
            (_, 2..) => LevelFilter::TRACE,
            _ if named.is_empty() => LevelFilter::INFO,
            _ => {
                let found = LEVELS
                    .iter()
                    .find(|(name, _)| named.eq_ignore_ascii_case(name));
                let names = LEVELS.map(|(name, _)| name);
                let (_, level) = found.ok_or_else(|| {
                    anyhow::anyhow!(
                        "failed to use {VARIABLE}={named}{}: expected one of {}",
                        meant(&named, names),
                        names.join(", ")
                    )
                })?;
                *level
            }
        })
    }
}

/// Whether neither notes nor progress are said.
pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_goes_before_the_variable_and_an_unknown_level_is_refused() {
        let of = |quiet, verbose, named: &'static str| {
            Levels { quiet, verbose }.level(Some(OsStr::new(named)))
        };
        assert_eq!(of(false, 0, "").unwrap(), LevelFilter::INFO);
        assert_eq!(of(false, 0, "warn").unwrap(), LevelFilter::WARN);
        assert_eq!(of(false, 0, "DEBUG").unwrap(), LevelFilter::DEBUG);
        assert_eq!(of(true, 0, "trace").unwrap(), LevelFilter::WARN);
        assert_eq!(of(false, 1, "error").unwrap(), LevelFilter::DEBUG);
        assert_eq!(of(false, 3, "").unwrap(), LevelFilter::TRACE);
        let said = of(false, 0, "debgu").unwrap_err().to_string();
        assert!(
            said.contains("RLEF_LOG=debgu") && said.contains("debug"),
            "{said}"
        );
    }
}
