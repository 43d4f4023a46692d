//! What a judge gives: a verdict where tests were run, and scores. Pure.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::verdict::{Verdict, shortened};

/// What a judge says of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Judgement {
    /// What tests say, where some were run.
    pub verdict: Option<Verdict>,
    /// What else there is to say.
    pub scores: Vec<Score>,
    /// Whether asking again gives the same, so that it may be kept.
    pub repeatable: bool,
}

/// One number about an answer or a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Whose it is.
    pub judge: String,
    /// The number; nothing where the judge has no opinion, which is no score: whoever learns from it leaves the answer out.
    pub value: Option<f64>,
    /// The bytes of the text that it is about; the whole where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Range<usize>>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Which of several answers is better.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Preference {
    /// The place of each answer, in the order they were given: 0 is the best, equal places are ties.
    pub places: Vec<usize>,
    /// How likely the order is right, from 0 to 1, where the judge can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certainty: Option<f64>,
    /// How likely each answer is better than each other one, where the judge says it: `beats[i][j]` of `i` over `j`, and nothing
    /// where it has no opinion on the two. Empty where it says none of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beats: Vec<Vec<Option<f64>>>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Judgement {
    /// Of scores alone, which asking again would give again.
    pub const fn of_scores(scores: Vec<Score>) -> Self {
        Self {
            verdict: None,
            scores,
            repeatable: true,
        }
    }

    /// The same, with the texts of its first failing tests alone.
    #[must_use]
    pub fn shortened(mut self) -> Self {
        if let Some(verdict) = &mut self.verdict {
            *verdict = shortened(verdict);
        }
        self
    }
}

impl From<Verdict> for Judgement {
    /// Of tests alone, which asking again would give again.
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict: Some(verdict),
            scores: Vec::new(),
            repeatable: true,
        }
    }
}

/// The form on disk. A judgement without scores is written as its verdict alone, as before there were other judges, so that older
/// caches and journals can be read. A verdict that can't be read is an error; it is never taken as absent.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Scored {
        /// What judges besides the tests said.
        scores: Vec<Score>,
        /// What tests say, where some were run.
        #[serde(skip_serializing_if = "Option::is_none")]
        verdict: Option<Verdict>,
    },
    Verdict(Verdict),
}

impl From<Kept> for Judgement {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Scored { scores, verdict } => Self {
                verdict,
                scores,
                repeatable: true,
            },
            Kept::Verdict(verdict) => verdict.into(),
        }
    }
}

impl From<Judgement> for Kept {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement {
                verdict: Some(verdict),
                scores,
                ..
            } if scores.is_empty() => Self::Verdict(verdict),
            Judgement {
                verdict, scores, ..
            } => Self::Scored { scores, verdict },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_alone_are_written_as_their_verdict_and_nothing_is_read_as_less_than_it_is() {
        let verdict = Verdict::no_program(3);
        let plain = serde_json::to_string(&verdict).unwrap();
        let judgement = Judgement::from(verdict.clone());
        assert_eq!(serde_json::to_string(&judgement).unwrap(), plain);
        assert_eq!(
            serde_json::from_str::<Judgement>(&plain).unwrap(),
            judgement
        );
        let score = Score {
            judge: "rules".into(),
            value: Some(0.5),
            span: Some(2..4),
            reason: String::new(),
        };
        for verdict in [None, Some(verdict)] {
            let both = Judgement {
                verdict,
                ..Judgement::of_scores(vec![score.clone()])
            };
            let text = serde_json::to_string(&both).unwrap();
            assert_eq!(serde_json::from_str::<Judgement>(&text).unwrap(), both);
        }
        for broken in [
            plain.replace("no_program", "unheard_of"),
            format!("{{\"scores\":[],\"verdict\":{plain}}}").replace("no_program", "unheard_of"),
            "{}".to_owned(),
        ] {
            assert!(
                serde_json::from_str::<Judgement>(&broken).is_err(),
                "{broken}"
            );
        }
    }
}
