//! The judges there are, by name: one row each. A new judge is a file beside this one and a row here, or a row that a program
//! which uses this crate adds.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checked::Checked;
use super::{
    Compiles, HardCoded, Judge, Lints, Mixture, Rules, Speed, compiles, hard_coded, lints, rules,
    speed,
};
use crate::nearest::meant;

/// What a configuration says of a judge besides its kind and weight.
pub type Settings = BTreeMap<String, Value>;

/// One judge of a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Named")]
pub struct JudgeConfig {
    /// Which one: the name of a row.
    pub kind: String,
    /// What its scores of whole answers are multiplied by in a reward, and its word by where answers are compared; 1, and 0 for a
    /// constraint that says nothing else.
    pub weight: f64,
    /// Makes the judge a constraint, which an answer meets with this score or a higher one (CGPO, arXiv 2409.20370, section 4.1). A
    /// verdict is 1 where all tests pass, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// What it needs to know.
    #[serde(flatten)]
    pub settings: Settings,
}

impl JudgeConfig {
    /// A judge of this kind that counts 1, without settings.
    pub fn of(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            weight: 1.0,
            at_least: None,
            settings: Settings::new(),
        }
    }

    /// What is wrong with the number that makes it a constraint.
    fn fault(&self, gives_verdicts: bool) -> Option<String> {
        let least = self.at_least?;
        let expected = match least.is_finite() {
            false => "a finite number",
            true if gives_verdicts && !(least > 0.0 && least <= 1.0) => {
                "a number above 0, at most 1, for a verdict, which is 1 where all tests pass and else 0"
            }
            true => return None,
        };
        Some(format!("at_least is {least}; expected {expected}"))
    }
}

/// A judge as it is written, where what is not said depends on the rest.
#[derive(Deserialize)]
struct Named {
    kind: String,
    weight: Option<f64>,
    at_least: Option<f64>,
    #[serde(flatten)]
    settings: Settings,
}

impl From<Named> for JudgeConfig {
    fn from(named: Named) -> Self {
        let weight = if named.at_least.is_some() { 0.0 } else { 1.0 };
        Self {
            kind: named.kind,
            weight: named.weight.unwrap_or(weight),
            at_least: named.at_least,
            settings: named.settings,
        }
    }
}

/// What judges may be made of.
#[derive(Clone)]
pub struct Parts {
    /// The judge by tests, over the sandbox that was asked for.
    pub tests: Arc<dyn Judge>,
}

/// Judges, each with what its word counts.
pub type Members = Vec<(Box<dyn Judge>, f64)>;

/// Makes a judge of its settings, or says what is wrong with them.
pub type Build = fn(&Settings, &Parts) -> Result<Box<dyn Judge>, String>;

/// A judge that a configuration can name.
#[derive(Clone, Copy)]
pub struct Row {
    /// The name.
    pub name: &'static str,
    /// What it judges by, and its settings, in a sentence.
    pub about: &'static str,
    /// Makes it, or says what is wrong with the settings.
    pub build: Build,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name)
    }
}

/// The judges of this crate.
const BUILT_IN: [Row; 6] = [
    Row {
        name: "tests",
        about: "runs the program on the problem's tests and gives the verdict; no settings",
        build: |settings, parts| {
            let Nothing {} = read(settings)?;
            Ok(Box::new(Arc::clone(&parts.tests)))
        },
    },
    Row {
        name: rules::NAME,
        about: "looks at the text alone; program = true, min_characters, max_characters, max_lines, format = \"one_block\" or \"only_block\", require = [..], forbid = [..], regular expressions in require_patterns, forbid_patterns, require_in_program and forbid_in_program, names in forbid_calls",
        build: |settings, _| Ok(Box::new(Rules::new(read(settings)?)?)),
    },
    Row {
        name: compiles::NAME,
        about: "1 where the program compiles, else 0; no settings",
        build: |settings, parts| {
            let Nothing {} = read(settings)?;
            Ok(Box::new(Compiles::new(Arc::clone(&parts.tests))))
        },
    },
    Row {
        name: lints::NAME,
        about: "1 where a Python program has no lint, else 0; allowed (findings it may have)",
        build: |settings, parts| {
            let tests = Arc::clone(&parts.tests);
            Ok(Box::new(Lints::new(read(settings)?, tests)))
        },
    },
    Row {
        name: hard_coded::NAME,
        about: "0 where the program holds what public tests expect, else 1; characters (of tests, from which on it is a copy)",
        build: |settings, _| Ok(Box::new(HardCoded::new(read(settings)?)?)),
    },
    Row {
        name: speed::NAME,
        about: "1 where the program passes its tests within some times the time of the problem's own, else 0; factor, allowance_ms (a test)",
        build: |settings, parts| {
            let tests = Arc::clone(&parts.tests);
            Ok(Box::new(Speed::new(read(settings)?, tests)?))
        },
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Settings as what a judge takes them for.
pub fn read<T: DeserializeOwned>(settings: &Settings) -> Result<T, String> {
    let fields = settings.clone().into_iter().collect();
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

/// Why the judges of a configuration can't be made. Completes "failed to ...".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no judge of this name.
    #[error("find the judge `{kind}`; expected one of {known}")]
    Unknown {
        /// The name.
        kind: String,
        /// Those there are.
        known: String,
    },
    /// Its settings are wrong.
    #[error("set up the judge `{kind}`: {reason}")]
    Settings {
        /// The judge.
        kind: String,
        /// What is wrong.
        reason: String,
    },
    /// They can't be used together.
    #[error("use these judges together: {reason}")]
    Mixture {
        /// Why.
        reason: String,
    },
}

/// The judges there are.
#[derive(Clone, Debug)]
pub struct Judges {
    rows: Vec<Row>,
}

impl Default for Judges {
    fn default() -> Self {
        Self {
            rows: BUILT_IN.to_vec(),
        }
    }
}

impl Judges {
    /// The same, with one more; it takes the place of one of the same name.
    #[must_use]
    pub fn with(mut self, row: Row) -> Self {
        self.rows.retain(|other| other.name != row.name);
        self.rows.push(row);
        self
    }

    /// The same, with one more unless there is one of its name.
    #[must_use]
    pub fn or(self, row: Row) -> Self {
        if self.rows.iter().any(|other| other.name == row.name) {
            self
        } else {
            self.with(row)
        }
    }

    /// The rows.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The judge that a configuration asks for: tests where it names none, a mixture where it names several.
    pub fn build(
        &self,
        configs: &[JudgeConfig],
        parts: &Parts,
    ) -> Result<Box<dyn Judge>, SettingsError> {
        Self::join(self.members(configs, parts)?, parts)
    }

    /// Each judge that a configuration names, with its weight.
    pub fn members(
        &self,
        configs: &[JudgeConfig],
        parts: &Parts,
    ) -> Result<Members, SettingsError> {
        let mut members = Vec::with_capacity(configs.len());
        for config in configs {
            let wrong = |reason| SettingsError::Settings {
                kind: config.kind.clone(),
                reason,
            };
            let row = (self.rows.iter())
                .find(|row| row.name == config.kind)
                .ok_or_else(|| SettingsError::Unknown {
                    kind: config.kind.clone(),
                    known: {
                        let names = self.rows.iter().map(|row| row.name);
                        self.names() + &meant(&config.kind, names)
                    },
                })?;
            if !config.weight.is_finite() {
                return Err(wrong(format!(
                    "weight is {}; expected a finite number",
                    config.weight
                )));
            }
            let judge = (row.build)(&config.settings, parts).map_err(wrong)?;
            if let Some(fault) = config.fault(judge.gives_verdicts()) {
                return Err(wrong(fault));
            }
            members.push((judge, config.weight));
        }
        Ok(members)
    }

    /// One judge of several: tests where there is none, a mixture where there are more than one.
    pub fn join(mut members: Members, parts: &Parts) -> Result<Box<dyn Judge>, SettingsError> {
        if members.len() > 1 {
            let mixture =
                Mixture::of(members).map_err(|reason| SettingsError::Mixture { reason })?;
            return Ok(Box::new(mixture));
        }
        let only = members.pop().map(|(judge, _)| judge);
        let only = only.unwrap_or_else(|| Box::new(Arc::clone(&parts.tests)));
        Ok(Box::new(Checked(only)))
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.rows.iter().map(|row| row.name).collect();
        names.join(", ")
    }
}
