//! `completions` and `man`: what a shell, and `man`, know of a program. Both are made from its own arguments, so they are
//! never behind it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::output::{self, print, say};

/// Version, commit and what was built in, as `--version` prints them: `0.1.0 (commit 0123abc, wasm)`.
///
/// The commit is what `RLEF_COMMIT` named when the program was built, else in a release build what git said (`build.rs`).
/// Changes that were not committed are not told from it.
pub fn version(features: &[(&str, bool)]) -> String {
    let commit = option_env!("RLEF_COMMIT").filter(|commit| !commit.is_empty());
    let commit = commit.map_or_else(
        || "commit not recorded".to_owned(),
        |commit| format!("commit {commit}"),
    );
    let said = features.iter().map(|(name, is_built)| {
        let name = (*name).to_owned();
        if *is_built {
            name
        } else {
            format!("no {name}")
        }
    });
    let said: Vec<String> = std::iter::once(commit).chain(said).collect();
    format!("{} ({})", env!("CARGO_PKG_VERSION"), said.join(", "))
}

/// The version of a program that computes no models.
pub static PLAIN: LazyLock<String> = LazyLock::new(|| version(&[("wasm", cfg!(feature = "wasm"))]));

/// Arguments of `completions`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  rlef completions bash > ~/.local/share/bash-completion/completions/rlef\n  \
    rlef completions zsh > ~/.zfunc/_rlef\n  rlef completions fish > ~/.config/fish/completions/rlef.fish"
)]
pub struct CompletionArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints the completions of a program for one shell.
pub fn completions(args: &CompletionArgs, mut command: Command) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut text);
    print(String::from_utf8_lossy(&text).trim_end());
    ExitCode::SUCCESS
}

/// Arguments of `man`.
#[derive(Args)]
#[command(after_help = "Examples:\n  rlef man --out ~/.local/share/man/man1\n  man rlef-train")]
pub struct ManArgs {
    /// Folder to write the pages to: one of the program, and one a verb.
    #[arg(long)]
    out: PathBuf,
}

/// Writes a program's manual pages.
pub fn man(args: &ManArgs, mut command: Command) -> anyhow::Result<ExitCode> {
    output::check_folder(&args.out)?;
    std::fs::create_dir_all(&args.out)?;
    // Gives each verb the name it is called by.
    command.build();
    let mut count = 1;
    page(&args.out, &command)?;
    for verb in command.get_subcommands() {
        if verb.get_name() != "help" {
            page(&args.out, verb)?;
            count += 1;
        }
    }
    say!("{count} manual pages written to {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// Writes the page of a program or a verb.
fn page(folder: &Path, command: &Command) -> anyhow::Result<()> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render(&mut text)?;
    output::keep(&folder.join(man.get_filename()), &text)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_says_what_was_built() {
        let text = version(&[("wasm", true), ("cuda", false)]);
        assert!(text.starts_with(env!("CARGO_PKG_VERSION")), "{text}");
        assert!(text.ends_with(", wasm, no cuda)"), "{text}");
    }
}
