//! The fields of a `config.json`, taken out one by one: what is left was not understood.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use crate::model::rope::RopeScaling;

/// Fields not read yet.
pub(super) struct Fields {
    pub(super) left: Map<String, Value>,
}

impl Fields {
    /// A field's value; null counts as absent, as in `transformers`.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn read<T: serde::de::DeserializeOwned>(
        &mut self,
        name: &str,
        expected: &str,
    ) -> Result<Option<T>, String> {
        self.take(name)
            .map(|value| {
                T::deserialize(&value)
                    .map_err(|_| format!("field {name}: expected {expected}, found {value}"))
            })
            .transpose()
    }

    pub(super) fn count(&mut self, name: &str) -> Result<Option<usize>, String> {
        self.read(name, "a whole number")
    }

    pub(super) fn need(&mut self, name: &str) -> Result<usize, String> {
        self.count(name)?
            .ok_or_else(|| format!("field {name}: expected a whole number, found none"))
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.read(name, "a number")
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, String> {
        Ok(self.read(name, "true or false")?.unwrap_or(false))
    }

    pub(super) fn fixed(&mut self, name: &str, only: &Value) -> Result<(), String> {
        match self.take(name) {
            Some(value) if value != *only => {
                Err(format!("field {name}: expected {only}, found {value}"))
            }
            _ => Ok(()),
        }
    }

    /// One id, several, or none.
    pub(super) fn ids(&mut self, name: &str) -> Result<Vec<u32>, String> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(value) => u32::deserialize(&value)
                .map(|id| vec![id])
                .or_else(|_| Vec::deserialize(&value))
                .map_err(|_| format!("field {name}: expected token ids, found {value}")),
        }
    }

    pub(super) fn full_attention(&mut self) -> Result<(), String> {
        let kinds: Vec<String> = self
            .read("layer_types", "a list of strings")?
            .unwrap_or_default();
        match kinds.iter().find(|kind| *kind != "full_attention") {
            Some(other) => Err(format!(
                "field layer_types: expected \"full_attention\" only, found {other:?}"
            )),
            None => Ok(()),
        }
    }

    /// Base and stretch: `rope_theta` and `rope_scaling`, or both within `rope_parameters` (transformers 5).
    pub(super) fn rope(&mut self, positions: usize) -> Result<(f64, Option<RopeScaling>), String> {
        let base = self.number("rope_theta")?;
        let field = if self
            .left
            .get("rope_parameters")
            .is_some_and(Value::is_object)
        {
            "rope_parameters"
        } else {
            "rope_scaling"
        };
        let Some(value) = self.take(field) else {
            return Ok((base.unwrap_or(10_000.0), None));
        };
        let Value::Object(entries) = value else {
            return Err(format!("field {field}: expected an object, found {value}"));
        };
        let mut inner = Self { left: entries };
        let base = base.or(inner.number("rope_theta")?).unwrap_or(10_000.0);
        let scaling = inner
            .scaling(positions)
            .map_err(|reason| format!("field {field}: {reason}"))?;
        if let Some((name, value)) = inner.left.iter().find(|(_, value)| !value.is_null()) {
            return Err(format!(
                "field {field}: expected no entry {name}, found {value}"
            ));
        }
        Ok((base, scaling))
    }

    fn scaling(&mut self, positions: usize) -> Result<Option<RopeScaling>, String> {
        let kind: Option<String> = self.read("rope_type", "a string")?;
        let old: Option<String> = self.read("type", "a string")?;
        let kind = kind.or(old).unwrap_or_else(|| "default".to_owned());
        if kind == "default" {
            return Ok(None);
        }
        let factor = self
            .number("factor")?
            .ok_or("entry factor: expected a number, found none")?;
        let original = self.count("original_max_position_embeddings")?;
        let scaling = match kind.as_str() {
            "linear" => RopeScaling::Linear { factor },
            "llama3" => {
                let mut entry = |name: &str| {
                    self.number(name)?
                        .ok_or_else(|| format!("entry {name}: expected a number, found none"))
                };
                RopeScaling::Llama3 {
                    factor,
                    low_freq_factor: entry("low_freq_factor")?,
                    high_freq_factor: entry("high_freq_factor")?,
                    original_max_position_embeddings: original.ok_or(
                        "entry original_max_position_embeddings: expected a number, found none",
                    )?,
                }
            }
            "yarn" => RopeScaling::Yarn {
                factor,
                original_max_position_embeddings: original.unwrap_or(positions),
                beta_fast: self.number("beta_fast")?.unwrap_or(32.0),
                beta_slow: self.number("beta_slow")?.unwrap_or(1.0),
                attention_factor: self
                    .number("attention_factor")?
                    .unwrap_or_else(|| 0.1 * factor.max(1.0).ln() + 1.0),
            },
            other => {
                return Err(format!(
                    "entry rope_type: expected default, linear, llama3 or yarn, found {other:?}"
                ));
            }
        };
        match scaling.fault() {
            None => Ok(Some(scaling)),
            Some((name, found, expected)) => {
                Err(format!("entry {name}: expected {expected}, found {found}"))
            }
        }
    }
}
