//! What a program that decides has said of another: by its exit code or by a score it printed. Pure.

use rlef_sandbox::{Outcome, Status};

use super::run::trace_of;
use super::tail;
use crate::comparator::Protocol;

/// Bytes of what it printed that an error quotes.
const QUOTED: usize = 200;
/// testlib's codes for a wrong answer, bad presentation, output beyond the answer, points, an early end, and part of the
/// points. Code 3, `_fail`, says that the checker failed, and so do all others.
const REJECTS: [i32; 6] = [1, 2, 4, 7, 8, 16];
/// testlib's codes for 0 to 200 points of a part: it adds them to a base, which by itself would be 0 and so make no
/// points at all look like all of them.
const PARTIAL: std::ops::RangeInclusive<i32> = PARTIAL_BASE..=PARTIAL_BASE + 200;
/// That base, as testlib's header is compiled here and by judging systems.
pub(super) const PARTIAL_BASE: i32 = 50;

/// The exit code by which one of this protocol accepts.
pub(super) const fn accepting(protocol: Protocol) -> i32 {
    match protocol {
        Protocol::Kattis => 42,
        Protocol::Testlib | Protocol::Printed => 0,
    }
}

/// Whether it accepts; `Err` says why it can't tell.
pub(super) fn accepts(protocol: Protocol, said: &Outcome) -> Result<bool, String> {
    match (protocol, said.status) {
        (Protocol::Testlib, Status::Exited(0)) | (Protocol::Kattis, Status::Exited(42)) => Ok(true),
        (Protocol::Testlib, Status::Exited(code))
            if REJECTS.contains(&code) || PARTIAL.contains(&code) =>
        {
            Ok(false)
        }
        (Protocol::Kattis, Status::Exited(43)) => Ok(false),
        (Protocol::Printed, Status::Exited(0)) => {
            let text = String::from_utf8_lossy(&said.stdout);
            match text.split_whitespace().next() {
                Some("true" | "True") => Ok(true),
                Some("false" | "False") => Ok(false),
                Some(word) => word
                    .parse::<f64>()
                    .map(|score| score >= 1.0)
                    .map_err(|_| broken(said)),
                None => Err(broken(said)),
            }
        }
        _ => Err(broken(said)),
    }
}

/// How one that can't tell ended and what it said.
fn broken(said: &Outcome) -> String {
    let stderr = tail(&said.stderr);
    format!(
        "it ended with {:?} and said {:?}; {}",
        said.status,
        String::from_utf8_lossy(&said.stdout[..said.stdout.len().min(QUOTED)]),
        trace_of(said, stderr)
    )
}

#[cfg(test)]
mod tests {
    use rlef_sandbox::Usage;

    use super::*;

    fn said(status: Status, stdout: &str) -> Outcome {
        Outcome {
            status,
            stdout: stdout.into(),
            stderr: Vec::new(),
            usage: Usage::default(),
        }
    }

    #[test]
    fn only_exit_code_zero_accepts_and_only_testlibs_own_codes_reject() {
        for code in 0..=255 {
            let word = accepts(Protocol::Testlib, &said(Status::Exited(code), "")).ok();
            let wanted = match code {
                0 => Some(true),
                1 | 2 | 4 | 7 | 8 | 16 | 50..=250 => Some(false),
                _ => None,
            };
            assert_eq!(word, wanted, "{code}");
        }
        for status in [Status::Signalled(6), Status::TimeLimit, Status::MemoryLimit] {
            for protocol in [Protocol::Testlib, Protocol::Printed, Protocol::Kattis] {
                assert!(accepts(protocol, &said(status, "1")).is_err());
            }
        }
    }

    #[test]
    fn kattis_validators_say_42_or_43_and_nothing_else() {
        for code in 0..=255 {
            let word = accepts(Protocol::Kattis, &said(Status::Exited(code), "")).ok();
            let wanted = match code {
                42 => Some(true),
                43 => Some(false),
                _ => None,
            };
            assert_eq!(word, wanted, "{code}");
        }
    }

    #[test]
    fn a_printed_score_of_one_accepts_and_what_is_none_says_nothing() {
        let word = |text: &str| accepts(Protocol::Printed, &said(Status::Exited(0), text)).ok();
        assert_eq!(word("1.0 well done"), Some(true));
        assert_eq!(
            (word("0.99"), word("false"), word("nan")),
            (Some(false), Some(false), Some(false))
        );
        assert_eq!((word(""), word("maybe")), (None, None));
        assert!(accepts(Protocol::Printed, &said(Status::Exited(1), "1")).is_err());
    }
}
