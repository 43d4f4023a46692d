//! What is shipped to run it: every flag that it names is there.

use std::path::Path;

/// A volume is the user's own only where the folder is there, and his, before it is declared.
#[test]
fn the_cache_of_the_container_belongs_to_its_user() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/Containerfile");
    let text = std::fs::read_to_string(file).unwrap();
    let at = |words: &str| {
        let found = text.lines().position(|line| line.contains(words));
        found.unwrap_or_else(|| panic!("no line has {words}"))
    };
    let made = at("install --directory --owner=10001 --group=10001");
    assert!(
        text.lines().nth(made).unwrap().ends_with("/cache"),
        "{text}"
    );
    assert!(
        made < at("USER 10001") && made < at("VOLUME /cache"),
        "{text}"
    );
    assert!(at("--uid 10001") < made, "{text}");
}

#[test]
fn the_flags_of_what_is_shipped_are_those_of_the_program() {
    #[expect(
        clippy::disallowed_methods,
        reason = "the test starts the program under test, not a candidate"
    )]
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_rlef-judge"))
        .args(["serve", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    for (file, line) in [
        ("Containerfile", "CMD ["),
        ("rlef-judge.service", "ExecStart="),
        ("kubernetes.yaml", "args: ["),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let found = text
            .lines()
            .find(|other| other.trim_start().starts_with(line));
        let words = found.unwrap_or_else(|| panic!("{file} has no line that begins with {line}"));
        assert!(words.contains("serve"), "{words}");
        let is_separator = |letter: char| !letter.is_ascii_alphanumeric() && letter != '-';
        let flags: Vec<&str> = words
            .split(is_separator)
            .filter(|word| word.starts_with("--"))
            .collect();
        assert!(flags.len() >= 2, "{file}: {words}");
        for flag in flags {
            assert!(help.contains(&format!("{flag} ")), "{file}: {flag}");
        }
    }
}
