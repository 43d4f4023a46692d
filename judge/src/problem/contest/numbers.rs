//! The families over one integer or two: stages, among them those that make a list, and finishes.

use super::family::{Constant, Family, Rule};
use super::list_ends::print;
use super::lists::digit_sum;
use super::options::{answer, operate};
use super::slots::{ANSWER, BASE, CHANGE, COMBINE, COUNT_BETWEEN, COUNT_TO, FILL, MODULI, MODULUS};
use super::strings::padded;
use super::value::{Shape, Shape::Number, Value};

pub(super) static FAMILIES: &[Family] = &[
    Family::stage(
        "gcd",
        "Take their gcd.",
        "import math\nn=math.gcd(x,y)",
        Number,
        Rule::Pair(|x, y, _| Some(Value::Number(gcd(x, y)))),
    ),
    Family::stage(
        "combine",
        "{o}.",
        "n=x{o}y",
        Number,
        Rule::Pair(|x, y, option| operate(x, y, option).map(Value::Number)),
    )
    .slot(&COMBINE),
    Family::stage(
        "count-between",
        "Count from x to y{o}.",
        "a=list(range({o}))",
        Shape::List,
        Rule::Pair(|x, y, option| {
            let first = [x, x, x + 1, x + 1][option];
            let end = [y, y + 1, y, y + 1][option];
            Some(Value::List((first..end).collect()))
        }),
    )
    .slot(&COUNT_BETWEEN),
    Family::stage(
        "change-n",
        "{o} n by {k}.",
        "n=n{o}{k}",
        Number,
        Rule::Number(|n, k, option| operate(n, k, option).map(Value::Number)),
    )
    .constant(Constant::Divisor)
    .slot(&CHANGE),
    Family::stage(
        "square-n",
        "Square n.",
        "n=n*n",
        Number,
        Rule::Number(|n, _, _| n.checked_mul(n).map(Value::Number)),
    ),
    Family::stage(
        "digit-sum-n",
        "Replace n by its digit sum.",
        "n=sum(map(int,str(abs(n))))",
        Number,
        Rule::Number(|n, _, _| Some(Value::Number(digit_sum(n)))),
    ),
    Family::stage(
        "reverse-digits",
        "Reverse its digits.",
        "n=int(str(n)[::-1])",
        Number,
        Rule::Number(|n, _, _| {
            natural(n)?
                .to_string()
                .chars()
                .rev()
                .collect::<String>()
                .parse()
                .ok()
                .map(Value::Number)
        }),
    ),
    Family::stage(
        "digits",
        "Take its digits.",
        "a=list(map(int,str(n)))",
        Shape::List,
        Rule::Number(|n, _, _| {
            Some(Value::List(
                natural(n)?
                    .to_string()
                    .bytes()
                    .map(|digit| i64::from(digit - b'0'))
                    .collect(),
            ))
        }),
    ),
    Family::stage(
        "divisors",
        "Take its divisors.",
        "a=[d for d in range(1,n+1) if n%d==0]",
        Shape::List,
        Rule::Number(|n, _, _| Some(Value::List(divisors(n)))),
    ),
    Family::stage(
        "count-to",
        "Count {o}.",
        "a=list(range({o}))",
        Shape::List,
        Rule::Number(|n, _, option| {
            let first = [0, 0, 1, 1][option];
            let end = [n, n + 1, n, n + 1][option];
            Some(Value::List((first..end).collect()))
        }),
    )
    .slot(&COUNT_TO),
    Family::finish(
        "print-n",
        "Print n.",
        "print(n)",
        Rule::Number(|n, _, _| print(n)),
    )
    .shows(),
    Family::finish(
        "base",
        "Print n in {o}.",
        "print(format(n,\"{o}\"))",
        Rule::Number(|n, _, option| {
            let n = natural(n)?;
            print(
                [
                    format!("{n:b}"),
                    format!("{n:o}"),
                    n.to_string(),
                    format!("{n:x}"),
                ][option]
                    .clone(),
            )
        }),
    )
    .slot(&BASE)
    .shows(),
    Family::finish(
        "pad-n",
        "Print n padded to {k}{o}.",
        "print(str(n).rjust({k},\"{o}\"))",
        Rule::Number(|n, k, option| print(padded(&n.to_string(), k, option))),
    )
    .constant(Constant::Width)
    .slot(&FILL)
    .shows(),
    Family::finish(
        "n-modulo",
        "Print n modulo {o}.",
        "print(n%{o})",
        Rule::Number(|n, _, option| print(n.rem_euclid(MODULI[option]))),
    )
    .slot(&MODULUS),
    Family::finish(
        "power",
        "Print {k} to the power n modulo {o}.",
        "print(pow({k},n,{o}))",
        Rule::Number(|n, k, option| {
            print((0..natural(n)?).fold(1, |power, _| power * k % MODULI[option]))
        }),
    )
    .constant(Constant::Divisor)
    .slot(&MODULUS),
    Family::finish(
        "fibonacci",
        "Print Fibonacci number n modulo {k}.",
        "x,y=0,1\nfor i in range(n):x,y=y,(x+y)%{k}\nprint(x)",
        Rule::Number(|n, k, _| print((0..n).fold((0, 1), |(x, y), _| (y, (x + y) % k)).0)),
    )
    .constant(Constant::Divisor),
    Family::finish(
        "collatz",
        "Print its Collatz steps.",
        "c=0\nwhile n>1:n=[n//2,3*n+1][n%2];c+=1\nprint(c)",
        Rule::Number(|n, _, _| {
            let next = |n: &i64| if n % 2 == 0 { n / 2 } else { 3 * n + 1 };
            print(
                std::iter::successors(Some(n), |n| Some(next(n)))
                    .take_while(|n| *n > 1)
                    .count(),
            )
        }),
    ),
    Family::finish(
        "count-divisors",
        "Print how many divisors n has.",
        "print(sum(n%d==0 for d in range(1,n+1)))",
        Rule::Number(|n, _, _| print(divisors(n).len())),
    ),
    Family::finish(
        "is-multiple",
        "Print if n is a multiple of {k}{o}.",
        "print({o}[n%{k}==0])",
        Rule::Number(|n, k, option| print(answer(n % k == 0, option))),
    )
    .constant(Constant::Divisor)
    .slot(&ANSWER),
    Family::finish(
        "is-prime",
        "Print if n is prime{o}.",
        "print({o}[sum(n%d==0 for d in range(1,n+1))==2])",
        Rule::Number(|n, _, option| print(answer(divisors(n).len() == 2, option))),
    )
    .slot(&ANSWER),
];

/// `n` where it has plain digits: the families that look at digits are not defined below zero.
fn natural(n: i64) -> Option<i64> {
    (n >= 0).then_some(n)
}

fn gcd(x: i64, y: i64) -> i64 {
    if y == 0 { x.abs() } else { gcd(y, x % y) }
}

fn divisors(n: i64) -> Vec<i64> {
    (1..=n).filter(|divisor| n % divisor == 0).collect()
}
