//! The families that take a list of integers and hand one on. Does not know what prints the list.

use super::family::{Constant, Family, Rule};
use super::options::{aggregate, beside, cut, operate};
use super::slots::{AGGREGATE, BOUND, CHANGE, CUT, MODULI, MODULUS, ORDER, ROUNDING};
use super::value::{Shape::List, Value};

pub(super) static FAMILIES: &[Family] = &[
    Family::stage(
        "side-of",
        "Keep those {o} {k}.",
        "a=[x for x in a if x{o}{k}]",
        List,
        Rule::List(|a, k, option| keep(a, |x| beside(x, k, option))),
    )
    .constant(Constant::Bound)
    .slot(&BOUND),
    Family::stage(
        "multiples",
        "Keep the multiples of {k}.",
        "a=[x for x in a if x%{k}==0]",
        List,
        Rule::List(|a, k, _| keep(a, |x| x % k == 0)),
    )
    .constant(Constant::Divisor),
    Family::stage(
        "no-multiples",
        "Drop the multiples of {k}.",
        "a=[x for x in a if x%{k}]",
        List,
        Rule::List(|a, k, _| keep(a, |x| x % k != 0)),
    )
    .constant(Constant::Divisor),
    Family::stage(
        "change",
        "{o} each by {k}.",
        "a=[x{o}{k} for x in a]",
        List,
        Rule::List(|a, k, option| each(a, |x| operate(x, k, option))),
    )
    .constant(Constant::Divisor)
    .slot(&CHANGE),
    Family::stage(
        "modulo",
        "Take each modulo {o}.",
        "a=[x%{o} for x in a]",
        List,
        Rule::List(|a, _, option| each(a, |x| Some(x.rem_euclid(MODULI[option])))),
    )
    .slot(&MODULUS),
    Family::stage(
        "divide",
        "Divide each by {k}{o}.",
        "a=[{o} for x in a]",
        List,
        Rule::List(|a, k, option| each(a, |x| Some(divided(x, k, option)))),
    )
    .constant(Constant::Divisor)
    .slot(&ROUNDING),
    Family::stage(
        "digit-sums",
        "Replace each by its digit sum.",
        "a=[sum(map(int,str(abs(x)))) for x in a]",
        List,
        Rule::List(|a, _, _| each(a, |x| Some(digit_sum(x)))),
    ),
    Family::stage(
        "distance",
        "Replace each by its distance to {k}.",
        "a=[abs(x-{k}) for x in a]",
        List,
        Rule::List(|a, k, _| each(a, |x| Some((x - k).abs()))),
    )
    .constant(Constant::Bound),
    Family::stage(
        "square",
        "Square each.",
        "a=[x*x for x in a]",
        List,
        Rule::List(|a, _, _| each(a, |x| x.checked_mul(x))),
    ),
    Family::stage(
        "negate",
        "Negate each.",
        "a=[-x for x in a]",
        List,
        Rule::List(|a, _, _| each(a, |x| Some(-x))),
    ),
    Family::stage(
        "cap",
        "Cap each at {k}.",
        "a=[min(x,{k}) for x in a]",
        List,
        Rule::List(|a, k, _| each(a, |x| Some(x.min(k)))),
    )
    .constant(Constant::Bound),
    Family::stage(
        "sort",
        "Sort them{o}.",
        "a=sorted(a{o})",
        List,
        Rule::List(|a, _, option| Some(Value::List(ordered(a, option)))),
    )
    .slot(&ORDER),
    Family::stage(
        "reverse",
        "Reverse them.",
        "a=a[::-1]",
        List,
        Rule::List(|a, _, _| Some(Value::List(a.into_iter().rev().collect()))),
    ),
    Family::stage(
        "move",
        "Move the first {k} to the end.",
        "a=a[{k}:]+a[:{k}]",
        List,
        Rule::List(|mut a, k, _| {
            let first = (k as usize).min(a.len());
            a.rotate_left(first);
            Some(Value::List(a))
        }),
    )
    .constant(Constant::Count),
    Family::stage(
        "one-in",
        "Keep one in {k}.",
        "a=a[::{k}]",
        List,
        Rule::List(|a, k, _| Some(Value::List(a.into_iter().step_by(k as usize).collect()))),
    )
    .constant(Constant::Times),
    Family::stage(
        "distinct",
        "Drop repeats.",
        "a=list(dict.fromkeys(a))",
        List,
        Rule::List(|a, _, _| {
            let mut seen = std::collections::BTreeSet::new();
            keep(a, |x| seen.insert(x))
        }),
    ),
    Family::stage(
        "cut",
        "{o} {k}.",
        "a=a[{o}]",
        List,
        Rule::List(|a, k, option| Some(Value::List(cut(&a, k, option)))),
    )
    .constant(Constant::Count)
    .slot(&CUT),
    Family::stage(
        "prefixes",
        "Take {o} of each prefix.",
        "a=[{o}(a[:i+1]) for i in range(len(a))]",
        List,
        Rule::List(|a, _, option| {
            (0..a.len())
                .map(|last| aggregate(&a[..=last], option))
                .collect::<Option<_>>()
                .map(Value::List)
        }),
    )
    .slot(&AGGREGATE),
    Family::stage(
        "gaps",
        "Take the gaps.",
        "a=[y-x for x,y in zip(a,a[1:])]",
        List,
        Rule::List(|a, _, _| {
            Some(Value::List(
                a.windows(2).map(|pair| pair[1] - pair[0]).collect(),
            ))
        }),
    ),
];

/// The values in an order of `ORDER`; equal keys keep their places.
pub(super) fn ordered(mut values: Vec<i64>, option: usize) -> Vec<i64> {
    match option {
        0 => values.sort_unstable(),
        1 => values.sort_unstable_by_key(|x| std::cmp::Reverse(*x)),
        2 => values.sort_by_key(|x| x.abs()),
        _ => values.sort_by_key(|x| x.rem_euclid(10)),
    }
    values
}

/// The sum of the decimal digits, the sign left out.
pub(super) fn digit_sum(number: i64) -> i64 {
    number
        .to_string()
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| i64::from(digit - b'0'))
        .sum()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the last word of every rule, which returns an option"
)]
fn keep(values: Vec<i64>, mut wanted: impl FnMut(i64) -> bool) -> Option<Value> {
    Some(Value::List(
        values.into_iter().filter(|x| wanted(*x)).collect(),
    ))
}

fn each(values: Vec<i64>, change: impl Fn(i64) -> Option<i64>) -> Option<Value> {
    values
        .into_iter()
        .map(change)
        .collect::<Option<_>>()
        .map(Value::List)
}

/// `value / divisor` rounded as an option of `ROUNDING` says.
fn divided(value: i64, divisor: i64, option: usize) -> i64 {
    let down = value.div_euclid(divisor);
    let rest = value.rem_euclid(divisor);
    match option {
        0 => down,
        1 => down + i64::from(rest > 0),
        2 => down + i64::from(2 * rest > divisor || (2 * rest == divisor && down % 2 != 0)),
        _ => value / divisor,
    }
}
