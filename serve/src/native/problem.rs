//! The problems that are served. What only grades is never shown.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use rlef_judge::problem::Problem;
use rlef_judge::prompt::{self, PromptStyle};
use serde_json::{Value, json};

use super::answer;
use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::problems::Set;

/// Problems of one answer, unless more are asked for.
const SOME: usize = 100;
/// Problems of one answer at most.
const MOST: usize = 10_000;

fn summary(set: &str, problem: &Problem) -> Value {
    json!({
        "set": set,
        "id": problem.id,
        "language": problem.language().name(),
        "public_tests": problem.public_tests.len(),
        "private_tests": problem.private_tests.len(),
        "labels": problem.labels,
    })
}

/// What a query says by `name=value`.
struct Query(Vec<(String, String)>);

impl Query {
    fn of(raw: Option<&str>, known: &[&str]) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        for pair in raw
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                let known = known.join(", ");
                let words = format!("the query has another field than {known}; leave it out");
                return Err(Failure::new(Kind::Request, words));
            }
            pairs.push((name.to_owned(), decoded(value)));
        }
        Ok(Self(pairs))
    }

    fn text(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(other, _)| other == name)?;
        Some(&pair.1)
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Failure> {
        let wrong = |_| {
            let words = format!("query `{name}`: expected a whole number");
            Failure::new(Kind::Request, words)
        };
        self.text(name)
            .map_or(Ok(default), |text| text.parse().map_err(wrong))
    }
}

/// A value of a query with its `%20`s read.
fn decoded(text: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, more)) = rest.split_first() {
        let hex = |byte: u8| char::from(byte).to_digit(16);
        let pair = match (byte, more) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = pair {
            out.push((high * 16 + low) as u8);
            rest = &more[2..];
        } else {
            out.push(if byte == b'+' { b' ' } else { byte });
            rest = more;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) async fn list(State(app): State<Arc<App>>, RawQuery(raw): RawQuery) -> Response {
    answer(listed(&app, raw.as_deref()))
}

fn listed(app: &App, raw: Option<&str>) -> Result<Value, Failure> {
    let query = Query::of(raw, &["set", "offset", "limit"])?;
    let (offset, limit) = (query.number("offset", 0)?, query.number("limit", SOME)?);
    let set = query.text("set");
    let sets = app
        .sets
        .all()
        .iter()
        .filter(|each| set.is_none_or(|name| each.name() == name));
    let all = sets.flat_map(|set| {
        let problems = set.problems().iter();
        problems.map(|problem| (set.name(), problem))
    });
    let total = all.clone().count();
    let some: Vec<Value> = all
        .skip(offset)
        .take(limit.min(MOST))
        .map(|(set, problem)| summary(set, problem))
        .collect();
    let names: Vec<&str> = app.sets.all().iter().map(Set::name).collect();
    Ok(json!({"sets": names, "total": total, "offset": offset, "problems": some}))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(raw): RawQuery,
) -> Response {
    answer(shown(&app, &id, raw.as_deref()))
}

fn shown(app: &App, id: &str, raw: Option<&str>) -> Result<Value, Failure> {
    let query = Query::of(raw, &["set"])?;
    let given = app.sets.find(query.text("set"), id)?;
    let problem = &*given.problem;
    let set = app.sets.all().iter().find(|set| {
        let mut problems = set.problems().iter();
        problems.any(|other| Arc::ptr_eq(other, &given.problem))
    });
    let mut shown = summary(set.map_or("", Set::name), problem);
    shown["statement"] = problem.statement.clone().into();
    shown["prompt"] =
        prompt::statement(PromptStyle::Full, problem.language(), &problem.statement).into();
    shown["limits"] = json!(problem.limits);
    shown["tests"] = json!(problem.public_tests);
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_is_meant() {
        let query = Query::of(Some("set=a%2Fb+c&limit=7"), &["set", "limit"]).unwrap();
        assert_eq!(query.text("set"), Some("a/b c"));
        assert_eq!(query.number("limit", 1).unwrap(), 7);
        assert_eq!(query.number("offset", 3).unwrap(), 3);
        assert!(Query::of(Some("other=1"), &["set"]).is_err());
        assert!(
            Query::of(Some("limit=x"), &["limit"])
                .unwrap()
                .number("limit", 1)
                .is_err()
        );
        assert_eq!(decoded("%"), "%");
        assert_eq!(decoded("%zz%41%4"), "%zzA%4");
    }
}
