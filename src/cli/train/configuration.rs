//! Arguments of `rlef train` → the configuration: the file and the keys set, over the defaults that fit the policy.

use std::path::Path;

use super::super::output::{insist, say};
use super::super::source;
use super::{Args, folders};
use crate::config::{Assignment, Layers, PolicyFacts, Preset, TrainConfig};
use crate::prompt::PromptStyle;
use crate::run::{Progress, Run};

/// The run to go on with, if one is, and the configuration.
pub(super) fn opened(args: &Args) -> anyhow::Result<(Option<(Run, Progress)>, TrainConfig)> {
    if !args.resume {
        let config = configuration(args)?;
        folders::check(args.run.as_deref())?;
        return Ok((None, config));
    }
    let folder = match &args.run {
        Some(folder) => folder.clone(),
        None => folders::newest()?,
    };
    let (run, mut config, done) = Run::resume(&folder)?;
    if let Some(rounds) = args.rounds {
        run.may_go_on_to(rounds, &done)?;
        config.rounds = rounds;
    }
    Ok((Some((run, done)), config))
}

/// The configuration of a new run. Which preset it has, and why, is said.
pub(super) fn configuration(args: &Args) -> anyhow::Result<TrainConfig> {
    let mut layers = Layers::read(args.config.as_deref(), &args.set)?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let named = [
        ("preset", args.preset.clone()),
        ("policy", args.policy.as_deref().map(text)),
        ("chat_template", args.template.path().map(text)),
        ("problems", args.problems.clone()),
        ("objective.algorithm", args.objective.clone()),
        ("objective.data", args.data.as_deref().map(text)),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            layers.set(&Assignment::new(key, value))?;
        }
    }
    if args.schema.schema.is_some() {
        let problems = args.schema.applied(&layers.problems())?;
        layers.set(&Assignment::new("problems", problems))?;
    }
    let template = layers.chat_template();
    let facts = source::facts(&layers.policy(), template.as_deref())?;
    let mut config = layers.over(facts.as_ref())?;
    config.seed = args.seed.unwrap_or(config.seed);
    config.rounds = args.rounds.unwrap_or(config.rounds);
    config.resources.isolation = args.isolation.unwrap_or(config.resources.isolation);
    if args.python.is_some() {
        config.resources.python.clone_from(&args.python);
    }
    config.resources.device = args.device.unwrap_or(config.resources.device);
    config.check()?;
    let config = config.resolved()?;
    tell(&config, facts.as_ref());
    Ok(config)
}

/// Says which defaults are in force, and what of the checkpoint's own settings is not.
fn tell(config: &TrainConfig, facts: Option<&PolicyFacts>) {
    let Some(facts) = facts else { return };
    let (rollout, evaluation) = (&config.rollout, &config.evaluation);
    let style = match rollout.style {
        PromptStyle::Compact => "bare statements as prompts",
        PromptStyle::Full => "prompts that ask for a fenced program",
    };
    let what = match &config.lora {
        Some(lora) => format!("an adapter of rank {} learns", lora.rank),
        None => "all weights learn".to_owned(),
    };
    let evaluated = match evaluation.problems.as_str() {
        "" => "no evaluation".to_owned(),
        problems => format!(
            "evaluation on {problems} at temperature {}",
            evaluation.temperature
        ),
    };
    say!(
        "preset {}, for a policy with {}: {style}, {} tokens an answer, {what} at {:e}, {evaluated}; `--print-config` shows every key",
        config.preset.name(),
        facts.words(),
        rollout.sampling.max_tokens,
        config.policy_optimizer.learning_rate,
    );
    if config.preset == Preset::Starter && facts.templated {
        insist!(
            "warning: the preset starter is for policies without a chat template; preset = \"llm\" fits this one"
        );
    }
    if !facts.generation.unused.is_empty() {
        say!(
            "the checkpoint's generation_config.json asks for {}, which is not done: what is learnt from is the model's own distribution",
            facts.generation.unused.join(", ")
        );
    }
}
