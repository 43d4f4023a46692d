//! Records the commit that a release build was made from, for `--version`.
//!
//! Builds of other profiles, those for tests among them, record none: each commit would compile this crate and `rlef` again.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RLEF_COMMIT");
    // Who sets it knows better; empty, it switches this off.
    if env::var_os("RLEF_COMMIT").is_some() || !is_release() {
        return;
    }
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else {
        return;
    };
    // A copy of this crate may lie in a repository that isn't this project's.
    let Some(top) = git(&["rev-parse", "--show-toplevel"]) else {
        return;
    };
    if !Path::new(&top).join("serve/build.rs").exists() {
        return;
    }
    for name in ["logs/HEAD", "HEAD"] {
        if let Some(path) =
            git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists())
        {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    println!("cargo:rustc-env=RLEF_COMMIT={commit}");
}

/// Is this of the profile `release`? `PROFILE` says so of every profile that inherits from it; the folder has the name.
fn is_release() -> bool {
    env::var("OUT_DIR").is_ok_and(|out| {
        Path::new(&out)
            .components()
            .any(|part| part.as_os_str() == "release")
    })
}

/// What git answers, on one line; nothing without git or a repository.
#[expect(
    clippy::disallowed_methods,
    reason = "on the machine of whoever builds; no program is judged here"
)]
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
