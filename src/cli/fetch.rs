//! `rlef fetch`: names of public sets → their files, checked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_judge::nearest::meant;

use super::output::{self, say};
use crate::public_sets::{PUBLIC_SETS, PublicSet};

/// Arguments of `rlef fetch`.
#[derive(ClapArgs)]
#[command(after_help = "Examples:\n  \
    rlef fetch --list\n  \
    rlef fetch humaneval mbppplus\n  \
    rlef fetch humaneval --out sets --mirror http://files.example/sets\n\n\
    A file that is there already is checked and left as it is.\n\
    Sets of other hosts: docs/data.md.")]
pub struct Args {
    /// Names of sets.
    #[arg(required_unless_present = "list", value_parser = set)]
    sets: Vec<&'static PublicSet>,
    /// Folder to put their files into; made where it is not there.
    #[arg(long, default_value = "data")]
    out: PathBuf,
    /// Take FILE from this address instead of where the set lies: URL/FILE. The same bytes are asked for.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Print all sets with their licences, lengths, hashes and addresses, and end.
    #[arg(long)]
    list: bool,
}

fn set(name: &str) -> Result<&'static PublicSet, String> {
    PublicSet::named(name).ok_or_else(|| {
        let names: Vec<_> = PUBLIC_SETS.iter().map(|set| set.name).collect();
        let near = meant(name, names.iter().copied());
        format!("expected one of {}{near}", names.join(", "))
    })
}

/// Fetches one after the other.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.list {
        let lines = PUBLIC_SETS.iter().map(|set| {
            format!(
                "{:<20}  {:<10}  {}\n  {} bytes, SHA-256 {}\n  {}",
                set.name,
                set.licence,
                set.holds,
                set.bytes,
                set.sha256,
                set.address()
            )
        });
        output::print(&lines.collect::<Vec<_>>().join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    for set in &args.sets {
        let fetched = set.fetch(&args.out, args.mirror.as_deref())?;
        let how = if fetched.was_there {
            "was there, and is"
        } else {
            "is"
        };
        say!(
            "{} {how} what was asked for: {} ({})",
            fetched.path.display(),
            set.name,
            set.licence
        );
    }
    Ok(ExitCode::SUCCESS)
}
