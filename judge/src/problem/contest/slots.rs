//! Slot: the one detail of a step that a statement may be silent about, with its four options. Every slot has
//! the same number of options, so that one silent statement is worth exactly a quarter of a blind guess.
//! Knows words and code; what an option means is in `options` and in the evaluators, in the same order.

/// Options of every slot.
pub(super) const OPTIONS: usize = 4;

/// A detail with its options.
#[derive(Debug)]
pub(super) struct Slot {
    /// Name of the kind, for labels; slots that differ only in wording share it.
    pub(super) kind: &'static str,
    /// What the sentence says when it leaves the detail out.
    pub(super) silent: &'static str,
    /// What the sentence says, and what the code says, for each option.
    pub(super) options: [(&'static str, &'static str); OPTIONS],
}

const fn slot(
    kind: &'static str,
    silent: &'static str,
    options: [(&'static str, &'static str); OPTIONS],
) -> Slot {
    Slot {
        kind,
        silent,
        options,
    }
}

pub(super) static BOUND: Slot = slot(
    "bound",
    "on one side of",
    [
        ("above", ">"),
        ("at least", ">="),
        ("below", "<"),
        ("at most", "<="),
    ],
);

pub(super) static ORDER: Slot = slot(
    "order",
    "",
    [
        (" ascending", ""),
        (" descending", ",reverse=True"),
        (" by absolute value", ",key=abs"),
        (" by value modulo 10", ",key=lambda x:x%10"),
    ],
);

pub(super) static WORD_ORDER: Slot = slot(
    "order",
    "",
    [
        (" ascending", ""),
        (" descending", ",reverse=True"),
        (" by length", ",key=len"),
        (" by last letter", ",key=lambda x:x[-1]"),
    ],
);

pub(super) static LETTER_ORDER: Slot = slot(
    "order",
    "",
    [
        (" ascending", ""),
        (" descending", ",reverse=True"),
        (" ignoring case", ",key=str.lower"),
        (" small letters first", ",key=str.swapcase"),
    ],
);

pub(super) static SEPARATOR: Slot = slot(
    "separator",
    "",
    [
        (" by spaces", " "),
        (" by commas", ","),
        (" by slashes", "/"),
        (" by bars", "|"),
    ],
);

/// What each option of `SEPARATOR` puts between two items.
pub(super) const SEPARATORS: [&str; OPTIONS] = [" ", ",", "/", "|"];

pub(super) static FILL: Slot = slot(
    "fill",
    "",
    [
        (" with stars", "*"),
        (" with hashes", "#"),
        (" with dots", "."),
        (" with zeros", "0"),
    ],
);

/// The character each option of `FILL` fills with.
pub(super) const FILLS: [&str; OPTIONS] = ["*", "#", ".", "0"];

pub(super) static CUT: Slot = slot(
    "cut",
    "Cut at",
    [
        ("Keep the first", ":{k}"),
        ("Keep the last", "-{k}:"),
        ("Drop the first", "{k}:"),
        ("Drop the last", ":-{k}"),
    ],
);

pub(super) static AGGREGATE: Slot = slot(
    "aggregate",
    "one number",
    [
        ("the sum", "sum"),
        ("the maximum", "max"),
        ("the minimum", "min"),
        ("the count", "len"),
    ],
);

pub(super) static CHANGE: Slot = slot(
    "operation",
    "Change",
    [
        ("Increase", "+"),
        ("Decrease", "-"),
        ("Multiply", "*"),
        ("Take the remainder of", "%"),
    ],
);

pub(super) static COMBINE: Slot = slot(
    "operation",
    "Combine x and y",
    [
        ("Add y to x", "+"),
        ("Take y from x", "-"),
        ("Multiply x by y", "*"),
        ("Take x modulo y", "%"),
    ],
);

/// Powers of ten: two of them that leave different remainders leave remainders of different lengths, so that one
/// expected output shows which it was.
pub(super) static MODULUS: Slot = slot(
    "modulus",
    "m",
    [
        ("10", "10"),
        ("100", "100"),
        ("1000", "1000"),
        ("10000", "10000"),
    ],
);

/// The number each option of `MODULUS` stands for.
pub(super) const MODULI: [i64; OPTIONS] = [10, 100, 1000, 10000];

pub(super) static ROUNDING: Slot = slot(
    "rounding",
    "",
    [
        (", rounded down", "x//{k}"),
        (", rounded up", "-(-x//{k})"),
        (", rounded half to even", "round(x/{k})"),
        (", rounded to zero", "int(x/{k})"),
    ],
);

pub(super) static TIE: Slot = slot(
    "tie",
    "",
    [
        (", first on a tie", "{v}"),
        (", last on a tie", "{v}[::-1]"),
        (", smallest on a tie", "sorted({v})"),
        (", largest on a tie", "sorted({v})[::-1]"),
    ],
);

pub(super) static POSITION: Slot = slot(
    "position",
    "",
    [
        (" from 0", ".index(max(a))"),
        (" from 1", ".index(max(a))+1"),
        (" from the end from 0", "[::-1].index(max(a))"),
        (" from the end from 1", "[::-1].index(max(a))+1"),
    ],
);

pub(super) static CASE: Slot = slot(
    "case",
    "another",
    [
        ("upper", "upper"),
        ("lower", "lower"),
        ("capital", "capitalize"),
        ("swapped", "swapcase"),
    ],
);

pub(super) static ANSWER: Slot = slot(
    "answer",
    "",
    [
        (", yes or no", "[\"no\",\"yes\"]"),
        (", Yes or No", "[\"No\",\"Yes\"]"),
        (", YES or NO", "[\"NO\",\"YES\"]"),
        (", 1 or 0", "[0,1]"),
    ],
);

pub(super) static BASE: Slot = slot(
    "base",
    "another base",
    [
        ("binary", "b"),
        ("octal", "o"),
        ("decimal", "d"),
        ("hexadecimal", "x"),
    ],
);

pub(super) static COUNT_TO: Slot = slot(
    "interval",
    "up to n",
    [
        ("from 0 below n", "n"),
        ("from 0 to n", "n+1"),
        ("from 1 below n", "1,n"),
        ("from 1 to n", "1,n+1"),
    ],
);

pub(super) static COUNT_BETWEEN: Slot = slot(
    "interval",
    "",
    [
        (" without y", "x,y"),
        (" with both", "x,y+1"),
        (" without both", "x+1,y"),
        (" without x", "x+1,y+1"),
    ],
);

pub(super) static TURN: Slot = slot(
    "turn",
    "",
    [
        (" right", "list(zip(*g[::-1]))"),
        (" left", "list(zip(*g))[::-1]"),
        (" upside down", "[r[::-1] for r in g[::-1]]"),
        (" along its diagonal", "list(zip(*g))"),
    ],
);

pub(super) static SIDE: Slot = slot(
    "side",
    "one side",
    [
        ("the top row", "g[0]"),
        ("the bottom row", "g[-1]"),
        ("the left column", "r[0] for r in g"),
        ("the right column", "r[-1] for r in g"),
    ],
);

pub(super) static PICK: Slot = slot(
    "pick",
    "one",
    [
        ("the first", "x[0]"),
        ("the last", "x[-1]"),
        ("the smallest", "min(x)"),
        ("the largest", "max(x)"),
    ],
);
