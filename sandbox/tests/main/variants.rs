//! The hostile suite again, in this very binary started anew: by exec instead of fork, without control groups,
//! and as an ordinary user.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::{helper, text};

/// What many processes take together only control groups see; the suite says so itself.
const NEEDS_CONTROL_GROUPS: &str = "hostile::together";

fn suite(program: &std::path::Path, tests: &str) -> Command {
    let mut command = Command::new(program);
    command.args([tests, "--test-threads", "2"]);
    command
}

fn passes(command: &mut Command) {
    let output = command.output().unwrap();
    let words = text(&output.stdout) + &text(&output.stderr);
    assert!(
        output.status.success() && words.contains(" passed; 0 failed"),
        "{words}"
    );
}

/// What an interpreter's start has a part in; the rest is the jail's, which both starts share.
#[test]
fn attacks_on_interpreters_fail_on_fresh_ones() {
    passes(
        suite(&std::env::current_exe().unwrap(), "hostile::interpreter")
            .env("RLEF_SANDBOX_START", "exec"),
    );
}

#[test]
#[ignore = "minutes: all of the suite by the start that is not the usual"]
fn the_hostile_suite_holds_for_fresh_interpreters() {
    passes(suite(&std::env::current_exe().unwrap(), "hostile::").env("RLEF_SANDBOX_START", "exec"));
}

#[test]
#[ignore = "half a minute: an ordinary user without a delegated control group does the same"]
fn the_hostile_suite_holds_without_control_groups() {
    passes(
        suite(&std::env::current_exe().unwrap(), "hostile::")
            .env("RLEF_SANDBOX_CGROUPS", "no")
            .args(["--skip", NEEDS_CONTROL_GROUPS]),
    );
}

/// Where this is already an ordinary user the suite itself has been run as one.
#[test]
fn the_hostile_suite_holds_for_an_ordinary_user() {
    as_an_ordinary_user("fork");
}

#[test]
#[ignore = "minutes: user and start are each tried with the other's usual"]
fn the_hostile_suite_holds_for_an_ordinary_users_fresh_interpreters() {
    as_an_ordinary_user("exec");
}

fn as_an_ordinary_user(start: &str) {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (tests, jail) = (place.path().join("tests"), place.path().join("jail"));
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    fs::copy(helper(), &jail).unwrap();
    let mut command = suite(&tests, "hostile::");
    command
        .env("RLEF_SANDBOX_HELPER", &jail)
        .env("RLEF_SANDBOX_START", start)
        .args(["--skip", NEEDS_CONTROL_GROUPS])
        .current_dir("/");
    if nix::unistd::Uid::effective().is_root() {
        command.uid(65_534).gid(65_534);
    }
    passes(&mut command);
}

/// The list in the README names every attack there is, and no other.
#[test]
fn the_readme_lists_every_attack() {
    let listed = Command::new(std::env::current_exe().unwrap())
        .args(["hostile::", "--list"])
        .output()
        .unwrap();
    let tests: BTreeSet<String> = text(&listed.stdout)
        .lines()
        .filter_map(|line| Some(line.strip_suffix(": test")?.rsplit_once("::")?.1.to_owned()))
        .collect();
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, list) = readme.split_once("| claim | attacks |").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    let named: BTreeSet<String> = list
        .lines()
        .filter_map(|row| row.rsplit_once(" | "))
        .flat_map(|(_, attacks)| attacks.split(&[',', ' ', '|', '`'][..]))
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(named, tests);
    assert!(tests.len() >= 60 && readme.contains(&format!("{} attacks", tests.len())));
}
