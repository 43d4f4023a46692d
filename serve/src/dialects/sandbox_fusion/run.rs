//! `/run_code`: a program on its input, with files around it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rlef_sandbox::{Folder, FoundFiles, Language, Limits, Outcome, Status};
use serde_json::{Map, Value, json};

use super::super::Dialect;
use super::{is_compiled, language};
use crate::app::{App, RunAsk, milliseconds, seconds};
use crate::body;
use crate::failure::{Failure, Kind};
use crate::json::{Bad, Object};
use crate::places::deadline;
use crate::reply::Json;

/// Seconds of either timeout, unless told otherwise.
const TIMEOUT: f64 = 10.0;
/// Seconds of either timeout at most.
const MOST_SECONDS: f64 = 600.0;
/// Seconds that its clients add to both timeouts before they give up.
const GRACE: Duration = Duration::from_secs(10);
/// Bytes of memory where none are named, as their `lite` isolation has it.
const MEMORY: u64 = 4 << 30;
/// Bytes of memory at most.
const MOST_MEMORY: u64 = 16 << 30;
/// Files with this in their name are left out by theirs, too.
const IGNORED: &str = "IGNORE_THIS_FILE";

pub(super) async fn run_code(State(app): State<Arc<App>>, request: Request) -> Response {
    match ran(&app, request).await {
        Ok(body) => Json(body).into_response(),
        Err(failure) => match failure.kind {
            Kind::Infrastructure | Kind::Problem => Json(response(
                "SandboxError",
                &failure.message,
                None,
                None,
                Map::new(),
            ))
            .into_response(),
            _ => Dialect::SandboxFusion.failure(&failure),
        },
    }
}

/// What is to be run.
struct Wanted {
    ask: RunAsk,
    patience: Duration,
}

impl Wanted {
    fn of(request: &Object<'_>) -> Result<Self, Failure> {
        let timeout = |name: &str| -> Result<f64, Failure> {
            let given = request.amount(name)?.unwrap_or(TIMEOUT);
            if given > MOST_SECONDS {
                let expected = format!("at most {MOST_SECONDS} seconds");
                return Err(Bad::field(name, &given.to_string(), &expected).into());
            }
            Ok(given)
        };
        let (compile, run) = (timeout("compile_timeout")?, timeout("run_timeout")?);
        let memory = request
            .get::<i64>("memory_limit_MB", "a whole number")?
            .unwrap_or(-1);
        let memory_bytes = match u64::try_from(memory) {
            Ok(megabytes @ 1..) => megabytes.saturating_mul(1 << 20),
            // None, as they say it.
            _ => MEMORY,
        };
        if memory_bytes > MOST_MEMORY {
            let expected = format!("at most {}", MOST_MEMORY >> 20);
            return Err(Bad::field("memory_limit_MB", &memory.to_string(), &expected).into());
        }
        let source = request.required("code")?;
        let input = request.text("stdin")?.unwrap_or_default();
        let name = request.required("language")?;
        let folder = folder(request)?;
        let cpu_ms = milliseconds(run);
        let ask = RunAsk {
            language: language(&name)?,
            source,
            input,
            limits: Limits {
                cpu_ms,
                // Theirs is a bound on wall time; what a program waits for a core is not counted here.
                wall_ms: cpu_ms + 1000,
                memory_bytes,
                ..Limits::default()
            },
            folder,
            until: None,
        };
        Ok(Self {
            ask,
            patience: seconds(compile) + seconds(run) + GRACE,
        })
    }
}

/// The files of a request; nothing where there are none and none are wanted.
fn folder(request: &Object<'_>) -> Result<Option<Folder>, Failure> {
    let mut folder = Folder::default();
    if let Some(files) = request.object("files")? {
        for (name, raw) in files.all() {
            if raw == "null" || name.contains(IGNORED) {
                continue;
            }
            let wrong =
                |found: &str| Bad::field(&format!("files.{name}"), found, "base64 in a string");
            let text: String =
                serde_json::from_str(raw).map_err(|_| wrong(crate::json::kind(raw)))?;
            let bytes = STANDARD
                .decode(&text)
                .map_err(|error| wrong(&error.to_string()))?;
            folder.given.push((name.to_owned(), bytes));
        }
    }
    let wanted = request.get::<Vec<String>>("fetch_files", "a list of texts")?;
    folder.wanted = wanted.unwrap_or_default();
    // Their answer has each name once, however often it was asked for.
    let mut seen = HashSet::new();
    folder.wanted.retain(|name| seen.insert(name.clone()));
    let is_empty = folder.given.is_empty() && folder.wanted.is_empty();
    Ok((!is_empty).then_some(folder))
}

async fn ran(app: &Arc<App>, request: Request) -> Result<Value, Failure> {
    // The least patience that a client may have; what it has is in the body.
    let asked = body::read(app, request, Some(GRACE)).await?;
    let request = Object::of_body(&asked.text)?;
    let Wanted { mut ask, patience } = Wanted::of(&request)?;
    let language = ask.language;
    app.require(language)?;
    ask.until = Some(deadline(asked.since, patience, app.config.bounds.margin));
    let ran = app.run(&asked.client, ask).await;
    let (outcome, files) = ran.map_err(|failure| match failure.kind {
        // Names that lead elsewhere: the request is at fault, and there is nothing to try again.
        Kind::Problem if failure.message.contains("give a program files") => {
            Failure::new(Kind::Request, failure.message)
        }
        _ => failure,
    })?;
    Ok(said(language, &outcome, files))
}

fn response(
    status: &str,
    message: &str,
    compile: Option<Value>,
    run: Option<Value>,
    files: Map<String, Value>,
) -> Value {
    json!({
        "status": status,
        "message": message,
        "compile_result": compile,
        "run_result": run,
        "executor_pod_name": null,
        "files": files,
    })
}

/// An outcome as they say it.
pub(super) fn said(language: Language, outcome: &Outcome, files: FoundFiles) -> Value {
    let files = files
        .into_iter()
        .map(|(name, bytes)| (name, STANDARD.encode(bytes).into()))
        .collect();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let result = |status: &str, code: Option<i32>, note: &str| {
        let mut stderr = text(&outcome.stderr);
        if !note.is_empty() {
            if !stderr.is_empty() && !stderr.ends_with('\n') {
                stderr.push('\n');
            }
            stderr.push_str(note);
            stderr.push('\n');
        }
        json!({
            "status": status,
            "execution_time": outcome.usage.wall_us as f64 / 1e6,
            "return_code": code,
            "stdout": text(&outcome.stdout),
            "stderr": stderr,
        })
    };
    let compiled = || {
        is_compiled(language).then(|| {
            json!({
                "status": "Finished",
                "execution_time": 0.0,
                "return_code": 0,
                "stdout": "",
                "stderr": "",
            })
        })
    };
    let finished = |code: i32, note: &str| {
        let status = if code == 0 { "Success" } else { "Failed" };
        let run = result("Finished", Some(code), note);
        (status, String::new(), compiled(), Some(run))
    };
    let (status, message, compile, run) = match outcome.status {
        Status::Exited(code) => finished(code, ""),
        Status::Signalled(signal) => finished(-signal, ""),
        Status::MemoryLimit => finished(-9, "the memory limit was exceeded"),
        Status::OutputLimit => finished(-25, "the output limit was exceeded"),
        Status::Denied => finished(-31, "killed for a system call that is not allowed"),
        Status::TimeLimit => {
            let run = result("TimeLimitExceeded", None, "");
            ("Failed", String::new(), compiled(), Some(run))
        }
        Status::CompileError => {
            let refused = result("Finished", Some(1), "");
            let (compile, run) = if is_compiled(language) {
                (Some(refused), None)
            } else {
                (None, Some(refused))
            };
            ("Failed", String::new(), compile, run)
        }
        // It says nothing of the program.
        Status::Unsupported => {
            let run = result("Error", None, "");
            ("SandboxError", text(&outcome.stderr), compiled(), Some(run))
        }
    };
    response(status, &message, compile, run, files)
}
