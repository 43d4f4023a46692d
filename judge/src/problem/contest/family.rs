//! Family: one thing a step of a problem can do, as a sentence, a line of Python and an evaluator in Rust that
//! is independent of that line. Does not know which steps may follow each other.

use super::slots::Slot;
use super::value::{Shape, Value};

/// One row of a table of families.
///
/// In `sentence` and `snippet`, `{k}` is the constant, `{c}` the constant as a letter (0 = a), `{o}` the option
/// of the slot, `{v}` the variable the step takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) sentence: &'static str,
    pub(super) snippet: &'static str,
    pub(super) constant: Constant,
    pub(super) slot: Option<&'static Slot>,
    /// The shape handed on; `None` when the step prints.
    pub(super) gives: Option<Shape>,
    /// Whether what it prints shows the whole of what it takes.
    pub(super) shows: bool,
    pub(super) rule: Rule,
}

/// What a step does: value taken, constant, option of the slot → value, or `None` where the Python line would
/// raise an exception.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    List(fn(Vec<i64>, i64, usize) -> Option<Value>),
    Text(fn(String, i64, usize) -> Option<Value>),
    Words(fn(Vec<String>, i64, usize) -> Option<Value>),
    Number(fn(i64, i64, usize) -> Option<Value>),
    Pair(fn(i64, i64, usize) -> Option<Value>),
    Grid(fn(Vec<Vec<i64>>, i64, usize) -> Option<Value>),
}

/// Where a family's constant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Constant {
    /// The family has none.
    None,
    /// How many items: 1 to 5.
    Count,
    /// How many times, or one in how many: 2 to 9.
    Times,
    /// A divisor, factor or addend: 2 to 19.
    Divisor,
    /// A bound or distance: 1 to 15.
    Bound,
    /// A letter, counted from 0.
    Letter,
    /// A width in characters: 7 to 16.
    Width,
}

impl Constant {
    /// Its values. Each range is long enough that every split gets some (see `composition`).
    pub(super) fn values(self) -> std::ops::RangeInclusive<i64> {
        match self {
            Self::None => 0..=0,
            Self::Count => 1..=5,
            Self::Times => 2..=9,
            Self::Divisor => 2..=19,
            Self::Bound => 1..=15,
            Self::Letter => 0..=25,
            Self::Width => 7..=16,
        }
    }
}

impl Family {
    /// A step that hands on a value of shape `gives`.
    pub(super) const fn stage(
        name: &'static str,
        sentence: &'static str,
        snippet: &'static str,
        gives: Shape,
        rule: Rule,
    ) -> Self {
        Self {
            gives: Some(gives),
            ..Self::finish(name, sentence, snippet, rule)
        }
    }

    /// A step that prints.
    pub(super) const fn finish(
        name: &'static str,
        sentence: &'static str,
        snippet: &'static str,
        rule: Rule,
    ) -> Self {
        Self {
            name,
            sentence,
            snippet,
            constant: Constant::None,
            slot: None,
            gives: None,
            shows: false,
            rule,
        }
    }

    pub(super) const fn constant(self, constant: Constant) -> Self {
        Self { constant, ..self }
    }

    pub(super) const fn slot(self, slot: &'static Slot) -> Self {
        Self {
            slot: Some(slot),
            ..self
        }
    }

    pub(super) const fn shows(self) -> Self {
        Self {
            shows: true,
            ..self
        }
    }

    /// The shape it takes.
    pub(super) fn takes(&self) -> Shape {
        match self.rule {
            Rule::List(_) => Shape::List,
            Rule::Text(_) => Shape::Text,
            Rule::Words(_) => Shape::Words,
            Rule::Number(_) => Shape::Number,
            Rule::Pair(_) => Shape::Pair,
            Rule::Grid(_) => Shape::Grid,
        }
    }

    /// Its result on `value`; `None` where Python would raise or the shape is not the one it takes.
    pub(super) fn apply(&self, value: Value, constant: i64, option: usize) -> Option<Value> {
        match (self.rule, value) {
            (Rule::List(rule), Value::List(values)) => rule(values, constant, option),
            (Rule::Text(rule), Value::Text(text)) => rule(text, constant, option),
            (Rule::Words(rule), Value::Words(words)) => rule(words, constant, option),
            (Rule::Number(rule), Value::Number(number)) => rule(number, constant, option),
            // A pair is all its rules need: no family over pairs has a constant.
            (Rule::Pair(rule), Value::Pair(x, y)) => rule(x, y, option),
            (Rule::Grid(rule), Value::Grid(rows)) => rule(rows, constant, option),
            _ => None,
        }
    }

    /// Its sentence; `option` is `None` when the statement is silent about the slot.
    pub(super) fn say(&self, constant: i64, option: Option<usize>) -> String {
        let words = self.slot.map_or("", |slot| {
            option.map_or(slot.silent, |option| slot.options[option].0)
        });
        fill(self.sentence, words, "", constant)
    }

    /// Its line, or lines, of Python.
    pub(super) fn write(&self, constant: i64, option: usize) -> String {
        let code = self.slot.map_or("", |slot| slot.options[option].1);
        fill(self.snippet, code, self.takes().variable(), constant)
    }
}

fn fill(template: &str, option: &str, variable: &str, constant: i64) -> String {
    // The option comes first: its own text may hold the other placeholders.
    template
        .replace("{o}", option)
        .replace("{v}", variable)
        .replace("{k}", &constant.to_string())
        .replace("{c}", &letter(constant).to_string())
}

/// The lower-case letter of a constant, wrapping after z.
pub(super) fn letter(constant: i64) -> char {
    char::from(b'a' + constant.rem_euclid(26) as u8)
}
