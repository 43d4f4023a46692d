//! Under which host user programs run: chosen from who the supervisor is and what it may map. Pure but for `find`.

use std::fs;

use nix::unistd::Uid;

use crate::error::SandboxError;
use crate::protection::Safeguard;

/// Above the ranges that containers and users are given (systemd's end below).
const PREFERRED: Range = Range {
    first: 1_900_000_000,
    count: 1_000_000,
};
/// "nobody" of most distributions: what a container that maps 65,536 users has to offer.
const NOBODY: Range = Range {
    first: 65_534,
    count: 1,
};
/// Names and numbers of the capabilities (linux/capability.h) that root needs; CHOWN hands a program its pipes.
const NEEDED: [(&str, u32); 4] = [
    ("CHOWN", 0),
    ("SETGID", 6),
    ("SETUID", 7),
    ("SYS_ADMIN", 21),
];

/// Ids, from `first` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    first: u32,
    count: u32,
}

/// Under which host user programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// The supervisor's own, which is not root's.
    Own,
    /// One of these, none of which is anybody's: only root can.
    Foreign(Range),
}

impl Identity {
    /// Looks at this process.
    pub(crate) fn find() -> Result<Self, SandboxError> {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let capabilities = read("status")
            .lines()
            .find_map(|line| u64::from_str_radix(line.strip_prefix("CapEff:")?.trim(), 16).ok())
            .unwrap_or(0);
        let root = Uid::effective().is_root();
        choose(root, capabilities, &read("uid_map"), &read("gid_map")).ok_or_else(|| {
            SandboxError::MissingProtection {
                safeguard: Safeguard::UserNamespace,
                reason: format!(
                    "programs would run as root's user: {}",
                    obstacle(capabilities)
                ),
                remedy: "run as an ordinary user, or as root with the capabilities SYS_ADMIN, \
                         SETUID, SETGID and CHOWN"
                    .to_owned(),
            }
        })
    }

    /// Host uid for a jail, where it is not the supervisor's own.
    pub(crate) fn owner(self, number: u64) -> Option<u32> {
        match self {
            Self::Own => None,
            Self::Foreign(range) => Some(range.first + (number % u64::from(range.count)) as u32),
        }
    }
}

fn choose(root: bool, capabilities: u64, users: &str, groups: &str) -> Option<Identity> {
    if !root {
        return Some(Identity::Own);
    }
    let mapped = |range: Range| covers(users, range) && covers(groups, range);
    if lacking(capabilities).next().is_none() {
        for range in [PREFERRED, NOBODY] {
            if mapped(range) {
                return Some(Identity::Foreign(range));
            }
        }
    }
    // Root of a user namespace may be an ordinary user outside.
    let outside = lines(users).find(|&(inside, _, _)| inside == 0)?.1;
    (outside != 0).then_some(Identity::Own)
}

/// Names of the capabilities that root needs and hasn't.
fn lacking(capabilities: u64) -> impl Iterator<Item = &'static str> {
    let lacks = move |&(_, number): &(_, u32)| capabilities & (1 << number) == 0;
    NEEDED.into_iter().filter(lacks).map(|(name, _)| name)
}

/// Why root can't give programs another user.
fn obstacle(capabilities: u64) -> String {
    let names = lacking(capabilities).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        return "this is root, in a user namespace that maps no other user".to_owned();
    }
    format!("this is root without {names}")
}

/// Inside, outside, count.
fn lines(map: &str) -> impl Iterator<Item = (u32, u32, u32)> {
    map.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse);
        Some((
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
        ))
    })
}

fn covers(map: &str, range: Range) -> bool {
    lines(map).any(|(inside, _, count)| {
        inside <= range.first
            && u64::from(inside) + u64::from(count)
                >= u64::from(range.first) + u64::from(range.count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYBODY: &str = "         0          0 4294967295\n";
    const CONTAINER: &str = "         0     100000      65536\n";
    const ALONE: &str = "         0       1000          1\n";

    #[test]
    fn programs_never_run_as_root() {
        let all = u64::MAX;
        assert_eq!(choose(false, 0, EVERYBODY, EVERYBODY), Some(Identity::Own));
        assert_eq!(
            choose(true, all, EVERYBODY, EVERYBODY),
            Some(Identity::Foreign(PREFERRED))
        );
        assert_eq!(
            choose(true, all, CONTAINER, CONTAINER),
            Some(Identity::Foreign(NOBODY))
        );
        assert_eq!(choose(true, all, ALONE, ALONE), Some(Identity::Own));
        assert_eq!(choose(true, 0, CONTAINER, CONTAINER), Some(Identity::Own));
        for lacking in [0, 6, 7, 21] {
            let some = all & !(1 << lacking);
            assert_eq!(choose(true, some, EVERYBODY, EVERYBODY), None, "{lacking}");
        }
        assert_eq!(choose(true, 0, "", ""), None);
    }

    #[test]
    fn what_root_lacks_is_named() {
        let some = !(1 << 7 | 1 << 21);
        assert_eq!(obstacle(some), "this is root without SETUID, SYS_ADMIN");
        let all = "this is root, in a user namespace that maps no other user";
        assert_eq!(obstacle(u64::MAX), all);
    }

    #[test]
    fn jails_get_different_users_where_there_are_enough() {
        assert_eq!(Identity::Foreign(PREFERRED).owner(7), Some(1_900_000_007));
        assert_eq!(Identity::Foreign(NOBODY).owner(7), Some(65_534));
        assert_eq!(Identity::Own.owner(7), None);
    }
}
