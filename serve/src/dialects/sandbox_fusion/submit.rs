//! `/submit`: an answer to a problem of a data set, judged by all its tests.
//!
//! What each test that passed had printed is not kept, and left null; what failed shows what it printed. Tests of served problems
//! that only grade show neither input nor output.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use rlef_judge::problem::TestCase;
use rlef_judge::program::{Program, Wanted};
use rlef_judge::verdict::{Failure as TestFailure, Grade, Scope, StopAt, Verdict};
use rlef_sandbox::Language;
use serde_json::{Value, json};

use super::super::Dialect;
use super::datasets::{TestConfig, bad_request, id_json, problem};
use super::is_compiled;
use crate::app::{App, Ask, milliseconds};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::places::Purse;
use crate::problems::Given;
use crate::reply::Json;

/// How long a full house is waited for: `submit_safe` takes what its client gives up on for a wrong answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Characters of a test's texts, unless all of them are asked for.
const TEXT: usize = 1000;

pub(super) async fn submit(State(app): State<Arc<App>>, request: Request) -> Response {
    match submitted(&app, request).await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(detail)) => bad_request(&detail),
        Err(failure) => Dialect::SandboxFusion.failure(&failure),
    }
}

async fn submitted(app: &Arc<App>, request: Request) -> Result<Result<Value, String>, Failure> {
    let asked = body::read(app, request, Some(PATIENCE)).await?;
    let request = Object::of_body(&asked.text)?;
    let dataset = request.required("dataset")?;
    let id = request
        .id("id")?
        .ok_or_else(|| Bad::field("id", "nothing", "an id"))?;
    let completion = request.required("completion")?;
    let config = TestConfig::of(&request)?;
    request.finish()?;
    if config.language.is_none() && config.is_common_oj()? {
        return Ok(Err(
            "config.language field must exist for CommonOJDataset, got None".to_owned(),
        ));
    }
    let mut given = problem(app, &asked.purse, &dataset, &id, &config)?;
    if let Some(seconds) = config.seconds("run_timeout")? {
        given = limited(&asked.purse, given, seconds)?;
    }
    let language = config
        .language()?
        .unwrap_or_else(|| given.problem.language());
    app.require(language)?;
    let wanted = Wanted::of(&given.problem).in_language(language);
    let found = Program::find(&completion, &wanted);
    let code = found
        .as_ref()
        .map_or("", |found| as_they_cut_it(&found.program.source))
        .to_owned();
    let all = config.extra("run_all_cases")?;
    let whole = config.extra("return_full_case")?;
    let ask = Ask {
        given: given.clone(),
        found,
        scope: Scope::All,
        stop: if all {
            StopAt::Never
        } else {
            StopAt::FirstFailure
        },
    };
    let judgement = app.judge(&asked.client, ask).await?;
    let none = || Failure::new(Kind::Infrastructure, "the judge gave no verdict");
    let verdict = judgement.verdict.as_ref().ok_or_else(none)?;
    if verdict.grade == Grade::Unsupported {
        let words = "the program needs what this isolation lacks: nothing is known of it";
        return Err(Failure::new(Kind::Infrastructure, words));
    }
    Ok(Ok(json!({
        "id": id_json(&id),
        "accepted": verdict.is_accepted(),
        "extracted_code": code,
        "full_code": null,
        "test_code": null,
        "tests": tests(&given, verdict, language, all, whole),
        "extracted_type": null,
        "extra": null,
    })))
}

/// Their programs end before the line break of the last line that says anything: what follows belongs to the fence.
fn as_they_cut_it(source: &str) -> &str {
    let end = source.trim_end().len();
    let cut = source[end..].find('\n');
    cut.map_or(source, |at| &source[..end + at])
}

/// Puts another time limit on a problem, which makes it another one.
fn limited(purse: &Purse, given: Given, seconds: f64) -> Result<Given, Failure> {
    given.changed(purse, "run_timeout", &seconds.to_le_bytes(), |problem| {
        problem.limits.cpu_ms = milliseconds(seconds);
        problem.limits.wall_ms = problem.limits.cpu_ms * 3;
    })
}

/// The tests that ran, each with what became of it.
fn tests(
    given: &Given,
    verdict: &Verdict,
    language: Language,
    all: bool,
    whole: bool,
) -> Vec<Value> {
    if verdict.grade == Grade::NoProgram {
        return Vec::new();
    }
    let public = given.problem.public_tests.len();
    let cases = Scope::All.tests(&given.problem);
    // What doesn't compile fails every test, and is said once.
    let refused = verdict
        .failures
        .first()
        .filter(|first| first.grade == Grade::CompileError);
    let mut said = Vec::new();
    for (index, case) in cases.into_iter().enumerate() {
        let own = verdict
            .failures
            .iter()
            .find(|failure| failure.test == index);
        let failure = refused.or(own);
        let shown = index < public || given.is_theirs;
        said.push(json!({
            "passed": failure.is_none(),
            "exec_info": exec_info(failure, language, shown),
            "test_info": if shown { test_info(case, failure.is_none() && !whole) } else { None },
        }));
        if failure.is_some() && !all {
            break;
        }
    }
    said
}

fn test_info(case: &TestCase, shortened: bool) -> Option<Value> {
    let TestCase::Stdin { input, expected } = case else {
        return None;
    };
    let text = |text: &str| {
        if shortened {
            middle_out(text)
        } else {
            text.to_owned()
        }
    };
    Some(json!({"input": {"stdin": text(input)}, "output": {"stdout": text(expected)}}))
}

/// A long text without its middle.
fn middle_out(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= TEXT {
        return text.to_owned();
    }
    let kept = (TEXT - 3) / 2;
    let (start, end) = (&letters[..kept], &letters[letters.len() - kept..]);
    start.iter().chain(&['.', '.', '.']).chain(end).collect()
}

fn exec_info(failure: Option<&TestFailure>, language: Language, shown: bool) -> Value {
    let result = |status: &str, code: Option<i32>, stdout: Option<&str>, stderr: Option<&str>| {
        json!({
            "status": status,
            "execution_time": null,
            "return_code": code,
            "stdout": stdout.filter(|_| shown),
            "stderr": stderr.filter(|_| shown),
        })
    };
    let compiled = is_compiled(language).then(|| result("Finished", Some(0), Some(""), Some("")));
    let (status, compile, run) = match failure {
        None => (
            "Success",
            compiled,
            Some(result("Finished", Some(0), None, None)),
        ),
        Some(failure) => {
            let (got, trace) = (Some(failure.got.as_str()), Some(failure.trace.as_str()));
            match failure.grade {
                Grade::WrongAnswer | Grade::Accepted | Grade::NoProgram => (
                    "Success",
                    compiled,
                    Some(result("Finished", Some(0), got, trace)),
                ),
                Grade::TimeLimit => {
                    let run = result("TimeLimitExceeded", None, got, trace);
                    ("Failed", compiled, Some(run))
                }
                Grade::CompileError if is_compiled(language) => (
                    "Failed",
                    Some(result("Finished", Some(1), Some(""), trace)),
                    None,
                ),
                Grade::MemoryLimit => (
                    "Failed",
                    compiled,
                    Some(result("Finished", Some(-9), got, trace)),
                ),
                Grade::CompileError
                | Grade::RuntimeError
                | Grade::OutputLimit
                | Grade::Unsupported => (
                    "Failed",
                    compiled,
                    Some(result("Finished", Some(1), got, trace)),
                ),
            }
        }
    };
    json!({
        "status": status,
        "message": "",
        "compile_result": compile,
        "run_result": run,
        "executor_pod_name": null,
        "files": {},
    })
}

#[cfg(test)]
mod tests_of_it {
    use super::*;

    #[test]
    fn a_program_ends_with_its_last_line_that_says_anything() {
        for (source, cut) in [
            ("a\n", "a"),
            ("a", "a"),
            ("a  \n\n  \n", "a  "),
            ("a\n\nb\n", "a\n\nb"),
            ("é ", "é "),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(as_they_cut_it(source), cut, "{source:?}");
        }
    }

    #[test]
    fn a_long_text_keeps_both_ends() {
        assert_eq!(middle_out("short"), "short");
        let long = middle_out(&format!("a{}é", "x".repeat(2000)));
        assert_eq!(long.chars().count(), 999);
        assert!(long.starts_with("ax") && long.ends_with("xé") && long.contains("..."));
    }
}
