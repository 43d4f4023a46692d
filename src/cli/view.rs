//! `rlef view`: runs, episodes, evaluations and problems as pages in a browser.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args as ClapArgs;
use rlef_serve::pages;
use rlef_serve::{Config, tokens};

use super::output::insist;
use super::{sentence, source};
use crate::view::{self, Loaders, Places, View};

/// Arguments of `rlef view`.
#[derive(ClapArgs)]
#[command(
    after_help = "Nothing is fetched from elsewhere and nothing is changed. Episodes of an evaluation are shown where its journal is named, too.\n\n\
    Examples:\n  \
    rlef view\n  \
    rlef view runs/train-001 before.json after.json samples.jsonl\n  \
    rlef view runs --bind 0.0.0.0:8090 --token-file tokens.txt"
)]
pub struct Args {
    /// A run, the record of an evaluation, a journal, or a folder that is looked into for them.
    #[arg(default_value = "runs", value_name = "RUN|EVALUATION|FOLDER")]
    of: Vec<PathBuf>,
    #[command(flatten)]
    bind: BindArgs,
}

/// Where pages are served.
#[derive(ClapArgs, Clone, Debug)]
pub struct BindArgs {
    /// Where to listen; port 0 takes a free one. Another address than this machine's own needs --token-file.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS:PORT")]
    bind: SocketAddr,
    /// Tokens, one a line; a browser asks for one as a password. The file must be readable by its owner alone.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl BindArgs {
    /// What is to be served.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let tokens = self.token_file.as_deref().map(tokens).transpose()?;
        Ok(Config {
            tokens: tokens.unwrap_or_default(),
            ..Config::of(self.bind)
        })
    }

    /// Serves pages until the user ends it.
    pub(super) fn serve(&self, router: axum::Router) -> anyhow::Result<ExitCode> {
        let told = |address| insist!("open http://{address} in a browser; Ctrl-C ends it");
        pages::run(self.config()?, router, told)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How names in configurations are loaded.
pub(super) const LOADERS: Loaders = Loaders {
    problems: |name| source::problems(name).map_err(|error| sentence(&error)),
    tokenizer: |policy: &Path| {
        let found = source::shape(policy, None).map_err(|error| sentence(&error))?;
        let missing = || format!("there is no policy {}", policy.display());
        found.map(|(_, tokenizer, _)| tokenizer).ok_or_else(missing)
    },
};

/// Serves until the user ends it.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let places = Places::of(args.of.clone()).map_err(anyhow::Error::msg)?;
    let view = View::new(places, LOADERS);
    args.bind.serve(view::routes(&view))
}
