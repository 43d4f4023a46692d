//! Names of problem sets on the command line → problems.

use std::path::Path;

use clap::Args;
use clap::builder::PossibleValuesParser;
use rlef_judge::nearest::meant;
use rlef_judge::problem::contest::{self, ContestConfig, Split};
use rlef_judge::problem::quarantine::{Quarantine, today};
use rlef_judge::problem::{self, Notice, Problem, ProblemError, SCHEMAS, Schema, printable};

use super::output::{insist, say};

/// In front of a name: rows that can't be read are left out.
const READABLE: &str = "readable:";
/// Rows that are named one by one; of more, only how many there are.
const NAMED: usize = 20;

/// Problems of a file, of `SCHEMA:FILE` in the named schema, or of `contest:train`, `contest:validation`,
/// `contest:test`; behind `readable:` without the rows that can't be read, which are counted and named.
pub fn problems(name: &str) -> anyhow::Result<Vec<Problem>> {
    if let Some(name) = name.strip_prefix(READABLE) {
        let (problems, errors) = readable(name)?;
        for error in errors.iter().take(NAMED) {
            insist!("left out: failed to {}", printable(&error.to_string()));
        }
        let (left, all) = (errors.len(), errors.len() + problems.len());
        insist!("{left} of {all} rows of {name} are left out, for they can't be read");
        anyhow::ensure!(
            !problems.is_empty(),
            "failed to find a problem in {name} that can be read"
        );
        return Ok(problems);
    }
    if let Some(split) = contest::parse_spec(name) {
        return Ok(contest::generate(split, &ContestConfig::default()));
    }
    let (schema, path) = named(name);
    known(path)?;
    let (problems, notices) = problem::read(path, schema)?;
    tell(&notices);
    Ok(problems)
}

/// The problems of a name, and why the rows that gave none did not.
pub fn readable(name: &str) -> anyhow::Result<(Vec<Problem>, Vec<ProblemError>)> {
    if contest::parse_spec(name).is_some() {
        return Ok((problems(name)?, Vec::new()));
    }
    let (schema, path) = named(name);
    known(path)?;
    let (mut problems, mut errors) = (Vec::new(), Vec::new());
    let notices = problem::each(path, schema, &mut |row| {
        match row {
            Ok(problem) => problems.push(problem),
            Err(error) => errors.push(error),
        }
        Ok(())
    })?;
    tell(&notices);
    Ok((problems, errors))
}

/// Says what a file has that is not taken into account.
pub fn tell(notices: &[Notice]) {
    for notice in notices {
        insist!("warning: {notice}");
    }
}

/// The schema of problems, for every verb that reads some.
#[derive(Args, Clone, Debug, Default)]
pub struct SchemaArgs {
    /// Schema of the problems, where their fields don't tell it; SCHEMA:FILE says the same.
    #[arg(long, value_name = "SCHEMA", value_parser = PossibleValuesParser::new(SCHEMAS.iter().map(|schema| schema.name)))]
    pub schema: Option<String>,
    /// Leave out rows that can't be read, in place of refusing the set; they are counted and named. readable:FILE says the
    /// same.
    #[arg(long)]
    pub skip_unreadable: bool,
}

impl SchemaArgs {
    /// The name of the problems with the schema in front.
    pub fn applied(&self, name: &str) -> anyhow::Result<String> {
        let bare = name.strip_prefix(READABLE);
        let applied = self.with_schema(bare.unwrap_or(name))?;
        let built_in = contest::parse_spec(&applied).is_some();
        Ok(if (self.skip_unreadable || bare.is_some()) && !built_in {
            format!("{READABLE}{applied}")
        } else {
            applied
        })
    }

    fn with_schema(&self, name: &str) -> anyhow::Result<String> {
        let Some(schema) = &self.schema else {
            return Ok(name.to_owned());
        };
        anyhow::ensure!(
            contest::parse_spec(name).is_none(),
            "failed to read {name} with --schema {schema}: the built-in problems have none; leave --schema out"
        );
        match named(name) {
            (None, _) => Ok(format!("{schema}:{name}")),
            (Some(other), _) if other.name == schema => Ok(name.to_owned()),
            (Some(other), _) => anyhow::bail!(
                "failed to read {name} with --schema {schema}: its name says {}; keep one of them",
                other.name
            ),
        }
    }
}

/// The schema that a name starts with, if any, and the path behind it.
pub fn named(name: &str) -> (Option<&'static Schema>, &Path) {
    let name = name.strip_prefix(READABLE).unwrap_or(name);
    match name.split_once(':') {
        Some((schema, path)) if Schema::named(schema).is_some() => {
            (Schema::named(schema), Path::new(path))
        }
        _ => (None, Path::new(name)),
    }
}

/// Refuses a name whose first word is nearly a split's or a schema's, and that is no file either.
fn known(path: &Path) -> anyhow::Result<()> {
    let name = path.to_string_lossy();
    let Some((word, rest)) = name.split_once(':') else {
        return Ok(());
    };
    if path.exists() {
        return Ok(());
    }
    let splits = || Split::ALL.into_iter().map(Split::name);
    if word == "contest" {
        let all = splits().collect::<Vec<_>>().join(", ");
        anyhow::bail!(
            "failed to read {name}: the built-in problems have no split {rest}{}; there are: {all}",
            meant(rest, splits())
        );
    }
    let words = SCHEMAS.iter().map(|schema| schema.name);
    let near = meant(word, words.chain(["contest"]));
    anyhow::ensure!(
        near.is_empty(),
        "failed to read {name}: there is no such file, and no schema {word}{near}"
    );
    Ok(())
}

/// Problems without those of a quarantine list; what was left out is said.
pub fn problems_without(name: &str, list: Option<&Path>) -> anyhow::Result<Vec<Problem>> {
    let problems = problems(name)?;
    let Some(list) = list else {
        return Ok(problems);
    };
    let (kept, left_out, changed) = Quarantine::load(list)?.apply(problems, &today());
    say!("{left_out} problems are left out by {}", list.display());
    for id in changed {
        let id = printable(&id);
        say!("{id} has changed since it was put on the list, and is used again");
    }
    anyhow::ensure!(
        !kept.is_empty(),
        "failed to find a problem in {name} that {} does not leave out",
        list.display()
    );
    Ok(kept)
}
