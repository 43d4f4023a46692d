//! The judge by rules: what an answer's text must be like, whatever its program does. Pure.

use std::ops::Range;

use rlef_sandbox::Cancel;
use serde::{Deserialize, Serialize};

use super::{Judge, JudgeError, Judgement, Score, Submission};
use crate::problem::Problem;
use crate::verdict::Scope;

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
    /// Texts it must hold.
    pub require: Vec<String>,
    /// Texts it must not hold.
    pub forbid: Vec<String>,
}

/// Judges by rules.
#[derive(Clone, Debug)]
pub struct Rules {
    config: RulesConfig,
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
        let rules = Self { config };
        if rules.count() == 0 {
            return Err(
                "there is no rule; expected program, min_characters, max_characters, require or forbid"
                    .to_owned(),
            );
        }
        Ok(rules)
    }

    /// How many rules there are.
    fn count(&self) -> usize {
        let RulesConfig {
            program,
            min_characters,
            max_characters,
            require,
            forbid,
        } = &self.config;
        usize::from(*program)
            + usize::from(min_characters.is_some())
            + usize::from(max_characters.is_some())
            + require.len()
            + forbid.len()
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
        broken
    }
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
        format!("{NAME}/1 {config}")
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
            value,
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
