//! The host's C and C++ compilers, GCC or Clang: which one, its parts, and the linker it works fastest with.

use std::path::{Path, PathBuf};

use super::toolchain::{Library, Tools, ask, fingerprint, on_path};

/// Programs that a driver starts; each is where the driver says, or on the search path.
const PARTS: [&str; 6] = ["cc1", "cc1plus", "collect2", "lto-wrapper", "as", "ld"];
/// Linkers by the CPU time they take for a small static program (50, 60 and 70 ms; the default one takes 100).
const LINKERS: [&str; 3] = ["lld", "gold", "mold"];

/// What sources of problem sets include beyond the standard library, with the library's name and argument.
const LIBRARIES: [(&str, &str, &str); 1] = [("<openssl/", "crypto", "-lcrypto")];

/// A compiler driver.
#[derive(Debug)]
pub(crate) struct Driver {
    /// The executable itself, behind all links.
    pub(crate) executable: String,
    /// First line of what it says about its version.
    pub(crate) version: String,
    /// Whether it is Clang.
    pub(crate) clang: bool,
    /// Arguments that choose the linker and how the program is linked.
    pub(crate) link: Vec<String>,
    /// Libraries that are there for those who include them.
    pub(crate) libraries: Vec<Library>,
    /// Everything it needs.
    pub(crate) tools: Tools,
    /// What its results depend on.
    pub(crate) identity: String,
}

/// The first usable driver of these names.
pub(crate) fn find(names: &[&str], static_libraries: &[&str]) -> Result<Driver, String> {
    let named = on_path(names).ok_or_else(|| format!("none of {names:?} is on the search path"))?;
    let version = ask(&named, &["--version"])?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    let clang = version.contains("clang");
    // Clang finds out by its own name whether it is to compile C++.
    let executable = if clang {
        named.clone()
    } else {
        named
            .canonicalize()
            .map_err(|error| format!("{}: {error}", named.display()))?
    };
    let said = |question: String| {
        ask(&executable, &[&question])
            .ok()
            .map(|answer| PathBuf::from(answer.trim()))
            .filter(|path| path.is_absolute() && path.exists())
    };
    let mut paths = vec![
        executable.clone(),
        PathBuf::from("/usr/include"),
        PathBuf::from("/usr/local/include"),
    ];
    paths.extend(executable.canonicalize());
    let mut identity = fingerprint(&executable);
    for part in PARTS {
        let found = said(format!("-print-prog-name={part}")).or_else(|| on_path(&[part]));
        if let Some(found) = found {
            identity.push_str(&fingerprint(&found));
            paths.push(found);
        }
    }
    if clang && let Some(resources) = said("-print-resource-dir".to_owned()) {
        paths.push(resources);
    }
    let mut link = Vec::new();
    let linker = LINKERS.iter().find_map(|name| {
        let path = on_path(&[&format!("ld.{name}")])?;
        Some((format!("-fuse-ld={name}"), path))
    });
    if let Some((argument, path)) = linker {
        identity.push_str(&fingerprint(&path));
        paths.push(path);
        link.push(argument);
    }
    // A program without shared libraries starts in half the time.
    let has = |library: &&str| said(format!("-print-file-name={library}")).is_some();
    let fixed = static_libraries.iter().all(has);
    if fixed {
        link.push("-static".to_owned());
    }
    let mut libraries = Vec::new();
    for (mark, name, argument) in LIBRARIES {
        let file = format!("lib{name}.{}", if fixed { "a" } else { "so" });
        if let Some(path) = said(format!("-print-file-name={file}")) {
            identity.push_str(&fingerprint(&path));
            libraries.push(Library { mark, argument });
        }
    }
    paths.extend(library_directories(&executable));
    Ok(Driver {
        executable: executable.to_string_lossy().into_owned(),
        identity: format!("{version} {identity}"),
        version,
        clang,
        link,
        libraries,
        tools: Tools::new(paths),
    })
}

/// Where it looks for its own programs and libraries, if outside of what every jail shows.
fn library_directories(executable: &Path) -> Vec<PathBuf> {
    let answer = ask(executable, &["-print-search-dirs"]).unwrap_or_default();
    answer
        .lines()
        .filter_map(|line| line.split_once(": ="))
        .flat_map(|(_, list)| list.split(':'))
        .filter_map(|path| PathBuf::from(path).canonicalize().ok())
        // Its own directories, never a whole prefix.
        .filter(|path| path.to_string_lossy().contains("gcc") || path.ends_with("lib"))
        .filter(|path| path != Path::new("/usr/local/lib"))
        .collect()
}
