//! The families over one word: stages that change it and finishes that print something of it.

use std::collections::BTreeSet;

use super::family::{Constant, Family, Rule, letter};
use super::list_ends::print;
use super::options::{answer, cut, leader};
use super::slots::{ANSWER, CASE, CUT, FILL, FILLS, LETTER_ORDER, SEPARATOR, SEPARATORS, TIE};
use super::value::{Shape::Text, Value, joined};

pub(super) static FAMILIES: &[Family] = &[
    Family::stage(
        "case",
        "Turn it to {o} case.",
        "s=s.{o}()",
        Text,
        Rule::Text(|s, _, option| Some(Value::Text(cased(&s, option)))),
    )
    .slot(&CASE),
    Family::stage(
        "shift",
        "Shift each letter by {k}.",
        "s=\"\".join(chr((ord(c)-97+{k})%26+97) for c in s)",
        Text,
        Rule::Text(|s, k, _| {
            Some(Value::Text(
                s.chars().map(|c| letter(c as i64 - 97 + k)).collect(),
            ))
        }),
    )
    .constant(Constant::Bound),
    Family::stage(
        "no-vowels",
        "Drop the vowels.",
        "s=\"\".join(c for c in s if c.lower() not in \"aeiou\")",
        Text,
        Rule::Text(|s, _, _| {
            Some(Value::Text(
                s.chars()
                    .filter(|c| !"aeiou".contains(c.to_ascii_lowercase()))
                    .collect(),
            ))
        }),
    ),
    Family::stage(
        "reverse-word",
        "Reverse it.",
        "s=s[::-1]",
        Text,
        Rule::Text(|s, _, _| Some(Value::Text(s.chars().rev().collect()))),
    ),
    Family::stage(
        "sort-letters",
        "Sort its letters{o}.",
        "s=\"\".join(sorted(s{o}))",
        Text,
        Rule::Text(|s, _, option| Some(Value::Text(ordered(&s, option)))),
    )
    .slot(&LETTER_ORDER),
    Family::stage(
        "repeat-letters",
        "Repeat each letter {k} times.",
        "s=\"\".join(c*{k} for c in s)",
        Text,
        Rule::Text(|s, k, _| {
            Some(Value::Text(
                s.chars().flat_map(|c| vec![c; k as usize]).collect(),
            ))
        }),
    )
    .constant(Constant::Times),
    Family::stage(
        "replace",
        "Replace each {c}{o}.",
        "s=s.replace(\"{c}\",\"{o}\")",
        Text,
        Rule::Text(|s, k, option| Some(Value::Text(s.replace(letter(k), FILLS[option])))),
    )
    .constant(Constant::Letter)
    .slot(&FILL),
    Family::stage(
        "drop-letter",
        "Drop each {c}.",
        "s=s.replace(\"{c}\",\"\")",
        Text,
        Rule::Text(|s, k, _| Some(Value::Text(s.replace(letter(k), "")))),
    )
    .constant(Constant::Letter),
    Family::stage(
        "cut-word",
        "{o} {k}.",
        "s=s[{o}]",
        Text,
        Rule::Text(|s, k, option| {
            Some(Value::Text(
                cut(&s.chars().collect::<Vec<_>>(), k, option)
                    .into_iter()
                    .collect(),
            ))
        }),
    )
    .constant(Constant::Count)
    .slot(&CUT),
    Family::stage(
        "move-letters",
        "Move the first {k} to the end.",
        "s=s[{k}:]+s[:{k}]",
        Text,
        Rule::Text(|s, k, _| {
            let mut letters: Vec<_> = s.chars().collect();
            let first = (k as usize).min(letters.len());
            letters.rotate_left(first);
            Some(Value::Text(letters.into_iter().collect()))
        }),
    )
    .constant(Constant::Count),
    Family::stage(
        "one-letter-in",
        "Keep one in {k}.",
        "s=s[::{k}]",
        Text,
        Rule::Text(|s, k, _| Some(Value::Text(s.chars().step_by(k as usize).collect()))),
    )
    .constant(Constant::Times),
    Family::stage(
        "distinct-letters",
        "Drop repeats.",
        "s=\"\".join(dict.fromkeys(s))",
        Text,
        Rule::Text(|s, _, _| {
            let mut seen = BTreeSet::new();
            Some(Value::Text(s.chars().filter(|c| seen.insert(*c)).collect()))
        }),
    ),
    Family::finish(
        "print-word",
        "Print it.",
        "print(s)",
        Rule::Text(|s, _, _| print(s)),
    )
    .shows(),
    Family::finish(
        "spread",
        "Print its letters joined{o}.",
        "print(*s,sep=\"{o}\")",
        Rule::Text(|s, _, option| {
            print(joined(&s.chars().collect::<Vec<_>>(), SEPARATORS[option]))
        }),
    )
    .slot(&SEPARATOR)
    .shows(),
    Family::finish(
        "pad-word",
        "Print it padded to {k}{o}.",
        "print(s.rjust({k},\"{o}\"))",
        Rule::Text(|s, k, option| print(padded(&s, k, option))),
    )
    .constant(Constant::Width)
    .slot(&FILL)
    .shows(),
    Family::finish(
        "count-letter",
        "Print how often {c} occurs.",
        "print(s.count(\"{c}\"))",
        Rule::Text(|s, k, _| print(s.matches(letter(k)).count())),
    )
    .constant(Constant::Letter),
    Family::finish(
        "length",
        "Print its length.",
        "print(len(s))",
        Rule::Text(|s, _, _| print(s.len())),
    ),
    Family::finish(
        "letter-counts",
        "Print each letter with its count.",
        "print(*[c+str(s.count(c)) for c in dict.fromkeys(s)])",
        Rule::Text(|s, _, _| {
            let mut seen = BTreeSet::new();
            let letters = s.chars().filter(|c| seen.insert(*c));
            print(joined(
                &letters
                    .map(|c| format!("{c}{}", s.matches(c).count()))
                    .collect::<Vec<_>>(),
                " ",
            ))
        }),
    ),
    Family::finish(
        "common-letter",
        "Print its most frequent letter{o}.",
        "print(max({o},key=s.count))",
        Rule::Text(|s, _, option| {
            print(leader(&s.chars().collect::<Vec<_>>(), option, |c| {
                s.matches(*c).count()
            })?)
        }),
    )
    .slot(&TIE),
    Family::finish(
        "palindrome",
        "Print if it is a palindrome{o}.",
        "print({o}[s==s[::-1]])",
        Rule::Text(|s, _, option| print(answer(s.chars().eq(s.chars().rev()), option))),
    )
    .slot(&ANSWER),
];

/// The word in the case an option of `CASE` names; ASCII only.
pub(super) fn cased(word: &str, option: usize) -> String {
    let swapped = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    match option {
        0 => word.to_ascii_uppercase(),
        1 => word.to_ascii_lowercase(),
        2 => {
            word.chars()
                .take(1)
                .map(|c| c.to_ascii_uppercase())
                .collect::<String>()
                + &word
                    .chars()
                    .skip(1)
                    .collect::<String>()
                    .to_ascii_lowercase()
        }
        _ => word.chars().map(swapped).collect(),
    }
}

/// The text filled on the left to `width` characters with the character of an option of `FILL`.
pub(super) fn padded(text: &str, width: i64, option: usize) -> String {
    FILLS[option].repeat((width as usize).saturating_sub(text.len())) + text
}

fn ordered(word: &str, option: usize) -> String {
    let mut letters: Vec<_> = word.chars().collect();
    match option {
        0 => letters.sort_unstable(),
        1 => letters.sort_unstable_by(|left, right| right.cmp(left)),
        2 => letters.sort_by_key(char::to_ascii_lowercase),
        _ => letters.sort_by_key(|c| (c.is_ascii_uppercase(), *c)),
    }
    letters.into_iter().collect()
}
