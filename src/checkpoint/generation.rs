//! `generation_config.json` of a checkpoint → how its makers sample it. What it leaves out stays open.

use serde_json::Value;

/// How a checkpoint says it is to be sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generation {
    /// Temperature.
    pub temperature: Option<f64>,
    /// Nucleus.
    pub top_p: Option<f64>,
    /// Likeliest tokens kept; 0 for all.
    pub top_k: Option<usize>,
    /// What else it asks for and is not done here, as `repetition_penalty 1.1`.
    pub unused: Vec<String>,
}

/// Settings that would change a distribution, with the value that changes nothing.
const OTHERS: [(&str, f64); 11] = [
    ("repetition_penalty", 1.0),
    ("encoder_repetition_penalty", 1.0),
    ("presence_penalty", 0.0),
    ("frequency_penalty", 0.0),
    ("min_p", 0.0),
    ("typical_p", 1.0),
    ("epsilon_cutoff", 0.0),
    ("eta_cutoff", 0.0),
    ("no_repeat_ngram_size", 0.0),
    ("num_beams", 1.0),
    ("guidance_scale", 1.0),
];

/// Settings that forbid or force tokens, whatever they say.
const OF_TOKENS: [&str; 7] = [
    "suppress_tokens",
    "begin_suppress_tokens",
    "bad_words_ids",
    "sequence_bias",
    "force_words_ids",
    "forced_bos_token_id",
    "forced_eos_token_id",
];

impl Generation {
    /// What the file says. A value that makes no sense is refused by its name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if !file.is_object() {
            return Err("expected an object".to_owned());
        }
        let number = |name: &str, holds: fn(f64) -> bool, expected: &str| match &file[name] {
            Value::Null => Ok(None),
            found => (found.as_f64().filter(|&value| holds(value)))
                .map(Some)
                .ok_or_else(|| format!("field {name}: expected {expected}, found {found}")),
        };
        let temperature = number(
            "temperature",
            |value| value >= 0.0,
            "a number of at least 0",
        )?;
        let top_p = number(
            "top_p",
            |value| value > 0.0 && value <= 1.0,
            "a number above 0, at most 1",
        )?;
        // Some tools write -1 for all.
        let whole = |value: f64| value >= -1.0 && value.fract() == 0.0 && value < 1e9;
        let top_k = number(
            "top_k",
            whole,
            "a whole number of at least 0, or -1 for all",
        )?;
        let others = OTHERS.into_iter().filter_map(|(name, plain)| {
            let found = file[name].as_f64().filter(|&found| found != plain)?;
            Some(format!("{name} {found}"))
        });
        let of_tokens = OF_TOKENS.into_iter().filter_map(|name| match &file[name] {
            Value::Null => None,
            Value::Array(items) if items.is_empty() => None,
            _ => Some(name.to_owned()),
        });
        // Else the likeliest token alone is taken, whatever the temperature beside it.
        let greedy = file["do_sample"] == false && temperature.is_some_and(|value| value > 0.0);
        let greedy = greedy.then(|| "do_sample false".to_owned());
        Ok(Self {
            temperature,
            top_p,
            top_k: top_k.map(|value| value.max(0.0) as usize),
            unused: others.chain(of_tokens).chain(greedy).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_says_is_taken_and_what_is_left_out_stays_open() {
        let text = r#"{"do_sample": true, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.1, "min_p": 0}"#;
        let found = Generation::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (found.temperature, found.top_k, found.top_p),
            (Some(0.7), Some(20), None)
        );
        assert_eq!(found.unused, ["repetition_penalty 1.1"]);
        let text = r#"{"do_sample": false, "temperature": 0.6, "num_beams": 4, "suppress_tokens": [5], "bad_words_ids": []}"#;
        let found = Generation::parse(text.as_bytes()).unwrap();
        assert_eq!(
            found.unused,
            ["num_beams 4", "suppress_tokens", "do_sample false"]
        );
        assert_eq!(Generation::parse(b"{}").unwrap(), Generation::default());
    }

    #[test]
    fn a_value_without_sense_is_refused_by_its_name() {
        for (text, words) in [
            (
                r#"{"temperature": -1}"#,
                "field temperature: expected a number of at least 0, found -1",
            ),
            (r#"{"temperature": "hot"}"#, "field temperature"),
            (r#"{"top_p": 0}"#, "field top_p"),
            (r#"{"top_k": 1.5}"#, "field top_k"),
            ("[", "EOF"),
            ("[]", "expected an object"),
        ] {
            let message = Generation::parse(text.as_bytes()).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
