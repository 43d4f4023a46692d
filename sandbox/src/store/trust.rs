//! Which files and folders nobody else could have written or can exchange.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::unistd::Uid;

use super::StoreError;

/// Write bits of the group and of others.
const OTHERS_WRITE: u32 = 0o022;
const STICKY: u32 = 0o1000;

fn untrusted(path: &Path) -> StoreError {
    StoreError::Untrusted {
        path: path.to_owned(),
    }
}

/// Whether it belongs to this user and nobody else can write to it. A link is nobody's own.
fn is_own(about: &Metadata) -> bool {
    !about.is_symlink()
        && about.uid() == Uid::effective().as_raw()
        && about.mode() & OTHERS_WRITE == 0
}

/// Refuses a folder, by its path without links, that isn't this user's own, or that lies where another user could put
/// another one in its place.
pub(super) fn folder_and_above(folder: &Path) -> Result<(), StoreError> {
    own_folder(folder)?;
    for above in folder.ancestors().skip(1) {
        let about = fs::symlink_metadata(above).map_err(StoreError::io(above))?;
        // As `/tmp` is: others can write, but not rename what is not theirs.
        let others_write = about.mode() & OTHERS_WRITE != 0 && about.mode() & STICKY == 0;
        let owned = [0, Uid::effective().as_raw()].contains(&about.uid());
        if others_write || !owned {
            return Err(untrusted(above));
        }
    }
    Ok(())
}

fn own_folder(folder: &Path) -> Result<(), StoreError> {
    let about = fs::symlink_metadata(folder).map_err(StoreError::io(folder))?;
    if about.is_dir() && is_own(&about) {
        return Ok(());
    }
    Err(untrusted(folder))
}

/// The file at this path, if there is one; an error if anybody else could have written it.
pub(super) fn open(path: &Path) -> Result<Option<File>, StoreError> {
    // Neither a link, nor a pipe that would keep one waiting.
    let opened = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(untrusted(path)),
        Err(source) => return Err(StoreError::io(path)(source)),
    };
    if let Some(folder) = path.parent() {
        own_folder(folder)?;
    }
    let about = file.metadata().map_err(StoreError::io(path))?;
    if about.is_file() && is_own(&about) {
        return Ok(Some(file));
    }
    Err(untrusted(path))
}
