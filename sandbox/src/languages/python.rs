//! CPython on this host: finds the real interpreter behind shims, and what of the host it needs to run.

mod light;
mod links;
mod names;
mod tier;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

pub(crate) use self::tier::{tier, tools};
use super::toolchain::{
    Launch, PATIENCE, Toolchain, answer_of, ask as ask_tool, fingerprint, on_path,
};
use super::{Definition, always_main};
use crate::error::SandboxError;

pub(crate) const DEFINITION: Definition = Definition {
    title: "Python",
    tags: &["python", "python3", "py"],
    extensions: &["py"],
    find: describe,
    unit: always_main,
    wanted_memory: |last| last.exit_code == Some(1) && ends_with_memory_error(last.stderr),
};

/// The modules of the process that keeps the interpreter warm; the first is imported while it starts.
pub(crate) const ZYGOTE: [(&str, &str); 9] = [
    ("sitecustomize.py", include_str!("python/sitecustomize.py")),
    ("rlef_zygote.py", include_str!("python/rlef_zygote.py")),
    ("rlef_program.py", include_str!("python/rlef_program.py")),
    ("rlef_collect.py", include_str!("python/rlef_collect.py")),
    ("rlef_pages.py", include_str!("python/rlef_pages.py")),
    ("rlef_rehearse.py", include_str!("python/rlef_rehearse.py")),
    ("rlef_leave.py", include_str!("python/rlef_leave.py")),
    ("rlef_scratch.py", include_str!("python/rlef_scratch.py")),
    ("rlef_kernel.py", include_str!("python/rlef_kernel.py")),
];
/// Environment of every program: nothing of ours, and nothing that differs between runs.
pub(crate) const ENVIRONMENT: [(&str, &str); 7] = [
    ("PATH", "/usr/bin:/bin"),
    ("HOME", "/box"),
    ("LANG", "C.UTF-8"),
    ("PYTHONHASHSEED", "0"),
    // Numerical libraries otherwise start a thread a core, which the limits count and a fork loses.
    ("OPENBLAS_NUM_THREADS", "1"),
    ("OMP_NUM_THREADS", "1"),
    ("MKL_NUM_THREADS", "1"),
];
const OLDEST: (u32, u32) = (3, 8);
/// Directories in which a jail can show nothing of the host.
const OWN_PLACES: [&str; 3] = ["/program", "/proc", "/sys"];

const PROBE: &str = r"
import importlib.util, json, sys
try:
    import ctypes
    missing = None
except ImportError as problem:
    missing = str(problem)
with open('/proc/self/maps') as maps:
    mapped = sorted({line.split(None, 5)[5].strip() for line in maps if '/' in line})
print('\nrlef asks: ' + json.dumps({
    'executable': sys.executable, 'version': list(sys.version_info[:3]), 'missing': missing,
    'numpy': importlib.util.find_spec('numpy') is not None,
    'implementation': sys.implementation.name, 'path': [entry for entry in sys.path if entry],
    'prefixes': [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix], 'mapped': mapped,
}))
";

/// An interpreter and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interpreter {
    /// The executable itself, never a shim.
    pub(crate) executable: PathBuf,
    /// Its version, as "3.11.2".
    pub(crate) version: String,
    /// Host paths it reads.
    pub(crate) paths: Vec<PathBuf>,
    /// Links outside of them that lead to the interpreter: target and place.
    pub(crate) way: Vec<(PathBuf, PathBuf)>,
    /// Links outside of them that their libraries lead through.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// Whether it has NumPy.
    pub(crate) numpy: bool,
    /// Earlier ones of the search path, with what is wrong with each; a line each.
    pub(crate) passed_over: String,
}

#[derive(Deserialize)]
struct Probed {
    executable: PathBuf,
    version: (u32, u32, u32),
    missing: Option<String>,
    numpy: bool,
    implementation: String,
    path: Vec<PathBuf>,
    prefixes: Vec<PathBuf>,
    mapped: Vec<PathBuf>,
}

/// The interpreter named in the configuration, or the first usable `python3` on the search path, which is the one that
/// its user gets by that name: a version manager's shim is followed to what it starts.
pub(crate) fn find(named: Option<&Path>) -> Result<Interpreter, SandboxError> {
    let candidates = match named {
        Some(path) => vec![located(path)],
        None => candidates(),
    };
    let mut tried = String::new();
    for candidate in candidates {
        match probe(&candidate) {
            Ok(interpreter) => {
                return Ok(Interpreter {
                    passed_over: tried,
                    ..interpreter
                });
            }
            Err(reason) => {
                let _ = writeln!(tried, "  {}: {reason}", candidate.display());
            }
        }
    }
    Err(SandboxError::NoPython { tried })
}

/// Usable interpreters of the search path but this one.
pub(crate) fn others(than: &Interpreter) -> Vec<Interpreter> {
    let found = candidates().into_iter().filter_map(|one| probe(&one).ok());
    found
        .filter(|one| one.executable != than.executable)
        .collect()
}

/// What a user names: an interpreter by path, or by a name on the search path; or the directory of an environment.
fn located(named: &Path) -> PathBuf {
    if named.is_dir() {
        return located(&named.join("bin/python3"));
    }
    if named.components().count() == 1
        && !named.exists()
        && let Some(found) = named.to_str().and_then(|name| on_path(&[name]))
    {
        return found;
    }
    // The link itself, not what it leads to: an environment is known by where its interpreter is called.
    std::path::absolute(named).unwrap_or_else(|_| named.to_owned())
}

/// How its programs are started where it can't be kept warm.
pub(crate) fn launch(interpreter: &Interpreter) -> Launch {
    Launch {
        file: "main.py".to_owned(),
        executable: false,
        command: vec![
            interpreter.executable.to_string_lossy().into_owned(),
            "/program/main.py".to_owned(),
        ],
        environment: ENVIRONMENT
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Launch::native()
    }
}

/// The interpreter as a toolchain, for whoever lists languages; the sandbox itself starts it by `find`.
fn describe() -> Result<Toolchain, String> {
    let interpreter = find(None).map_err(|error| error.to_string())?;
    Ok(Toolchain {
        version: format!(
            "Python {} ({})",
            interpreter.version,
            interpreter.executable.display()
        ),
        identity: String::new(),
        compile: None,
        run: Launch::native(),
    })
}

/// What a jail's interpreter says of its NumPy. Imports it, which takes a while.
pub(crate) fn numpy_version(interpreter: &Path) -> Result<String, String> {
    let version = "import numpy; print(numpy.__version__)";
    ask_tool(interpreter, &["-I", "-c", version])
        .map(|said| said.lines().last().unwrap_or_default().to_owned())
}

/// Whether an uncaught exception for want of memory is what the interpreter said last.
fn ends_with_memory_error(stderr: &[u8]) -> bool {
    let text = stderr.trim_ascii_end();
    let start = text
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1);
    let (before, line) = text.split_at(start);
    // The parser of Python 3.8 calls its own shallow stack memory.
    if before.ends_with(b"s_push: parser stack overflow\n") {
        return false;
    }
    let said = |words: &[u8]| line.starts_with(words);
    line == b"MemoryError"
        || said(b"MemoryError:")
        || said(b"OSError: [Errno 12]")
        || said(b"numpy.") && names_memory(line)
}

/// NumPy's own MemoryError has had several names.
fn names_memory(line: &[u8]) -> bool {
    line.windows(b"ArrayMemoryError".len())
        .any(|part| part == b"ArrayMemoryError")
}

fn candidates() -> Vec<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = env::split_paths(&search_path)
        .chain(["/usr/local/bin", "/usr/bin"].map(PathBuf::from))
        .map(|directory| directory.join("python3"))
        .filter(|path| path.is_file())
        .collect();
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    found
}

/// A usable interpreter, or why it is none.
type Answer = Result<Interpreter, String>;

/// What is known of each candidate that was asked: a version manager's shim takes a tenth of a second to answer.
static PROBED: Mutex<BTreeMap<PathBuf, (String, Answer)>> = Mutex::new(BTreeMap::new());

/// What a candidate says of itself, asked once unless it is replaced.
fn probe(candidate: &Path) -> Answer {
    let now = fingerprint(candidate);
    let known = || PROBED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((then, answer)) = known().get(candidate)
        && *then == now
    {
        return answer.clone();
    }
    let answer = ask(candidate);
    known().insert(candidate.to_owned(), (now, answer.clone()));
    answer
}

fn ask(candidate: &Path) -> Answer {
    let answer = answer_of(Command::new(candidate).args(["-I", "-c", PROBE]), PATIENCE)?;
    if !answer.status.success() {
        return Err(format!("{}: {}", answer.status, answer.last_words()));
    }
    let said = answer.output;
    // Its site may print, too.
    let answer = said
        .lines()
        .find_map(|line| line.strip_prefix("rlef asks: "));
    let probed: Probed = serde_json::from_str(answer.unwrap_or(&said))
        .map_err(|error| format!("answers nonsense: {error}"))?;
    let (major, minor, patch) = probed.version;
    let version = format!("{major}.{minor}.{patch}");
    if probed.implementation != "cpython" {
        return Err(format!("is {}, not CPython", probed.implementation));
    }
    if (major, minor) < OLDEST {
        return Err(format!(
            "is version {version}, older than {}.{}",
            OLDEST.0, OLDEST.1
        ));
    }
    if let Some(missing) = &probed.missing {
        return Err(format!(
            "lacks the module ctypes ({missing}); install the full standard library"
        ));
    }
    let paths = needed_paths(&probed);
    if let Some(path) = paths
        .iter()
        .find(|path| OWN_PLACES.iter().any(|own| path.starts_with(own)))
    {
        return Err(format!(
            "needs {}, but a jail has a directory of its own there; move it elsewhere",
            path.display()
        ));
    }
    Ok(Interpreter {
        way: links::way(&probed.executable, &paths),
        links: links::outside(&paths),
        paths,
        executable: probed.executable,
        version,
        numpy: probed.numpy,
        passed_over: String::new(),
    })
}

/// The interpreter, its libraries and the system's, without what lies below another of them.
fn needed_paths(probed: &Probed) -> Vec<PathBuf> {
    let system = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib32",
        "/lib",
        "/lib64",
        "/lib32",
        "/etc/ld.so.cache",
        "/usr/share/zoneinfo",
    ];
    let mut wanted: Vec<PathBuf> = system.map(PathBuf::from).to_vec();
    // A prefix of its own holds nothing but the interpreter; the system's holds everything.
    let shared = ["/", "/usr", "/usr/local"].map(Path::new);
    wanted.extend(
        probed
            .prefixes
            .iter()
            .filter(|prefix| !shared.contains(&prefix.as_path()))
            .cloned(),
    );
    wanted.extend(probed.path.iter().cloned());
    wanted.push(probed.executable.clone());
    wanted.extend(probed.executable.canonicalize());
    let libraries = probed
        .mapped
        .iter()
        .filter(|path| path.to_string_lossy().contains(".so"));
    wanted.extend(libraries.filter_map(|path| path.parent().map(Path::to_owned)));
    // Links such as /lib -> usr/lib are made anew, not bound.
    wanted.retain(|path| path.exists() && !(path.components().count() == 2 && path.is_symlink()));
    wanted.sort();
    wanted.dedup();
    let all = wanted.clone();
    wanted.retain(|path| {
        !all.iter()
            .any(|other| other != path && path.starts_with(other))
    });
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shim_is_seen_through_and_the_standard_library_is_among_the_paths() {
        let interpreter = find(None).unwrap();
        assert!(
            !std::fs::read(&interpreter.executable)
                .unwrap()
                .starts_with(b"#!"),
            "{interpreter:?}"
        );
        assert!(interpreter.paths.iter().any(|path| {
            path.join("os.py").exists()
                || path
                    .join(format!(
                        "python3.{}",
                        interpreter.version.split('.').nth(1).unwrap()
                    ))
                    .is_dir()
                || path.join("lib").is_dir()
        }));
    }

    #[test]
    fn what_is_no_interpreter_is_refused_with_the_reason() {
        let error = find(Some(Path::new("/bin/cat"))).unwrap_err().to_string();
        assert!(
            error.contains("/bin/cat") && error.contains("exit status"),
            "{error}"
        );
    }

    #[test]
    fn paths_below_another_are_not_bound_twice() {
        let probed = Probed {
            executable: "/usr/bin/env".into(),
            version: (3, 11, 2),
            missing: None,
            numpy: false,
            implementation: "cpython".into(),
            path: vec!["/usr/lib/python3.11".into(), "/no/such/zip".into()],
            prefixes: vec!["/usr".into()],
            mapped: vec!["/usr/lib/x86_64-linux-gnu/libc.so.6".into()],
        };
        let paths = needed_paths(&probed);
        assert!(paths.contains(&"/usr/lib".into()) && paths.contains(&"/usr/bin/env".into()));
        assert!(!paths.iter().any(|path| {
            path.parent()
                .is_some_and(|parent| parent.starts_with("/usr/lib"))
        }));
        assert!(!paths.contains(&"/usr".into()));
    }
}
