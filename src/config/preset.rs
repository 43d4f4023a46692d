//! Defaults that fit a policy: what it is (a chat template, a size, a context) → the numbers of the keys that nobody sets.

use serde::{Deserialize, Serialize};

use super::{Decontamination, TrainConfig};
use crate::checkpoint::generation::Generation;
use crate::model::lora::LoraConfig;
use crate::prompt::PromptStyle;

/// Whose defaults the keys have that nobody sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What fits the policy.
    #[default]
    Auto,
    /// For the small policy that ships, and others that `rlef sft` makes.
    Starter,
    /// For an instructed model with a chat template.
    Llm,
    /// The paper's numbers wherever it gives one (RLEF, arXiv 2410.02089, section 3.1 and appendix A.1).
    Paper,
}

/// What is known of a policy before its weights are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyFacts {
    /// Whether a chat template marks who speaks, rather than this crate's own tokens.
    pub templated: bool,
    /// Weights it has.
    pub parameters: u64,
    /// Whether it is an adapter on a checkpoint.
    pub adapted: bool,
    /// Ids an episode may hold.
    pub context: usize,
    /// What its generation_config.json says.
    pub generation: Generation,
}

/// Weights from which on a model is trained by an adapter: with all of them trained, policy, reference, value network and
/// the moments of both take 36 bytes each, which is 11 GB here.
const ADAPTED_FROM: u64 = 300_000_000;
/// Tokens of an answer at most, where the context has room for four times as many; the paper gives no number.
const ANSWER: usize = 1024;

impl PolicyFacts {
    /// Tokens of an answer such that three of them, a statement and two messages of feedback fit the context.
    pub fn answer(&self) -> usize {
        (self.context / 4).clamp(1, ANSWER)
    }

    /// What it is, in a few words.
    pub fn words(&self) -> String {
        let template = if self.templated {
            "a chat template"
        } else {
            "no chat template"
        };
        let millions = self.parameters as f64 / 1e6;
        let size = match millions {
            small if small < 10.0 => format!("{small:.1}"),
            large => format!("{large:.0}"),
        };
        let context = self.context;
        format!("{template}, {size} million weights, a context of {context} tokens")
    }
}

impl Preset {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Starter => "starter",
            Self::Llm => "llm",
            Self::Paper => "paper",
        }
    }

    /// The one that `auto` stands for with such a policy; another is itself. A policy of which nothing is known has none.
    #[must_use]
    pub fn fitting(self, policy: Option<&PolicyFacts>) -> Self {
        match self {
            Self::Auto if policy.is_some_and(|facts| facts.templated) => Self::Llm,
            Self::Auto => Self::Starter,
            chosen => chosen,
        }
    }

    /// Its configuration for a policy.
    pub fn config(self, policy: Option<&PolicyFacts>) -> TrainConfig {
        let preset = self.fitting(policy);
        let mut config = TrainConfig {
            preset,
            ..TrainConfig::default()
        };
        let facts = policy.cloned().unwrap_or_default();
        match preset {
            Self::Auto | Self::Starter => return config,
            Self::Llm => llm(&mut config, &facts),
            Self::Paper => paper(&mut config),
        }
        if facts.templated {
            config.rollout.style = PromptStyle::Full;
        }
        if facts.context > 0 {
            config.rollout.sampling.max_tokens = facts.answer();
        }
        config
    }
}

/// An instructed model on one machine: smaller rounds than the paper's, and where the model is large an adapter. What is not
/// named here is as for the starter, which is the paper's where [`TrainConfig`] doesn't say otherwise.
fn llm(config: &mut TrainConfig, facts: &PolicyFacts) {
    // 128 episodes a round in updates of 32; 1024 in updates of 256 in the paper.
    config.problems_per_round = 32;
    config.rollout.group = 4;
    config.rounds = 100;
    config.resources.sampling_batch = 64;
    let large = facts.parameters >= ADAPTED_FROM || facts.adapted;
    // All weights: five times the paper's 2e-7 for 8B to 70B, as is usual for models ten times smaller. An adapter: what
    // TRL's recipes take.
    let (rate, of_values) = if large { (2e-5, 1e-4) } else { (1e-6, 1e-5) };
    config.policy_optimizer.learning_rate = rate;
    config.value_optimizer.learning_rate = of_values;
    if large {
        config.resources.recompute = true;
        // An adapter that is there already is trained on.
        config.lora = (!facts.adapted).then(LoraConfig::default);
    }
    config.validation.every = 10;
    config.data.decontaminate = Decontamination::Ngram;
    // The paper's 1@3, unless the checkpoint says how it is to be sampled.
    let said = &facts.generation;
    config.evaluation.temperature = said.temperature.unwrap_or(0.2);
    config.evaluation.top_p = said.top_p.unwrap_or(0.95);
    config.evaluation.top_k = said.top_k.unwrap_or(0);
}

fn paper(config: &mut TrainConfig) {
    config.rounds = 3000;
    config.problems_per_round = 256;
    config.rollout.group = 4;
    for optimizer in [&mut config.policy_optimizer, &mut config.value_optimizer] {
        optimizer.learning_rate = 2e-7;
        optimizer.weight_decay = 0.1;
        optimizer.warmup_steps = 50;
        optimizer.max_gradient_norm = f64::INFINITY;
        // AdamW's usual ones: the paper names none.
        optimizer.beta_2 = 0.999;
    }
    config.resources.recompute = true;
    config.validation.every = 200;
    config.data.decontaminate = Decontamination::Ngram;
    config.evaluation.rollouts = 20;
    config.evaluation.temperature = 0.2;
    config.evaluation.top_p = 0.95;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(templated: bool, parameters: u64, context: usize) -> PolicyFacts {
        PolicyFacts {
            templated,
            parameters,
            context,
            ..PolicyFacts::default()
        }
    }

    #[test]
    fn a_preset_is_chosen_by_what_the_policy_is() {
        assert_eq!(Preset::Auto.fitting(None), Preset::Starter);
        let small = facts(false, 1 << 20, 768);
        assert_eq!(Preset::Auto.fitting(Some(&small)), Preset::Starter);
        assert_eq!(Preset::Paper.fitting(Some(&small)), Preset::Paper);
        let starter = Preset::Auto.config(Some(&small));
        let plain = TrainConfig {
            preset: Preset::Starter,
            ..TrainConfig::default()
        };
        assert_eq!(starter, plain);
        for (parameters, adapter) in [(100_000_000, false), (494_000_000, true)] {
            let config = Preset::Auto.config(Some(&facts(true, parameters, 32_768)));
            assert_eq!(config.preset, Preset::Llm);
            assert_eq!(config.lora.is_some(), adapter);
            assert_eq!(config.rollout.style, PromptStyle::Full);
            assert_eq!(config.rollout.sampling.max_tokens, 1024);
            assert!(config.policy_optimizer.learning_rate < 1e-4);
            config.check().unwrap();
        }
        Preset::Paper.config(Some(&small)).check().unwrap();
    }

    #[test]
    fn three_answers_fit_whatever_the_context_is() {
        for context in [1, 64, 768, 2048, 1 << 20] {
            let answer = facts(true, 1, context).answer();
            assert!(
                answer >= 1 && (context < 4 || 4 * answer <= context),
                "{context}"
            );
        }
    }

    #[test]
    fn a_checkpoint_says_how_it_is_sampled() {
        let mut policy = facts(true, 1 << 20, 4096);
        let paper = Preset::Llm.config(Some(&policy)).evaluation;
        assert_eq!(
            (paper.temperature, paper.top_p, paper.top_k),
            (0.2, 0.95, 0)
        );
        policy.generation.temperature = Some(0.7);
        policy.generation.top_k = Some(20);
        let own = Preset::Llm.config(Some(&policy));
        assert_eq!(
            (own.evaluation.temperature, own.evaluation.top_k),
            (0.7, 20)
        );
        // What is trained on is the model's own distribution, cut nowhere.
        assert_eq!(own.rollout.sampling.temperature, 1.0);
        assert_eq!(own.rollout.sampling.top_k, 0);
    }
}
