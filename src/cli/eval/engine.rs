//! The options of `rlef eval --policy engine:URL` → an engine that answers with what it serves, and the tokenizer of that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use super::super::starter::Folder;
use super::server::ServerArgs;
use crate::checkpoint::{self, template_file::TemplateFile, tokenizer::Tokenizer};
use crate::model::decoder::ModelConfig;
use crate::policy::engine::{Engine, EngineKind};
use crate::server::ServerConfig;

/// Options of a policy behind a serving engine.
#[derive(Args)]
#[command(next_help_heading = "A policy behind a serving engine (--policy engine:URL)")]
pub(super) struct EngineArgs {
    /// Whose interface it has. The options of a server above hold for it, too.
    #[arg(long, value_enum)]
    engine: Option<Kind>,
    /// The folder of the checkpoint that it serves; its tokenizer and its shape are read, and no weight.
    #[arg(long, value_name = "FOLDER")]
    tokenizer: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// vLLM's /inference/v1/generate.
    Vllm,
    /// SGLang's /generate.
    Sglang,
}

/// An engine, and what is known of the policy that it serves.
pub(super) struct Served {
    pub(super) engine: Engine,
    pub(super) tokenizer: Tokenizer,
    pub(super) shape: ModelConfig,
}

impl EngineArgs {
    /// The folder of what it serves.
    pub(super) fn tokenizer(&self) -> anyhow::Result<&Path> {
        self.tokenizer.as_deref().context(
            "ask --policy engine:URL: it needs --tokenizer FOLDER, the folder of the checkpoint that the engine serves: it is asked with token ids",
        )
    }

    fn kind(&self) -> anyhow::Result<EngineKind> {
        let kind = self
            .engine
            .context("ask --policy engine:URL: it needs --engine vllm or --engine sglang")?;
        Ok(match kind {
            Kind::Vllm => EngineKind::Vllm,
            Kind::Sglang => EngineKind::Sglang,
        })
    }

    /// What tells this policy from others in a record. Which weights it serves, nobody but its owner knows.
    pub(super) fn name(&self, url: &str, server: &ServerArgs) -> anyhow::Result<String> {
        let folder = self.tokenizer()?.display();
        let model = server.served().unwrap_or_default();
        Ok(format!("engine:{url} {model} (tokenizer of {folder})"))
    }

    /// Reaches the engine at `url`, which is asked by the chat template of a file where one is named.
    pub(super) fn served(
        &self,
        url: &str,
        server: &ServerArgs,
        template: Option<&Path>,
    ) -> anyhow::Result<Served> {
        let kind = self.kind()?;
        let template = template.map(TemplateFile::read).transpose()?;
        let (shape, tokenizer) = {
            let folder = Folder::of(self.tokenizer()?)?;
            checkpoint::describe_with(folder.path(), template.as_ref())?
        };
        let config = ServerConfig {
            url: url.to_owned(),
            model: server.served().unwrap_or_default().to_owned(),
            concurrency: server.concurrency(),
            tries: server.tries(),
            timeout: server.timeout()?,
            backoff: Duration::from_millis(500),
        };
        Ok(Served {
            engine: Engine::serving(kind, &config, server.key()?)?,
            tokenizer,
            shape,
        })
    }
}
