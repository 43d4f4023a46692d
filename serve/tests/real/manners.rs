//! What it refuses to start with, and what it writes down.

use super::*;

#[test]
fn what_is_not_safe_is_refused_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("tokens"),
        "a-token-that-is-long-enough\n",
    )
    .unwrap();
    for (arguments, words) in [
        (&["--bind", "0.0.0.0:0"][..], "--token-file"),
        (
            &["--bind", "127.0.0.1:0", "--token-file", "tokens"],
            "everybody can read it",
        ),
        (&["--bind", "127.0.0.1:0", "--token-file", "none"], "none"),
        (
            &["--bind", "127.0.0.1:0", "--problems", "none.jsonl"],
            "none.jsonl",
        ),
        (&["--bind", "localhost"], "invalid"),
        (&["--log-bodies"], "--log"),
    ] {
        let output = command(folder.path()).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn logs_hold_no_programs_and_no_tokens() {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens");
    std::fs::write(&path, "a-token-that-is-long-enough\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut child = command(folder.path())
        .args(["--bind", "127.0.0.1:0", "--token-file", "tokens", "--log"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    let address = line.trim().rsplit('/').next().unwrap().parse().unwrap();
    let mut client = Client::new(address).with("Authorization: Bearer a-token-that-is-long-enough");
    let body = json!({"code": "print('a program of mine')", "language": "python"});
    assert_eq!(
        client
            .post("/run_code?token=a-token-that-is-long-enough", &body)
            .status,
        200
    );
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    drop(client);
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    assert!(rest.contains("POST /run_code 200"), "{rest}");
    assert!(
        !rest.contains("a-token-that") && !rest.contains("program of mine"),
        "{rest}"
    );
}
