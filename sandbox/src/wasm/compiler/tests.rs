use super::*;

/// A compiler whose helper is this text as a shell script, under the smallest limits.
fn helped_by(script: &str) -> (tempfile::TempDir, Compiler) {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let helper = directory.path().join("helper");
    std::fs::write(&helper, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o700)).unwrap();
    let limits = Limits {
        cpu_ms: 1_000,
        wall_ms: 600_000,
        ..Limits::default()
    };
    (directory, Compiler { helper, limits })
}

/// Tries again where another test's child still had the helper open for writing.
fn insist(
    mut attempt: impl FnMut() -> Result<Answer, SandboxError>,
) -> Result<Answer, SandboxError> {
    loop {
        match attempt() {
            Err(error) if error.to_string().contains("Text file busy") => {}
            answer => return answer,
        }
    }
}

fn answer(script: &str) -> Result<Answer, SandboxError> {
    let (_directory, compiler) = helped_by(script);
    insist(|| compiler.compile(&Cancel::never(), b"source"))
}

const HELLO_SAID: &str = "echo 'rlef compiles a module'; ";

#[test]
fn only_a_child_that_ends_well_gives_a_module() {
    let made = answer(&format!("{HELLO_SAID} cat")).unwrap();
    assert!(matches!(made, Answer::Artefact(bytes) if bytes == b"source"));
    let refused = answer(&format!("{HELLO_SAID} echo why; exit 3")).unwrap();
    assert!(matches!(refused, Answer::Refused { reason, keep: true } if reason == "why"));
    // Half of a module is none.
    for end in [
        "kill -ABRT $$",
        "kill -SEGV $$",
        "exit 101",
        "kill -XCPU $$",
    ] {
        let answer = answer(&format!("{HELLO_SAID} cat; {end}")).unwrap();
        assert!(
            matches!(answer, Answer::Refused { keep: false, .. }),
            "{end}: {answer:?}"
        );
    }
}

#[test]
fn what_the_module_did_not_cause_is_an_error() {
    for script in [
        // It is no compiler, or never came so far.
        "cat",
        "exit 0",
        "kill -SEGV $$",
        "echo no memory >&2; exit 2",
        // Somebody else ended it.
        "echo 'rlef compiles a module'; kill -KILL $$",
        "echo 'rlef compiles a module'; kill -TERM $$",
        "echo 'rlef compiles a module'; exit 2",
    ] {
        let error = answer(script).unwrap_err();
        assert!(
            matches!(&error, SandboxError::Wasm(WasmError::Compiler(_))),
            "{script}: {error}"
        );
    }
    let missing = Compiler {
        helper: "/nowhere".into(),
        limits: Limits::default(),
    };
    let error = missing.compile(&Cancel::never(), b"").unwrap_err();
    assert!(error.to_string().contains("start /nowhere"), "{error}");
}

#[test]
fn a_child_is_killed_when_it_is_cancelled_or_overdue() {
    let (_directory, mut compiler) = helped_by("exec sleep 1000");
    let cancel = Cancel::new().unwrap();
    let error = std::thread::scope(|scope| {
        let compiling = scope.spawn(|| insist(|| compiler.compile(&cancel, b"")).unwrap_err());
        std::thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        compiling.join().unwrap()
    });
    assert!(matches!(error, SandboxError::Cancelled), "{error}");
    compiler.limits.wall_ms = 50;
    let error = insist(|| compiler.compile(&Cancel::never(), b"")).unwrap_err();
    assert!(
        matches!(error, SandboxError::Wasm(WasmError::Overloaded { .. })),
        "{error}"
    );
}
