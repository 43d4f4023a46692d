//! What the sandbox says of the host: which protections are in force, and which one it lacks.

use rlef_sandbox::{Safeguard, SandboxError};

use crate::support::{cache_directory, config, sandbox, text};

#[test]
fn every_protection_is_in_force_here() {
    let protection = sandbox().protection();
    assert!(
        protection.safeguards.iter().all(|state| state.in_force),
        "{protection:#?}"
    );
    assert_eq!(protection.safeguards.len(), 11);
}

#[test]
fn a_helper_that_is_no_jail_is_an_error_not_an_outcome() {
    let helper = Some("/bin/true".into());
    let error = rlef_sandbox::Sandbox::new(rlef_sandbox::SandboxConfig {
        helper,
        ..config(1)
    })
    .unwrap_err();
    assert!(
        matches!(
            error,
            SandboxError::SetUpJail { .. } | SandboxError::Wire(_)
        ),
        "{error}"
    );
}

#[test]
fn what_every_jail_is_made_of_cannot_be_given_up() {
    let config = rlef_sandbox::SandboxConfig {
        may_lack: [Safeguard::PrivateRoot].into(),
        ..config(1)
    };
    let error = rlef_sandbox::Sandbox::new(config).unwrap_err();
    assert!(
        matches!(
            error,
            SandboxError::MissingProtection {
                safeguard: Safeguard::PrivateRoot,
                ..
            }
        ),
        "{error}"
    );
}

/// In a user namespace of its own whose `sysctl` allows no more of what the jail needs.
fn doctor_where(forbidden: &str, arguments: &str) -> (Option<i32>, String) {
    let helper = env!("CARGO_BIN_EXE_rlef-sandbox");
    let script = format!("{forbidden}; exec {helper} --isolation process {arguments} doctor");
    let output = std::process::Command::new("unshare")
        .args([
            "--user",
            "--map-user=65534",
            "--map-group=65534",
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
        ])
        .args(["--keep-caps", "sh", "-c", &script])
        .env("XDG_CACHE_HOME", cache_directory().parent().unwrap())
        .output()
        .unwrap();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

#[test]
fn a_host_that_lacks_a_protection_is_refused_with_its_name_and_a_remedy() {
    for (name, protection) in [
        ("user", "user namespace"),
        ("pid", "process namespace"),
        ("net", "network namespace"),
        ("ipc", "ipc namespace"),
        ("mnt", "private root"),
    ] {
        let (code, words) = doctor_where(
            &format!("echo 0 > /proc/sys/user/max_{name}_namespaces"),
            "",
        );
        assert_eq!(code, Some(3), "{name}: {words}");
        assert!(
            words.contains(&format!("the protection '{protection}' in force")),
            "{name}: {words}"
        );
        assert!(words.contains("max_"), "{name}: {words}");
    }
}

#[test]
fn a_protection_that_was_given_up_is_shown_as_missing() {
    let no_net = "echo 0 > /proc/sys/user/max_net_namespaces";
    let (code, words) = doctor_where(no_net, "--may-lack network_namespace");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("no   network namespace"), "{words}");
    let masked = "mount -t tmpfs none /proc/sys";
    let (code, words) = doctor_where(masked, "");
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("'proc file system'"), "{words}");
    let (code, words) = doctor_where(masked, "--may-lack proc_filesystem");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("no   proc file system"), "{words}");
}
