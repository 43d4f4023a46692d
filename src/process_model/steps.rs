//! An answer → its steps, and what is said of its steps → what is said of it. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How what is said of steps becomes one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// The product: how likely all of them are right (Lightman et al. 2023).
    #[default]
    Product,
    /// The least: how bad the worst of them is (Wang et al. 2023).
    Min,
    /// The last.
    Last,
}

impl Aggregate {
    /// The name in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Min => "min",
            Self::Last => "last",
        }
    }

    /// One number of these; nothing where there are none.
    pub fn of(self, shares: &[f64]) -> Option<f64> {
        let last = *shares.last()?;
        Some(match self {
            Self::Product => shares.iter().product(),
            Self::Min => shares.iter().copied().fold(f64::INFINITY, f64::min),
            Self::Last => last,
        })
    }
}

/// The steps of an answer as bytes of it: its lines, without the ends of lines. Blank ones are none, nor are the fences of a
/// block; where there are fences, only what stands between them is.
pub fn of_answer(text: &str) -> Vec<Range<usize>> {
    let (mut all, mut inside) = (Vec::new(), Vec::new());
    let (mut start, mut is_open, mut has_fence) = (0, false, false);
    for line in text.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        let words = line.trim();
        if ["```", "~~~"].iter().any(|fence| words.starts_with(fence)) {
            (is_open, has_fence) = (!is_open, true);
        } else if !words.is_empty() {
            all.push(range.clone());
            if is_open {
                inside.push(range);
            }
        }
    }
    if has_fence { inside } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_lines_with_something_in_them() {
        let text = "é = 1\n\n  \n  b = 2  \r\nprint(b)";
        let steps: Vec<&str> = of_answer(text)
            .into_iter()
            .map(|range| &text[range])
            .collect();
        assert_eq!(steps, ["é = 1", "  b = 2", "print(b)"]);
        assert!(of_answer(" \n\n").is_empty());
        let fenced = "Quick try.\n```python\na = 1\nprint('```')\n```\nThat prints it.\n";
        let steps: Vec<&str> = of_answer(fenced)
            .into_iter()
            .map(|range| &fenced[range])
            .collect();
        assert_eq!(steps, ["a = 1", "print('```')"]);
    }

    #[test]
    fn hand_worked_aggregates() {
        let shares = [0.5, 0.25, 0.75];
        assert_eq!(Aggregate::Product.of(&shares), Some(0.09375));
        assert_eq!(Aggregate::Min.of(&shares), Some(0.25));
        assert_eq!(Aggregate::Last.of(&shares), Some(0.75));
        assert_eq!(Aggregate::Product.of(&[]), None);
    }
}
