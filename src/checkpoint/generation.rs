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
const OTHERS: [(&str, f64); 5] = [
    ("repetition_penalty", 1.0),
    ("presence_penalty", 0.0),
    ("frequency_penalty", 0.0),
    ("min_p", 0.0),
    ("typical_p", 1.0),
];

impl Generation {
    /// What the file says. A value that makes no sense is refused by its name.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
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
        Ok(Self {
            temperature,
            top_p,
            top_k: top_k.map(|value| value.max(0.0) as usize),
            unused: others.collect(),
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
        ] {
            let message = Generation::parse(text.as_bytes()).unwrap_err();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
