//! What is done with each field of a schema's rows, at any depth: honoured, ignored for a reason, or refused.
//!
//! Every schema's file lists its fields. A field that nobody listed is refused where its name or its value suggests that
//! it decides (tests, checkers, tolerances, limits …): dropped, it would let wrong programs through. Any other is
//! ignored, and named once in a [`Notice`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Place, ProblemError, Where, printable};

mod suggests;

/// The fields of a schema. A field below another is written `tests.inputs` (lists of objects count as the object),
/// everything below one `labels.*`.
#[derive(Debug)]
pub(super) struct Known {
    /// They make the problem.
    pub(super) honoured: &'static [&'static str],
    /// Ignored, and why they decide nothing.
    pub(super) harmless: &'static [(&'static str, &'static str)],
    /// They decide and can't be honoured; what to do instead.
    pub(super) refused: &'static [(&'static str, &'static str)],
}

/// What the loader has to say of a file that it read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The field, with its parents: `metadata.origin`.
    pub field: String,
    /// Rows that have it.
    pub rows: usize,
    /// The first of them.
    pub first: Place,
    /// What was done with it.
    pub what: String,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "field `{}` of {} row{} (first {}) {}",
            printable(&self.field),
            self.rows,
            if self.rows == 1 { "" } else { "s" },
            self.first,
            self.what
        )
    }
}

/// Notices of one file, one for each field.
#[derive(Debug, Default)]
pub(super) struct Notices(RefCell<BTreeMap<(String, String), (Notice, Where)>>);

/// Different fields named at most: a file may have a new one in each row.
const MOST: usize = 100;

impl Notices {
    pub(super) fn add(&self, place: &Place, field: String, what: String) {
        let mut notices = self.0.borrow_mut();
        let full = notices.len() >= MOST;
        let key = (field, what);
        if let Some((notice, last)) = notices.get_mut(&key) {
            // Several objects of a row may have it.
            notice.rows += usize::from(*last != place.at);
            *last = place.at;
        } else if !full {
            let (field, what) = key.clone();
            let notice = Notice {
                field,
                rows: 1,
                first: place.clone(),
                what,
            };
            notices.insert(key, (notice, place.at));
        }
    }

    pub(super) fn into_list(self) -> Vec<Notice> {
        let notices = self.0.into_inner().into_values();
        notices.map(|(notice, _)| notice).collect()
    }
}

/// Whether `pattern` names the field `name` below `prefix` (empty, or ending in a dot).
fn names(pattern: &str, prefix: &str, name: &str) -> bool {
    if let Some(parent) = pattern.strip_suffix('*') {
        return prefix.starts_with(parent);
    }
    pattern
        .strip_prefix(prefix)
        .is_some_and(|rest| rest == name)
}

impl Known {
    /// Checks every field of an object that stands at `prefix`.
    pub(super) fn check(
        &self,
        object: &Map<String, Value>,
        prefix: &str,
        (schema, place, notices): (&str, &Place, &Notices),
    ) -> Result<(), ProblemError> {
        for (name, value) in object {
            if is_blank(value)
                || self
                    .honoured
                    .iter()
                    .any(|pattern| names(pattern, prefix, name))
            {
                continue;
            }
            let undecided = |remedy: &str| ProblemError::Undecided {
                place: place.clone(),
                field: format!("{prefix}{name}"),
                schema: schema.to_owned(),
                remedy: remedy.to_owned(),
            };
            let listed = |list: &'static [(&'static str, &'static str)]| {
                list.iter()
                    .find(|(pattern, _)| names(pattern, prefix, name))
            };
            if let Some((_, remedy)) = listed(self.refused) {
                return Err(undecided(remedy));
            }
            if listed(self.harmless).is_some() {
                self.check_within(value, &format!("{prefix}{name}."), (schema, place, notices))?;
                continue;
            }
            // Beside tests anything that doesn't just describe them says how they count.
            if suggests::decides(name, value) || is_of_tests(prefix) && !suggests::describes(name) {
                return Err(undecided(
                    "remove the field where it decides nothing; where it does, write the problem in rlef's own schema",
                ));
            }
            notices.add(
                place,
                format!("{prefix}{name}"),
                format!("is none that the schema {schema} knows, and is ignored"),
            );
        }
        Ok(())
    }

    /// The same for what a harmless field holds; what nobody listed there is refused or ignored, and not named.
    pub(super) fn check_within(
        &self,
        value: &Value,
        prefix: &str,
        of: (&str, &Place, &Notices),
    ) -> Result<(), ProblemError> {
        match value {
            Value::Object(object) => {
                for (name, inner) in object {
                    let listed = self.honoured.iter().copied();
                    let mut listed =
                        listed.chain(self.harmless.iter().map(|(pattern, _)| *pattern));
                    if is_blank(inner) || listed.any(|one| names(one, prefix, name)) {
                        continue;
                    }
                    if suggests::named(name) {
                        return self.check(object, prefix, of);
                    }
                    self.check_within(inner, &format!("{prefix}{name}."), of)?;
                }
                Ok(())
            }
            Value::Array(items) => items
                .iter()
                .filter(|item| item.is_object())
                .try_for_each(|item| self.check_within(item, prefix, of)),
            Value::String(text) if text.trim_start().starts_with('{') => {
                match super::python_literal::json_or_literal(text) {
                    Ok(object @ Value::Object(_)) => self.check_within(&object, prefix, of),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

/// Whether a field below this prefix stands beside tests.
fn is_of_tests(prefix: &str) -> bool {
    prefix
        .split('.')
        .any(|part| !part.is_empty() && (suggests::named(part) || part == "examples"))
}

/// Whether a value says nothing: a column of a row that has none.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(object) => object.values().all(is_blank),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_one_field_or_all_below() {
        assert!(names("test", "", "test"));
        assert!(!names("test", "", "tests"));
        assert!(names("tests.inputs", "tests.", "inputs"));
        assert!(!names("tests.inputs", "", "inputs"));
        assert!(names("labels.*", "labels.", "any"));
        assert!(names("labels.*", "labels.any.", "thing"));
        assert!(!names("labels.*", "", "labels"));
    }
}
