//! How much memory a jail may use: what its program is given, beyond what the jail uses by itself.

use std::thread;
use std::time::Duration;

use super::Worker;
use crate::error::SandboxError;
use crate::limits::Limits;
use crate::process::cgroup::JailCgroup;
use crate::process::request::OWN_PROCESSES;

/// What is added to a limit of memory, so that a jail that has grown a little since takes nothing from its program.
const MEMORY_MARGIN: u64 = 256 << 10;
/// How much more than its limit a program may have been found to use: the kernel counts by cores, and ahead.
const TOLERATED: u64 = 512 << 10;
/// The least that a program is given: with less, the kernel could not even set the limit.
const LEAST_MEMORY: u64 = 1 << 20;
/// Growth of what a jail uses beyond which it counts, and the kernel is asked how much of it is kept for nobody. Less is
/// mostly the pages that the kernel charges each core ahead: to follow them would cost every test the writing of a limit.
const NOTICED: u64 = 768 << 10;
/// What the first process of a program may use of its own and still be expected before it is there.
const EXPECTED: u64 = 4 << 20;
/// What a program's first process is expected to use where a jail has had none: its image, page tables and a stack. With less, a
/// program near its limit would be stopped before it is known what it came with.
const FIRST_PROCESS: u64 = 3 << 20;
/// What the kernel needs for a program's first process: page tables and a stack.
const OF_FIRST_PROCESS: u64 = 384 << 10;
/// How often it is looked whether the kernel has freed what dead processes had, the first time after it was told to, and
/// how long it is given in between. It frees page tables late: half a megabyte of a program that had 256.
const SETTLING: usize = 10;
const SETTLING_PAUSE: Duration = Duration::from_millis(3);
/// Bytes of host files that a jail may be charged for and still count as one that found them in memory.
const CHARGED: u64 = 256 << 10;
/// How often a jail is started anew at most because it was the first to read its interpreter's files.
pub(super) const COLD_STARTS: usize = 2;

impl Worker {
    /// Whether the kernel counts host files as this jail's memory: it was the first to read them since they were last in
    /// memory. It gives them up when memory is short, so that a program would have as much more than its limit. The next
    /// jail finds them in memory, on nobody's account.
    pub(super) fn is_charged_for_files(&self) -> Result<bool, SandboxError> {
        Ok(self.cgroup.file_bytes()? > CHARGED)
    }

    /// Bounds what the jail may use from now on, beyond what it uses by itself.
    pub(crate) fn bound(&mut self, limits: &Limits) -> Result<(), SandboxError> {
        let own = self.own_memory()?.saturating_add(MEMORY_MARGIN);
        let processes = limits
            .processes
            .saturating_add(OWN_PROCESSES)
            .min(self.most_processes);
        self.cgroup.set_limits(
            own.saturating_add(limits.memory_bytes.max(LEAST_MEMORY))
                .min(1 << 62),
            processes,
        )?;
        Ok(())
    }

    /// Whether a run that used so much at its peak went beyond its limit, although the kernel let it: a limit is set by what the
    /// jail seems to use by itself. Host files that the kernel can give up don't count.
    pub(crate) fn is_over(&self, peak_bytes: u64, limits: &Limits) -> Result<bool, SandboxError> {
        let most = limits
            .memory_bytes
            .max(LEAST_MEMORY)
            .saturating_add(TOLERATED);
        Ok(peak_bytes > most && peak_bytes.saturating_sub(self.cgroup.file_bytes()?) > most)
    }

    /// Bytes that the jail uses by itself.
    ///
    /// A program's first process is known to come, so that its coming changes no limit: to write one, and to ask
    /// what is kept, costs a program of one short test more than the test. Until it is there it is taken for the smallest
    /// that there was: the next program may have less to hold than the last.
    fn own_memory(&mut self) -> Result<u64, SandboxError> {
        let program = self.program.as_ref();
        if program.is_none_or(|program| program.accepted.is_none()) {
            let Own {
                idle,
                least_with_program,
                ..
            } = self.own;
            let expected = least_with_program.unwrap_or(idle.saturating_add(FIRST_PROCESS));
            return Ok(expected.clamp(idle, idle.saturating_add(EXPECTED)));
        }
        let with_program = self.settled(self.own.with_program, OF_FIRST_PROCESS)?;
        let least = self.own.least_with_program.unwrap_or(with_program);
        self.own.with_program = with_program;
        self.own.least_with_program = Some(least.min(with_program));
        Ok(with_program)
    }

    /// Looks at what the jail uses while it holds no program.
    pub(super) fn look_at_idle(&mut self) -> Result<(), SandboxError> {
        let idle = self.settled(self.own.idle, 0)?;
        if idle > self.own.idle {
            // So what it used with a program was less than it will be.
            self.own.least_with_program = None;
        }
        self.own.idle = idle;
        Ok(())
    }

    /// Bytes in use now, or the least that were since they last grew. What earlier tests had the kernel keep of host files
    /// and their names is taken back first, and what it has yet to free of dead processes is waited for, and does not
    /// count: all of that would give later programs as much more memory. Of several looks the least counts. No test is under
    /// way meanwhile: a program's first one is held back for it.
    fn settled(&mut self, before: u64, of_kernel: u64) -> Result<u64, SandboxError> {
        let mut used = self.cgroup.memory_bytes()?.unwrap_or(0);
        for wait in 0..=SETTLING {
            if used <= before.saturating_add(NOTICED) {
                return Ok(before.min(used));
            }
            let kept = self.cgroup.kept_bytes()?;
            if kept <= self.own.kept.saturating_add(NOTICED) {
                let lasting = kept.min(self.own.kept.saturating_add(of_kernel));
                return Ok(used.saturating_sub(kept).saturating_add(lasting));
            }
            if wait == 0 {
                let surplus = kept - self.own.kept;
                self.cgroup.shrink(used.saturating_sub(surplus))?;
            } else if wait < SETTLING {
                thread::sleep(SETTLING_PAUSE);
            }
            used = used.min(self.cgroup.memory_bytes()?.unwrap_or(0));
        }
        Ok(used)
    }
}

/// What a jail uses by itself, in bytes.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// The least that was in use without a program since that last grew.
    idle: u64,
    /// The same with the first process of a program.
    with_program: u64,
    /// The least that was in use with the smallest of those processes.
    least_with_program: Option<u64>,
    /// Of what the warm jail used, what is no process's own: host files that its interpreter reads, the kernel's names of
    /// them.
    kept: u64,
}

impl Own {
    /// Of a jail that has just become warm.
    pub(super) fn of_warm(cgroup: &JailCgroup) -> Result<Self, SandboxError> {
        Ok(Self {
            idle: cgroup.memory_bytes()?.unwrap_or(0),
            kept: cgroup.kept_bytes()?,
            ..Self::default()
        })
    }
}
