//! Files of others and files for others: what is read is a regular file of a size that fits, and what is to be written is
//! found out before the work begins. A FIFO would be waited for, a device read for ever, and a link may lead to either.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read, Write as _};
use std::path::Path;

/// Bytes of a text that is parsed whole: configurations, tokenizers, indices.
pub const LARGEST_TEXT: u64 = 1 << 30;

/// What a path is, where it is no regular file.
fn kind_of(metadata: &Metadata) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a FIFO")
    } else if kind.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// Opens a regular file; links are followed.
pub fn open(path: &Path) -> std::io::Result<File> {
    // Looked at before it is opened: to open a FIFO is to wait for a writer.
    regular(path)?;
    File::open(path)
}

/// Refuses what is there and is no regular file; links are followed.
pub fn regular(path: &Path) -> std::io::Result<Metadata> {
    let metadata = std::fs::metadata(path)?;
    match kind_of(&metadata) {
        None => Ok(metadata),
        Some(kind) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("expected a regular file, found {kind}"),
        )),
    }
}

/// Reads a regular file of at most [`LARGEST_TEXT`] bytes.
pub fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    bounded(open(path)?)
}

/// [`read_to_string`], also from a pipe that a shell made: `<(...)`, or /dev/stdin. One with a name of its own would be waited
/// for.
pub fn read_given(path: &Path) -> std::io::Result<String> {
    let from_shell = path == Path::new("/dev/stdin") || path.starts_with("/dev/fd");
    let piped = from_shell && kind_of(&std::fs::metadata(path)?) == Some("a FIFO");
    let bytes = if piped {
        bounded(File::open(path)?)?
    } else {
        read(path)?
    };
    text(bytes)
}

/// The text that somebody gives, of at most [`LARGEST_TEXT`] bytes.
pub fn text_of(given: impl Read) -> std::io::Result<String> {
    text(bounded(given)?)
}

fn bounded(given: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    given.take(LARGEST_TEXT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_TEXT {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("expected at most {LARGEST_TEXT} bytes"),
        ));
    }
    Ok(bytes)
}

/// [`read`], as text.
pub fn read_to_string(path: &Path) -> std::io::Result<String> {
    text(read(path)?)
}

fn text(bytes: Vec<u8>) -> std::io::Result<String> {
    // The error of the conversion would carry all bytes with it.
    String::from_utf8(bytes)
        .map_err(|error| Error::new(ErrorKind::InvalidData, error.utf8_error().to_string()))
}

/// Whether an error says that the disk is full or may not be written, rather than that a name is wrong.
pub fn is_of_disk(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem
    )
}

/// How the names of files begin that are not in their place yet.
pub const UNNAMED: &str = ".rlef-begun-";

/// An unnamed file beside the one it will become, with the permissions any new file of this user gets. As long as it is open
/// it is locked, so that [`remove_unnamed`] passes over it.
pub fn partial_in(directory: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    loop {
        let file = tempfile::Builder::new()
            .prefix(UNNAMED)
            .permissions(std::fs::Permissions::from_mode(0o666))
            .tempfile_in(directory)
            .map_err(|error| {
                // The name that was tried says nothing to anybody.
                let text = error.to_string();
                let reason = text.split(" at path ").next().unwrap_or_default();
                Error::new(error.kind(), reason.to_owned())
            })?;
        // Some file systems have no locks. Whoever removed it before it was locked took it for a dead process's.
        let locked = file.as_file().try_lock().is_ok();
        if !locked || file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Removes an unnamed file that a process has left behind; one that is still written to stays. What can't be removed is in
/// nobody's way.
pub fn remove_unnamed(path: &Path) {
    let named = path.file_name().and_then(|name| name.to_str());
    if !named.is_some_and(|name| name.starts_with(UNNAMED)) {
        return;
    }
    if let Ok(file) = open(path)
        && file.try_lock().is_ok()
    {
        let _ = std::fs::remove_file(path);
    }
}

/// Writes a whole file under a temporary name in the same directory, then renames it into place.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = partial_in(directory)?;
    // By the file itself: the errors of its name say a name that nobody knows.
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_is_writing_is_not_removed_and_what_it_left_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = partial_in(folder.path()).unwrap();
        let path = file.path().to_owned();
        remove_unnamed(&path);
        file.as_file_mut().write_all(b"whole").unwrap();
        let place = folder.path().join("report.json");
        file.persist(&place).unwrap();
        assert_eq!(std::fs::read(&place).unwrap(), b"whole");
        // Once it has its name it is nobody's leftover.
        remove_unnamed(&place);
        assert!(place.exists());
        let (_, left) = partial_in(folder.path()).unwrap().keep().unwrap();
        remove_unnamed(&left);
        assert!(!left.exists());
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(at("fifo"), at("link")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("zero")).unwrap();
        let cases = [
            ("fifo", "found a FIFO"),
            ("link", "found a FIFO"),
            ("zero", "found a device"),
            (".", "found a folder"),
        ];
        for (name, words) in cases {
            for error in [
                open(&at(name)).map(drop).unwrap_err(),
                read(&at(name)).map(drop).unwrap_err(),
                read_given(&at(name)).map(drop).unwrap_err(),
            ] {
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
        }
        std::fs::write(at("file"), "x").unwrap();
        assert_eq!(read_to_string(&at("file")).unwrap(), "x");
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"piped").unwrap();
        drop(writer);
        let name = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
        assert_eq!(read_given(Path::new(&name)).unwrap(), "piped");
        assert_eq!(read_given(&at("file")).unwrap(), "x");
        assert_eq!(open(&at("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
