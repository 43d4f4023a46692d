//! How long a run may take by the clocks of the machine, beside its fuel.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use super::fuel;
use crate::limits::Limits;

/// CPU time after which a run counts as one that never ends, however little fuel it burnt.
pub(super) fn slowest(limits: &Limits) -> Duration {
    Duration::from_millis(
        limits
            .cpu_ms
            .saturating_mul(fuel::SLOWEST_FACTOR)
            .min(1 << 40),
    )
}

/// Wall time after which a run is given up: only a machine that gives it next to no CPU time lets it come to that.
pub(super) fn backstop(limits: &Limits) -> Duration {
    let longest = limits
        .cpu_ms
        .saturating_mul(fuel::BACKSTOP_FACTOR)
        .max(limits.wall_ms)
        .max(60_000);
    Duration::from_millis(longest.min(1 << 40))
}

/// CPU time of this thread so far.
pub(super) fn cpu_time() -> Duration {
    getrusage(UsageWho::RUSAGE_THREAD).map_or(Duration::ZERO, |usage| {
        let (user, system) = (usage.user_time(), usage.system_time());
        let seconds = user.tv_sec() + system.tv_sec();
        let microseconds = user.tv_usec() + system.tv_usec();
        Duration::from_secs(seconds.unsigned_abs())
            + Duration::from_micros(microseconds.unsigned_abs())
    })
}
