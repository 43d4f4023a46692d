//! Names of problem sets and policies on the command line → the things themselves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use burn::tensor::Device;
use clap::Args;
use rlef_judge::nearest;
pub use rlef_serve::cli::source::{SchemaArgs, named, problems, problems_without, readable};

use super::output::{self, say};
use super::starter::{self, Folder};
use crate::checkpoint::template_file::TemplateFile;
use crate::checkpoint::tokenizer::Tokenizer;
use crate::checkpoint::{self, adapter_file, gguf};
use crate::config::PolicyFacts;
use crate::eval::stamp::PolicyStamp;
use crate::model::decoder::{Decoder, Head, Held, ModelConfig};
use crate::model::device::Processor;
use crate::model::lora::LoraConfig;
use crate::problem;
use crate::problem::contest::{self, ContestConfig};

/// The option of every verb that asks a policy in the words of its chat template.
#[derive(Args, Clone, Debug, Default)]
pub struct TemplateArgs {
    /// A file of Jinja that speaks in place of the chat template of the policy's checkpoint, or of one that has none; what is
    /// trained keeps it.
    #[arg(long, value_name = "FILE")]
    chat_template: Option<PathBuf>,
}

impl TemplateArgs {
    /// The file, if one is named.
    pub fn path(&self) -> Option<&Path> {
        self.chat_template.as_deref()
    }
}

/// Loads a checkpoint, a model in GGUF, or a LoRA adapter with the one it names; `starter` is the one that ships, wherever the
/// command is run. The chat template of a file speaks in place of its own, where one is named; where none is, that beside an
/// adapter does.
pub fn policy(
    path: &Path,
    template: Option<&Path>,
    device: &Device,
) -> anyhow::Result<(Decoder, Tokenizer)> {
    policy_held(path, template, device, Held::F32)
}

/// As [`policy`], with the matrices that an adapter leaves as they are in these numbers.
pub fn policy_held(
    path: &Path,
    template: Option<&Path>,
    device: &Device,
    held: Held,
) -> anyhow::Result<(Decoder, Tokenizer)> {
    if let Some(kind) = path.to_str().and_then(|name| {
        ["openai:", "replay:"]
            .into_iter()
            .find(|kind| name.starts_with(kind))
    }) {
        anyhow::bail!(
            "failed to load the policy {}: {kind} gives text without token ids or log-probabilities, which nothing can be trained on; name a checkpoint directory",
            path.display()
        );
    }
    let folder = Folder::of(path)?;
    let directory = folder.path();
    if !directory.exists() {
        let name = path.to_string_lossy();
        let remedy = meant(&name).unwrap_or_else(|| {
            let word = name.split(':').next().unwrap_or_default();
            let near = nearest::meant(word, KINDS);
            format!("there is no such folder or file{near}; name a checkpoint's folder, a model in GGUF, or starter")
        });
        anyhow::bail!("failed to load the policy {}: {remedy}", path.display());
    }
    if let Some(base) = base_of(directory)? {
        let own = TemplateFile::beside(directory);
        let template = template.or(own.as_deref());
        let (mut decoder, tokenizer) = policy_held(&base, template, device, held)?;
        let adapter = adapter_file::load(directory, &decoder, device)
            .with_context(|| format!("failed to load the adapter {}", directory.display()))?;
        decoder.adapter = Some(adapter);
        return Ok((decoder, tokenizer));
    }
    let template = template.map(TemplateFile::read).transpose()?;
    checkpoint::load_with(directory, template.as_ref(), device, held)
        .with_context(|| format!("failed to load the policy {}", directory.display()))
}

/// Policies by name, and what stands before the address or file of one.
const KINDS: [&str; 5] = ["engine", "openai", "references", "replay", "starter"];

/// What to do about the name of a policy that is no folder here, where it looks like something else.
fn meant(name: &str) -> Option<String> {
    if name.starts_with("http://") || name.starts_with("https://") {
        return Some(format!(
            "that is an address; openai:{name} asks a server with OpenAI's interface, and engine:URL an engine"
        ));
    }
    // As a hub names a model: an owner and a name.
    let (owner, model) = name.split_once('/')?;
    let is_of_a_hub = !model.is_empty()
        && !model.contains('/')
        && !owner.is_empty()
        && !owner.starts_with(['.', '~'])
        && !Path::new(owner).exists();
    is_of_a_hub.then(|| {
        format!(
            "there is no such folder; a model of a hub is fetched before, for example by `hf download {name} --local-dir {model}`, and named by its folder"
        )
    })
}

/// Whether a policy is an adapter, and whether the blocks' matrices of its checkpoint are stored in bf16. Nothing where the
/// name is no directory, as for [`shape`].
pub fn stored(path: &Path) -> anyhow::Result<Option<(bool, bool)>> {
    let folder = Folder::of(path)?;
    let directory = folder.path();
    if !directory.exists() {
        return Ok(None);
    }
    if let Some(base) = base_of(directory)? {
        return Ok(stored(&base)?.map(|(_, bf16)| (true, bf16)));
    }
    // What can't be read is refused where it is loaded, in the words of that.
    Ok(Some((
        false,
        checkpoint::stores_bf16(directory).unwrap_or(false),
    )))
}

/// Shape, tokenizer and adapter of what [`policy`] would load: whether it fits is asked before that. Nothing where the
/// name is no directory, which `policy` refuses in its own words.
pub fn shape(
    path: &Path,
    template: Option<&Path>,
) -> anyhow::Result<Option<(ModelConfig, Tokenizer, Option<LoraConfig>)>> {
    let folder = Folder::of(path)?;
    let directory = folder.path();
    if !directory.exists() {
        return Ok(None);
    }
    if let Some(base) = base_of(directory)? {
        let own = TemplateFile::beside(directory);
        let template = template.or(own.as_deref());
        let lora = adapter_file::settings(directory)?;
        let found = shape(&base, template)?;
        return Ok(found.map(|(shape, tokenizer, _)| (shape, tokenizer, Some(lora))));
    }
    let template = template.map(TemplateFile::read).transpose()?;
    checkpoint::describe_with(directory, template.as_ref())
        .map(|(shape, tokenizer)| Some((shape, tokenizer, None)))
        .with_context(|| format!("failed to load the policy {}", directory.display()))
}

/// What defaults go by: what a policy is, before its weights are read. Nothing where the name is no directory.
pub fn facts(path: &Path, template: Option<&Path>) -> anyhow::Result<Option<PolicyFacts>> {
    let Some((shape, tokenizer, adapter)) = shape(path, template)? else {
        return Ok(None);
    };
    let parameters = shape.parameters(Head::Language);
    let weights = parameters.iter().map(|(_, [rows, columns])| {
        let (rows, columns) = (*rows as u64, *columns as u64);
        rows.saturating_mul(columns)
    });
    Ok(Some(PolicyFacts {
        templated: tokenizer.templated,
        parameters: weights.fold(0, u64::saturating_add),
        adapted: adapter.is_some(),
        context: shape.max_position_embeddings,
        generation: tokenizer.generation,
    }))
}

/// What is recorded of a policy: its name, a hash of the files it is made of, with the chat template that speaks in place of
/// its own among them, and what computes it.
pub fn stamp(
    name: &str,
    template: Option<&Path>,
    device: Processor,
) -> anyhow::Result<PolicyStamp> {
    let folder = match name.strip_prefix("replay:") {
        Some(file) => Folder::There(PathBuf::from(file)),
        None => Folder::of(Path::new(name))?,
    };
    let path = folder.path();
    let files = path.exists().then_some(path);
    let stamp = PolicyStamp::of(name, files, device)
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(match template {
        Some(template) => stamp.with_template(TemplateFile::read(template)?.text()),
        None => stamp,
    })
}

/// The checkpoint that an adapter's folder names; none where the folder is itself a checkpoint.
fn base_of(directory: &Path) -> anyhow::Result<Option<PathBuf>> {
    let settings = directory.join("adapter_config.json");
    if !settings.exists() || directory.join("config.json").exists() {
        return Ok(None);
    }
    let context = || format!("failed to read {}", settings.display());
    let text = crate::files::read(&settings).with_context(context)?;
    let fields: serde_json::Value = serde_json::from_slice(&text).with_context(context)?;
    let base = fields["base_model_name_or_path"].as_str().with_context(|| {
        format!("failed to read {}: field base_model_name_or_path: expected the folder of a checkpoint", settings.display())
    })?;
    anyhow::ensure!(
        base == starter::NAME
            || gguf::is_gguf(Path::new(base))
            || Path::new(base).join("config.json").exists(),
        "failed to load the adapter {}: its base {base:?} is neither a folder with a checkpoint nor a file in GGUF; put the path of one into base_model_name_or_path",
        directory.display()
    );
    Ok(Some(PathBuf::from(base)))
}

/// Writes the built-in problems as JSON lines.
#[derive(Args)]
#[command(
    after_help = "Examples (the second is the test bed of benchmarks/README.md):\n  rlef contest --split test --out test.jsonl\n  rlef contest --split test --hidden-share 0 --out plain-test.jsonl"
)]
pub struct ContestArgs {
    /// train, validation or test.
    #[arg(long, default_value = "test")]
    split: String,
    /// Seed of everything drawn.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Share of problems whose statement leaves a detail out, so that a first answer can only guess: 0 to 1.
    #[arg(long, default_value_t = ContestConfig::default().hidden_share)]
    hidden_share: f64,
    /// Problems at most [default: 4000 to train on, 200 to validate, 300 to test].
    #[arg(long, value_parser = crate::cli::count())]
    problems: Option<usize>,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

/// Generates, writes, and tells how hard the set is.
pub fn run(args: &ContestArgs) -> anyhow::Result<ExitCode> {
    let split = contest::parse_spec(&format!("contest:{}", args.split)).with_context(|| {
        format!(
            "failed to use --split {}; expected train, validation or test",
            args.split
        )
    })?;
    anyhow::ensure!(
        (0.0..=1.0).contains(&args.hidden_share),
        "failed to use --hidden-share {}; expected a number from 0 to 1",
        args.hidden_share
    );
    output::check_file(&args.out)?;
    let mut config = ContestConfig {
        seed: args.seed,
        hidden_share: args.hidden_share,
        ..ContestConfig::default()
    };
    if let Some(count) = args.problems {
        (config.train, config.validation, config.test) = (count, count, count);
    }
    let problems = contest::generate(split, &config);
    problem::save(&args.out, &problems)?;
    say!("{}", contest::summary(&problems));
    Ok(ExitCode::SUCCESS)
}
