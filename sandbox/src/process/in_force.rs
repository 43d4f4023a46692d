//! What a jail that came up has in force, for people.

use super::blueprint::Blueprint;
use super::worker::Worker;
use crate::protection::{Protection, Safeguard, SafeguardState};

/// Reads off a jail that came up what is in force; each step that failed would have stopped it.
pub(super) fn protection(blueprint: &Blueprint, worker: &Worker) -> Protection {
    let always = |name, means: &str| SafeguardState {
        name,
        in_force: true,
        means: means.to_owned(),
        remedy: None,
    };
    let identity = match worker.owner {
        Some(uid) => format!("programs run as the unprivileged host uid {uid}"),
        None => "programs run as this user, without any capability".to_owned(),
    };
    let mut safeguards = vec![
        always(Safeguard::UserNamespace, &identity),
        always(
            Safeguard::PrivateRoot,
            "pivot_root to a tmpfs with read-only binds; the host is detached",
        ),
        always(
            Safeguard::ProcessNamespace,
            "one per jail, one more per program",
        ),
        always(
            Safeguard::NetworkNamespace,
            "no interface is up, and only local sockets can be made",
        ),
        always(
            Safeguard::IpcNamespace,
            "own System V, POSIX message and host name namespaces",
        ),
        always(Safeguard::NoCapabilities, "all sets empty, no_new_privs"),
        always(Safeguard::SystemCallFilter, "seccomp allow-list"),
        always(
            Safeguard::ProcFilesystem,
            "own instance with hidepid=2,subset=pid",
        ),
    ];
    for (name, reason) in &worker.missing {
        if let Some(state) = safeguards.iter_mut().find(|state| state.name == *name) {
            *state = SafeguardState {
                name: *name,
                in_force: false,
                means: reason.clone(),
                remedy: Some(name.remedy()),
            };
        }
    }
    let host = &blueprint.host;
    for (name, delegation, fallback) in [
        (
            Safeguard::MemoryLimit,
            &host.memory,
            "RLIMIT_AS, per process",
        ),
        (
            Safeguard::ProcessLimit,
            &host.processes,
            "RLIMIT_NPROC, per jail",
        ),
        (
            Safeguard::CpuLimit,
            &host.cpu,
            "/proc and RLIMIT_CPU, blind to children nobody waits for",
        ),
    ] {
        safeguards.push(match delegation {
            Ok(delegation) => always(
                name,
                &format!("control group in {}", delegation.parent.display()),
            ),
            Err(reason) => SafeguardState {
                name,
                in_force: true,
                means: format!("{fallback} (no control group: {reason})"),
                remedy: Some(name.remedy()),
            },
        });
    }
    Protection {
        isolation: "process".to_owned(),
        interpreter: match &blueprint.afresh {
            None => format!("{} ({})", blueprint.plan.python.display(), worker.version),
            Some(_) => format!(
                "{} ({})",
                blueprint.interpreter.executable.display(),
                blueprint.interpreter.version
            ),
        },
        safeguards,
        gaps: gaps(blueprint),
    }
}

/// What is not as a user might expect of the interpreter.
fn gaps(blueprint: &Blueprint) -> Vec<String> {
    let passed_over = blueprint.interpreter.passed_over.trim();
    let passed_over =
        (!passed_over.is_empty()).then(|| format!("passed over on the search path: {passed_over}"));
    let afresh = blueprint.afresh.as_ref().map(|(_, reason)| {
        format!("each test starts the interpreter afresh, for it can't be kept warm: {reason}")
    });
    passed_over.into_iter().chain(afresh).collect()
}
