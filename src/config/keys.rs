//! The source that defines a configuration's keys → what its doc comments say of each. What is read is the code itself, so
//! that no second text can drift away from it.

/// Where the keys of one table are defined.
#[derive(Clone, Copy, Debug)]
pub(super) struct Definition {
    /// The table, as `rollout.sampling`; empty for the file itself.
    pub(super) table: &'static str,
    source: &'static str,
    structure: &'static str,
}

macro_rules! defined {
    ($($table:literal: $structure:ident in $source:literal),* $(,)?) => {
        &[$(Definition {
            table: $table,
            source: include_str!($source),
            structure: stringify!($structure),
        }),*]
    };
}

/// A training run's tables.
pub(super) const TRAIN: &[Definition] = defined! {
    "": TrainConfig in "../config.rs",
    "lora": LoraConfig in "../../model/src/lora.rs",
    "rollout": RolloutConfig in "../rollout.rs",
    "rollout.sampling": Sampling in "../../judge/src/sampling.rs",
    "reward": RewardConfig in "../reward.rs",
    "judges": JudgeConfig in "../../judge/src/judge/table.rs",
    "objective": ObjectiveConfig in "../objective/config.rs",
    "objective.correction": Correction in "../objective/correction.rs",
    "objective.second": SecondConfig in "../objective/second.rs",
    "policy_optimizer": OptimizerConfig in "../update.rs",
    "value_optimizer": OptimizerConfig in "../update.rs",
    "engine": EngineConfig in "../policy/engine.rs",
    "resources": ResourceConfig in "resources.rs",
    "evaluation": EvaluationConfig in "evaluation.rs",
    "validation": ValidationConfig in "evaluation.rs",
    "data": DataConfig in "data.rs",
    "data.sets": SetConfig in "data.rs",
    "tasks": TaskConfig in "tasks.rs",
};

/// What some objectives have of their own, by their name.
pub(super) const SETTINGS: &[Definition] = defined! {
    "apa": Settings in "../objective/apa.rs",
    "cdpo": Settings in "../objective/cdpo.rs",
    "cispo": Settings in "../objective/cispo.rs",
    "codpo": Settings in "../objective/codpo.rs",
    "crpg": Settings in "../objective/crpg.rs",
    "crraft": Settings in "../objective/crraft.rs",
    "dapo": Settings in "../objective/dapo.rs",
    "dpo": Settings in "../objective/dpo.rs",
    "gspo": Settings in "../objective/gspo.rs",
    "ipo": Settings in "../objective/ipo.rs",
    "kto": Settings in "../objective/kto.rs",
    "online_dpo": Settings in "../objective/online_dpo.rs",
    "orpo": Settings in "../objective/orpo.rs",
    "rlhf_ppo": Settings in "../objective/rlhf_ppo.rs",
    "rpo": Settings in "../objective/rpo.rs",
    "simpo": Settings in "../objective/simpo.rs",
};

/// The tables of a starter policy's lessons.
pub(super) const SFT: &[Definition] = defined! {
    "": SftConfig in "../sft.rs",
    "stages": StageConfig in "../sft.rs",
    "stages.author": AuthorConfig in "../demonstration.rs",
    "model": ShapeConfig in "../sft.rs",
    "optimizer": OptimizerConfig in "../update.rs",
};

impl Definition {
    /// The keys in the order of the code, each with its comment.
    pub(super) fn keys(&self) -> Vec<(&'static str, String)> {
        let opening = format!("pub struct {} {{", self.structure);
        let body = self.source.lines().skip_while(|line| *line != opening);
        let mut keys = Vec::new();
        let mut comment: Vec<&str> = Vec::new();
        for line in body.skip(1).take_while(|line| *line != "}") {
            let line = line.trim();
            if let Some(words) = line.strip_prefix("///") {
                comment.push(words.trim());
            } else if let Some((key, _)) = line
                .strip_prefix("pub ")
                .and_then(|field| field.split_once(':'))
            {
                keys.push((key, plain(&comment.join(" "))));
                comment.clear();
            }
        }
        keys
    }
}

/// A doc comment without what only a reader of the code can follow.
fn plain(comment: &str) -> String {
    comment
        .replace("[`crate::", "[`")
        .replace("[`", "`")
        .replace("`]", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_code_has_a_comment() {
        for definition in TRAIN.iter().chain(SETTINGS).chain(SFT) {
            let keys = definition.keys();
            assert!(!keys.is_empty(), "{definition:?}");
            for (key, comment) in keys {
                let table = definition.table;
                assert!(comment.len() >= 6, "{table}.{key}: {comment:?}");
            }
        }
    }

    #[test]
    fn links_are_plain_words() {
        assert_eq!(plain("as [`crate::examples`] reads"), "as `examples` reads");
    }
}
