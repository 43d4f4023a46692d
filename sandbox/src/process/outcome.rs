//! What the kernel reported of a run → how it ended. Pure.

use nix::libc::{SIGKILL, SIGSYS, SIGXCPU};

use crate::languages::LastWords;
use crate::limits::Limits;
use crate::outcome::Status;

/// Why the supervisor ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cpu,
    Wall,
    Memory,
    Output,
    /// The other program of a pair has ended, and the grace period too.
    PeerLeft,
}

/// The facts of a run that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) stop: Option<Stop>,
    /// As wait(2) encodes it, of the program's first process.
    pub(crate) wait_status: i32,
    pub(crate) cpu_us: u64,
    /// Whether the kernel killed something for want of memory, or the program used more than it may and was let.
    pub(crate) memory_kill: bool,
    pub(crate) output_over: bool,
    pub(crate) source_accepted: bool,
    pub(crate) stderr: &'a [u8],
    /// Whether these are the last words of a program of its language that wanted for memory.
    pub(crate) wanted_memory: fn(&LastWords<'_>) -> bool,
}

/// How the run ended, the strongest cause first.
pub(crate) fn status(facts: &Facts<'_>, limits: &Limits) -> Status {
    let signal = facts.wait_status & 0x7f;
    let exit_code = (signal == 0).then_some((facts.wait_status >> 8) & 0xff);
    if facts.memory_kill {
        return Status::MemoryLimit;
    }
    match facts.stop {
        Some(Stop::Cpu | Stop::Wall | Stop::PeerLeft) => return Status::TimeLimit,
        Some(Stop::Memory) => return Status::MemoryLimit,
        Some(Stop::Output) => return Status::OutputLimit,
        None => {}
    }
    // RLIMIT_CPU sends SIGXCPU first and SIGKILL a second later; both lie beyond the limit.
    let over_time = facts.cpu_us > limits.cpu_ms.saturating_mul(1000);
    if over_time || signal == SIGXCPU {
        return Status::TimeLimit;
    }
    if facts.output_over {
        return Status::OutputLimit;
    }
    match exit_code {
        _ if (facts.wanted_memory)(&LastWords {
            exit_code,
            signal,
            stderr: facts.stderr,
        }) =>
        {
            Status::MemoryLimit
        }
        Some(1) if !facts.source_accepted => Status::CompileError,
        Some(code) => Status::Exited(code),
        None if signal == SIGSYS => Status::Denied,
        None => Status::Signalled(if signal == 0x7f { SIGKILL } else { signal }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::job::Language;
    use crate::languages::definition;

    fn facts(wait_status: i32) -> Facts<'static> {
        Facts {
            stop: None,
            wait_status,
            cpu_us: 1000,
            memory_kill: false,
            output_over: false,
            source_accepted: true,
            stderr: b"",
            wanted_memory: definition(Language::Python).wanted_memory,
        }
    }

    fn of(facts: Facts<'_>) -> Status {
        status(
            &facts,
            &Limits {
                cpu_ms: 100,
                ..Limits::default()
            },
        )
    }

    #[test]
    fn exits_and_signals_are_told_apart() {
        assert_eq!(of(facts(0)), Status::Exited(0));
        assert_eq!(of(facts(120 << 8)), Status::Exited(120));
        assert_eq!(of(facts(11)), Status::Signalled(11));
        assert_eq!(of(facts(SIGSYS)), Status::Denied);
        assert_eq!(of(facts(SIGXCPU)), Status::TimeLimit);
    }

    #[test]
    fn limits_win_over_what_the_program_made_of_them() {
        assert_eq!(
            of(Facts {
                cpu_us: 100_001,
                ..facts(0)
            }),
            Status::TimeLimit
        );
        assert_eq!(
            of(Facts {
                memory_kill: true,
                ..facts(9)
            }),
            Status::MemoryLimit
        );
        assert_eq!(
            of(Facts {
                output_over: true,
                ..facts(0)
            }),
            Status::OutputLimit
        );
        assert_eq!(
            of(Facts {
                stop: Some(Stop::Wall),
                ..facts(0)
            }),
            Status::TimeLimit
        );
        assert_eq!(
            of(Facts {
                stop: Some(Stop::Output),
                ..facts(9)
            }),
            Status::OutputLimit
        );
    }

    #[test]
    fn an_uncaught_memory_error_is_a_memory_limit_and_a_printed_one_is_not() {
        assert_eq!(
            of(Facts {
                stderr: b"Traceback\nMemoryError\n",
                ..facts(256)
            }),
            Status::MemoryLimit
        );
        assert_eq!(
            of(Facts {
                stderr: b"OSError: [Errno 12] no\n",
                ..facts(256)
            }),
            Status::MemoryLimit
        );
        let numpy = b"numpy._core._exceptions._ArrayMemoryError: Unable to allocate 8 TiB\n";
        assert_eq!(
            of(Facts {
                stderr: numpy,
                ..facts(256)
            }),
            Status::MemoryLimit
        );
        assert_eq!(
            of(Facts {
                stderr: b"MemoryError\nValueError: x\n",
                ..facts(256)
            }),
            Status::Exited(1)
        );
        assert_eq!(
            of(Facts {
                stderr: b"MemoryError\n",
                ..facts(0)
            }),
            Status::Exited(0)
        );
    }

    #[test]
    fn only_a_refused_source_is_a_compile_error() {
        assert_eq!(
            of(Facts {
                source_accepted: false,
                ..facts(256)
            }),
            Status::CompileError
        );
        assert_eq!(
            of(Facts {
                source_accepted: false,
                ..facts(0)
            }),
            Status::Exited(0)
        );
        let deep = Facts {
            source_accepted: false,
            stderr: b"s_push: parser stack overflow\nMemoryError\n",
            ..facts(256)
        };
        assert_eq!(of(deep), Status::CompileError);
    }

    proptest! {
        /// Whatever the kernel and the program report: only a run that ended by itself, within its limits, is
        /// `Exited(0)`, and no report makes this panic.
        #[test]
        fn only_a_good_end_is_exited_zero(
            wait_status in any::<i32>(),
            cpu_us in any::<u64>(),
            cpu_ms in 1..u64::MAX,
            flags in any::<[bool; 3]>(),
            stop in 0..6_usize,
            language in proptest::sample::select(&Language::ALL[..]),
            stderr in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let stops = [None, Some(Stop::Cpu), Some(Stop::Wall), Some(Stop::Output), Some(Stop::PeerLeft), Some(Stop::Memory)];
            let [memory_kill, output_over, source_accepted] = flags;
            let facts = Facts {
                stop: stops[stop], wait_status, cpu_us, memory_kill, output_over, source_accepted, stderr: &stderr,
                wanted_memory: definition(language).wanted_memory,
            };
            let limits = Limits { cpu_ms, ..Limits::default() };
            let good = wait_status & 0xff7f == 0
                && stop == 0
                && !memory_kill
                && !output_over
                && cpu_us <= cpu_ms.saturating_mul(1000);
            prop_assert_eq!(status(&facts, &limits) == Status::Exited(0), good);
        }
    }
}
