//! The file system a program sees: built on a tmpfs from read-only binds, then made the root.
//!
//! `assemble` needs the rights of whoever may read the interpreter; `finish` runs inside the user namespace.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::pivot_root;

use super::error::JailError;
use super::syscalls::{
    NO_DEVICES, NO_EXECUTION, NO_SET_UID, READ_ONLY, allow_execution, set_mount_attributes,
};
use crate::protection::Safeguard;
use crate::protocol::plan::{INSIDE_ID, Plan};

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];
const NOTHING: Option<&str> = None;

/// Builds the tree on the building site, up to what belongs to the jail's own namespaces.
pub(crate) fn assemble(plan: &Plan) -> Result<(), JailError> {
    mount(
        NOTHING,
        "/",
        NOTHING,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        NOTHING,
    )
    .map_err(JailError::PrivateMounts)?;
    let root = &plan.building_site;
    // Taken before the tmpfs hides what is below it.
    let links: Vec<(PathBuf, PathBuf)> = ["bin", "lib", "lib64", "lib32", "sbin"]
        .iter()
        .filter_map(|name| {
            Some((
                root.join(name),
                fs::read_link(Path::new("/").join(name)).ok()?,
            ))
        })
        .collect();
    mount_tmpfs(
        "the tree",
        root,
        "mode=755,size=16m,nr_inodes=4096",
        MsFlags::empty(),
    )?;
    for (link, target) in links {
        symlink(target, &link).map_err(|source| JailError::Create { path: link, source })?;
    }
    for directory in [
        "box", "tmp", "dev/shm", "proc", "program", "etc", "zygote", "scratch",
    ] {
        make_directory(&root.join(directory))?;
    }
    for source in &plan.binds {
        bind(
            source,
            &inside(root, source),
            READ_ONLY | NO_SET_UID | NO_DEVICES,
        )?;
    }
    for (source, target) in &plan.aliases {
        bind(
            source,
            &inside(root, target),
            READ_ONLY | NO_SET_UID | NO_DEVICES | NO_EXECUTION,
        )?;
    }
    for (target, link) in &plan.links {
        let link = inside(root, link);
        // A directory that is bound under the link's own name stands for it.
        if link.symlink_metadata().is_ok() {
            continue;
        }
        if let Some(parent) = link.parent() {
            make_directory(parent)?;
        }
        symlink(target, &link).map_err(|source| JailError::Create { path: link, source })?;
    }
    for device in DEVICES {
        let source = Path::new("/dev").join(device);
        // Read-only: it still takes what is written to it, but its times and modes cannot carry a message.
        bind(
            &source,
            &inside(root, &source),
            READ_ONLY | NO_SET_UID | NO_EXECUTION,
        )?;
    }
    for (name, target) in [
        ("fd", "fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
    ] {
        let path = root.join("dev").join(name);
        symlink(Path::new("/proc/self").join(target), &path)
            .map_err(|source| JailError::Create { path, source })?;
    }
    write_file(
        &root.join("etc/passwd"),
        &format!("program:x:{INSIDE_ID}:{INSIDE_ID}:program:/box:/bin/false\n"),
    )?;
    write_file(
        &root.join("etc/group"),
        &format!("program:x:{INSIDE_ID}:\n"),
    )?;
    plan.zygote
        .iter()
        .try_for_each(|(name, source)| write_file(&root.join("zygote").join(name), source))
}

/// Adds what belongs to the jail's namespaces, moves in, and lets go of the host. Returns the program
/// directory, writable only through the descriptor, and what is missing though the plan allows it.
pub(crate) fn finish(plan: &Plan) -> Result<(OwnedFd, Option<(Safeguard, String)>), JailError> {
    let root = &plan.building_site;
    // A mount inherited from another user namespace is locked; a bind of it is not.
    mount(
        Some(root),
        root,
        NOTHING,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        NOTHING,
    )
    .map_err(|errno| JailError::Mount {
        what: "the tree again",
        path: root.clone(),
        errno,
    })?;
    let scratch = root.join("scratch");
    let options = format!("mode=755,size=64m,nr_inodes={}", plan.scratch_inodes);
    mount_tmpfs(
        "the scratch space",
        &scratch,
        &options,
        MsFlags::MS_NOATIME | MsFlags::MS_NOEXEC,
    )?;
    for (name, target) in [("box", "box"), ("tmp", "tmp"), ("shm", "dev/shm")] {
        let source = scratch.join(name);
        make_directory(&source)?;
        show_below(plan, root, target, &source)?;
        let target = root.join(target);
        bind_tree(&source, &target)?;
        let attributes = NO_SET_UID | NO_DEVICES | NO_EXECUTION;
        set_mount_attributes(&target, attributes, false).map_err(|errno| JailError::Mount {
            what: "the scratch space for programs",
            path: target.clone(),
            errno,
        })?;
    }
    // The name under which all three are seen at once must not stay.
    umount2(&scratch, MntFlags::MNT_DETACH).map_err(JailError::DetachHost)?;

    let program = root.join("program");
    mount_tmpfs(
        "the program directory",
        &program,
        "mode=755,size=256m,nr_inodes=16",
        MsFlags::MS_NOEXEC,
    )?;
    let directory = open(
        &program,
        OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )
    .map_err(JailError::Descriptors)?;
    write_file(&program.join("main.pyc"), "")?;
    bind(&program, &program, READ_ONLY | NO_SET_UID | NO_DEVICES)?;
    // A compiled program is executed by the name that nothing can be written to.
    allow_execution(&program).map_err(|errno| JailError::Mount {
        what: "the executable program directory",
        path: program.clone(),
        errno,
    })?;

    let mut missing = None;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let Err(errno) = mount(
        Some("proc"),
        &root.join("proc"),
        Some("proc"),
        flags,
        Some("hidepid=2,subset=pid"),
    ) {
        if !plan.may_lack.contains(&Safeguard::ProcFilesystem) {
            return Err(JailError::Proc(errno));
        }
        missing = Some((
            Safeguard::ProcFilesystem,
            format!("mounting it was answered with: {errno}"),
        ));
    }
    set_mount_attributes(root, READ_ONLY | NO_SET_UID, false).map_err(|errno| {
        JailError::ReadOnly {
            path: "/".into(),
            errno,
        }
    })?;
    std::env::set_current_dir(root).map_err(|source| JailError::Create {
        path: root.clone(),
        source,
    })?;
    pivot_root(".", ".").map_err(JailError::PivotRoot)?;
    // The old root now lies on top of the new one.
    umount2(".", MntFlags::MNT_DETACH).map_err(JailError::DetachHost)?;
    std::env::set_current_dir("/box").map_err(|source| JailError::Create {
        path: "/box".into(),
        source,
    })?;
    Ok((directory, missing))
}

/// What of the host was bound below a directory that scratch space is about to hide, such as a virtual environment in
/// /tmp, is shown in that space, too: each as a mount of its own, which no program can move or remove.
fn show_below(plan: &Plan, root: &Path, place: &str, scratch: &Path) -> Result<(), JailError> {
    let hidden = Path::new("/").join(place);
    let below = |path: &PathBuf| {
        path.strip_prefix(&hidden)
            .ok()?
            .iter()
            .next()
            .map(OsString::from)
    };
    let names: BTreeSet<OsString> = plan.binds.iter().filter_map(below).collect();
    for name in names {
        let (from, to) = (root.join(place).join(&name), scratch.join(&name));
        if from.is_dir() {
            make_directory(&to)?;
        } else {
            write_file(&to, "")?;
        }
        bind_tree(&from, &to)?;
        if from.is_dir() {
            // Its own directory may be one of the tree, which is writable as long as that is built.
            set_mount_attributes(&to, READ_ONLY | NO_SET_UID | NO_DEVICES, false).map_err(
                |errno| JailError::ReadOnly {
                    path: to.clone(),
                    errno,
                },
            )?;
        }
    }
    Ok(())
}

fn bind_tree(source: &Path, target: &Path) -> Result<(), JailError> {
    mount(
        Some(source),
        target,
        NOTHING,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        NOTHING,
    )
    .map_err(|errno| JailError::Mount {
        what: "a bind",
        path: source.to_owned(),
        errno,
    })
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn mount_tmpfs(
    what: &'static str,
    path: &Path,
    options: &str,
    flags: MsFlags,
) -> Result<(), JailError> {
    let flags = flags | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options)).map_err(|errno| {
        JailError::Mount {
            what,
            path: path.to_owned(),
            errno,
        }
    })
}

fn bind(source: &Path, target: &Path, attributes: u64) -> Result<(), JailError> {
    let is_directory = source
        .metadata()
        .map_err(|source_error| JailError::Create {
            path: source.into(),
            source: source_error,
        })?
        .is_dir();
    if is_directory {
        make_directory(target)?;
    } else {
        if let Some(parent) = target.parent() {
            make_directory(parent)?;
        }
        if !target.exists() {
            write_file(target, "")?;
        }
    }
    bind_tree(source, target)?;
    set_mount_attributes(target, attributes, true).map_err(|errno| match errno {
        // A recursive change is refused as a whole when a mount below cannot be changed.
        Errno::EPERM | Errno::EINVAL | Errno::ENOSYS => JailError::ReadOnly {
            path: source.to_owned(),
            errno,
        },
        errno => JailError::Mount {
            what: "a read-only bind",
            path: source.to_owned(),
            errno,
        },
    })
}

fn make_directory(path: &Path) -> Result<(), JailError> {
    fs::create_dir_all(path).map_err(|source| JailError::Create {
        path: path.to_owned(),
        source,
    })
}

fn write_file(path: &Path, text: &str) -> Result<(), JailError> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o444)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|source| JailError::Create {
            path: path.to_owned(),
            source,
        })
}
