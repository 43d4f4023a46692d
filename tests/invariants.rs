//! The absences that nobody sees by reading one file.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Invariant 1: the sandbox knows nothing of models, tokenizers or the harness.
#[test]
fn the_sandbox_depends_on_none_of_the_harness() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("sandbox/Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for forbidden in ["burn", "tokenizers", "rlef", "rlef-judge"] {
        assert!(
            !dependencies.contains_key(forbidden),
            "sandbox depends on {forbidden}"
        );
    }
}

/// The judge can be built, tested and shipped without what models need.
#[test]
fn the_judge_depends_on_no_model() {
    let manifest: toml::Table = std::fs::read_to_string(root().join("judge/Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for forbidden in ["burn", "tokenizers", "rlef"] {
        assert!(
            !dependencies.contains_key(forbidden),
            "judge depends on {forbidden}"
        );
    }
}

/// All packages that one needs, by the lock file: those of every feature, platform and test of it too, which is more than a
/// build takes.
fn needs(name: &str) -> std::collections::BTreeSet<String> {
    let lock: toml::Table = std::fs::read_to_string(root().join("Cargo.lock"))
        .unwrap()
        .parse()
        .unwrap();
    let packages = lock["package"].as_array().unwrap();
    let mut found = std::collections::BTreeSet::new();
    let mut left = vec![name.to_owned()];
    while let Some(name) = left.pop() {
        for package in packages
            .iter()
            .filter(|package| package["name"].as_str() == Some(&name))
        {
            let dependencies = package.get("dependencies").and_then(toml::Value::as_array);
            for dependency in dependencies.into_iter().flatten() {
                // A version follows where there are several.
                let name = dependency.as_str().unwrap().split(' ').next().unwrap();
                if found.insert(name.to_owned()) {
                    left.push(name.to_owned());
                }
            }
        }
    }
    found
}

/// The same of everything the judge's dependencies depend on in turn, as `cargo tree -p rlef-judge` shows it.
#[test]
fn nothing_below_the_judge_is_a_model_or_a_tokenizer() {
    let is_of_models = |name: &&String| name.starts_with("burn") || *name == "tokenizers";
    let judge = needs("rlef-judge");
    assert!(judge.contains("rlef-sandbox") && judge.contains("serde_json"));
    let found: Vec<&String> = judge.iter().filter(is_of_models).collect();
    assert!(found.is_empty(), "the judge depends on {found:?}");
    // The lock file is read as it is meant: the harness has both.
    let harness = needs("rlef");
    assert!(harness.iter().filter(is_of_models).count() > 1);
}

/// What serves others is shipped without what models need, too.
#[test]
fn nothing_below_the_server_is_a_model_or_a_tokenizer() {
    let server = needs("rlef-serve");
    assert!(server.contains("rlef-judge") && server.contains("axum"));
    let is_of_models =
        |name: &&String| name.starts_with("burn") || *name == "tokenizers" || *name == "rlef";
    let found: Vec<&String> = server.iter().filter(is_of_models).collect();
    assert!(found.is_empty(), "the server depends on {found:?}");
}

/// A verb parses, calls and prints; what it does is a library's.
#[test]
fn verbs_are_short() {
    for name in [
        "convert", "doctor", "eval", "export", "fetch", "gate", "import", "judge", "label",
        "labels", "pairs", "replay", "report", "reward", "rft", "serve", "sft", "steps", "train",
        "view",
    ] {
        let path = root().join(format!("src/cli/{name}.rs"));
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < 120, "{} has {lines} lines", path.display());
    }
}

/// Invariant 6: what is pure reads no file and no clock.
#[test]
fn pure_modules_do_no_io_and_read_no_clock() {
    let mut files: Vec<PathBuf> = [
        "judge/src/program",
        "judge/src/comparator",
        "judge/src/feedback",
        "judge/src/environment",
        "judge/src/environment/play",
        "judge/src/environment/rewards",
        "src/episode",
        "src/reward",
        "src/advantage",
        "src/batch",
    ]
    .map(|name| root().join(format!("{name}.rs")))
    .into();
    sources(&root().join("src/objective"), &mut files);
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in [
            "std::fs",
            "std::time",
            "std::net",
            "std::process",
            "Instant::now",
            "SystemTime",
        ] {
            assert!(
                !text.contains(forbidden),
                "{} mentions {forbidden}",
                path.display()
            );
        }
    }
}

/// Invariant 3: only the sandbox starts processes or enters namespaces.
#[test]
fn only_the_sandbox_starts_processes() {
    let mut files = Vec::new();
    for folder in ["src", "judge/src", "model/src", "serve/src"] {
        sources(&root().join(folder), &mut files);
    }
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for forbidden in ["process::Command", "unshare(", "fork()"] {
            assert!(
                !text.contains(forbidden),
                "{} mentions {forbidden}",
                path.display()
            );
        }
    }
}

/// Unsafe code is the jail's own; one mapping of a compiled module is the exception, and the jail's file says so.
#[test]
fn unsafe_code_stands_only_where_it_is_said_to() {
    let mut files = Vec::new();
    for folder in ["src", "judge/src", "model/src", "serve/src", "sandbox/src"] {
        sources(&root().join(folder), &mut files);
    }
    let own = root().join("sandbox/src/jail");
    let mapping = root().join("sandbox/src/wasm/precompiled.rs");
    let mut found = 0;
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        if ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
            .iter()
            .any(|word| text.contains(word))
        {
            assert!(
                path.starts_with(&own) || path == mapping,
                "{}",
                path.display()
            );
            assert!(text.contains("// SAFETY: "), "{}", path.display());
            found += 1;
        }
    }
    assert!(found >= 2, "{found}");
    let jail = std::fs::read_to_string(root().join("sandbox/src/jail.rs")).unwrap();
    assert!(jail.contains("`wasm/precompiled.rs`"));
}

/// The macros that write to standard streams panic where nobody reads, and pass on what steers a terminal.
#[test]
fn what_is_said_is_said_through_one_place() {
    let mut files = Vec::new();
    for folder in ["src", "judge/src", "model/src", "sandbox/src", "serve/src"] {
        sources(&root().join(folder), &mut files);
    }
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().map(str::trim_start) {
            let macros = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!("];
            // What stands in a string is a program's.
            let says = |name: &str| {
                line.strip_prefix(name)
                    .is_some_and(|rest| !rest.starts_with("(\\"))
            };
            let found = macros.iter().find(|name| says(name));
            assert!(found.is_none(), "{}: {line}", path.display());
        }
    }
}
