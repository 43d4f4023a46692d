//! The families over a grid of integers: stages, among them those that make a list, and finishes.

use super::family::{Constant, Family, Rule};
use super::list_ends::print;
use super::lists;
use super::options::{aggregate, operate};
use super::slots::{AGGREGATE, CHANGE, ORDER, SEPARATOR, SEPARATORS, SIDE, TURN};
use super::value::{Shape, Shape::Grid, Value, joined};

type Rows = Vec<Vec<i64>>;

pub(super) static FAMILIES: &[Family] = &[
    Family::stage(
        "turn",
        "Turn the grid{o}.",
        "g={o}",
        Grid,
        Rule::Grid(|g, _, option| {
            Some(Value::Grid(match option {
                0 => columns(reversed(g)),
                1 => reversed(columns(g)),
                2 => flipped(reversed(g)),
                _ => columns(g),
            }))
        }),
    )
    .slot(&TURN),
    Family::stage(
        "flip",
        "Flip each row.",
        "g=[r[::-1] for r in g]",
        Grid,
        Rule::Grid(|g, _, _| Some(Value::Grid(flipped(g)))),
    ),
    Family::stage(
        "change-cells",
        "{o} each cell by {k}.",
        "g=[[x{o}{k} for x in r] for r in g]",
        Grid,
        Rule::Grid(|g, k, option| {
            let changed = |row: Vec<i64>| {
                row.into_iter()
                    .map(|x| operate(x, k, option))
                    .collect::<Option<_>>()
            };
            g.into_iter()
                .map(changed)
                .collect::<Option<_>>()
                .map(Value::Grid)
        }),
    )
    .constant(Constant::Divisor)
    .slot(&CHANGE),
    Family::stage(
        "sort-rows",
        "Sort each row{o}.",
        "g=[sorted(r{o}) for r in g]",
        Grid,
        Rule::Grid(|g, _, option| {
            Some(Value::Grid(
                g.into_iter()
                    .map(|row| lists::ordered(row, option))
                    .collect(),
            ))
        }),
    )
    .slot(&ORDER),
    Family::stage(
        "each-row",
        "Take {o} of each row.",
        "a=[{o}(r) for r in g]",
        Shape::List,
        Rule::Grid(|g, _, option| aggregates(&g, option)),
    )
    .slot(&AGGREGATE),
    Family::stage(
        "each-column",
        "Take {o} of each column.",
        "a=[{o}(c) for c in zip(*g)]",
        Shape::List,
        Rule::Grid(|g, _, option| aggregates(&columns(g), option)),
    )
    .slot(&AGGREGATE),
    Family::stage(
        "join-rows",
        "Join the rows.",
        "a=[x for r in g for x in r]",
        Shape::List,
        Rule::Grid(|g, _, _| Some(Value::List(g.concat()))),
    ),
    Family::stage(
        "diagonal",
        "Take the diagonal.",
        "a=[g[i][i] for i in range(len(g))]",
        Shape::List,
        Rule::Grid(|g, _, _| {
            g.iter()
                .enumerate()
                .map(|(place, row)| row.get(place).copied())
                .collect::<Option<_>>()
                .map(Value::List)
        }),
    ),
    Family::stage(
        "side",
        "Take {o}.",
        "a=list({o})",
        Shape::List,
        Rule::Grid(|g, _, option| {
            let rows = if option < 2 { g } else { columns(g) };
            let side = if option % 2 == 0 {
                rows.first()
            } else {
                rows.last()
            };
            side.cloned().map(Value::List)
        }),
    )
    .slot(&SIDE),
    Family::finish(
        "print-grid",
        "Print the grid.",
        "for r in g:print(*r)",
        Rule::Grid(|g, _, _| print(lines(&g, " "))),
    )
    .shows(),
    Family::finish(
        "join-grid",
        "Print the rows joined{o}.",
        "for r in g:print(*r,sep=\"{o}\")",
        Rule::Grid(|g, _, option| print(lines(&g, SEPARATORS[option]))),
    )
    .slot(&SEPARATOR)
    .shows(),
    Family::finish(
        "total",
        "Print the sum of the grid.",
        "print(sum(map(sum,g)))",
        Rule::Grid(|g, _, _| print(g.iter().flatten().sum::<i64>())),
    ),
    Family::finish(
        "peak",
        "Print the largest cell.",
        "print(max(map(max,g)))",
        Rule::Grid(|g, _, _| print(g.iter().flatten().max()?)),
    ),
    Family::finish(
        "corners",
        "Print the sum of the corners.",
        "print(g[0][0]+g[0][-1]+g[-1][0]+g[-1][-1])",
        Rule::Grid(|g, _, _| {
            let ends = |row: &Vec<i64>| Some(row.first()? + row.last()?);
            print(ends(g.first()?)? + ends(g.last()?)?)
        }),
    ),
    Family::finish(
        "count-cells",
        "Print how many cells are {k}.",
        "print(sum(r.count({k}) for r in g))",
        Rule::Grid(|g, k, _| print(g.iter().flatten().filter(|x| **x == k).count())),
    )
    .constant(Constant::Bound),
];

fn columns(rows: Rows) -> Rows {
    let width = rows.first().map_or(0, Vec::len);
    (0..width)
        .map(|place| {
            rows.iter()
                .filter_map(|row| row.get(place).copied())
                .collect()
        })
        .collect()
}

fn reversed(rows: Rows) -> Rows {
    rows.into_iter().rev().collect()
}

fn flipped(rows: Rows) -> Rows {
    rows.into_iter()
        .map(|row| row.into_iter().rev().collect())
        .collect()
}

fn aggregates(rows: &[Vec<i64>], option: usize) -> Option<Value> {
    rows.iter()
        .map(|row| aggregate(row, option))
        .collect::<Option<_>>()
        .map(Value::List)
}

fn lines(rows: &[Vec<i64>], separator: &str) -> String {
    rows.iter()
        .map(|row| joined(row, separator))
        .collect::<Vec<_>>()
        .join("\n")
}
