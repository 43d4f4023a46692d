//! The `[[tasks]]` tables of a run's TOML: what a run learns at once, each task on problems of its own, with its own judges,
//! rewards and objective (CGPO, Xu et al. 2024, arXiv 2409.20370, section 4.2). What a task does not say is the run's.

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::{ConfigError, TrainConfig, merge};
use crate::objective::Source;

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskConfig {
    /// Its name in journal and metrics.
    pub name: String,
    /// `ρ`, what its gradient counts beside those of the other tasks (algorithm 2).
    #[serde(default = "one")]
    pub weight: f64,
    /// Largest Euclidean norm of its gradient in one update, before it is weighed; `inf` leaves it alone. One optimizer takes the
    /// step of all, so that a task whose gradients are large would otherwise be alone in it.
    #[serde(default = "unbounded")]
    pub max_gradient_norm: f64,
    /// What of the run it changes: `problems`, `problems_per_round`, `rollout`, `reward`, `judges`, `objective`
    /// and `baselines`, as the run itself has them.
    #[serde(flatten)]
    pub(super) over: Table,
}

const fn one() -> f64 {
    1.0
}

const fn unbounded() -> f64 {
    f64::INFINITY
}

/// What a task may say for itself.
const CHANGED: [&str; 7] = [
    "problems",
    "problems_per_round",
    "rollout",
    "reward",
    "judges",
    "objective",
    "baselines",
];

fn fault(task: &str, key: &str, found: impl ToString, expected: &str) -> ConfigError {
    ConfigError::Value {
        key: format!("{key} of the task {task:?}"),
        found: found.to_string(),
        expected: expected.to_owned().into(),
    }
}

impl TrainConfig {
    /// The run as one of its tasks sees it: its own keys over the run's.
    pub fn of_task(&self, task: &TaskConfig) -> Result<Self, ConfigError> {
        let name = &task.name;
        if let Some(key) = task
            .over
            .keys()
            .find(|key| !CHANGED.contains(&key.as_str()))
        {
            let expected = format!(
                "nothing: a task has name, weight, max_gradient_norm, {}; the rest is the run's",
                CHANGED.join(", ")
            );
            return Err(fault(name, key, &task.over[key], &expected));
        }
        let plain = Self {
            tasks: Vec::new(),
            ..self.clone()
        };
        let mut table =
            Table::try_from(&plain).expect("a configuration is a table of plain values");
        let algorithm = |of: &Table| of.get("objective")?.get("algorithm").cloned();
        let own = algorithm(&task.over);
        if own.is_some()
            && own != algorithm(&table)
            && let Some(objective) = table.get_mut("objective").and_then(Value::as_table_mut)
        {
            // They are another objective's.
            objective.remove("settings");
        }
        merge(&mut table, task.over.clone());
        let read: Result<Self, toml::de::Error> = table.try_into();
        read.map_err(|error| ConfigError::Set {
            assignment: format!("the task {name:?}"),
            reason: error.message().to_owned(),
        })
    }

    /// Refuses tasks that can't be learnt beside each other, each by its name.
    pub(super) fn check_tasks(&self) -> Result<(), ConfigError> {
        for (place, task) in self.tasks.iter().enumerate() {
            let name = &task.name;
            let is_plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            let before = &self.tasks[..place];
            if name.is_empty() || !is_plain || before.iter().any(|other| other.name == *name) {
                let expected = "letters, digits, _ and -, which no other task is called by";
                return Err(fault(name, "name", format!("{name:?}"), expected));
            }
            let positive = |key: &str, value: f64, finite: bool| {
                if value > 0.0 && (value.is_finite() || !finite) {
                    return Ok(());
                }
                Err(fault(name, key, value, "a number above 0"))
            };
            positive("weight", task.weight, true)?;
            positive("max_gradient_norm", task.max_gradient_norm, false)?;
            if !self.data.sets.is_empty() {
                let expected = "nothing beside tasks, whose problems are their own";
                return Err(fault(name, "data.sets", "set", expected));
            }
            let config = self.of_task(task)?;
            config.check()?;
            let objective = config.objective()?;
            let (needs, algorithm) = (objective.needs(), config.objective.algorithm.name());
            let expected = if needs.source != Source::Episodes {
                "one that learns from episodes: a task has problems"
            } else if needs.values.is_some() {
                "one without values: one policy learns all tasks, and a value network would have to"
            } else if objective.second().is_some() {
                "one without objective.second"
            } else if objective.state().is_some() {
                "one with nothing that moves along a run besides the weights"
            } else {
                continue;
            };
            return Err(fault(name, "objective.algorithm", algorithm, expected));
        }
        Ok(())
    }

    /// The same with every setting of the objectives of its tasks.
    pub(super) fn resolved_tasks(mut self) -> Result<Self, ConfigError> {
        for place in 0..self.tasks.len() {
            let config = self.of_task(&self.tasks[place])?;
            let settings = config.objective()?.settings();
            let over = &mut self.tasks[place].over;
            let objective = over
                .entry("objective")
                .or_insert_with(|| Value::Table(Table::new()));
            if let Some(objective) = objective.as_table_mut() {
                let algorithm = config.objective.algorithm.name().to_owned();
                objective.insert("algorithm".to_owned(), Value::String(algorithm));
                objective.insert("settings".to_owned(), Value::Table(settings));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(tasks: &str) -> Result<TrainConfig, String> {
        let text = format!("[reward]\nno_program = -0.3\n[rollout]\ngroup = 3\n{tasks}");
        let config: TrainConfig = toml::from_str(&text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        config.resolved().map_err(|error| error.to_string())
    }

    const TWO: &str = r#"
        [[tasks]]
        name = "code"
        weight = 2.0
        problems_per_round = 8
        [tasks.objective]
        algorithm = "crpg"
        [tasks.objective.settings]
        kl_max = 40.0
        [[tasks.judges]]
        kind = "tests"
        at_least = 1.0
        [[tasks]]
        name = "style"
        problems = "style.jsonl"
        max_gradient_norm = 0.5
        [tasks.rollout]
        group = 2
        [tasks.reward]
        solved = 0.0
        [tasks.objective]
        algorithm = "codpo"
    "#;

    #[test]
    fn a_task_is_the_run_with_what_it_says_for_itself() {
        let config = config(TWO).unwrap();
        let [code, style] = [0, 1].map(|place| config.of_task(&config.tasks[place]).unwrap());
        assert_eq!((config.tasks[0].weight, config.tasks[1].weight), (2.0, 1.0));
        assert_eq!(config.tasks[0].max_gradient_norm, f64::INFINITY);
        assert_eq!(code.objective.settings["kl_max"].as_float(), Some(40.0));
        assert_eq!(
            (code.problems_per_round, style.problems_per_round),
            (8, 128)
        );
        assert_eq!((code.rollout.group, style.rollout.group), (3, 2));
        assert_eq!((style.reward.solved, style.reward.failed), (0.0, -1.0));
        assert_eq!(style.reward.no_program, -0.3);
        assert_eq!(
            (code.judges[0].weight, code.judges[0].at_least),
            (0.0, Some(1.0))
        );
        assert!(style.judges.is_empty() && style.problems == "style.jsonl");
        // What was resolved reads back as itself, and what learns is the first task's.
        let text = toml::to_string_pretty(&config).unwrap();
        assert_eq!(
            toml::from_str::<TrainConfig>(&text).unwrap(),
            config,
            "{text}"
        );
        assert!(text.contains("lambda = 1.0"), "{text}");
        assert!(config.objective().unwrap().needs().values.is_none());
    }

    #[test]
    fn what_a_task_cannot_have_is_refused_by_its_name() {
        let one = |more: &str| format!("[[tasks]]\nname = \"code\"\n{more}");
        let crpg = "[tasks.objective]\nalgorithm = \"crpg\"\n";
        for (text, words) in [
            (
                one("rounds = 3\n") + crpg,
                "rounds of the task \"code\" is 3",
            ),
            (one("weight = 0.0\n") + crpg, "weight of the task \"code\""),
            (one("max_gradient_norm = nan\n") + crpg, "max_gradient_norm"),
            (
                one("") + "[tasks.objective]\nalgorithm = \"ppo\"\n",
                "without values",
            ),
            (
                one("") + "[tasks.objective]\nalgorithm = \"dpo\"\ndata = \"x\"\n",
                "has problems",
            ),
            (
                one("") + "[tasks.rollout]\ngroups = 2\n" + crpg,
                "unknown field `groups`",
            ),
            (one("") + crpg + &one("") + crpg, "no other task"),
            ("[[tasks]]\nname = \"a b\"\n".to_owned() + crpg, "letters"),
            (
                one("") + crpg + "settings = { kl_max = 0.0 }\n",
                "kl_max is 0",
            ),
            (
                one("") + crpg + "[[data.sets]]\nproblems = \"x\"\n",
                "data.sets",
            ),
        ] {
            let said = config(&text).unwrap_err();
            assert!(said.contains(words), "{text}: {said}");
        }
    }
}
