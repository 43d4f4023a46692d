//! Where results go: standard output, standard error and files. A reader that has gone away is no fault; a result that can't
//! be written where it was wanted is not thrown away.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{exit, levels, screen};
use rlef_judge::files::{self, partial_in, write_atomically};
use rlef_judge::problem::{printable_json, printable_lines};

/// Whether something that standard output should have had could not be written.
static LOST: AtomicBool = AtomicBool::new(false);

/// Says words to a person, on standard error, unless they asked for quiet; where nobody can be told, nobody is.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => {
        $crate::cli::output::note(format_args!($($words)*))
    };
}
pub use say;

/// Says what must be known even by who asked for quiet: a warning, an error, or what is missing from a result.
#[macro_export]
macro_rules! insist {
    ($($words:tt)*) => {
        $crate::cli::output::to_people(format_args!($($words)*))
    };
}
pub use insist;

/// See [`say!`].
pub fn note(words: Arguments<'_>) {
    if !levels::is_quiet() {
        to_people(words);
    }
}

/// See [`insist!`]. Ids, labels, paths and errors in it are others': what would act on a terminal is shown instead.
pub fn to_people(words: Arguments<'_>) {
    let words = screen::fitted(&printable_lines(&words.to_string()), std::io::stderr());
    let _ = screen::above(|| writeln!(std::io::stderr().lock(), "{words}"));
}

/// Prints a text for people and the end of its last line on standard output, with nothing in it that acts on a terminal.
pub fn print(text: &str) {
    write_out(&printable_lines(text));
}

/// [`print`], for JSON, which means the same afterwards.
pub fn print_json(text: &str) {
    write_out(&printable_json(text));
}

/// A reader that has gone away needs no more of it; what else stands in the way is said.
fn write_out(text: &str) {
    let written = screen::above(|| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush())
    });
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
        && !LOST.swap(true, Ordering::Relaxed)
    {
        insist!("failed to write to standard output: {error}");
    }
}

/// The exit code of a verb: its own, unless all was well but what it found could not be printed.
pub fn code(code: ExitCode) -> ExitCode {
    if code == ExitCode::SUCCESS && LOST.load(Ordering::Relaxed) {
        ExitCode::from(exit::INFRASTRUCTURE)
    } else {
        code
    }
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// It can't be, and nothing was begun.
    #[error("failed to write {path}: {cause}; nothing was begun")]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason; no `source`, for the message says it.
        cause: std::io::Error,
    },
    /// It could not be in the end.
    #[error("failed to write {path}: {cause}; {kept}")]
    Lost {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        cause: std::io::Error,
        /// Where it was put instead, in words.
        kept: String,
    },
}

impl OutputError {
    /// Whether this is a fault of the machine rather than of the name that was given.
    pub fn is_of_disk(&self) -> bool {
        match self {
            Self::Unusable { cause, .. } => files::is_of_disk(cause),
            Self::Lost { .. } => true,
        }
    }
}

/// Finds out whether a file can be written in the end, before the work begins.
pub fn check_file(path: &Path) -> Result<(), OutputError> {
    let unusable = |cause| OutputError::Unusable {
        path: path.to_owned(),
        cause,
    };
    if path.file_name().is_none() {
        return Err(unusable(std::io::Error::other("it names no file")));
    }
    // A rename over /dev/stdout would take it away from everybody on this machine.
    if let Some(system) = system_folder(parent(path)) {
        let words = format!("files in {system} are the system's own");
        return Err(unusable(std::io::Error::other(words)));
    }
    // What the name leads to; a link is replaced, so it may lead to nothing.
    match files::regular(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(error)),
        _ => {}
    }
    partial_in(parent(path)).map(drop).map_err(unusable)
}

/// Finds out whether a file can be appended to in the end.
pub fn check_appended(path: &Path) -> Result<(), OutputError> {
    let unusable = |cause| OutputError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let new = match files::regular(path) {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(unusable(error)),
    };
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(unusable)?;
    if new {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// The folder of the system's own that a folder lies in, if any.
fn system_folder(folder: &Path) -> Option<&'static str> {
    let folder = folder.canonicalize().ok()?;
    if folder.starts_with("/dev/shm") {
        return None;
    }
    ["/dev", "/proc", "/sys"]
        .into_iter()
        .find(|system| folder.starts_with(system))
}

/// Refuses an output that would take the place of something that is read, or of another output. `others` are what they are
/// in words, and where.
pub fn check_apart(path: &Path, others: &[(&str, &Path)]) -> Result<(), OutputError> {
    let own = place(path);
    match others.iter().find(|(_, other)| place(other) == own) {
        None => Ok(()),
        Some((what, _)) => Err(OutputError::Unusable {
            path: path.to_owned(),
            cause: std::io::Error::other(format!("it is {what}; name another file")),
        }),
    }
}

/// A file by its whole path, whatever links and names of folders lead to it; it need not be there.
fn place(path: &Path) -> PathBuf {
    let folder = || Some(parent(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize()
        .ok()
        .or_else(folder)
        .unwrap_or_else(|| path.to_owned())
}

/// Finds out whether a folder can be made and filled in the end, or filled where it is there.
pub fn check_folder(path: &Path) -> Result<(), OutputError> {
    let unusable = |cause| OutputError::Unusable {
        path: path.to_owned(),
        cause,
    };
    let there = path
        .ancestors()
        .find(|ancestor| !ancestor.as_os_str().is_empty() && ancestor.symlink_metadata().is_ok())
        .unwrap_or(Path::new("."));
    if !there.is_dir() {
        let words = format!("{} is no folder", there.display());
        return Err(unusable(std::io::Error::other(words)));
    }
    partial_in(there).map(drop).map_err(unusable)
}

/// Writes a result; where that fails it is put into the folder for temporary files, or printed.
pub fn keep(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    write_atomically(path, bytes).map_err(|cause| OutputError::Lost {
        path: path.to_owned(),
        cause,
        kept: rescue(path, bytes),
    })
}

/// [`keep`], for a file that is appended to.
pub fn keep_appended(path: &Path, bytes: &[u8]) -> Result<(), OutputError> {
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|cause| OutputError::Lost {
            path: path.to_owned(),
            cause,
            kept: rescue(path, bytes),
        })
}

/// Puts a result somewhere; says where.
fn rescue(path: &Path, bytes: &[u8]) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kept = tempfile::Builder::new()
        .prefix("rlef-")
        .suffix(&format!("-{name}"))
        .tempfile()
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_data()?;
            Ok(file.keep()?.1)
        });
    match kept {
        Ok(place) => format!("it is in {} instead", place.display()),
        Err(error) => {
            print(&String::from_utf8_lossy(bytes));
            format!(
                "it was printed instead, for {} took it no more than that: {error}",
                std::env::temp_dir().display()
            )
        }
    }
}

/// The folder that a file lies in.
pub fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_cannot_be_written_is_found_out_and_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/full", at("full")).unwrap();
        std::os::unix::fs::symlink(at("nothing"), at("dangling")).unwrap();
        std::fs::write(at("file"), "old").unwrap();
        let before = std::fs::read_dir(folder.path()).unwrap().count();
        for (name, words) in [
            ("fifo", "a FIFO"),
            ("full", "a device"),
            (".", "a folder"),
            ("..", "names no file"),
            ("none/x", "not found"),
            ("file/x", "directory"),
        ] {
            for found in [check_file(&at(name)), check_appended(&at(name))] {
                let message = found.unwrap_err().to_string();
                assert!(message.ends_with("nothing was begun"), "{message}");
                if name != ".." && name != "none/x" {
                    let said = message.to_lowercase();
                    assert!(said.contains(&words.to_lowercase()), "{message}");
                }
            }
        }
        for name in ["fifo", "full", "file", "file/x"] {
            assert!(check_folder(&at(name)).is_err(), "{name}");
        }
        for name in ["file", "new", "dangling"] {
            check_file(&at(name)).unwrap();
        }
        // Whatever they lead to just now: a file that is written whole takes the place of its name.
        for name in ["/dev/stdout", "/dev/none", "/dev/fd/1", "/proc/self/none"] {
            let message = check_file(Path::new(name)).unwrap_err().to_string();
            assert!(message.ends_with("nothing was begun"), "{message}");
        }
        check_appended(&at("new")).unwrap();
        check_folder(&at("new/deep")).unwrap();
        check_folder(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before);
        assert_eq!(std::fs::read(at("file")).unwrap(), b"old");
    }

    #[test]
    fn an_output_takes_the_place_of_nothing_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("read"), "old").unwrap();
        std::fs::create_dir(at("in")).unwrap();
        std::os::unix::fs::symlink(at("read"), at("link")).unwrap();
        let (read, other) = (at("read"), at("new"));
        let others = [("what is read", read.as_path()), ("the log", &other)];
        for (name, words) in [
            ("read", "it is what is read"),
            ("./read", "it is what is read"),
            ("in/../read", "it is what is read"),
            ("link", "it is what is read"),
            ("new", "it is the log"),
            ("in/../new", "it is the log"),
        ] {
            let message = check_apart(&at(name), &others).unwrap_err().to_string();
            assert!(message.contains(words), "{name}: {message}");
            assert!(message.ends_with("nothing was begun"), "{message}");
        }
        for name in ["in/read", "none/read", "newer"] {
            check_apart(&at(name), &others).unwrap();
        }
    }

    #[test]
    fn a_result_without_its_place_is_kept_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone/out.json");
        for found in [keep(&path, b"all"), keep_appended(&path, b"all")] {
            let error = found.unwrap_err();
            assert!(error.is_of_disk());
            let message = error.to_string();
            let (_, rest) = message.split_once("it is in ").unwrap();
            let place = rest.strip_suffix(" instead").unwrap();
            assert_eq!(std::fs::read(place).unwrap(), b"all");
            std::fs::remove_file(place).unwrap();
        }
    }
}
