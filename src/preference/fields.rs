//! Typed access to a row's fields, with errors that name file, row and field; and what every item must be.

use serde_json::{Map, Value};

use super::{Item, Message, Role, Said, Schema};
use crate::problem::{Place, ProblemError};

/// The fields of a row, or of an object within it.
pub(crate) struct Fields<'a> {
    place: &'a Place,
    schema: &'static Schema,
    object: &'a Map<String, Value>,
    /// `info.` within that field, empty at the top.
    prefix: String,
}

/// Parts of names that say that a field decides.
const DECIDES: [&str; 18] = [
    "label", "tie", "winner", "choice", "prefer", "weight", "margin", "certain", "confiden",
    "score", "rating", "rank", "valid", "flag", "exclud", "correct", "reward", "judg",
];

impl<'a> Fields<'a> {
    /// Those of a row.
    pub(super) fn of(
        place: &'a Place,
        value: &'a Value,
        schema: &'static Schema,
    ) -> Result<Self, ProblemError> {
        let Value::Object(object) = value else {
            return Err(ProblemError::UnknownSchema {
                place: place.clone(),
                found: kind(value).to_owned(),
                known: super::schema::known(),
            });
        };
        Ok(Self {
            place,
            schema,
            object,
            prefix: String::new(),
        })
    }

    /// Fields of the row that the schema doesn't list. One whose name says that it decides is refused.
    pub(super) fn unknown(&self) -> Result<Vec<String>, ProblemError> {
        let mut names = Vec::new();
        for (name, value) in self.object {
            let is_listed = self.schema.fields.contains(&name.as_str());
            if is_listed || value.is_null() || self.schema.fields.is_empty() {
                continue;
            }
            let lower = name.to_lowercase();
            if DECIDES.iter().any(|part| lower.contains(part)) {
                return Err(ProblemError::Undecided {
                    place: self.place.clone(),
                    field: name.clone(),
                    schema: self.schema.name.to_owned(),
                    remedy: "remove the field, or name another schema".to_owned(),
                });
            }
            names.push(name.clone());
        }
        Ok(names)
    }

    /// The value of a field; nothing where it is absent or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// The row itself.
    pub(super) const fn object(&self) -> &'a Map<String, Value> {
        self.object
    }

    fn need(&self, name: &str, expected: &str) -> Result<&'a Value, ProblemError> {
        self.get(name)
            .ok_or_else(|| self.wrong(name, expected, "none"))
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<&'a str, ProblemError> {
        let value = self.need(name, "a text")?;
        value
            .as_str()
            .ok_or_else(|| self.wrong(name, "a text", kind(value)))
    }

    /// A text, or nothing.
    pub(super) fn text_if_any(&self, name: &str) -> Result<Option<&'a str>, ProblemError> {
        self.get(name).map(|_| self.text(name)).transpose()
    }

    /// A finite number, or nothing.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, ProblemError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let number = value.as_f64().filter(|number| number.is_finite());
        let wrong = || self.wrong(name, "a finite number", &value.to_string());
        number.map(Some).ok_or_else(wrong)
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, ProblemError> {
        let expected = "true or false";
        let value = self.need(name, expected)?;
        value
            .as_bool()
            .ok_or_else(|| self.wrong(name, expected, &value.to_string()))
    }

    /// True, or false where it is absent.
    pub(super) fn is(&self, name: &str) -> Result<bool, ProblemError> {
        self.get(name).map_or(Ok(false), |_| self.flag(name))
    }

    /// A list.
    pub(super) fn list(&self, name: &str) -> Result<&'a [Value], ProblemError> {
        let value = self.need(name, "a list")?;
        let list = value.as_array().map(Vec::as_slice);
        list.ok_or_else(|| self.wrong(name, "a list", kind(value)))
    }

    /// The objects of a list.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Self>, ProblemError> {
        let each = self.list(name)?.iter().enumerate();
        each.map(|(index, value)| self.below(format!("{name}[{index}]"), value))
            .collect()
    }

    /// An object.
    pub(super) fn object_of(&self, name: &str) -> Result<Self, ProblemError> {
        self.below(name.to_owned(), self.need(name, "an object")?)
    }

    fn below(&self, name: String, value: &'a Value) -> Result<Self, ProblemError> {
        let Value::Object(object) = value else {
            return Err(self.wrong(&name, "an object", kind(value)));
        };
        Ok(Self {
            place: self.place,
            schema: self.schema,
            object,
            prefix: format!("{}{name}.", self.prefix),
        })
    }

    /// A text, or the messages of a conversation.
    pub(super) fn said(&self, name: &str) -> Result<Said, ProblemError> {
        match self.need(name, "a text or messages")? {
            Value::String(text) => Ok(Said::plain(text)),
            Value::Array(_) => Ok(Said::Messages(self.messages(name)?)),
            other => Err(self.wrong(name, "a text or messages", kind(other))),
        }
    }

    /// The messages of a conversation.
    pub(super) fn messages(&self, name: &str) -> Result<Vec<Message>, ProblemError> {
        let message = |fields: Self| {
            let role = match fields.text("role")? {
                "system" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                other => {
                    let found = format!("{other:?}");
                    return Err(fields.wrong("role", "system, user or assistant", &found));
                }
            };
            let known = ["role", "content"];
            let other = |(key, value): &(&String, &Value)| {
                !known.contains(&key.as_str()) && !is_empty(value)
            };
            if let Some((key, _)) = fields.object.iter().find(other) {
                let expected = "nothing: only what is said is learnt from";
                return Err(fields.wrong(key, expected, "a value"));
            }
            Ok(Message::of(role, fields.text("content")?))
        };
        self.objects(name)?.into_iter().map(message).collect()
    }

    /// The error for a field.
    pub(super) fn wrong(&self, name: &str, expected: &str, found: &str) -> ProblemError {
        ProblemError::Field {
            place: self.place.clone(),
            field: format!("{}{name}", self.prefix),
            expected: expected.to_owned(),
            found: shorten(found),
        }
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "none",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Refuses what nothing can be learnt from: an answer that is empty, a number out of its range, steps without marks.
pub(super) fn check(item: &Item, fields: &Fields<'_>) -> Result<(), ProblemError> {
    let said = |name: &str, said: &Said| {
        if said.is_blank() {
            return Err(fields.wrong(name, "an answer", "an empty text"));
        }
        Ok(())
    };
    match item {
        Item::Pair(pair) => {
            said("chosen", &pair.chosen)?;
            said("rejected", &pair.rejected)?;
            let certainty = pair.certainty.unwrap_or(1.0);
            if !(0.5..=1.0).contains(&certainty) {
                let expected = "a number from 0.5 to 1: below, the other answer would be preferred";
                return Err(fields.wrong("certainty", expected, &certainty.to_string()));
            }
            if let Some(margin) = pair
                .margin
                .filter(|margin| !(*margin >= 0.0 && margin.is_finite()))
            {
                let expected = "a finite number of at least 0";
                return Err(fields.wrong("margin", expected, &margin.to_string()));
            }
            Ok(())
        }
        Item::Ranking(ranking) => {
            let count = ranking.answers.len();
            if count < 2 {
                let expected = "two answers at least";
                return Err(fields.wrong("answers", expected, &count.to_string()));
            }
            for (index, ranked) in ranking.answers.iter().enumerate() {
                said(&format!("answers[{index}]"), &ranked.answer)?;
                if !ranked.rank.is_finite() {
                    let (name, found) = (format!("answers[{index}].rank"), ranked.rank);
                    return Err(fields.wrong(&name, "a finite number", &found.to_string()));
                }
            }
            Ok(())
        }
        Item::Labelled(labelled) => said("completion", &labelled.completion),
        Item::Steps(steps) => {
            let (count, marks) = (steps.steps.len(), steps.marks.len());
            if count == 0 || count != marks {
                let expected =
                    format!("one for each of the {count} steps, of which there is one at least");
                return Err(fields.wrong("labels", &expected, &marks.to_string()));
            }
            let shares = &steps.shares;
            if !shares.is_empty() && shares.len() != count {
                let expected = format!("one for each of the {count} steps, or none");
                return Err(fields.wrong("shares", &expected, &shares.len().to_string()));
            }
            if let Some(share) = shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
                return Err(fields.wrong("shares", "numbers from 0 to 1", &share.to_string()));
            }
            Ok(())
        }
    }
}
