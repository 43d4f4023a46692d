//! Ids of problems as files write them, in problems, samples and journals alike: a text or a whole number.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Problem, printable};

/// The id that a value is, if it is one.
pub(super) fn of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// Reads an id, for `#[serde(deserialize_with = "...")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let value = Value::deserialize(deserializer)?;
    of(&value).ok_or_else(|| D::Error::custom("an id is a string or a whole number"))
}

/// A text without the mark that some editors put before UTF-8.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Problems by the ids that others know them by.
#[derive(Debug)]
pub struct ById<'a> {
    whole: HashMap<&'a str, &'a Problem>,
    /// By what stands behind the last slash; nothing where several end so.
    ends: HashMap<&'a str, Option<&'a Problem>>,
}

impl<'a> ById<'a> {
    /// Of a set.
    pub fn new(problems: &'a [Problem]) -> Self {
        let whole = problems
            .iter()
            .map(|problem| (problem.id.as_str(), problem));
        let mut ends = HashMap::new();
        for problem in problems {
            if let Some((_, end)) = problem.id.rsplit_once('/') {
                ends.entry(end)
                    .and_modify(|found| *found = None)
                    .or_insert(Some(problem));
            }
        }
        Self {
            whole: whole.collect(),
            ends,
        }
    }

    /// The problem of this id. A bare number also stands for the one problem whose id ends in it (`11` for `MBPP/11`), as
    /// sets that number their problems have it. The error says what is wrong.
    pub fn find(&self, id: &str) -> Result<&'a Problem, String> {
        if let Some(problem) = self.whole.get(id) {
            return Ok(*problem);
        }
        let is_number = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        match self.ends.get(id).filter(|_| is_number) {
            Some(Some(problem)) => Ok(*problem),
            Some(None) => Err(format!(
                "several problems have ids that end in /{id}; write the whole id"
            )),
            None => Err(format!(
                "there is no problem `{}`; give the set it belongs to",
                printable(id)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_texts_or_whole_numbers() {
        #[derive(Deserialize)]
        struct Line {
            #[serde(deserialize_with = "deserialize")]
            id: String,
        }
        let read = |text: &str| serde_json::from_str::<Line>(text).map(|line| line.id);
        assert_eq!(read(r#"{"id": 11}"#).unwrap(), "11");
        assert_eq!(read(r#"{"id": "a/11"}"#).unwrap(), "a/11");
        assert_eq!(read(r#"{"id": -1}"#).unwrap(), "-1");
        for broken in ["1.5", "[1]", "null", "true", "1e3"] {
            assert!(read(&format!(r#"{{"id": {broken}}}"#)).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_number_stands_for_the_one_problem_that_ends_in_it() {
        let problem = |id: &str| Problem {
            id: id.into(),
            ..Problem::default()
        };
        let set = ["MBPP/11", "MBPP/12", "a/7", "b/7", "3", "x/3"].map(problem);
        let ids = ById::new(&set);
        let found = |id: &str| ids.find(id).map(|problem| problem.id.as_str());
        assert_eq!(found("11"), Ok("MBPP/11"));
        assert_eq!(found("MBPP/12"), Ok("MBPP/12"));
        assert_eq!(found("3"), Ok("3"));
        assert!(found("7").unwrap_err().contains("several"));
        assert!(found("\x1b13").unwrap_err().contains(r"`\u{1b}13`"));
    }
}
