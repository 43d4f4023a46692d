//! A file and the keys set on the command line, over the defaults that fit the policy → one configuration.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{Assignment, ConfigError, HELD_OUT, PolicyFacts, Preset, TrainConfig, merge};
use crate::objective::{self, Correction, Source, ValueHead};
use crate::problem::contest;

/// The keys that somebody has set, each checked alone.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    table: Table,
}

impl Layers {
    /// The keys of a file, if one is named, and those set after it.
    pub fn read(path: Option<&Path>, set: &[Assignment]) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        if let Some(path) = path {
            let text = TrainConfig::text(path)?;
            // For its errors, which have a line.
            TrainConfig::parse::<TrainConfig>(path, &text)?;
            layers.table = TrainConfig::parse(path, &text)?;
        }
        for assignment in set {
            layers.set(assignment)?;
        }
        Ok(layers)
    }

    /// Sets one more key.
    pub fn set(&mut self, assignment: &Assignment) -> Result<(), ConfigError> {
        let fault = |reason: String| ConfigError::Set {
            assignment: assignment.text().to_owned(),
            reason,
        };
        assignment.put(&mut self.table).map_err(fault)?;
        let read: Result<TrainConfig, toml::de::Error> = self.table.clone().try_into();
        read.map(drop)
            .map_err(|error| fault(error.message().to_owned()))
    }

    /// The policy that is named, else the default one.
    pub fn policy(&self) -> PathBuf {
        let named = self.named(&["policy"]).and_then(Value::as_str);
        named.map_or_else(|| TrainConfig::default().policy, PathBuf::from)
    }

    /// The chat template in place of the policy's own, where one is named.
    pub fn chat_template(&self) -> Option<PathBuf> {
        let named = self.named(&["chat_template"]).and_then(Value::as_str);
        named.map(PathBuf::from)
    }

    /// The problems to train on that are named, else the default ones.
    pub fn problems(&self) -> String {
        let named = self.named(&["problems"]).and_then(Value::as_str);
        named.map_or_else(|| TrainConfig::default().problems, str::to_owned)
    }

    /// The configuration, with the defaults that fit a policy of which this is known.
    pub fn over(self, policy: Option<&PolicyFacts>) -> Result<TrainConfig, ConfigError> {
        let preset = match self.named(&["preset"]) {
            None => Preset::Auto,
            Some(name) => {
                let read: Result<Preset, toml::de::Error> = name.clone().try_into();
                read.map_err(|error| ConfigError::Value {
                    key: "preset".to_owned(),
                    found: name.to_string(),
                    expected: error.message().to_owned().into(),
                })?
            }
        };
        let preset = preset.fitting(policy);
        let own_evaluation = self.named(&["evaluation", "problems"]).is_some();
        let own_validation = self.named(&["validation", "problems"]).is_some();
        let bounded_by_default = self
            .named(&["policy_optimizer", "max_gradient_norm"])
            .is_none();
        let own_problems = self.named(&["problems"]).is_some();
        let own_values = self.named(&["objective", "value_head"]).is_some()
            || self.named(&["value_optimizer"]).is_some();
        let base = preset.config(policy);
        let mut table = Table::try_from(&base).expect("a configuration is a table of plain values");
        merge(&mut table, self.table);
        let read: Result<TrainConfig, toml::de::Error> = table.try_into();
        let mut config = read.map_err(|error| ConfigError::Set {
            assignment: "the preset and what is set over it".to_owned(),
            reason: error.message().to_owned(),
        })?;
        config.preset = preset;
        // What samples is then less exact than what trains; PPO has the paper's own correction.
        let algorithm = config.objective.algorithm.name().to_owned();
        let algorithm = algorithm.as_str();
        if (config.engine.is_some() || config.rollout.max_staleness > 0)
            && algorithm != "ppo"
            && objective::uses(algorithm, "objective.correction")
        {
            let veto = Correction::USUAL_VETO;
            config.objective.correction.get_or_insert(Correction {
                veto,
                ..Correction::default()
            });
        }
        // Three seeds lose less by it than was allowed, and take less time (benchmarks/results/2026-12-01-epyc-2core/learning.md).
        // Whoever sets a key of the value network has one.
        let objective = &config.objective;
        let bare = objective.value_from.is_none() && objective.value_warmup_rounds == 0;
        if preset == Preset::Starter
            && algorithm == "ppo"
            && !own_values
            && bare
            // Their objectives are others, over the same keys.
            && config.tasks.is_empty()
            && !config.is_trained_elsewhere()
        {
            config.objective.value_head = ValueHead::Shared;
        }
        // Nobody bounds gradients there.
        if config.is_trained_elsewhere() && bounded_by_default {
            config.policy_optimizer.max_gradient_norm = f64::INFINITY;
        }
        // Whoever brings problems is told what is learnt of them, not of the built-in ones.
        let built_in = contest::parse_spec(&config.problems).is_some();
        if preset == Preset::Starter && own_problems && !built_in && !own_evaluation {
            HELD_OUT.clone_into(&mut config.evaluation.problems);
        }
        if preset != Preset::Starter {
            let plays = config.objective()?.needs().source == Source::Episodes;
            let [evaluation, validation] = match (own_problems && !built_in, plays) {
                (true, _) => [HELD_OUT; 2],
                (false, true) => ["contest:test", "contest:validation"],
                (false, false) => [""; 2],
            };
            if !own_evaluation {
                evaluation.clone_into(&mut config.evaluation.problems);
            }
            if !own_validation {
                validation.clone_into(&mut config.validation.problems);
            }
        }
        Ok(config)
    }

    fn named(&self, keys: &[&str]) -> Option<&Value> {
        let (last, tables) = keys.split_last()?;
        let mut at = &self.table;
        for key in tables {
            at = at.get(*key)?.as_table()?;
        }
        at.get(*last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prompt::PromptStyle;

    fn llm() -> PolicyFacts {
        PolicyFacts {
            templated: true,
            parameters: 500_000_000,
            context: 4096,
            ..PolicyFacts::default()
        }
    }

    fn set(all: &[&str]) -> Result<Layers, ConfigError> {
        let all: Vec<Assignment> = all.iter().map(|text| text.parse().unwrap()).collect();
        Layers::read(None, &all)
    }

    #[test]
    fn a_file_lies_over_the_preset_and_keys_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        let text = "rounds = 7\n[rollout]\nturns = 2\n[lora]\nrank = 4\n[policy_optimizer]\nweight_decay = 0.5\n";
        std::fs::write(&path, text).unwrap();
        let set: Vec<Assignment> = ["rollout.turns=1", "seed=9"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        let layers = Layers::read(Some(&path), &set).unwrap();
        let config = layers.clone().over(Some(&llm())).unwrap();
        assert_eq!(config.preset, Preset::Llm);
        assert_eq!(
            (config.rounds, config.rollout.turns, config.seed),
            (7, 1, 9)
        );
        assert_eq!(config.rollout.style, PromptStyle::Full);
        assert_eq!(config.lora.as_ref().unwrap().rank, 4);
        let optimizer = config.policy_optimizer;
        assert_eq!(
            (optimizer.weight_decay, optimizer.learning_rate),
            (0.5, 2e-5)
        );
        // Without a chat template nothing but what is set differs from the starter's defaults.
        let plain = layers.over(None).unwrap();
        assert_eq!(plain.rollout.style, PromptStyle::Compact);
        assert_eq!(plain.policy_optimizer.learning_rate, 3e-4);
        // What was resolved reads back as itself, and no preset is put under it again.
        let text = toml::to_string_pretty(&config).unwrap();
        std::fs::write(&path, text).unwrap();
        assert_eq!(
            TrainConfig::load(&path).unwrap(),
            config.resolved().unwrap()
        );
    }

    #[test]
    fn an_engine_brings_a_correction_to_what_has_none_of_its_own() {
        let engine = [
            "engine.kind=sglang",
            "engine.url=http://localhost:1",
            "engine.weights=weights",
        ];
        let correction = |more: &[&str]| {
            let mut table = Table::new();
            for text in more {
                let assignment: Assignment = text.parse().unwrap();
                assignment.put(&mut table).unwrap();
            }
            let config = Layers { table }.over(None).unwrap();
            config.check().unwrap();
            config.objective.correction
        };
        let of = |name: &str| format!("objective.algorithm={name}");
        for name in ["grpo", "rloo", "gspo"] {
            let named = of(name);
            let found = correction(&[&engine[..], &[&named]].concat()).unwrap();
            assert_eq!((found.cap, found.veto), (2.0, 1e-4), "{name}");
            assert_eq!(correction(&[&named]), None, "{name}");
            let own = [&engine[..], &[&named, "objective.correction.cap=5"]].concat();
            let found = correction(&own).unwrap();
            assert_eq!((found.cap, found.veto), (5.0, 0.0), "{name}");
        }
        assert_eq!(correction(&engine), None);
    }

    #[test]
    fn the_starter_reads_values_from_the_policy_unless_a_network_of_values_is_spoken_of() {
        let head = |keys: &[&str]| {
            let config = set(keys).unwrap().over(None).unwrap();
            config.check().unwrap();
            config.objective.value_head
        };
        assert_eq!(head(&[]), ValueHead::Shared);
        assert_eq!(head(&["objective.clip=0.1"]), ValueHead::Shared);
        for keys in [
            "objective.value_head=separate",
            "objective.value_from=reward",
            "objective.value_warmup_rounds=2",
            "value_optimizer.learning_rate=1e-3",
            "objective.algorithm=grpo",
            "preset=paper",
        ] {
            assert_eq!(head(&[keys]), ValueHead::Separate, "{keys}");
        }
        let large = set(&[]).unwrap().over(Some(&llm())).unwrap();
        assert_eq!(large.objective.value_head, ValueHead::Separate);
    }

    #[test]
    fn what_a_preset_brings_can_be_taken_away() {
        assert!(set(&[]).unwrap().over(Some(&llm())).unwrap().lora.is_some());
        let without = set(&["lora=false"]).unwrap().over(Some(&llm())).unwrap();
        assert_eq!(without.lora, None);
        let again = set(&["lora=false", "lora.rank=2"]).unwrap();
        assert_eq!(again.over(None).unwrap().lora.unwrap().rank, 2);
    }

    #[test]
    fn own_problems_are_evaluated_on_and_toy_ones_only_where_they_are_trained_on() {
        let evaluated = |keys: &[&str]| {
            let config = set(keys).unwrap().over(Some(&llm())).unwrap();
            config.evaluation.problems
        };
        assert_eq!(evaluated(&["problems=own.jsonl"]), HELD_OUT);
        assert_eq!(evaluated(&[]), "contest:test");
        assert_eq!(
            evaluated(&["problems=own.jsonl", "evaluation.problems="]),
            ""
        );
        let pairs = ["objective.algorithm=dpo", "objective.data=pairs.jsonl"];
        assert_eq!(evaluated(&pairs), "");
        let starter = set(&["problems=own.jsonl"]).unwrap().over(None).unwrap();
        assert_eq!(starter.evaluation.problems, HELD_OUT);
        let starter = set(&[]).unwrap().over(None).unwrap();
        assert_eq!(starter.evaluation.problems, "contest:test");
    }

    #[test]
    fn a_key_that_is_none_is_told_by_what_was_typed() {
        for (text, words) in [
            ("rollout.turnz=1", "unknown field `turnz`"),
            ("rollout.turns=many", "invalid type: string \"many\""),
            ("lora=true", "false for none"),
            ("preset=huge", "unknown variant `huge`"),
            ("seed.x=1", "invalid type"),
        ] {
            let message = set(&[text]).unwrap_err().to_string();
            assert!(
                message.contains(text) && message.contains(words),
                "{message}"
            );
        }
    }
}
