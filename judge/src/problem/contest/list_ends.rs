//! The families that print something of a list of integers.

use super::family::{Constant, Family, Rule};
use super::options::{aggregate, answer, leader};
use super::slots::{AGGREGATE, ANSWER, MODULI, MODULUS, POSITION, SEPARATOR, SEPARATORS, TIE};
use super::value::{Value, joined};

pub(super) static FAMILIES: &[Family] = &[
    Family::finish(
        "print",
        "Print them.",
        "print(*a)",
        Rule::List(|a, _, _| print(joined(&a, " "))),
    )
    .shows(),
    Family::finish(
        "joined",
        "Print them joined{o}.",
        "print(*a,sep=\"{o}\")",
        Rule::List(|a, _, option| print(joined(&a, SEPARATORS[option]))),
    )
    .slot(&SEPARATOR)
    .shows(),
    Family::finish(
        "aggregate",
        "Print {o} of them.",
        "print({o}(a))",
        Rule::List(|a, _, option| print(aggregate(&a, option)?)),
    )
    .slot(&AGGREGATE),
    Family::finish(
        "product",
        "Print their product modulo {o}.",
        "p=1\nfor x in a:p=p*x%{o}\nprint(p)",
        Rule::List(|a, _, option| {
            print(a.iter().fold(1, |product, x| {
                (product * x.rem_euclid(MODULI[option])) % MODULI[option]
            }))
        }),
    )
    .slot(&MODULUS),
    Family::finish(
        "sum-modulo",
        "Print their sum modulo {o}.",
        "print(sum(a)%{o})",
        Rule::List(|a, _, option| print(a.iter().sum::<i64>().rem_euclid(MODULI[option]))),
    )
    .slot(&MODULUS),
    Family::finish(
        "range",
        "Print their range.",
        "print(max(a)-min(a))",
        Rule::List(|a, _, _| print(a.iter().max()? - a.iter().min()?)),
    ),
    Family::finish(
        "median",
        "Print their lower median.",
        "print(sorted(a)[(len(a)-1)//2])",
        Rule::List(|mut a, _, _| {
            a.sort_unstable();
            print(a.get(a.len().checked_sub(1)? / 2)?)
        }),
    ),
    Family::finish(
        "count-distinct",
        "Print how many are distinct.",
        "print(len(set(a)))",
        Rule::List(|a, _, _| {
            print(
                a.into_iter()
                    .collect::<std::collections::BTreeSet<_>>()
                    .len(),
            )
        }),
    ),
    Family::finish(
        "position",
        "Print the place of the maximum{o}.",
        "print(a{o})",
        Rule::List(|a, _, option| {
            let largest = a.iter().max()?;
            let from_start = a.iter().position(|x| x == largest)?;
            let from_end = a.iter().rev().position(|x| x == largest)?;
            print([from_start, from_start + 1, from_end, from_end + 1][option])
        }),
    )
    .slot(&POSITION),
    Family::finish(
        "most-frequent",
        "Print the most frequent{o}.",
        "print(max({o},key=a.count))",
        Rule::List(|a, _, option| {
            print(leader(&a, option, |x| {
                a.iter().filter(|y| *y == x).count()
            })?)
        }),
    )
    .slot(&TIE),
    Family::finish(
        "ranked",
        "Print number {k} in sorted order.",
        "print(sorted(a)[{k}-1])",
        Rule::List(|mut a, k, _| {
            a.sort_unstable();
            print(a.get(k as usize - 1)?)
        }),
    )
    .constant(Constant::Count),
    Family::finish(
        "count-of",
        "Print how often {k} occurs.",
        "print(a.count({k}))",
        Rule::List(|a, k, _| print(a.iter().filter(|x| **x == k).count())),
    )
    .constant(Constant::Bound),
    Family::finish(
        "rises",
        "Print how many rises.",
        "print(sum(x<y for x,y in zip(a,a[1:])))",
        Rule::List(|a, _, _| print(a.windows(2).filter(|pair| pair[0] < pair[1]).count())),
    ),
    Family::finish(
        "alternating",
        "Print their alternating sum.",
        "print(sum(a[::2])-sum(a[1::2]))",
        Rule::List(|a, _, _| {
            print(
                a.iter()
                    .enumerate()
                    .map(|(place, x)| if place % 2 == 0 { *x } else { -x })
                    .sum::<i64>(),
            )
        }),
    ),
    Family::finish(
        "is-sorted",
        "Print if they are sorted{o}.",
        "print({o}[a==sorted(a)])",
        Rule::List(|a, _, option| print(answer(a.is_sorted(), option))),
    )
    .slot(&ANSWER),
];

/// What `print` of one thing leaves on standard output, its newline left to the caller.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the last word of every rule, which returns an option"
)]
pub(super) fn print(item: impl ToString) -> Option<Value> {
    Some(Value::Printed(item.to_string()))
}
