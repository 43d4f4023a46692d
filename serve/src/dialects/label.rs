//! What trainers keep beside a prompt, its *label* → the problem: the id of one that is served, or a whole one.
//!
//! A label is an id (a text or a number), an object with `problem_id` (and `set`), an object with `inputs` and `outputs` (and
//! `fn_name`) as APPS and LiveCodeBench have them, or a problem in any known schema; objects may be texts of JSON.

use rlef_judge::problem::Schema;

use crate::app::App;
use crate::failure::{Failure, Kind};
use crate::json::{self, Object};
use crate::places::Purse;
use crate::problems::{Given, sent};

/// The problem of a label, which is the text of a JSON value.
pub(super) fn problem(app: &App, purse: &Purse, label: &str) -> Result<Given, Failure> {
    match label.as_bytes().first() {
        Some(b'{') => of_object(app, purse, label),
        Some(b'"') => {
            let text: String = serde_json::from_str(label)
                .map_err(|error| Failure::new(Kind::Request, error.to_string()))?;
            if text.trim_start().starts_with('{') {
                json::check(&text)?;
                return of_object(app, purse, text.trim());
            }
            app.sets.find(None, &text)
        }
        Some(b'-' | b'0'..=b'9') => app.sets.find(None, label),
        _ => Err(Failure::new(
            Kind::Request,
            format!(
                "a label is the id of a problem that is served, or an object with a problem; found {}",
                json::kind(label)
            ),
        )),
    }
}

fn of_object(app: &App, purse: &Purse, text: &str) -> Result<Given, Failure> {
    let object = Object::within(text, "label.".to_owned())?;
    if object.raw("problem_id").is_some() || object.raw("problem").is_some() {
        let given = app.sets.of_request(purse, &object)?;
        object.finish()?;
        return Ok(given);
    }
    if object.raw("inputs").is_some() && object.raw("outputs").is_some() {
        return paired(purse, text);
    }
    sent(purse, text, None)
}

/// Tests as `{"inputs", "outputs", "fn_name"?}`.
pub(super) fn paired(purse: &Purse, text: &str) -> Result<Given, Failure> {
    let row = format!(r#"{{"question": "", "input_output": {text}}}"#);
    sent(purse, &row, Schema::named("apps"))
}
