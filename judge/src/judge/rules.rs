//! The judge by rules: what an answer's text must be like, whatever its program does. Pure.

use std::ops::Range;

use regex::Regex;
use rlef_sandbox::Cancel;
use serde::{Deserialize, Serialize};

use super::{Judge, JudgeError, Judgement, Score, Submission};
use crate::problem::Problem;
use crate::program::{Program, Wanted};
use crate::verdict::Scope;

mod calls;
mod patterns;

/// The name in configurations and scores.
pub(super) const NAME: &str = "rules";

/// The rules; those that are absent hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RulesConfig {
    /// The answer must hold a program.
    pub program: bool,
    /// Characters it must have at least.
    pub min_characters: Option<usize>,
    /// Characters it may have at most.
    pub max_characters: Option<usize>,
    /// Lines its program may have at most, blank ones not counted.
    pub max_lines: Option<usize>,
    /// How its program must stand in it.
    pub format: Option<Format>,
    /// Texts it must hold.
    pub require: Vec<String>,
    /// Texts it must not hold.
    pub forbid: Vec<String>,
    /// Regular expressions of which each must match somewhere in it.
    pub require_patterns: Vec<String>,
    /// Regular expressions that must match nowhere in it.
    pub forbid_patterns: Vec<String>,
    /// The same of its program alone: one that is not there holds nothing.
    pub require_in_program: Vec<String>,
    /// The same of its program alone.
    pub forbid_in_program: Vec<String>,
    /// Functions and modules that its program must not use, by their names with dots: `eval`, `os.system`. Strings and comments
    /// are no uses; what Python imports under another name is found, what it looks up by a text at run time is not.
    pub forbid_calls: Vec<String>,
}

/// How a program stands in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// In the one block of code that there is; words may stand around it.
    OneBlock,
    /// In the one block of code that there is, and nothing else.
    OnlyBlock,
}

/// Judges by rules.
#[derive(Clone, Debug)]
pub struct Rules {
    config: RulesConfig,
    /// Of `require_patterns`, `forbid_patterns`, `require_in_program` and `forbid_in_program`.
    patterns: [Vec<Regex>; 4],
}

/// A rule that is broken: where, where that can be said, and how.
type Broken = (Option<Range<usize>>, String);

impl Rules {
    /// A judge by these rules; the reason where they can't be judged by.
    pub fn new(config: RulesConfig) -> Result<Self, String> {
        for (field, texts) in [("require", &config.require), ("forbid", &config.forbid)] {
            if texts.iter().any(String::is_empty) {
                return Err(format!(
                    "{field} has an empty text, which every answer holds; leave it out"
                ));
            }
        }
        if let (Some(least), Some(most)) = (config.min_characters, config.max_characters)
            && least > most
        {
            return Err(format!(
                "min_characters is {least} and max_characters {most}: no answer has both; make the first the smaller one"
            ));
        }
        if let Some(name) = config
            .forbid_calls
            .iter()
            .find(|name| !calls::is_name(name))
        {
            return Err(format!(
                "forbid_calls has {name:?}; expected a name, or names joined by dots, such as os.system"
            ));
        }
        let patterns = [
            patterns::read("require_patterns", &config.require_patterns)?,
            patterns::read("forbid_patterns", &config.forbid_patterns)?,
            patterns::read("require_in_program", &config.require_in_program)?,
            patterns::read("forbid_in_program", &config.forbid_in_program)?,
        ];
        let rules = Self { config, patterns };
        if rules.count() == 0 {
            return Err(format!("there is no rule; expected one of {NAMES}"));
        }
        Ok(rules)
    }

    /// How many rules there are.
    fn count(&self) -> usize {
        let RulesConfig {
            program,
            min_characters,
            max_characters,
            max_lines,
            format,
            require,
            forbid,
            require_patterns,
            forbid_patterns,
            require_in_program,
            forbid_in_program,
            forbid_calls,
        } = &self.config;
        let single = [
            *program,
            min_characters.is_some(),
            max_characters.is_some(),
            max_lines.is_some(),
            format.is_some(),
        ];
        let lists = [
            require,
            forbid,
            require_patterns,
            forbid_patterns,
            require_in_program,
            forbid_in_program,
            forbid_calls,
        ];
        let single = single.into_iter().filter(|there| *there).count();
        single + lists.iter().map(|list| list.len()).sum::<usize>()
    }

    /// The rules that an answer breaks, one entry each.
    fn broken(&self, submission: &Submission<'_>) -> Vec<Broken> {
        let config = &self.config;
        let text = submission.text;
        let characters = text.chars().count();
        let mut broken = Vec::new();
        if config.program && submission.program.is_none() {
            broken.push((None, "it holds no program".to_owned()));
        }
        if let Some(least) = config.min_characters.filter(|&least| characters < least) {
            let reason = format!("it has {characters} characters, fewer than {least}");
            broken.push((None, reason));
        }
        if let Some(most) = config.max_characters.filter(|&most| characters > most) {
            let reason = format!("it has {characters} characters, more than {most}");
            // From the first one too many.
            let start = text.char_indices().nth(most).map_or(0, |(start, _)| start);
            broken.push((Some(start..text.len()), reason));
        }
        for wanted in config
            .require
            .iter()
            .filter(|&wanted| !text.contains(wanted.as_str()))
        {
            broken.push((None, format!("it does not hold {wanted:?}")));
        }
        for unwanted in &config.forbid {
            if let Some(start) = text.find(unwanted.as_str()) {
                let span = start..start + unwanted.len();
                broken.push((Some(span), format!("it holds {unwanted:?}")));
            }
        }
        let format = config
            .format
            .and_then(|format| misplaced(submission, format));
        broken.extend(format.map(|reason| (None, reason)));
        let [require, forbid, require_in_program, forbid_in_program] = &self.patterns;
        broken.extend(patterns::broken(text, require, forbid));
        broken.extend(
            self.broken_in_program(submission.program, [require_in_program, forbid_in_program]),
        );
        broken
    }

    /// The rules about its program that an answer breaks. Nothing is said of where: a program may be joined of several blocks.
    fn broken_in_program(
        &self,
        program: Option<&Program>,
        [require, forbid]: [&[Regex]; 2],
    ) -> Vec<Broken> {
        let source = program.map_or("", |program| program.source.as_str());
        let mut reasons = Vec::new();
        let lines = source.lines().filter(|line| !line.trim().is_empty());
        let lines = lines.count();
        if let Some(most) = self.config.max_lines.filter(|&most| lines > most) {
            reasons.push(format!("it has {lines} lines, more than {most}"));
        }
        let of_patterns = patterns::broken(source, require, forbid).into_iter();
        reasons.extend(of_patterns.map(|(_, reason)| reason));
        if let Some(program) = program {
            let used = calls::used(program, &self.config.forbid_calls);
            reasons.extend(used.into_iter().map(|name| format!("it uses {name}")));
        }
        let of_program = |reason: String| (None, format!("its program: {reason}"));
        reasons.into_iter().map(of_program).collect()
    }
}

/// The names of all rules.
const NAMES: &str = "program, min_characters, max_characters, max_lines, format, require, forbid, require_patterns, forbid_patterns, require_in_program, forbid_in_program or forbid_calls";

/// Why an answer's program does not stand as it should, if it doesn't.
fn misplaced(submission: &Submission<'_>, format: Format) -> Option<String> {
    let text = submission.text;
    let Ok(found) = Program::find(text, &Wanted::of(submission.problem)) else {
        return Some("it holds no program in a block of code".to_owned());
    };
    match (found.taken.block, found.taken.of) {
        (0, _) => return Some("its program stands in no block of code".to_owned()),
        (_, 1) => {}
        (_, blocks) => return Some(format!("it has {blocks} blocks of code, not one")),
    }
    let text = text.trim();
    let fenced = ["```", "~~~"]
        .iter()
        .any(|fence| text.starts_with(fence) && text.ends_with(fence));
    (format == Format::OnlyBlock && !fenced)
        .then(|| "words stand around its block of code".to_owned())
}

impl Judge for Rules {
    fn name(&self) -> &'static str {
        NAME
    }

    fn supports(&self, _problem: &Problem, _scope: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        // Plain numbers and texts always serialise.
        let config = serde_json::to_string(&self.config).unwrap_or_default();
        format!("{NAME}/2 {config}")
    }

    /// First the share of the rules that hold, of the whole answer; then a zero for each that is broken at a place.
    fn judge(
        &self,
        submission: &Submission<'_>,
        _cancel: &Cancel,
    ) -> Result<Judgement, JudgeError> {
        let broken = self.broken(submission);
        let count = self.count();
        let held = count - broken.len();
        let score = |value, span, reason| Score {
            judge: NAME.to_owned(),
            value: Some(value),
            span,
            reason,
        };
        let reasons: Vec<&str> = broken.iter().map(|(_, reason)| reason.as_str()).collect();
        let whole = score(held as f64 / count as f64, None, reasons.join("; "));
        let mut scores = vec![whole];
        for (span, reason) in broken {
            if span.is_some() {
                scores.push(score(0.0, span, reason));
            }
        }
        Ok(Judgement::of_scores(scores))
    }
}
