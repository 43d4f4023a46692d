//! One test in one jail: drains its output, measures its CPU time, stops it when it exceeds its limits.
//!
//! `drive` says when to look. Knows nothing of what the program should print.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use super::outcome::Stop;
use super::stream::Capture;
use super::worker::Worker;
use crate::error::SandboxError;
use crate::languages::LastWords;
use crate::limits::Limits;
use crate::protocol::wire::{self, Reply, WireError};

mod ending;

/// A short program is over before it pays to be woken for each thing it prints.
const QUIET: Duration = Duration::from_millis(2);
const SHORTEST_CHECK: Duration = Duration::from_millis(2);
/// How often memory is looked at where nothing else bounds it.
const MEMORY_CHECK: Duration = Duration::from_millis(10);
/// How many times its wall limit a program may take longer because it had to wait for a core.
const MOST_WAITING: u32 = 9;
pub(crate) const LONGEST_CHECK: Duration = Duration::from_secs(1);

static CORES: LazyLock<u32> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, |cores| cores.get() as u32));

/// How a run came to its end.
#[derive(Clone, Copy, Debug)]
struct End {
    wait_status: i32,
    cpu_us: u64,
    memory_bytes: u64,
    wall_us: u64,
}

/// One run in one jail.
pub(crate) struct Run<'w> {
    worker: &'w mut Worker,
    limits: &'w Limits,
    stdout: Capture,
    stderr: Capture,
    started: Instant,
    next_cpu_check: Instant,
    /// Latest end for a reason that is not the program's own limit.
    grace: Option<Instant>,
    /// By how much the wall limit was put off.
    waited: Duration,
    cpu_base_us: u64,
    own_cpu_base_us: u64,
    memory_base_bytes: u64,
    resident_base_bytes: Option<u64>,
    memory_kills_base: u64,
    wanted_memory: fn(&LastWords<'_>) -> bool,
    accepted: bool,
    /// What the first test of a program is given once its jail has been looked at: a test that was under way meanwhile would have what
    /// it takes counted as its jail's.
    held: Vec<OwnedFd>,
    stop: Option<Stop>,
    end: Option<End>,
    memory_kill: bool,
    memory_over: bool,
}

impl<'w> Run<'w> {
    /// Starts a test of the program that the worker holds. `streams` are its standard input, output, error; and
    /// of a compiler, where to leave what it made.
    pub(crate) fn start(
        worker: &'w mut Worker,
        limits: &'w Limits,
        streams: &[BorrowedFd<'_>],
        stdout: Capture,
        stderr: Capture,
    ) -> Result<Self, SandboxError> {
        worker.bound(limits)?;
        worker.cgroup.reset_peak()?;
        let program = worker.program.as_ref().ok_or(WireError::Gone)?;
        let (accepted, own_cpu_base_us) = (program.accepted, program.own_cpu_us);
        let memory_kills_base = program.memory_kills;
        let cpu_base_us = worker.cpu_us()?;
        let memory_base_bytes = worker.cgroup.memory_bytes()?.unwrap_or(0);
        let wanted_memory = program.wanted_memory;
        let resident_base_bytes = program.watch_memory.then(|| worker.resident_bytes());
        let mut held = Vec::new();
        if accepted.is_some() {
            run_test(worker, streams)?;
        } else {
            for stream in streams {
                held.push(stream.try_clone_to_owned().map_err(keep)?);
            }
        }
        let started = Instant::now();
        let mut run = Self {
            worker,
            limits,
            stdout,
            stderr,
            started,
            next_cpu_check: started,
            grace: None,
            waited: Duration::ZERO,
            cpu_base_us,
            own_cpu_base_us,
            memory_base_bytes,
            resident_base_bytes,
            memory_kills_base,
            wanted_memory,
            accepted: accepted.unwrap_or(true),
            held,
            stop: None,
            end: None,
            memory_kill: false,
            memory_over: false,
        };
        run.plan_cpu_check(0);
        Ok(run)
    }

    /// Looks again when the limit could be reached at the earliest, should every core work for it.
    fn plan_cpu_check(&mut self, used_us: u64) {
        let left = Duration::from_micros(
            self.limits
                .cpu_ms
                .saturating_mul(1000)
                .saturating_sub(used_us),
        );
        let longest = match self.resident_base_bytes {
            Some(_) => MEMORY_CHECK,
            None => LONGEST_CHECK,
        };
        self.next_cpu_check = Instant::now() + (left / *CORES).clamp(SHORTEST_CHECK, longest);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether output and limits are to be looked at, not only the end awaited.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.started + QUIET || self.stdout.descriptor().is_none()
    }

    pub(crate) fn has_grace(&self) -> bool {
        self.grace.is_some()
    }

    /// Sets the time by which it must end though its own limits allow more.
    pub(crate) fn end_by(&mut self, grace: Instant) {
        self.grace = Some(self.without_waiting(grace));
    }

    /// The same, unless it was set before.
    pub(crate) fn grace(&mut self, grace: Instant) {
        let grace = self.without_waiting(grace);
        self.grace.get_or_insert(grace);
    }

    /// The same time as if nothing had been waited for a core yet: what was does not put it off, what will be does.
    fn without_waiting(&self, time: Instant) -> Instant {
        time.checked_sub(self.waited).unwrap_or(time)
    }

    fn wall_deadline(&self) -> Instant {
        let own = self.started + self.wall_limit() + self.waited;
        self.grace
            .map_or(own, |grace| (grace + self.waited).min(own))
    }

    fn wall_limit(&self) -> Duration {
        Duration::from_millis(self.limits.wall_ms.min(1 << 40))
    }

    /// Puts the wall limit off by what the program has waited for a core: that was the machine's doing, not its own.
    fn put_off(&mut self) {
        let most = self.wall_limit() * MOST_WAITING;
        self.waited = self.worker.longest_wait().min(most);
    }

    /// What to wait for: the program's process, and its output once it is not a short run any more.
    pub(crate) fn descriptors(&self, now: Instant) -> [Option<BorrowedFd<'_>>; 3] {
        let socket = self
            .worker
            .program
            .as_ref()
            .map(|program| program.socket.as_fd());
        if now < self.started + QUIET {
            return [socket, None, None];
        }
        [socket, self.stdout.descriptor(), self.stderr.descriptor()]
    }

    pub(crate) fn next_look(&self, now: Instant) -> Instant {
        let quiet_end = self.started + QUIET;
        let look = self.next_cpu_check.min(self.wall_deadline());
        if now < quiet_end {
            look.min(quiet_end)
        } else {
            look
        }
    }

    /// Takes the reply that is waiting.
    pub(crate) fn hear(&mut self) -> Result<(), SandboxError> {
        let Some(program) = &mut self.worker.program else {
            return Ok(());
        };
        match wire::receive(program.socket.as_fd()) {
            Ok(message) => match Reply::decode(&message)? {
                Reply::Compiled {
                    accepted,
                    own_cpu_us,
                } => {
                    program.accepted = Some(accepted);
                    self.accepted = accepted;
                    self.own_cpu_base_us = own_cpu_us;
                    // The program starts now: compiling is not charged to its first test.
                    self.cpu_base_us = self.worker.cpu_us()?;
                    self.memory_base_bytes = self.worker.cgroup.memory_bytes()?.unwrap_or(0);
                    self.worker.bound(self.limits)?;
                    self.worker.cgroup.reset_peak()?;
                    let held = std::mem::take(&mut self.held);
                    let streams: Vec<BorrowedFd<'_>> = held.iter().map(AsFd::as_fd).collect();
                    run_test(self.worker, &streams)?;
                    self.started = Instant::now();
                    self.plan_cpu_check(0);
                    Ok(())
                }
                Reply::Ended {
                    wait_status,
                    cpu_us,
                    memory_bytes,
                    wall_us,
                    own_cpu_us,
                } => {
                    program.own_cpu_us = own_cpu_us;
                    let ours = own_cpu_us.saturating_sub(self.own_cpu_base_us);
                    // What was reaped by nobody shows only in the control group.
                    let everything = match self.worker.cgroup.cpu_us()? {
                        Some(now_us) => {
                            now_us.saturating_sub(self.cpu_base_us).saturating_sub(ours)
                        }
                        None => 0,
                    };
                    self.finish(End {
                        wait_status,
                        cpu_us: cpu_us.max(everything),
                        memory_bytes,
                        wall_us,
                    })
                }
                Reply::Failed { reason } => Err(SandboxError::JailDied { reason }),
                reply => Err(SandboxError::JailDied {
                    reason: format!("it said {reply:?} instead of a result"),
                }),
            },
            Err(WireError::Gone) => self.find_out_what_killed_it(),
            Err(error) => Err(error.into()),
        }
    }

    /// What it may use.
    pub(crate) fn limits(&self) -> &Limits {
        self.limits
    }

    /// How long it has run, if all of it sleeps now; see `tree::asleep`.
    pub(crate) fn asleep(&self) -> Option<u64> {
        self.worker.asleep()
    }

    /// Drains and checks; may end the run.
    pub(crate) fn look(&mut self, now: Instant) -> Result<(), SandboxError> {
        self.stdout.drain()?;
        self.stderr.drain()?;
        if self.stdout.over() || self.stderr.over() {
            return self.stop(Stop::Output);
        }
        if now >= self.next_cpu_check {
            let used_us = self.worker.cpu_us()?.saturating_sub(self.cpu_base_us);
            if used_us > self.limits.cpu_ms.saturating_mul(1000) {
                return self.stop(Stop::Cpu);
            }
            if let Some(base) = self.resident_base_bytes
                && self.worker.resident_bytes().saturating_sub(base) > self.limits.memory_bytes
            {
                return self.stop(Stop::Memory);
            }
            self.plan_cpu_check(used_us);
        }
        if now >= self.wall_deadline() {
            self.put_off();
        }
        if now >= self.wall_deadline() {
            let peer_left = self.grace.is_some_and(|grace| now >= grace + self.waited);
            return self.stop(if peer_left {
                Stop::PeerLeft
            } else {
                Stop::Wall
            });
        }
        Ok(())
    }
}

/// Has the program's first process run a test.
fn run_test(worker: &Worker, streams: &[BorrowedFd<'_>]) -> Result<(), SandboxError> {
    let program = worker.program.as_ref().ok_or(WireError::Gone)?;
    match wire::send(program.socket.as_fd(), wire::RUN_TEST, streams) {
        // Compiling may just have killed it: the loop finds out why.
        Ok(()) | Err(WireError::Gone) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn keep(source: std::io::Error) -> SandboxError {
    SandboxError::MakeStream {
        what: "copy of a stream",
        source,
    }
}
