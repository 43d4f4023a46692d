//! The end of a run: by itself, by a limit, or with its jail.

use nix::libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSYS};

use super::{End, Run};
use crate::error::SandboxError;
use crate::outcome::{Outcome, Status, Usage};
use crate::process::outcome::{Facts, Stop, status};
use crate::protocol::wire::Reply;

impl Run<'_> {
    /// The program's first process, which no signal from inside can reach, is dead.
    pub(super) fn find_out_what_killed_it(&mut self) -> Result<(), SandboxError> {
        let compiling = self
            .worker
            .program
            .as_ref()
            .is_some_and(|program| program.accepted.is_none());
        let done = self.worker.end_program();
        // Whichever process the kernel chose, it is this run that asked for too much.
        if self.worker.cgroup.memory_kills()? > self.memory_kills_base {
            return self.finish(End {
                wait_status: SIGKILL,
                ..self.measured(0)
            });
        }
        let Reply::Done { wait_status, .. } = done? else {
            return Err(SandboxError::JailDied {
                reason: "it lost a program".to_owned(),
            });
        };
        let crash =
            [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGSYS].contains(&(wait_status & 0x7f));
        if compiling && crash {
            return self.finish(End {
                wait_status,
                ..self.measured(0)
            });
        }
        Err(SandboxError::JailDied {
            reason: format!("a program's first process ended with wait status {wait_status:#x}"),
        })
    }

    /// What can be measured of a run that was killed from outside.
    fn measured(&self, memory_bytes: u64) -> End {
        let cpu_us = self
            .worker
            .cpu_us()
            .map_or(0, |now_us| now_us.saturating_sub(self.cpu_base_us));
        End {
            wait_status: SIGKILL,
            cpu_us,
            memory_bytes,
            wall_us: self.started.elapsed().as_micros() as u64,
        }
    }

    pub(super) fn finish(&mut self, end: End) -> Result<(), SandboxError> {
        // A test that never began: held open here its streams would never be seen to end.
        self.held.clear();
        let peak_bytes = self
            .worker
            .cgroup
            .peak_bytes()?
            .map(|peak| peak.saturating_sub(self.memory_base_bytes));
        self.memory_over = match peak_bytes {
            Some(peak) => self.worker.is_over(peak, self.limits)?,
            None => false,
        };
        let memory_kills = self.worker.cgroup.memory_kills()?;
        self.memory_kill = memory_kills > self.memory_kills_base;
        if let Some(program) = &mut self.worker.program {
            program.memory_kills = memory_kills;
        }
        // Nothing that could write is alive any more.
        self.stdout.drain()?;
        self.stderr.drain()?;
        self.end = Some(End {
            memory_bytes: peak_bytes.unwrap_or(end.memory_bytes),
            ..end
        });
        Ok(())
    }

    pub(super) fn stop(&mut self, reason: Stop) -> Result<(), SandboxError> {
        self.stop = Some(reason);
        let end = self.measured(0);
        match self.worker.end_program()? {
            Reply::Done { memory_bytes, .. } => self.finish(End {
                memory_bytes,
                ..end
            }),
            reply => Err(SandboxError::JailDied {
                reason: format!("it said {reply:?} when told to end a program"),
            }),
        }
    }

    /// Ends it because it printed more than it may, where its output is not kept here.
    pub(crate) fn end_for_output(&mut self) -> Result<(), SandboxError> {
        self.stop(Stop::Output)
    }

    /// Ends it because of the other of a pair.
    pub(crate) fn end_for_peer(&mut self) -> Result<(), SandboxError> {
        self.stop(Stop::PeerLeft)
    }

    /// How it ended, once it is over.
    pub(crate) fn status(&self) -> Option<Status> {
        self.end.map(|end| self.status_of(&end))
    }

    fn status_of(&self, end: &End) -> Status {
        let facts = Facts {
            stop: self.stop,
            wait_status: end.wait_status,
            cpu_us: end.cpu_us,
            // What a compiler used is no program's.
            memory_kill: self.memory_kill || self.memory_over && self.accepted,
            output_over: self.stdout.over() || self.stderr.over(),
            source_accepted: self.accepted,
            stderr: self.stderr.bytes(),
            wanted_memory: self.wanted_memory,
        };
        status(&facts, self.limits)
    }

    /// Ends the program for a reason that is not its own; there will be no outcome.
    pub(crate) fn give_up(&mut self) -> Result<(), SandboxError> {
        self.worker.end_program().map(drop)
    }

    /// What happened.
    pub(crate) fn outcome(self) -> Result<Outcome, SandboxError> {
        let Some(end) = self.end else {
            return Err(SandboxError::JailDied {
                reason: "a run was given up before its end".to_owned(),
            });
        };
        let status = self.status_of(&end);
        let (stdout, stderr) = (self.stdout.into_bytes(), self.stderr.into_bytes());
        let usage = Usage {
            cpu_us: end.cpu_us,
            wall_us: end.wall_us,
            memory_bytes: end.memory_bytes,
            fuel: None,
        };
        Ok(Outcome {
            status,
            stdout,
            stderr,
            usage,
        })
    }
}
