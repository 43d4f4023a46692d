//! Names of files that a request gives: each is where it says, below the program's own folder, or the request is refused.

use base64::Engine as _;
use proptest::prelude::*;

use super::*;

/// Reads what it was given under its name, and lists all there is.
const LOOK: &str = "import os, sys
name = sys.stdin.read()
try:
    print(open(name).read())
except Exception as error:
    print(type(error).__name__)
for folder, _, files in sorted(os.walk('.')):
    print([os.path.normpath(os.path.join(folder, file)) for file in files])";

fn parts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just("etc".to_owned()),
        Just("passwd".to_owned()),
        Just("proc".to_owned()),
        Just("self".to_owned()),
        Just("root".to_owned()),
        Just("x".repeat(300)),
        "[a-z]{1,3}",
        "[\\\\ \t~$%:*é\u{202e}\u{0}\n]{1,2}",
    ];
    prop::collection::vec(part, 1..6).prop_map(|parts| parts.join("/"))
}

/// Whether a name can only mean one place, below where it is looked up.
fn is_plain(name: &str) -> bool {
    let parts = || name.split('/');
    !name.contains('\u{0}')
        && parts().all(|part| !matches!(part, "" | "." | "..") && part.len() < 256)
}

#[test]
fn a_file_lies_where_it_says_or_is_refused() {
    let served = serve(&[]);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 60,
        ..ProptestConfig::default()
    });
    let secret = std::fs::read_to_string("/etc/passwd").unwrap();
    let secret = secret.lines().next().unwrap().to_owned();
    runner
        .run(&parts(), |name| {
            let given = base64::engine::general_purpose::STANDARD.encode("given");
            let body = json!({
                "code": LOOK, "language": "python", "stdin": name, "files": {name.clone(): given},
                "fetch_files": [name.clone()],
            });
            let answer = post(served.address, "/run_code", &body);
            prop_assert!(!answer.text.contains(&secret), "{name:?}: {answer:?}");
            if answer.status == 422 {
                return Ok(());
            }
            prop_assert_eq!(answer.status, 200, "{:?}: {:?}", name, answer);
            prop_assert!(is_plain(&name), "{name:?} was taken: {answer:?}");
            let said = answer.json();
            prop_assert_eq!(&said["files"], &json!({name.clone(): given}), "{}", said);
            let printed = said["run_result"]["stdout"].as_str().unwrap_or_default();
            prop_assert!(printed.starts_with("given\n"), "{name:?}: {said}");
            Ok(())
        })
        .unwrap();
    // Asked for alone, what the host has is not there.
    for name in ["etc/passwd", "proc/self/environ", "dev/null"] {
        let body = json!({"code": "print(1)", "language": "python", "fetch_files": [name]});
        let said = post(served.address, "/run_code", &body).json();
        assert_eq!(
            (&said["status"], &said["files"]),
            (&json!("Success"), &json!({}))
        );
    }
}
