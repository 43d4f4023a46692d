//! The options of `rlef eval --policy openai:URL` → a policy. The key comes from the environment alone, so that no
//! command line, process list or history holds it.

use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::policy::remote::{Endpoint, RemoteConfig, RemotePolicy, Sent};
use crate::server::{Prices, ServerConfig};

/// Where a key is looked for if no variable is named.
const KEY: &str = "OPENAI_API_KEY";

/// Options of a policy behind a server.
#[derive(Args)]
#[command(next_help_heading = "A policy behind a server (--policy openai:URL)")]
pub(super) struct ServerArgs {
    /// The model's name on the server.
    #[arg(long)]
    model: Option<String>,
    /// What of the server is asked: chat, or completions, which goes on from a text that ends in an open fence.
    #[arg(long, value_enum, default_value_t = EndpointArg::Chat)]
    endpoint: EndpointArg,
    /// A system message before the problem.
    #[arg(long)]
    system: Option<String>,
    /// Requests under way at once.
    #[arg(long, default_value_t = 8, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1024))]
    concurrency: usize,
    /// Requests made for one answer at most; failures wait longer each time, or as long as the server says.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,
    /// Seconds one request may take, its answer included.
    #[arg(long, default_value_t = 300.0)]
    request_timeout: f64,
    /// Environment variable that holds the key [default: OPENAI_API_KEY, where it is set].
    #[arg(long, value_name = "NAME")]
    api_key_env: Option<String>,
    /// Price of a million tokens read.
    #[arg(long, requires = "price_out", value_parser = price)]
    price_in: Option<f64>,
    /// Price of a million tokens written.
    #[arg(long, requires = "price_in", value_parser = price)]
    price_out: Option<f64>,
}

/// The parser of a price.
fn price(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    let found = number.filter(|price: &f64| price.is_finite() && *price >= 0.0);
    found.ok_or_else(|| "expected a number of at least 0".to_owned())
}

#[derive(Clone, Copy, ValueEnum)]
enum EndpointArg {
    /// POST URL/chat/completions.
    Chat,
    /// POST URL/completions, for models that were never instructed.
    Completions,
}

impl ServerArgs {
    /// The policy at `url`.
    pub(super) fn policy(&self, url: &str, sent: Sent) -> anyhow::Result<RemotePolicy> {
        let model = self.model()?.to_owned();
        let config = RemoteConfig {
            server: ServerConfig {
                url: url.to_owned(),
                model,
                concurrency: self.concurrency(),
                tries: self.tries(),
                timeout: self.timeout()?,
                backoff: Duration::from_millis(500),
            },
            endpoint: match self.endpoint {
                EndpointArg::Chat => Endpoint::Chat,
                EndpointArg::Completions => Endpoint::Completions,
            },
            system: self.system.clone(),
            sent,
            prices: (self.price_in.zip(self.price_out))
                .map(|(read, written)| Prices { read, written }),
        };
        Ok(RemotePolicy::new(config, self.key()?)?)
    }

    /// What tells this policy from others in a record.
    pub(super) fn name(&self, url: &str) -> anyhow::Result<String> {
        let system = self
            .system
            .as_ref()
            .map(|text| format!(" with system message {text:?}"));
        let endpoint = match self.endpoint {
            EndpointArg::Chat => "",
            EndpointArg::Completions => " (completions)",
        };
        Ok(format!(
            "openai:{url} {}{endpoint}{}",
            self.model()?,
            system.unwrap_or_default()
        ))
    }

    /// Requests under way at once.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency.clamp(1, 1024)
    }

    /// Requests made for one answer at most.
    pub(super) fn tries(&self) -> u32 {
        self.tries.max(1)
    }

    /// Time for one request.
    pub(super) fn timeout(&self) -> anyhow::Result<Duration> {
        anyhow::ensure!(
            self.request_timeout > 0.0 && self.request_timeout < 1e6,
            "use --request-timeout {}; expected seconds above 0",
            self.request_timeout
        );
        Ok(Duration::from_secs_f64(self.request_timeout))
    }

    /// The model's name there, where one is given.
    pub(super) fn served(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn model(&self) -> anyhow::Result<&str> {
        self.served().context(
            "ask --policy openai:URL: it needs --model NAME, the model's name on the server",
        )
    }

    pub(super) fn key(&self) -> anyhow::Result<Option<String>> {
        let name = self.api_key_env.as_deref().unwrap_or(KEY);
        let key = std::env::var(name).unwrap_or_default().trim().to_owned();
        anyhow::ensure!(
            !(key.is_empty() && self.api_key_env.is_some()),
            "read the key of --api-key-env {name}: the environment holds no such variable, or it is no text; export it first"
        );
        anyhow::ensure!(
            key.bytes().all(|byte| byte.is_ascii_graphic()),
            "use the key in {name}: it holds a character that no header can carry"
        );
        Ok(Some(key).filter(|key| !key.is_empty()))
    }
}
