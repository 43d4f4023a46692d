//! Piston's `/api/v2/execute` and `/api/v2/runtimes`: one program, its files and its standard input, run without a verdict.
//!
//! An infrastructure failure is HTTP 500, as Piston's own is; a full house 503.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use rlef_sandbox::{Folder, FoundFiles, Language, LanguageState, Limits, Outcome, Status};
use serde_json::{Value, json};

use super::Dialect;
use crate::app::{App, RunAsk};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::reply::Json;

/// Milliseconds of a run, unless told otherwise.
const RUN_MS: u64 = 3000;
/// Milliseconds of a run at most.
const MOST_MS: u64 = 600_000;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v2/execute", post(execute))
        .route("/api/v2/runtimes", get(runtimes))
}

/// The version of a language's tools: the first number with a point in what is known of them.
fn version(state: &LanguageState) -> String {
    let is_number = |word: &&str| {
        word.contains('.')
            && word.starts_with(|first: char| first.is_ascii_digit())
            && word
                .chars()
                .all(|letter| letter.is_ascii_digit() || letter == '.')
    };
    let split = |letter: char| letter.is_whitespace() || "(),+-\"".contains(letter);
    let mut words = state.tools.split(split);
    words.find(is_number).unwrap_or("0.0.0").to_owned()
}

async fn runtimes(State(app): State<Arc<App>>) -> Response {
    let runtime = |state: &LanguageState| {
        json!({
            "language": state.language.name(),
            "version": version(state),
            "aliases": [],
        })
    };
    let usable = app.languages.iter().filter(|state| state.usable);
    let all: Vec<Value> = usable.map(runtime).collect();
    Json(all).into_response()
}

async fn execute(State(app): State<Arc<App>>, request: Request) -> Response {
    let result = executed(&app, request).await;
    // Piston knows one status for what it can't run.
    let result = result.map_err(|failure| match failure.kind {
        Kind::Problem => Failure::new(Kind::Request, failure.message),
        _ => failure,
    });
    Dialect::Piston.answer(result)
}

async fn executed(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    let asked = body::read(app, request, None).await?;
    let request = Object::of_body(&asked.text)?;
    let required = |name: &str| {
        let text = request.text(name).ok().flatten();
        text.ok_or_else(|| Bad::new(format!("{name} is required as a string")))
    };
    let (name, wanted) = (required("language")?, required("version")?);
    let files = request.items("files").ok().flatten();
    let files = files.ok_or_else(|| Bad::new("files is required as an array"))?;
    let stdin = request.text("stdin")?.unwrap_or_default();
    if request.items("args")?.is_some_and(|args| !args.is_empty()) {
        return Err(Bad::new("args are not given to programs here; leave them out").into());
    }
    // What a compiler may use is the server's to say.
    request.ignore(&[
        "compile_timeout",
        "compile_cpu_time",
        "compile_memory_limit",
    ]);
    let limits = limits(&request)?;
    request.finish()?;
    let unknown = || Bad::new(format!("{name}-{wanted} runtime is unknown"));
    let language = Language::from_tag(&name).ok_or_else(unknown)?;
    let state = app
        .languages
        .iter()
        .find(|state| state.language == language);
    let state = state.filter(|state| state.usable).ok_or_else(unknown)?;
    let version = version(state);
    if !fits(&version, &wanted) {
        return Err(unknown().into());
    }
    let (source, given) = sources(&files)?;
    let ask = RunAsk {
        language,
        source,
        input: stdin,
        limits,
        folder: (!given.is_empty()).then_some(Folder {
            given,
            wanted: Vec::new(),
        }),
        until: None,
    };
    let (outcome, _) = app.run(&asked.client, ask).await?;
    if outcome.status == Status::Unsupported {
        let words = "the program needs what this isolation lacks: nothing is known of it";
        return Err(Failure::new(Kind::Infrastructure, words));
    }
    let run = stage(&outcome);
    let mut said = json!({"language": language.name(), "version": version});
    if outcome.status == Status::CompileError && language != Language::Python {
        said["compile"] = run.clone();
    }
    said["run"] = run;
    Ok(said)
}

/// Whether a version is one of those wanted: `*`, all of it, or its beginning (`3`, `3.x`).
fn fits(version: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_end_matches(".x").trim_end_matches(".*");
    let rest = version.strip_prefix(wanted);
    wanted == "*" || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn limits(request: &Object<'_>) -> Result<Limits, Failure> {
    let number = |name: &str| -> Result<Option<u64>, Bad> {
        let found = request.get::<f64>(name, "a number")?;
        // 0 and negative numbers are none.
        Ok(found
            .filter(|number| *number > 0.0)
            .map(|number| number as u64))
    };
    let wall = number("run_timeout")?;
    let cpu_ms = number("run_cpu_time")?
        .or(wall)
        .unwrap_or(RUN_MS)
        .clamp(1, MOST_MS);
    let memory = number("run_memory_limit")?;
    Ok(Limits {
        cpu_ms,
        wall_ms: wall.unwrap_or(cpu_ms).clamp(cpu_ms, MOST_MS.max(cpu_ms)) + 1000,
        memory_bytes: memory.unwrap_or(1 << 30).clamp(1 << 20, 16 << 30),
        ..Limits::default()
    })
}

/// The first text is the program; the others lie around it.
fn sources(files: &[&str]) -> Result<(String, FoundFiles), Failure> {
    let (mut source, mut given) = (None, Vec::new());
    for (place, raw) in files.iter().enumerate() {
        let file = Object::within(raw, format!("files[{place}]."))?;
        let content = file.text("content").ok().flatten();
        let content = content
            .ok_or_else(|| Bad::new(format!("files[{place}].content is required as a string")))?;
        let name = file
            .text("name")?
            .unwrap_or_else(|| format!("file{place}.code"));
        let bytes = match file.text("encoding")?.as_deref() {
            Some("base64") => base64::engine::general_purpose::STANDARD
                .decode(&content)
                .map_err(|error| Bad::new(format!("files[{place}].content: {error}")))?,
            Some("hex") => unhex(&content).ok_or_else(|| {
                Bad::new(format!(
                    "files[{place}].content: expected pairs of hexadecimal digits"
                ))
            })?,
            _ if source.is_none() => {
                source = Some(content);
                continue;
            }
            _ => content.into_bytes(),
        };
        given.push((name, bytes));
    }
    let source =
        source.ok_or_else(|| Bad::new("files must include at least one utf8 encoded file"))?;
    Ok((source, given))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|letter| letter.to_digit(16)).collect();
    let digits = digits?;
    let pairs = digits.chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((high * 16 + low) as u8),
            _ => None,
        })
        .collect()
}

fn stage(outcome: &Outcome) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&outcome.stdout), text(&outcome.stderr));
    let (code, signal, status, message) = match outcome.status {
        Status::Exited(0) => (Some(0), None, None, None),
        Status::Exited(code) => (
            Some(code),
            None,
            Some("RE"),
            Some(format!("Exited with error status {code}")),
        ),
        Status::CompileError => (
            Some(1),
            None,
            Some("RE"),
            Some("Exited with error status 1".to_owned()),
        ),
        Status::TimeLimit => (
            None,
            Some("SIGKILL"),
            Some("TO"),
            Some("Time limit exceeded".to_owned()),
        ),
        Status::MemoryLimit => (
            None,
            Some("SIGKILL"),
            Some("SG"),
            Some("Memory limit exceeded".to_owned()),
        ),
        Status::OutputLimit => (
            None,
            Some("SIGKILL"),
            Some("OL"),
            Some("Output limit exceeded".to_owned()),
        ),
        Status::Denied => (
            None,
            Some("SIGSYS"),
            Some("SG"),
            Some("Caught fatal signal 31".to_owned()),
        ),
        Status::Signalled(signal) => {
            let name = match signal {
                4 => "SIGILL",
                6 => "SIGABRT",
                7 => "SIGBUS",
                8 => "SIGFPE",
                11 => "SIGSEGV",
                13 => "SIGPIPE",
                _ => "SIGKILL",
            };
            (
                None,
                Some(name),
                Some("SG"),
                Some(format!("Caught fatal signal {signal}")),
            )
        }
        // Said before.
        Status::Unsupported => (None, None, Some("XX"), None),
    };
    json!({
        "output": format!("{stdout}{stderr}"),
        "stdout": stdout,
        "stderr": stderr,
        "code": code,
        "signal": signal,
        "message": message,
        "status": status,
        "cpu_time": outcome.usage.cpu_us / 1000,
        "wall_time": outcome.usage.wall_us / 1000,
        "memory": outcome.usage.memory_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_fits_where_all_that_is_wanted_of_it_does() {
        for (wanted, fitting) in [
            ("*", true),
            ("3", true),
            ("3.x", true),
            ("3.11", true),
            ("3.11.2", true),
            ("3.1", false),
            ("2", false),
            ("3.11.20", false),
        ] {
            assert_eq!(fits("3.11.2", wanted), fitting, "{wanted}");
        }
        let state = |tools: &str| LanguageState {
            language: Language::Python,
            usable: true,
            tools: tools.to_owned(),
        };
        assert_eq!(
            version(&state("/usr/bin/python3.11 (3.11.2), NumPy 1.24.2")),
            "3.11.2"
        );
        assert_eq!(version(&state("g++ (Debian 12.2.0-14) 12.2.0")), "12.2.0");
        assert_eq!(version(&state("none")), "0.0.0");
    }

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(unhex("00ff4A"), Some(vec![0, 255, 0x4a]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }
}
