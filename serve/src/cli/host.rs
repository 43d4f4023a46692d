//! Options of verbs that run programs here → the judge of this machine.

use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use rlef_judge::verdict::{CACHE_BYTES, HostJudge, VerdictCache, chosen_judge};
use rlef_sandbox::Isolation;

use super::output::{insist, say};

/// Most workers: each is a jail of its own.
pub const MOST_WORKERS: usize = 4096;

/// Options of verbs that run programs here.
#[derive(Args, Clone, Debug)]
pub struct HostArgs {
    /// What stands between programs and this machine: process, wasm (WebAssembly), or auto (processes where this machine
    /// can jail them and has a python3, else WebAssembly).
    #[arg(long, default_value_t)]
    pub isolation: Isolation,
    /// The interpreter of Python programs: a path, a name on the search path, or the folder of a virtual environment. Without
    /// it RLEF_PYTHON names it, else it is the first usable python3 on the search path.
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Programs judged side by side; 0 takes one a core.
    #[arg(long, default_value_t = 0, value_parser = workers())]
    pub workers: usize,
    /// Judge everything anew. Without it verdicts are kept in RLEF_CACHE, else in the user's cache folder, and found there
    /// by program, tests, limits, comparison, and version and isolation of what runs them; times shown are then those of
    /// the run that was kept.
    #[arg(long)]
    pub no_cache: bool,
    /// Let every timeout stand. Without it a test that timed out is run once more with a quarter more time, and where the
    /// program then ends, it is judged again up to twice.
    #[arg(long)]
    pub no_reruns: bool,
}

/// The parser of a number of workers.
pub fn workers() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(0..=MOST_WORKERS as u64)
}

impl HostArgs {
    /// The tests of this machine. A cache that can't be opened is said and done without.
    pub fn judge(&self) -> anyhow::Result<HostJudge> {
        let mut judge = chosen_judge(self.isolation, self.python.as_deref(), self.workers)?;
        if !self.no_reruns {
            judge = judge.with_reruns();
        }
        if self.no_cache {
            return Ok(judge);
        }
        let Some(folder) = VerdictCache::default_folder() else {
            insist!("verdicts are not kept: none of RLEF_CACHE, XDG_CACHE_HOME and HOME is set");
            return Ok(judge);
        };
        Ok(match VerdictCache::open(&folder, CACHE_BYTES) {
            Ok(cache) => judge.with_cache(cache),
            Err(error) => {
                insist!("failed to {error}");
                judge
            }
        })
    }

    /// Says what the judge did besides running programs.
    pub fn tell(&self, judge: &HostJudge) {
        let counts = judge.counts();
        if counts.cached + counts.near_limit > 0 {
            say!("{counts}");
        }
    }
}
