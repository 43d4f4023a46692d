//! Files that are written whole: under a temporary name beside their own, then renamed into place.

use std::io::Write;
use std::path::Path;

/// How the names of files begin that are not in their place yet.
pub(crate) const UNNAMED: &str = ".rlef-begun-";

/// An unnamed file beside the one it will become, with the permissions any new file of this user gets.
pub(crate) fn partial_in(directory: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new()
        .prefix(UNNAMED)
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
        .map_err(|error| {
            // The name that was tried says nothing to anybody.
            let text = error.to_string();
            let reason = text.split(" at path ").next().unwrap_or_default();
            std::io::Error::new(error.kind(), reason.to_owned())
        })
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
