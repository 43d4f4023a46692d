//! What a language's tools need of the host and how they are called: plain data, and the search for executables.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// The longest that a tool may take to say something about itself, on a very busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Longest pause between two looks at whether a tool has ended.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// What sets a jail apart from the others: parts of the host that it shows, and how much its interpreter has imported.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tools {
    /// Paths that appear at the same place inside, read-only.
    pub(crate) binds: Vec<PathBuf>,
    /// Host files that appear under another path inside.
    pub(crate) aliases: Vec<(PathBuf, PathBuf)>,
    /// Whether the warm interpreter has imported next to nothing.
    pub(crate) light: bool,
    /// Python modules that it has imported beside the usual ones.
    pub(crate) modules: Vec<&'static str>,
}

/// A command with its files. `{unit}`, its last part `{name}`, `{memory_mb}` and `{stack_kb}` are
/// filled in for each program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Launch {
    /// Name of the program's file in /program.
    pub(crate) file: String,
    /// Whether that file is itself executed.
    pub(crate) executable: bool,
    /// Executable and arguments.
    pub(crate) command: Vec<String>,
    /// What is set beside PATH, HOME and LANG.
    pub(crate) environment: Vec<(String, String)>,
    /// What it needs of the host; nothing if every jail has it.
    pub(crate) tools: Option<Tools>,
    /// Bytes that the runtime itself takes, beside what the program asks for.
    pub(crate) own_memory_bytes: u64,
    /// Threads that the runtime itself starts.
    pub(crate) own_threads: u64,
    /// Whether the runtime reserves far more addresses than it uses, so that RLIMIT_AS cannot bound it.
    pub(crate) reserves_addresses: bool,
}

/// What becomes of a compiler's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// What it leaves at /box/out is the program: a file, or a directory that is packed.
    Artifact,
    /// It only checks; the source is the program.
    Source,
}

/// A header compiled in advance, which speeds up the compilation of what includes it first.
#[derive(Clone, Debug)]
pub(crate) struct Precompiled {
    /// The header's source.
    pub(crate) header: &'static str,
    /// The command that compiles it to /box/out.
    pub(crate) command: Vec<String>,
    /// Where the result appears in the jail of a compiler.
    pub(crate) inside: &'static str,
    /// A file beside it, place and text: what the compiler reads where it can't use the other, as at a second inclusion.
    pub(crate) beside: (&'static str, &'static str),
    /// Arguments that make the compiler find it.
    pub(crate) arguments: Vec<String>,
    /// Whether a source is compiled the same with it as without.
    pub(crate) suits: fn(&[u8]) -> bool,
    /// Whether nothing is left out of it: what does not compile with it does not compile.
    pub(crate) whole: bool,
}

/// How a source becomes a program.
#[derive(Clone, Debug)]
pub(crate) struct Compile {
    /// The compiler, as a command to run on the source.
    pub(crate) launch: Launch,
    /// What it leaves.
    pub(crate) output: Output,
    /// Headers compiled in advance: of those that suit a source the first is used.
    pub(crate) precompiled: Vec<Precompiled>,
    /// Libraries that only some sources are linked with.
    pub(crate) libraries: Vec<Library>,
}

/// A library that a source is linked with where it names one of its headers, and not otherwise: to search a large one
/// costs every program time.
#[derive(Clone, Debug)]
pub(crate) struct Library {
    /// What a source contains that needs it.
    pub(crate) mark: &'static str,
    /// Argument that links it.
    pub(crate) argument: &'static str,
}

impl Library {
    /// Whether a source is linked with it.
    pub(crate) fn serves(&self, source: &[u8]) -> bool {
        source
            .windows(self.mark.len())
            .any(|part| part == self.mark.as_bytes())
    }
}

/// A usable language.
#[derive(Clone, Debug)]
pub(crate) struct Toolchain {
    /// Which compiler or interpreter, with version.
    pub(crate) version: String,
    /// Everything about the host's tools on which a compiler's work depends.
    pub(crate) identity: String,
    /// How it compiles, if it does.
    pub(crate) compile: Option<Compile>,
    /// How a program is started.
    pub(crate) run: Launch,
}

/// Directories that every jail shows whole.
const SHOWN: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];

impl Tools {
    /// Tools of these paths; those that do not exist or that every jail shows are left out.
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut binds: Vec<PathBuf> = paths
            .into_iter()
            .filter(|path| path.exists() && !SHOWN.iter().any(|shown| path.starts_with(shown)))
            .collect();
        binds.sort();
        binds.dedup();
        let all = binds.clone();
        binds.retain(|path| {
            !all.iter()
                .any(|other| other != path && path.starts_with(other))
        });
        Self {
            binds,
            ..Self::default()
        }
    }
}

impl Launch {
    /// A command that executes the program's own file, which needs nothing that not every jail has.
    pub(crate) fn native() -> Self {
        Self {
            file: "main".to_owned(),
            executable: true,
            command: vec!["/program/main".to_owned()],
            environment: Vec::new(),
            tools: None,
            own_memory_bytes: 0,
            own_threads: 0,
            reserves_addresses: false,
        }
    }

    /// A compiler: its command line, working on a source file.
    pub(crate) fn compiler(file: &str, command: Vec<String>, tools: Tools) -> Self {
        Self {
            file: file.to_owned(),
            executable: false,
            command,
            environment: Vec::new(),
            tools: Some(tools),
            own_memory_bytes: 0,
            own_threads: 0,
            reserves_addresses: false,
        }
    }
}

/// The first of these names that is an executable on the search path.
pub(crate) fn on_path(names: &[&str]) -> Option<PathBuf> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    let directories: Vec<PathBuf> = env::split_paths(&search_path)
        .chain(["/usr/local/bin", "/usr/bin", "/usr/local/go/bin"].map(PathBuf::from))
        .collect();
    names.iter().find_map(|name| {
        directories
            .iter()
            .map(|directory| directory.join(name))
            .find(|path| path.is_file())
    })
}

/// Standard output of a tool that says something about itself.
pub(crate) fn ask(tool: &Path, arguments: &[&str]) -> Result<String, String> {
    let named = |reason: String| format!("{} {reason}", tool.display());
    let answer = answer_of(Command::new(tool).args(arguments), PATIENCE).map_err(named)?;
    if !answer.status.success() {
        return Err(named(format!(
            "ends with {} when it is asked about itself: {}",
            answer.status,
            answer.last_words()
        )));
    }
    Ok(answer.output)
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) output: String,
    /// Standard error.
    errors: String,
}

impl Answer {
    /// The last line of standard error.
    pub(crate) fn last_words(&self) -> &str {
        self.errors.trim().lines().last().unwrap_or_default()
    }
}

/// Runs a command that must end within `patience`; the reason why there is no answer leaves out its name.
pub(crate) fn answer_of(command: &mut Command, patience: Duration) -> Result<Answer, String> {
    let failed = |error: io::Error| format!("cannot be started: {error}");
    // Files, not pipes: what a tool leaves behind may keep a pipe open for ever.
    let (output, errors) = (memory_file(), memory_file());
    let (output, errors) = (output.map_err(failed)?, errors.map_err(failed)?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(errors.try_clone().map_err(failed)?)
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_micros(500);
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break status,
            None if Instant::now() >= deadline => {
                // Both fail if it has ended just now.
                let _ = child.kill();
                let _ = child.wait();
                let seconds = patience.as_secs_f64();
                return Err(format!(
                    "does not end within {seconds} s when it is asked about itself"
                ));
            }
            None => thread::sleep(pause),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    Ok(Answer {
        status,
        output: text_of(output).map_err(failed)?,
        errors: text_of(errors).map_err(failed)?,
    })
}

fn memory_file() -> io::Result<File> {
    Ok(memfd_create("answer", MFdFlags::MFD_CLOEXEC)?.into())
}

/// What was written to a file that another process still has open, from its start.
fn text_of(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Path, size and time of an executable: changes when it is replaced.
pub(crate) fn fingerprint(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    match path.metadata() {
        Ok(file) => format!(
            "{} {} {}.{}",
            path.display(),
            file.len(),
            file.mtime(),
            file.mtime_nsec()
        ),
        Err(_) => path.display().to_string(),
    }
}

/// The words as owned strings.
pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(patience: Duration, script: &str) -> Result<Answer, String> {
        answer_of(Command::new("/bin/sh").args(["-c", script]), patience)
    }

    #[test]
    fn a_tool_that_never_ends_is_given_up() {
        let error = shell(Duration::from_millis(50), "echo 1; exec sleep 1000").unwrap_err();
        assert!(error.starts_with("does not end within 0.05 s"), "{error}");
    }

    #[test]
    fn what_a_tool_says_is_all_that_counts() {
        let patience = Duration::from_mins(5);
        let answer = shell(patience, "echo one; echo two >&2").unwrap();
        assert_eq!((&*answer.output, answer.last_words()), ("one\n", "two"));
        // What it started holds its output open for longer than anybody waits.
        assert_eq!(
            shell(patience, "sleep 30 & echo one").unwrap().output,
            "one\n"
        );
        let arguments = ["-c", "echo one; echo first >&2; echo last >&2; exit 3"];
        let error = ask(Path::new("/bin/sh"), &arguments).unwrap_err();
        assert!(
            error.starts_with("/bin/sh ends with exit status: 3"),
            "{error}"
        );
        assert!(error.ends_with(": last"), "{error}");
        let error = ask(Path::new("/nowhere/tool"), &[]).unwrap_err();
        assert!(
            error.starts_with("/nowhere/tool cannot be started"),
            "{error}"
        );
    }
}
