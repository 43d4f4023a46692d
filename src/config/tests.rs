//! Which configurations are read, and which are refused.

use super::*;

#[test]
fn the_resolved_file_reads_back_as_itself() {
    let config = TrainConfig::default();
    config.check().unwrap();
    let text = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
}

#[test]
fn a_table_need_not_hold_all_its_keys() {
    let text = "[rollout]\nturns = 2\n[rollout.sampling]\nmax_tokens = 7\n[reward]\n[objective]\nclip = 0.1\n\
        [policy_optimizer]\n[value_optimizer]\nwarmup_steps = 3\nmax_gradient_norm = inf\n[resources]\n[evaluation]\n[lora]\n";
    let mut expected = TrainConfig {
        lora: Some(LoraConfig::default()),
        ..TrainConfig::default()
    };
    expected.rollout.turns = 2;
    expected.rollout.sampling.max_tokens = 7;
    expected.objective.clip = 0.1;
    expected.value_optimizer.warmup_steps = 3;
    expected.value_optimizer.max_gradient_norm = f64::INFINITY;
    assert_eq!(toml::from_str::<TrainConfig>(text).unwrap(), expected);
    assert_eq!(expected.value_optimizer.learning_rate, 1e-3);
    for (wrong, words) in [
        ("lerning_rate = 1.0", "unknown field `lerning_rate`"),
        ("learning_rate = \"fast\"", "invalid type: string \"fast\""),
    ] {
        let text = format!("seed = 1\n[policy_optimizer]\n{wrong}\n");
        let message = toml::from_str::<TrainConfig>(&text)
            .unwrap_err()
            .to_string();
        assert!(message.contains(words), "{message}");
        assert!(message.contains("line 2"), "{message}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.toml");
    std::fs::write(&path, "seed = 2\nlerning_rate = 1\n").unwrap();
    let message = TrainConfig::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("line 2") && message.contains("lerning_rate"),
        "{message}"
    );
}

#[test]
fn counts_that_others_are_multiplied_by_are_bounded() {
    let with = |key: &str, value: &str| {
        let text = format!("{key} = {value}\n");
        let config: TrainConfig = toml::from_str(&text).unwrap();
        config.check().map_err(|error| error.to_string())
    };
    for key in [
        "rollout.group",
        "rollout.turns",
        "rollout.sampling.max_tokens",
        "updates_per_round",
        "resources.workers",
        "evaluation.rollouts",
        "validation.rollouts",
        "resources.sampling_batch",
        "lora.rank",
    ] {
        for value in ["1000000000000", "9223372036854775807"] {
            let message = with(key, value).unwrap_err();
            assert!(
                message.contains(key) && message.contains("at most"),
                "{message}"
            );
        }
    }
    // All problems, and for ever.
    with("problems_per_round", "9223372036854775807").unwrap();
    with("rounds", "9223372036854775807").unwrap();
}

/// Whatever key is added later: its number is looked at, too.
#[test]
fn every_number_of_the_file_is_finite_and_in_its_range() {
    fn keys(table: &toml::Table, before: &str, all: &mut Vec<String>) {
        for (name, value) in table {
            let key = format!("{before}{name}");
            match value {
                toml::Value::Table(inner) => keys(inner, &format!("{key}."), all),
                toml::Value::Float(_) => all.push(key),
                _ => {}
            }
        }
    }
    fn with(key: &str, value: f64) -> Result<(), String> {
        let config = TrainConfig {
            lora: Some(LoraConfig::default()),
            ..TrainConfig::default()
        };
        let mut root = toml::Table::try_from(config).unwrap();
        let mut table = &mut root;
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap();
        for part in parts {
            table = table[part].as_table_mut().unwrap();
        }
        table.insert(last.to_owned(), toml::Value::Float(value));
        let config: TrainConfig = root.try_into().map_err(|error| format!("{error}"))?;
        config.check().map_err(|error| error.to_string())
    }
    let config = TrainConfig {
        lora: Some(LoraConfig::default()),
        ..TrainConfig::default()
    };
    let mut all = Vec::new();
    keys(&toml::Table::try_from(config).unwrap(), "", &mut all);
    assert_eq!(all.len(), 30, "{all:?}");
    for key in &all {
        let unbounded = ["max_sampler_gap", "max_sampler_kl", "max_gradient_norm"];
        let may_be_infinite = unbounded.iter().any(|name| key.ends_with(name));
        for bad in [f64::NAN, f64::NEG_INFINITY, f64::INFINITY] {
            let found = with(key, bad);
            if bad == f64::INFINITY && may_be_infinite {
                found.unwrap();
            } else {
                let message = found.unwrap_err();
                assert!(message.contains(key.as_str()), "{key} {bad}: {message}");
            }
        }
        let may_be_negative = ["reward.solved", "reward.failed", "reward.no_program"];
        if !may_be_negative.contains(&key.as_str()) && key != "lora.alpha" {
            assert!(with(key, -0.5).unwrap_err().contains(key.as_str()), "{key}");
        }
    }
    for (key, bad, good) in [
        ("reward.kl_beta", -0.1, 0.0),
        ("resources.max_infra_rate", 1.5, 1.0),
        ("evaluation.top_p", 1.5, 1.0),
        ("evaluation.temperature", -1.0, 0.0),
        ("policy_optimizer.beta_1", 1.0, 0.0),
        ("value_optimizer.learning_rate", 0.0, 1e-9),
        ("lora.alpha", 0.0, -1.0),
    ] {
        assert!(with(key, bad).unwrap_err().contains(key));
        with(key, good).unwrap();
    }
}

#[test]
fn senseless_values_are_refused_by_name() {
    let mut config = TrainConfig::default();
    config.rollout.group = 0;
    assert!(
        config
            .check()
            .unwrap_err()
            .to_string()
            .contains("rollout.group")
    );
    let mut config = TrainConfig::default();
    config.rollout.sampling.top_p = 0.9;
    assert!(config.check().unwrap_err().to_string().contains("top_p"));
    let mut config = TrainConfig::default();
    config.objective.algorithm = "grpo".into();
    config.check().unwrap();
    config.rollout.group = 1;
    assert!(config.check().unwrap_err().to_string().contains("grpo"));
    let mut config = TrainConfig::default();
    config.objective.value_head = ValueHead::Shared;
    config.check().unwrap();
    config.objective.value_warmup_rounds = 1;
    let message = config.check().unwrap_err().to_string();
    assert!(message.contains("value_warmup_rounds"), "{message}");
    config.objective.value_warmup_rounds = 0;
    config.objective.algorithm = "grpo".into();
    let message = config.check().unwrap_err().to_string();
    assert!(message.contains("value_head"), "{message}");
    let mut config = TrainConfig::default();
    config.objective.max_sampler_gap = f64::NAN;
    assert!(
        config
            .check()
            .unwrap_err()
            .to_string()
            .contains("max_sampler_gap")
    );
    let mut config = TrainConfig::default();
    config.rollout.sampling.top_k = 5;
    assert!(config.check().unwrap_err().to_string().contains("top_k"));
    let mut config = TrainConfig::default();
    config.rollout.sampling.stop = vec!["\n\n".to_owned(), String::new()];
    assert!(config.check().unwrap_err().to_string().contains("stop"));
}

/// Configurations of older versions call PPO `rlef`.
#[test]
fn an_older_name_of_an_objective_is_read() {
    let read = |text: &str| toml::from_str::<TrainConfig>(text).unwrap();
    let older = read("[objective]\nalgorithm = \"rlef\"\n");
    assert_eq!(older, TrainConfig::default());
    assert!(toml::to_string(&older).unwrap().contains("\"ppo\""));
    older.check().unwrap();
}

#[test]
fn what_an_objective_alone_has_is_written_whole() {
    let text = "[objective]\nalgorithm = \"dapo\"\n[objective.settings]\nclip_high = 0.5\n\
        [objective.correction]\nkind = \"mis\"\nlevel = \"sequence\"\ncap = 4.0\n";
    let config: TrainConfig = toml::from_str(text).unwrap();
    let config = config.resolved().unwrap();
    config.check().unwrap();
    let text = toml::to_string(&config).unwrap();
    for line in [
        "clip_high = 0.5",
        "clip_low = 0.2",
        "redraws = 3",
        "mask_overlong = true",
        "veto = 0.0",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(toml::from_str::<TrainConfig>(&text).unwrap(), config);
    let mut bad = config;
    bad.objective.correction.as_mut().unwrap().cap = -1.0;
    let message = bad.check().unwrap_err().to_string();
    assert!(
        message.contains("objective.correction.cap is -1"),
        "{message}"
    );
}
