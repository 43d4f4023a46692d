//! One warm jail from the supervisor's side: spawned, mapped, bounded, told which program to hold, ended.
//!
//! Dropping it ends everything inside. Knows nothing of tests: `drive` runs them.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::unistd::{Uid, pipe2};

use super::blueprint::Blueprint;
use super::cgroup::{JailCgroup, group_name};
use super::image::Image;
use super::request::request;
use super::{stream, tree};
use crate::error::SandboxError;
use crate::languages::LastWords;
use crate::limits::Limits;
use crate::protection::Safeguard;
use crate::protocol::JAIL_ARGUMENT;
use crate::protocol::plan::{INSIDE_ID, Plan, Progress};
use crate::protocol::wire::{self, Reply, WireError};

mod memory;

use memory::{COLD_STARTS, Own};

/// How long a step of the jail may take on a very busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// The kernel has no more process ids (PID_MAX_LIMIT).
pub(super) const MOST_PROCESSES: u64 = 1 << 22;
/// A program that the jail holds ready.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) socket: OwnedFd,
    /// Whether the source compiles, once known.
    pub(crate) accepted: Option<bool>,
    /// CPU time of the program's own first process, which is ours, not the program's.
    pub(crate) own_cpu_us: u64,
    /// Memory kills in the jail that an outcome already speaks of. Later ones are this program's doing, also
    /// between two of its tests.
    pub(crate) memory_kills: u64,
    /// Whether its memory is bounded only by looking at it.
    pub(crate) watch_memory: bool,
    pub(crate) wanted_memory: fn(&LastWords<'_>) -> bool,
}

/// A warm jail.
#[derive(Debug)]
pub(crate) struct Worker {
    control: Option<OwnedFd>,
    helper: Child,
    complaints: File,
    pub(crate) cgroup: JailCgroup,
    first_pid: i32,
    address_space_bytes: u64,
    own: Own,
    pub(crate) program: Option<Program>,
    /// Whether it cannot be used any more.
    pub(crate) broken: bool,
    pub(crate) version: String,
    pub(crate) missing: Vec<(Safeguard, String)>,
    /// Host uid of the programs, where it is not the supervisor's own.
    pub(crate) owner: Option<u32>,
    /// Processes it may have at most, whatever the limits of a run.
    most_processes: u64,
}

impl Worker {
    /// Starts a jail and waits until its interpreter is warm.
    pub(crate) fn spawn(blueprint: &Blueprint) -> Result<Self, SandboxError> {
        let mut worker = Self::start(blueprint)?;
        for _ in 0..COLD_STARTS {
            if !worker.is_charged_for_files()? {
                break;
            }
            drop(worker);
            worker = Self::start(blueprint)?;
        }
        Ok(worker)
    }

    fn start(blueprint: &Blueprint) -> Result<Self, SandboxError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let cgroup = JailCgroup::create(&blueprint.host, &group_name(number))?;
        let (control, theirs) = wire::pair()?;
        let (complaints, voice) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(|errno| {
            SandboxError::MakeStream {
                what: "jail's error pipe",
                source: errno.into(),
            }
        })?;
        let failed = |source| SandboxError::StartHelper {
            helper: blueprint.helper.clone(),
            source,
        };
        let spawned = Command::new(&blueprint.helper)
            .arg(JAIL_ARGUMENT)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(voice.try_clone().map_err(failed)?))
            .stderr(Stdio::from(voice))
            .spawn();
        let helper = match spawned {
            Ok(helper) => helper,
            Err(source) => {
                cgroup.remove();
                return Err(failed(source));
            }
        };
        let mut worker = Self {
            control: Some(control),
            helper,
            complaints: complaints.into(),
            cgroup,
            first_pid: 0,
            address_space_bytes: 0,
            own: Own::default(),
            program: None,
            broken: false,
            version: String::new(),
            missing: Vec::new(),
            owner: blueprint.identity.owner(number),
            most_processes: blueprint.processes.min(MOST_PROCESSES),
        };
        worker.bring_up(&blueprint.plan)?;
        Ok(worker)
    }

    fn bring_up(&mut self, plan: &Plan) -> Result<(), SandboxError> {
        let plan = Plan {
            cgroups: self.cgroup.directories().to_vec(),
            ..plan.clone()
        };
        wire::send_json(self.control()?, &plan)?;
        match self.progress()? {
            Progress::Born { pid } => self.first_pid = pid,
            other => return Err(self.unexpected(&format!("{other:?}"))),
        }
        self.map_identity()?;
        self.cgroup.add(self.first_pid)?;
        wire::send_go(self.control()?)?;
        match self.progress()? {
            Progress::Built { missing } => self.missing = missing,
            other => return Err(self.unexpected(&format!("{other:?}"))),
        }
        match self.reply("warm up its interpreter")? {
            Reply::Ready { version } => self.version = version,
            Reply::Failed { reason } => {
                let python = plan.python.display();
                return Err(self.unexpected(&format!("warm up the interpreter {python}: {reason}")));
            }
            other => return Err(self.unexpected(&format!("{other:?}"))),
        }
        let pages =
            fs::read_to_string(format!("/proc/{}/statm", self.first_pid)).unwrap_or_default();
        let pages: u64 = pages
            .split(' ')
            .next()
            .and_then(|pages| pages.parse().ok())
            .unwrap_or(0);
        self.address_space_bytes = pages * 4096;
        self.own = Own::of_warm(&self.cgroup)?;
        Ok(())
    }

    fn progress(&mut self) -> Result<Progress, SandboxError> {
        match wire::receive_json_within(self.control()?, PATIENCE) {
            Ok(Progress::Failed { safeguard, reason }) => Err(self.failed(safeguard, reason)),
            Ok(progress) => Ok(progress),
            Err(error) => Err(self.unexpected(&error.to_string())),
        }
    }

    /// What the helper says of a step that failed.
    fn failed(&mut self, safeguard: Option<Safeguard>, reason: String) -> SandboxError {
        match safeguard {
            Some(safeguard) => SandboxError::MissingProtection {
                safeguard,
                reason,
                remedy: safeguard.remedy(),
            },
            None => self.unexpected(&reason),
        }
    }

    fn map_identity(&self) -> Result<(), SandboxError> {
        let write = |name: &str, text: String| {
            let path = PathBuf::from(format!("/proc/{}/{name}", self.first_pid));
            fs::write(&path, text).map_err(|source| SandboxError::MapIdentity { path, source })
        };
        let (user, group) = (
            Uid::effective().as_raw(),
            nix::unistd::Gid::effective().as_raw(),
        );
        if self.owner.is_none() {
            // An ordinary user may map its group only once groups cannot be shed any more.
            write("setgroups", "deny".to_owned())?;
        }
        write(
            "uid_map",
            format!("{INSIDE_ID} {} 1", self.owner.unwrap_or(user)),
        )?;
        write(
            "gid_map",
            format!("{INSIDE_ID} {} 1", self.owner.unwrap_or(group)),
        )
    }

    fn control(&self) -> Result<BorrowedFd<'_>, SandboxError> {
        self.control
            .as_ref()
            .map(AsFd::as_fd)
            .ok_or(SandboxError::Wire(WireError::Gone))
    }

    /// The jail's failure with what it wrote to its standard error.
    fn unexpected(&mut self, reason: &str) -> SandboxError {
        let mut words = [0; 4096];
        let length = self.complaints.read(&mut words).unwrap_or(0);
        let words = String::from_utf8_lossy(&words[..length]);
        let reason = format!("{reason}\n{}", words.trim()).trim().to_owned();
        if self.version.is_empty() {
            SandboxError::SetUpJail { reason }
        } else {
            SandboxError::JailDied { reason }
        }
    }

    fn reply(&mut self, step: &'static str) -> Result<Reply, SandboxError> {
        let message = wire::receive_within(self.control()?, PATIENCE);
        // The last step of the helper is to become the interpreter: where it fails, it speaks in the interpreter's place.
        if let Ok(message) = &message
            && let Ok(Progress::Failed { safeguard, reason }) = serde_json::from_slice(message)
        {
            return Err(self.failed(safeguard, reason));
        }
        match message.and_then(|message| Reply::decode(&message)) {
            Ok(reply) => Ok(reply),
            Err(WireError::Late(waited)) => Err(SandboxError::JailSilent { step, waited }),
            Err(error) => Err(self.unexpected(&error.to_string())),
        }
    }

    /// Whether an idle jail can still be used: one that has died said so, or hung up.
    pub(crate) fn is_alive(&self) -> bool {
        self.control
            .as_ref()
            .is_some_and(|control| !wire::has_spoken(control.as_fd()))
    }

    /// Bytes that everything in the jail holds in memory now, where only looking tells.
    pub(crate) fn resident_bytes(&self) -> u64 {
        tree::resident_bytes(self.first_pid)
    }

    /// How long the program had to wait for a core at most: the test that runs, or its compilation.
    pub(crate) fn longest_wait(&self) -> Duration {
        let compiling = self
            .program
            .as_ref()
            .is_some_and(|program| program.accepted.is_none());
        // Below the zygote is the program's own first process, which lives as long as all its tests.
        tree::longest_wait(self.first_pid, if compiling { 1 } else { 2 })
    }

    /// How long the test that runs has run, if all of it sleeps now.
    pub(crate) fn asleep(&self) -> Option<u64> {
        // Below the zygote is the program's own first process.
        tree::asleep(self.first_pid, 2)
    }

    /// CPU microseconds of everything in the jail, ever.
    pub(crate) fn cpu_us(&self) -> Result<u64, SandboxError> {
        Ok(self
            .cgroup
            .cpu_us()?
            .unwrap_or_else(|| tree::cpu_us(self.first_pid)))
    }

    /// Hands the jail a program; it is read and compiled while the caller goes on.
    pub(crate) fn start_program(
        &mut self,
        image: &Image<'_>,
        limits: &Limits,
    ) -> Result<(), SandboxError> {
        let unbounded = !self.cgroup.limits_memory();
        // A process that is executed keeps nothing of the interpreter.
        let base_bytes = if image.is_foreign() {
            0
        } else {
            self.address_space_bytes
        };
        let bounds_memory = unbounded && !image.reserves_addresses;
        let request = request(
            limits,
            image,
            bounds_memory.then_some(base_bytes),
            (!self.cgroup.limits_processes()).then_some(self.most_processes),
        );
        self.look_at_idle()?;
        let memory_kills = self.cgroup.memory_kills()?;
        let source = stream::sealed("source", &image.bytes)?;
        let (socket, theirs) = wire::pair()?;
        wire::send(
            self.control()?,
            &request.encode(image.recipe.as_ref())?,
            &[theirs.as_fd(), source.as_fd()],
        )?;
        self.program = Some(Program {
            socket,
            accepted: None,
            own_cpu_us: 0,
            memory_kills,
            watch_memory: unbounded && image.reserves_addresses,
            wanted_memory: image.wanted_memory,
        });
        Ok(())
    }

    /// Kills the program and everything it started; all of it is dead and reaped afterwards.
    pub(crate) fn end_program(&mut self) -> Result<Reply, SandboxError> {
        self.program = None;
        self.broken = true;
        if let Err(error) = wire::send(self.control()?, wire::END_PROGRAM, &[]) {
            return Err(self.unexpected(&error.to_string()));
        }
        match self.reply("end a program")? {
            reply @ Reply::Done { .. } => {
                self.broken = false;
                Ok(reply)
            }
            other => Err(self.unexpected(&format!("{other:?}"))),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // The helper sees the socket close, kills the jail, and removes its control groups.
        self.control = None;
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut pause = Duration::from_micros(200);
        while matches!(self.helper.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        // Both fail if the helper is gone, which is the point.
        let _ = self.helper.kill();
        let _ = self.helper.wait();
        self.cgroup.remove();
    }
}
