//! Pipeline: one problem before its tests: what is read, the steps with their constants and options, and which
//! step's detail the statement leaves out. Turns into a statement, a solution, and outputs. Draws nothing.

use super::family::Family;
use super::slots::{OPTIONS, Slot};
use super::value::{Shape, Value};

/// One family at work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) family: &'static Family,
    pub(super) constant: i64,
    pub(super) option: usize,
}

/// A whole problem but for its tests.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) reads: Shape,
    /// Rows of a grid; unused by the other shapes.
    pub(super) rows: usize,
    pub(super) steps: Vec<Step>,
    /// The step whose slot the statement is silent about.
    pub(super) hidden: Option<usize>,
}

impl Pipeline {
    /// One short sentence a step.
    pub(super) fn statement(&self) -> String {
        let mut sentences = vec![
            self.reads
                .read_sentence()
                .replace("{r}", &self.rows.to_string()),
        ];
        for (place, step) in self.steps.iter().enumerate() {
            let option = (self.hidden != Some(place)).then_some(step.option);
            sentences.push(step.family.say(step.constant, option));
        }
        sentences.join(" ")
    }

    /// One line of Python a step.
    pub(super) fn solution(&self) -> String {
        let mut lines = vec![
            self.reads
                .read_line()
                .replace("{r}", &self.rows.to_string()),
        ];
        lines.extend(
            self.steps
                .iter()
                .map(|step| step.family.write(step.constant, step.option)),
        );
        lines.join("\n") + "\n"
    }

    /// What the solution prints for `input`, its last newline included; `None` where it would raise.
    pub(super) fn output(&self, input: &Value) -> Option<String> {
        let last = self.steps.iter().try_fold(input.clone(), |value, step| {
            step.family.apply(value, step.constant, step.option)
        })?;
        match last {
            Value::Printed(text) => Some(text + "\n"),
            _ => None,
        }
    }

    /// The slot left out, if one is.
    pub(super) fn hidden_slot(&self) -> Option<&'static Slot> {
        self.steps.get(self.hidden?)?.family.slot
    }

    /// The option of the slot left out; 0 when none is.
    pub(super) fn hidden_option(&self) -> usize {
        self.hidden
            .and_then(|place| self.steps.get(place))
            .map_or(0, |step| step.option)
    }

    /// The pipelines that fit the statement, by option; only itself when nothing is left out.
    pub(super) fn siblings(&self) -> Vec<Self> {
        let Some(place) = self.hidden else {
            return vec![self.clone()];
        };
        let with_option = |option| {
            let mut sibling = self.clone();
            sibling.steps[place].option = option;
            sibling
        };
        (0..OPTIONS).map(with_option).collect()
    }

    /// Itself without each step that can be left out: those that hand on the shape they take.
    pub(super) fn shortened(&self) -> Vec<Self> {
        let removable = |place: &usize| {
            let family = self.steps[*place].family;
            family.gives == Some(family.takes())
        };
        let without = |place| {
            let mut shorter = self.clone();
            shorter.steps.remove(place);
            shorter.hidden = None;
            shorter
        };
        (0..self.steps.len())
            .filter(removable)
            .map(without)
            .collect()
    }

    /// Names of its families in order, what it reads first.
    pub(super) fn composition(&self) -> String {
        let names = self.steps.iter().map(|step| step.family.name);
        std::iter::once(self.reads.name())
            .chain(names)
            .collect::<Vec<_>>()
            .join(">")
    }
}

#[cfg(test)]
mod tests {
    use super::super::composition::families;
    use super::*;

    /// `sort 0 1 > print` is family, constant and option of each step.
    fn pipeline(reads: Shape, steps: &str, hidden: Option<usize>) -> Pipeline {
        let step = |text: &str| {
            let words: Vec<_> = text.split_whitespace().collect();
            let number = |place: usize| words.get(place).map_or(0, |word| word.parse().unwrap());
            Step {
                family: families().find(|family| family.name == words[0]).unwrap(),
                constant: number(1),
                option: number(2) as usize,
            }
        };
        Pipeline {
            reads,
            rows: 2,
            steps: steps.split('>').map(step).collect(),
            hidden,
        }
    }

    #[test]
    fn a_pipeline_says_and_writes_one_sentence_and_one_line_a_step() {
        let steps = "side-of 4 1 > sort 0 1 > print";
        let full = pipeline(Shape::List, steps, None);
        let silent = pipeline(Shape::List, steps, Some(1));
        assert_eq!(
            full.statement(),
            "Read integers. Keep those at least 4. Sort them descending. Print them."
        );
        assert_eq!(
            silent.statement(),
            "Read integers. Keep those at least 4. Sort them. Print them."
        );
        let lines = [
            "a=list(map(int,input().split()))",
            "a=[x for x in a if x>=4]",
            "a=sorted(a,reverse=True)",
            "print(*a)",
            "",
        ];
        assert_eq!(full.solution(), lines.join("\n"));
        assert_eq!(silent.solution(), full.solution());
        assert_eq!(
            full.output(&Value::List(vec![4, -1, 9])).as_deref(),
            Some("9 4\n")
        );
    }

    fn prints(input: Value, steps: &str) -> String {
        let reads = match input {
            Value::Text(_) => Shape::Text,
            Value::Words(_) => Shape::Words,
            Value::Number(_) => Shape::Number,
            Value::Pair(..) => Shape::Pair,
            Value::Grid(_) => Shape::Grid,
            Value::List(_) | Value::Printed(_) => Shape::List,
        };
        pipeline(reads, steps, None)
            .output(&input)
            .unwrap_or("raises".to_owned())
    }

    #[test]
    fn lists_follow_pythons_rules() {
        let on = |values: &[i64], steps| prints(Value::List(values.to_vec()), steps);
        assert_eq!(on(&[-3, 3, 5], "divide 2 0 > print"), "-2 1 2\n");
        assert_eq!(on(&[-3, 3, 5], "divide 2 1 > print"), "-1 2 3\n");
        assert_eq!(on(&[-3, 3, 5], "divide 2 2 > print"), "-2 2 2\n");
        assert_eq!(on(&[-3, 3, 5], "divide 2 3 > print"), "-1 1 2\n");
        assert_eq!(on(&[-1, 7], "change 3 3 > print"), "2 1\n");
        assert_eq!(on(&[3, -3, 1], "sort 0 2 > print"), "1 3 -3\n");
        assert_eq!(on(&[-1, 12, 1], "sort 0 3 > print"), "1 12 -1\n");
        assert_eq!(on(&[1, 2], "cut 5 1 > print"), "1 2\n");
        assert_eq!(on(&[1, 2], "cut 5 3 > print"), "\n");
        assert_eq!(on(&[1, 2], "move 5 > print"), "1 2\n");
        assert_eq!(on(&[-19, 0], "digit-sums > print"), "10 0\n");
        assert_eq!(on(&[], "aggregate 0 1"), "raises");
        assert_eq!(on(&[], "aggregate 0 0"), "0\n");
        assert_eq!(on(&[2, 5, 5, 2, 1], "most-frequent 0 0"), "2\n");
        assert_eq!(on(&[5, 2, 2, 5, 1], "most-frequent 0 1"), "5\n");
        assert_eq!(on(&[5, 2, 5, 2, 9], "most-frequent 0 2"), "2\n");
        assert_eq!(on(&[2, 5, 5, 2, 9], "most-frequent 0 3"), "5\n");
        assert_eq!(on(&[7, 1, 7, 2], "position 0 0"), "0\n");
        assert_eq!(on(&[7, 1, 7, 2], "position 0 3"), "2\n");
        assert_eq!(on(&[9, 1, 4, 6], "median"), "4\n");
        assert_eq!(on(&[9, 1], "ranked 3"), "raises");
        assert_eq!(on(&[-3, 35], "product 0 1"), "95\n");
        assert_eq!(on(&[], "is-sorted 0 3"), "1\n");
    }

    #[test]
    fn words_follow_pythons_rules() {
        let on = |text: &str, steps| prints(Value::Text(text.to_owned()), steps);
        assert_eq!(on("bAaB", "sort-letters 0 2 > print-word"), "AabB\n");
        assert_eq!(on("bAaB", "sort-letters 0 3 > print-word"), "abAB\n");
        assert_eq!(on("aBC", "case 0 2 > print-word"), "Abc\n");
        assert_eq!(on("axz", "shift 3 > print-word"), "dac\n");
        assert_eq!(on("abcdefgh", "pad-word 7 1"), "abcdefgh\n");
        assert_eq!(on("aba", "palindrome 0 2"), "YES\n");
        let words = || Value::Words(["bb", "a", "ab"].map(str::to_owned).to_vec());
        assert_eq!(prints(words(), "sort-words 0 2 > print-words"), "a bb ab\n");
        assert_eq!(
            prints(words(), "sort-words 0 3 > join-words 0 1"),
            "a,bb,ab\n"
        );
        assert_eq!(prints(words(), "longest 0 2"), "ab\n");
    }

    #[test]
    fn numbers_and_grids_follow_pythons_rules() {
        assert_eq!(
            prints(Value::Number(120), "reverse-digits > print-n"),
            "21\n"
        );
        assert_eq!(prints(Value::Number(6), "collatz"), "8\n");
        assert_eq!(prints(Value::Number(255), "base 0 3"), "ff\n");
        assert_eq!(prints(Value::Number(-3), "base 0 0"), "raises");
        assert_eq!(prints(Value::Number(1), "is-prime"), "no\n");
        assert_eq!(prints(Value::Pair(7, 0), "combine 0 3 > print-n"), "raises");
        assert_eq!(
            prints(Value::Pair(3, 6), "count-between 0 2 > print"),
            "4 5\n"
        );
        let on = |steps| prints(Value::Grid(vec![vec![1, 2], vec![3, 4]]), steps);
        assert_eq!(on("turn 0 0 > print-grid"), "3 1\n4 2\n");
        assert_eq!(on("turn 0 1 > print-grid"), "2 4\n1 3\n");
        assert_eq!(on("side 0 3 > print"), "2 4\n");
        assert_eq!(on("corners"), "10\n");
    }
}
