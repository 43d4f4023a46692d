//! The families over words on one line: stages, and finishes that print something of them.

use super::family::{Constant, Family, Rule};
use super::list_ends::print;
use super::options::{beside, leader};
use super::slots::{BOUND, CASE, PICK, SEPARATOR, SEPARATORS, TIE, WORD_ORDER};
use super::strings::cased;
use super::value::{Shape, Shape::Words, Value, joined};

pub(super) static FAMILIES: &[Family] = &[
    Family::stage(
        "sort-words",
        "Sort them{o}.",
        "w=sorted(w{o})",
        Words,
        Rule::Words(|w, _, option| Some(Value::Words(ordered(w, option)))),
    )
    .slot(&WORD_ORDER),
    Family::stage(
        "reverse-words",
        "Reverse them.",
        "w=w[::-1]",
        Words,
        Rule::Words(|w, _, _| Some(Value::Words(w.into_iter().rev().collect()))),
    ),
    Family::stage(
        "length-side-of",
        "Keep those with length {o} {k}.",
        "w=[x for x in w if len(x){o}{k}]",
        Words,
        Rule::Words(|w, k, option| {
            Some(Value::Words(
                w.into_iter()
                    .filter(|x| beside(x.len() as i64, k, option))
                    .collect(),
            ))
        }),
    )
    .constant(Constant::Count)
    .slot(&BOUND),
    Family::stage(
        "pick",
        "Take {o} letter of each.",
        "w=[{o} for x in w]",
        Words,
        Rule::Words(|w, _, option| {
            w.iter()
                .map(|x| picked(x, option).map(String::from))
                .collect::<Option<_>>()
                .map(Value::Words)
        }),
    )
    .slot(&PICK),
    Family::stage(
        "case-each",
        "Turn each to {o} case.",
        "w=[x.{o}() for x in w]",
        Words,
        Rule::Words(|w, _, option| {
            Some(Value::Words(w.iter().map(|x| cased(x, option)).collect()))
        }),
    )
    .slot(&CASE),
    Family::stage(
        "reverse-each",
        "Reverse each.",
        "w=[x[::-1] for x in w]",
        Words,
        Rule::Words(|w, _, _| {
            Some(Value::Words(
                w.iter().map(|x| x.chars().rev().collect()).collect(),
            ))
        }),
    ),
    Family::stage(
        "lengths",
        "Take their lengths.",
        "a=[len(x) for x in w]",
        Shape::List,
        Rule::Words(|w, _, _| Some(Value::List(w.iter().map(|x| x.len() as i64).collect()))),
    ),
    Family::finish(
        "print-words",
        "Print them.",
        "print(*w)",
        Rule::Words(|w, _, _| print(w.join(" "))),
    )
    .shows(),
    Family::finish(
        "join-words",
        "Print them joined{o}.",
        "print(*w,sep=\"{o}\")",
        Rule::Words(|w, _, option| print(joined(&w, SEPARATORS[option]))),
    )
    .slot(&SEPARATOR)
    .shows(),
    Family::finish(
        "longest",
        "Print the longest{o}.",
        "print(max({o},key=len))",
        Rule::Words(|w, _, option| print(leader(&w, option, String::len)?)),
    )
    .slot(&TIE),
    Family::finish(
        "count-words",
        "Print their count.",
        "print(len(w))",
        Rule::Words(|w, _, _| print(w.len())),
    ),
];

fn picked(word: &str, option: usize) -> Option<char> {
    match option {
        0 => word.chars().next(),
        1 => word.chars().last(),
        2 => word.chars().min(),
        _ => word.chars().max(),
    }
}

fn ordered(mut words: Vec<String>, option: usize) -> Vec<String> {
    match option {
        0 => words.sort_unstable(),
        1 => words.sort_unstable_by(|left, right| right.cmp(left)),
        2 => words.sort_by_key(String::len),
        _ => words.sort_by_key(|word| word.chars().last()),
    }
    words
}
