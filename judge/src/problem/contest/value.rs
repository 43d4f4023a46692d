//! Value: what a program of this set holds between two of its lines. Knows how one is written on standard
//! input; does not know what is done with it.

use serde::{Deserialize, Serialize};

/// Kind of a value: what a problem reads and what its steps hand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Integers on one line.
    List,
    /// One word.
    Text,
    /// Words on one line.
    Words,
    /// One integer.
    Number,
    /// Two integers on one line.
    Pair,
    /// Rows of integers, one a line.
    Grid,
}

impl Shape {
    /// Every shape, in a fixed order.
    pub const ALL: [Self; 6] = [
        Self::List,
        Self::Text,
        Self::Words,
        Self::Number,
        Self::Pair,
        Self::Grid,
    ];

    /// The first sentence of a statement; `{r}` stands for the number of rows.
    pub(super) fn read_sentence(self) -> &'static str {
        match self {
            Self::List => "Read integers.",
            Self::Text => "Read a word.",
            Self::Words => "Read words.",
            Self::Number => "Read n.",
            Self::Pair => "Read x and y.",
            Self::Grid => "Read {r} rows.",
        }
    }

    /// The first line of a solution; `{r}` stands for the number of rows.
    pub(super) fn read_line(self) -> &'static str {
        match self {
            Self::List => "a=list(map(int,input().split()))",
            Self::Text => "s=input()",
            Self::Words => "w=input().split()",
            Self::Number => "n=int(input())",
            Self::Pair => "x,y=map(int,input().split())",
            Self::Grid => "g=[list(map(int,input().split())) for _ in range({r})]",
        }
    }

    /// The variable that holds such a value in every solution.
    pub(super) fn variable(self) -> &'static str {
        match self {
            Self::List => "a",
            Self::Text => "s",
            Self::Words => "w",
            Self::Number => "n",
            Self::Pair => "x,y",
            Self::Grid => "g",
        }
    }

    /// Lower-case name, as in labels and configuration.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Text => "text",
            Self::Words => "words",
            Self::Number => "number",
            Self::Pair => "pair",
            Self::Grid => "grid",
        }
    }
}

/// One value, or what has been printed once there is nothing left to hand on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    List(Vec<i64>),
    Text(String),
    Words(Vec<String>),
    Number(i64),
    Pair(i64, i64),
    Grid(Vec<Vec<i64>>),
    Printed(String),
}

impl Value {
    /// The bytes a program reads for this value.
    pub(super) fn written(&self) -> String {
        match self {
            Self::List(values) => joined(values, " ") + "\n",
            Self::Words(words) => words.join(" ") + "\n",
            Self::Number(number) => format!("{number}\n"),
            Self::Pair(x, y) => format!("{x} {y}\n"),
            Self::Grid(rows) => rows.iter().map(|row| joined(row, " ") + "\n").collect(),
            Self::Text(text) | Self::Printed(text) => format!("{text}\n"),
        }
    }
}

/// The items' texts with `separator` between them.
pub(super) fn joined<T: ToString>(items: &[T], separator: &str) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(separator)
}
