//! A resolved configuration → the complete file, each key under what its definition says of it. Keys that are not set stand
//! there commented out.

use std::fmt::Write as _;

use serde::Serialize;
use toml::{Table, Value};

use super::keys::{Definition, SETTINGS, SFT, TRAIN};
use super::{Preset, SetConfig, TaskConfig, TrainConfig};
use crate::judge::JudgeConfig;
use crate::model::lora::LoraConfig;
use crate::objective::{Correction, SecondConfig};
use crate::sft::SftConfig;

/// Columns of a comment.
const WIDTH: usize = 100;

/// A training run's configuration with its comments.
pub fn commented(config: &TrainConfig) -> String {
    let name = config.objective.algorithm.name();
    let settings = SETTINGS.iter().find(|definition| definition.table == name);
    let mut writer = Writer {
        definitions: TRAIN,
        settings,
        out: format!(
            "# A run of `rlef train`, with the defaults of the preset {}. Delete what need not be said.\n",
            config.preset.name()
        ),
    };
    writer.table("", &table(config), &unset(), true);
    writer.out
}

/// The configuration of `rlef sft` with its comments.
pub fn commented_sft(config: &SftConfig) -> String {
    let mut writer = Writer {
        definitions: SFT,
        settings: None,
        out: "# A run of `rlef sft`. Delete what need not be said.\n".to_owned(),
    };
    writer.table("", &table(config), &Table::new(), true);
    writer.out
}

fn table(config: &impl Serialize) -> Table {
    Table::try_from(config).expect("a configuration is a table of plain values")
}

/// A configuration in which everything that may be left out is there.
fn unset() -> Table {
    let mut config = TrainConfig {
        preset: Preset::Auto,
        lora: Some(LoraConfig::default()),
        judges: vec![JudgeConfig {
            kind: "tests".to_owned(),
            weight: 1.0,
            at_least: Some(1.0),
            settings: std::collections::BTreeMap::new(),
        }],
        ..TrainConfig::default()
    };
    config.chat_template = Some("template.jinja".into());
    config.objective.data = Some("pairs.jsonl".into());
    config.objective.value_from = Some("reward".into());
    config.objective.correction = Some(Correction::default());
    config.objective.second = Some(SecondConfig {
        data: "texts.jsonl".into(),
        weight: 1.0,
        examples: 8,
    });
    config.data.sets = vec![SetConfig {
        problems: "more.jsonl".to_owned(),
        weight: 1.0,
    }];
    config.resources.python = Some("python3".into());
    config.tasks = vec![TaskConfig {
        name: "code".to_owned(),
        weight: 1.0,
        max_gradient_norm: f64::INFINITY,
        over: Table::new(),
    }];
    let mut all = table(&config);
    let more = "[rollout]\nmax_staleness = 0\n[rollout.sampling]\ntop_k = 0\nstop = []\n[evaluation]\ntop_k = 0\n\
        [engine]\nkind = \"vllm\"\nurl = \"http://localhost:8000\"\nmodel = \"\"\nweights = \"weights\"\n\
        dtype = \"auto\"\nbfloat16 = true\nadapters = false\nconcurrency = 64\ntries = 6\ntimeout_s = 600\napi_key_env = \"\"\nbackend = \"jax\"\n";
    super::merge(&mut all, more.parse().expect("it is TOML"));
    all
}

/// Writes tables, and what their definitions say.
struct Writer {
    definitions: &'static [Definition],
    /// What the objective has of its own.
    settings: Option<&'static Definition>,
    out: String,
}

impl Writer {
    /// The keys of the table at `path`, then the tables in it. `set` are those that are set, `unset` shows what others may be;
    /// where the table itself is not `on`, all of it is commented out.
    fn table(&mut self, path: &str, set: &Table, unset: &Table, on: bool) {
        let defined = if path == "objective.settings" {
            self.settings
        } else {
            let mut all = self.definitions.iter();
            all.find(|definition| definition.table == path)
        };
        let mut keys: Vec<(String, String)> = defined
            .map(Definition::keys)
            .unwrap_or_default()
            .into_iter()
            .map(|(key, comment)| (key.to_owned(), comment))
            .collect();
        // What a judge or an objective of another crate has of its own.
        for key in set.keys() {
            if !keys.iter().any(|(known, _)| known == key) {
                keys.push((key.clone(), String::new()));
            }
        }
        let mut tables = Vec::new();
        for (key, comment) in &keys {
            let found = set.get(key);
            let Some(value) = found.or_else(|| unset.get(key)) else {
                continue;
            };
            if is_of_tables(value) {
                tables.push((key, comment, value, found.is_some() && on));
                continue;
            }
            self.comment(comment);
            let mark = if found.is_some() && on { "" } else { "# " };
            let _ = writeln!(self.out, "{mark}{key} = {value}");
        }
        for (key, comment, value, on) in tables {
            let inner = join(path, key);
            let mark = if on { "" } else { "# " };
            let none = Table::new();
            match value {
                Value::Array(all) => {
                    for one in all.iter().filter_map(Value::as_table) {
                        self.comment(comment);
                        let _ = writeln!(self.out, "{mark}[[{inner}]]");
                        self.table(&inner, one, &none, on);
                    }
                }
                value => {
                    self.comment(comment);
                    let _ = writeln!(self.out, "{mark}[{inner}]");
                    let table = value.as_table().unwrap_or(&none);
                    let shown = unset.get(key).and_then(Value::as_table).unwrap_or(&none);
                    self.table(&inner, table, shown, on);
                }
            }
        }
    }

    /// A comment in lines that fit, after an empty one.
    fn comment(&mut self, words: &str) {
        self.out.push('\n');
        let mut length = 0;
        for word in words.split_whitespace() {
            if length > 0 && length + 1 + word.chars().count() > WIDTH {
                self.out.push('\n');
                length = 0;
            }
            self.out.push_str(if length == 0 { "# " } else { " " });
            self.out.push_str(word);
            length += word.chars().count() + 1;
        }
        if length > 0 {
            self.out.push('\n');
        }
    }
}

fn is_of_tables(value: &Value) -> bool {
    match value {
        Value::Table(_) => true,
        Value::Array(all) => all.first().is_some_and(Value::is_table),
        _ => false,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective;

    /// Every key that is read has its comment right above it, set or not.
    fn each_has_a_comment(text: &str) {
        let lines: Vec<&str> = text.lines().collect();
        for (place, line) in lines.iter().enumerate() {
            let bare = line.trim_start_matches("# ");
            let key = bare.split_once(" = ").map_or("", |(key, _)| key);
            let is_key = !key.is_empty()
                && key
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            if is_key || bare.starts_with('[') {
                let above = lines[place - 1];
                assert!(above.starts_with("# ") && above.len() > 4, "{line}\n{text}");
            }
        }
    }

    #[test]
    fn the_file_reads_back_as_the_configuration_and_every_key_has_a_comment() {
        for (name, _) in objective::names() {
            let mut config = TrainConfig::default();
            config.objective.algorithm = name.into();
            let config = config.resolved().unwrap();
            let text = commented(&config);
            assert_eq!(
                toml::from_str::<TrainConfig>(&text).unwrap(),
                config,
                "{text}"
            );
            each_has_a_comment(&text);
        }
        let config = SftConfig::default();
        let text = commented_sft(&config);
        assert_eq!(
            toml::from_str::<SftConfig>(&text).unwrap(),
            config,
            "{text}"
        );
        each_has_a_comment(&text);
    }

    /// With every mark before a key taken away it is a file in which everything is set.
    #[test]
    fn what_is_not_set_is_there_commented_out() {
        let text = commented(&TrainConfig::default().resolved().unwrap());
        let bare: Vec<&str> = text
            .lines()
            .map(|line| {
                let bare = line.strip_prefix("# ").unwrap_or(line);
                let is_set = bare.starts_with('[') && bare.ends_with(']')
                    || bare
                        .split_once(" = ")
                        .is_some_and(|(key, _)| !key.contains(' ') && !key.contains('`'));
                if is_set { bare } else { "" }
            })
            .collect();
        let all: TrainConfig = toml::from_str(&bare.join("\n")).unwrap();
        assert!(all.lora.is_some() && all.engine.is_some() && all.judges.len() == 1);
        let objective = &all.objective;
        assert!(objective.correction.is_some() && objective.second.is_some());
        // A file of what can be left out, and every key of the code, would be one: nothing is missing from it.
        let named: Vec<String> = bare
            .iter()
            .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
            .collect();
        for definition in TRAIN {
            for (key, _) in definition.keys() {
                let is_table = bare
                    .iter()
                    .any(|line| line.trim_matches(['[', ']']).rsplit('.').next() == Some(key));
                let settings = key == "settings";
                assert!(
                    is_table || settings || named.iter().any(|name| name == key),
                    "{key}"
                );
            }
        }
    }
}
