//! What a verb writes takes the place of nothing that it reads, whichever verb it is: told from its arguments, before it begins.

use std::any::TypeId;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};

use super::output::{OutputError, check_apart};

/// Arguments that name what is written whole. Their names mean that in every verb.
const OUTPUTS: [&str; 5] = ["out", "page", "export", "junit", "summary"];

/// Arguments of text that may name a file; others, a model's name for one, say nothing of files that are called the same.
const NAMED: [&str; 10] = [
    "problems",
    "preferences",
    "policy",
    "hierarchy",
    "sources",
    "data",
    "held_out",
    "golden",
    "quarantine",
    "against",
];

/// One that names what is added to, or read where it is there.
const JOURNAL: &str = "journal";

/// An argument that was given, in words, and its values.
struct Given {
    is_output: bool,
    /// Whether it means a file that need not be there.
    may_be_new: bool,
    words: String,
    values: Vec<String>,
}

/// Refuses arguments by which an output would take the place of an input or of another output.
///
/// # Errors
/// An output with the argument whose file or folder it is.
pub fn check(command: &Command, matches: &ArgMatches) -> Result<(), OutputError> {
    let Some((name, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let verb = command.find_subcommand(name);
    let arguments = verb.into_iter().flat_map(Command::get_arguments);
    let all: Vec<Given> = arguments
        .filter(|argument| {
            let parsed = argument.get_value_parser().type_id();
            parsed == TypeId::of::<PathBuf>()
                || parsed == TypeId::of::<String>() && NAMED.contains(&argument.get_id().as_str())
        })
        .filter_map(|argument| given(name, argument, matches))
        .collect();
    for (index, output) in all.iter().enumerate().filter(|(_, one)| one.is_output) {
        let mut others: Vec<(&str, &Path)> = Vec::new();
        for (_, other) in all.iter().enumerate().filter(|(other, _)| *other != index) {
            let paths = other.values.iter().flat_map(|value| paths(value));
            let meant = paths.filter(|path| other.may_be_new || path.exists());
            others.extend(meant.map(|path| (other.words.as_str(), path)));
        }
        for value in &output.values {
            check_apart(Path::new(value), &others)?;
        }
    }
    Ok(())
}

/// An argument as it was given on the command line; defaults are no file of anybody's.
fn given(verb: &str, argument: &Arg, matches: &ArgMatches) -> Option<Given> {
    let id = argument.get_id().as_str();
    if matches.value_source(id) != Some(ValueSource::CommandLine) {
        return None;
    }
    // A quarantine list is made by one verb and read by others.
    let is_output = OUTPUTS.contains(&id) || (verb == "doctor" && id == "quarantine");
    let long = argument.get_long().map(|long| format!("--{long}"));
    let name = long.unwrap_or_else(|| id.to_uppercase());
    let values = matches.get_raw(id)?;
    Some(Given {
        is_output,
        may_be_new: is_output || id == JOURNAL,
        words: format!("what {name} names"),
        values: values
            .map(|value| value.to_string_lossy().into_owned())
            .collect(),
    })
}

/// What a value may name: a path stands alone, or behind a schema, a kind of policy, `@`, or a source and `@`.
fn paths(value: &str) -> impl Iterator<Item = &Path> {
    let behind = value.match_indices([':', '@']);
    let behind = behind.map(|(at, mark)| &value[at + mark.len()..]);
    std::iter::once(value).chain(behind).map(Path::new)
}
