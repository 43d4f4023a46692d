//! A judge that this project doesn't have: shorter answers are better. What somebody else would write to add one.

use rlef::judge::{Judge, JudgeError, Judgement, Row, Score, Submission, read_settings};
use rlef::problem::Problem;
use rlef::verdict::Scope;
use rlef_sandbox::Cancel;
use serde::Deserialize;

/// The row that lists it.
pub(crate) const BREVITY: Row = Row {
    name: "brevity",
    about: "one over the characters of an answer, times `scale`",
    build: |settings, _| Ok(Box::new(read_settings::<Brevity>(settings)?)),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Brevity {
    scale: f64,
}

impl Judge for Brevity {
    fn name(&self) -> &'static str {
        "brevity"
    }

    fn supports(&self, _: &Problem, _: Scope) -> Result<(), JudgeError> {
        Ok(())
    }

    fn stamp(&self) -> String {
        format!("brevity/1 {}", self.scale)
    }

    fn judge(&self, submission: &Submission<'_>, _: &Cancel) -> Result<Judgement, JudgeError> {
        let characters = submission.text.chars().count();
        Ok(Judgement::of_scores(vec![Score {
            judge: "brevity".to_owned(),
            value: Some(self.scale / characters.max(1) as f64),
            span: None,
            reason: format!("{characters} characters"),
        }]))
    }
}
