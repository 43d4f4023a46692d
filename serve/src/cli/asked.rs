//! The arguments that were given, or what is wrong with them: of names that are not known the one that was meant.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgMatches, Command, Error};
use rlef_judge::nearest::nearest;

/// Reads this process's arguments; ends it where they ask for help or can't be read.
pub fn given(command: &mut Command) -> ArgMatches {
    let found = command.try_get_matches_from_mut(std::env::args_os());
    found.unwrap_or_else(|error| {
        let verbs: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let verb = verbs
            .iter()
            .find_map(|word| command.find_subcommand(word))
            .cloned();
        suggested(error, verb).exit()
    })
}

/// The library takes names for alike that share some letters: `--timeout` and `--price-out`.
fn suggested(mut error: Error, verb: Option<Command>) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(mut verb) = verb else { return error };
    let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let given = given.trim_start_matches('-').to_owned();
    error.remove(ContextKind::SuggestedArg);
    error.insert(
        ContextKind::Usage,
        ContextValue::StyledStr(verb.render_usage()),
    );
    if let Some(name) = meant(&given, &verb) {
        let name = ContextValue::String(format!("--{name}"));
        error.insert(ContextKind::SuggestedArg, name);
    }
    error
}

/// The argument that was meant: one of nearly the same name, else one that has it as a part.
fn meant<'a>(given: &str, verb: &'a Command) -> Option<&'a str> {
    let names = || verb.get_arguments().filter_map(clap::Arg::get_long);
    let has_it = |name: &&str| name.split('-').any(|part| part == given);
    nearest(given, names()).or_else(|| names().find(has_it))
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    #[test]
    fn a_name_that_shares_some_letters_is_not_meant() {
        let names = ["price-out", "request-timeout", "device", "rollouts"];
        let verb = Command::new("eval").args(names.map(|name| Arg::new(name).long(name)));
        assert_eq!(meant("timeout", &verb), Some("request-timeout"));
        assert_eq!(meant("rolouts", &verb), Some("rollouts"));
        assert_eq!(meant("slice", &verb), None);
    }
}
