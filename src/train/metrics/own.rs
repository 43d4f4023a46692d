//! Numbers that an objective alone has, by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Names and numbers, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Own(BTreeMap<String, Number>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Number(#[serde(with = "super::number")] f64);

impl Own {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|number| number.0)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0
            .iter()
            .map(|(name, number)| (name.as_str(), number.0))
    }

    /// Adds to the number of a name, which begins at zero.
    pub fn add(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().0 += value;
    }

    /// Multiplies all of them.
    pub(super) fn scale(&mut self, factor: f64) {
        for number in self.0.values_mut() {
            number.0 *= factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_name_are_read_back() {
        let mut own = Own::default();
        own.add("b", 1.0);
        own.add("a", f64::NAN);
        own.add("b", 0.5);
        own.scale(2.0);
        assert_eq!(own.get("b"), Some(3.0));
        let text = serde_json::to_string(&own).unwrap();
        assert_eq!(text, r#"{"a":"NaN","b":3.0}"#);
        let read: Own = serde_json::from_str(&text).unwrap();
        assert!(read.get("a").unwrap().is_nan() && read.get("c").is_none());
    }
}
