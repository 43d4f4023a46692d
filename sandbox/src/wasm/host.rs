//! What a guest can touch: its streams, a virtual clock, seeded randomness and read-only files kept in memory.
//!
//! There is no way from here to the host's files, network, clocks or entropy: nothing in this module opens, sends or
//! asks. The calls themselves are in `calls`. Time is the fuel burnt so far plus the sleeps asked for, so it advances,
//! and a program sees the same times on every machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::{Global, ResourceLimiter};

use super::files::Files;
use super::pipe::{Reader, Silence, Writer};

/// Virtual time at the start of a run: 2025-01-01T00:00:00Z, in nanoseconds since 1970.
pub(super) const EPOCH_NS: u64 = 1_735_689_600_000_000_000;
/// Most elements of a table that grows.
const MOST_TABLE_ELEMENTS: usize = 1 << 20;

/// Why a host call ended the run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    /// The guest asked to exit.
    #[error("the program exited with code {0}")]
    Exit(i32),
    /// It printed more than it may.
    #[error("the program printed too much")]
    OutputLimit,
    /// It slept past its wall limit, or waits for one that waits for it.
    #[error("the program slept too long")]
    Slept,
    /// It burns fuel so slowly that it took many times its CPU limit.
    #[error("the program took too long")]
    Slow,
    /// It needs something that WebAssembly lacks.
    #[error("{0}")]
    Unsupported(String),
    /// The other program of a pair did not answer in time, or the machine is overloaded.
    #[error("the run was interrupted")]
    Interrupted,
}

/// Where standard input comes from.
pub(super) enum Input {
    /// Bytes known before the run, and how many were read.
    Bytes {
        /// All of them.
        bytes: Arc<[u8]>,
        /// How many were read.
        at: usize,
    },
    /// The other program of a pair.
    Pipe(Reader),
}

/// Where an output goes.
pub(super) enum Output {
    /// Kept.
    Bytes(Vec<u8>),
    /// The other program of a pair.
    Pipe(Writer),
}

/// An open descriptor.
#[derive(Clone, Debug)]
pub(super) enum Open {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
    /// Reads as empty, swallows what is written.
    Null,
    /// A directory, by its normal path.
    Directory(String),
    /// A file and the position in it.
    File {
        /// Its bytes.
        bytes: Arc<[u8]>,
        /// Where the next read starts.
        at: u64,
    },
}

/// Memory and tables: what the guest may have, and what it had at most.
#[derive(Debug)]
pub(super) struct Growth {
    /// Bytes of linear memory at most.
    pub(super) limit: u64,
    /// Bytes of linear memory that were there at most.
    pub(super) peak: u64,
    /// Whether growth was refused.
    pub(super) refused: bool,
}

impl ResourceLimiter for Growth {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired as u64 > self.limit {
            self.refused = true;
            return Ok(false);
        }
        self.peak = self.peak.max(desired as u64);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= MOST_TABLE_ELEMENTS;
        self.refused |= !granted;
        Ok(granted)
    }
}

/// The state of one run.
pub(super) struct Host {
    /// Standard input.
    pub(super) input: Input,
    /// Standard output.
    pub(super) output: Output,
    /// Standard error.
    pub(super) error: Vec<u8>,
    /// Bytes allowed on each output.
    pub(super) output_bytes: u64,
    /// Bytes that went to standard output.
    pub(super) printed: u64,
    /// Fuel at the start of the run.
    pub(super) fuel: u64,
    /// What is left of it, once there is an instance.
    pub(super) meter: Option<Global>,
    /// Fuel of a virtual millisecond.
    pub(super) fuel_per_ms: u64,
    /// Nanoseconds slept.
    pub(super) slept_ns: u64,
    /// Nanoseconds of virtual time after which sleeping ends the run.
    pub(super) wall_ns: u64,
    /// Memory.
    pub(super) growth: Growth,
    /// Arguments, the first being the program's name.
    pub(super) arguments: Vec<String>,
    /// Environment, as `NAME=value`.
    pub(super) environment: Vec<String>,
    files: Files,
    open: BTreeMap<u32, Open>,
    most_open: usize,
    random: u64,
}

/// What a run is given; the rest of [`Host`] is the same for all.
pub(super) struct Setup {
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) output_bytes: u64,
    pub(super) fuel: u64,
    pub(super) fuel_per_ms: u64,
    pub(super) wall_ms: u64,
    pub(super) memory_limit: u64,
    pub(super) open_files: u64,
    pub(super) files: Files,
}

impl Host {
    /// The state at the start of a run.
    pub(super) fn new(setup: Setup) -> Self {
        let open = [
            (0, Open::Input),
            (1, Open::Output),
            (2, Open::Error),
            (3, Open::Directory(String::new())),
        ];
        Self {
            input: setup.input,
            output: setup.output,
            error: Vec::new(),
            output_bytes: setup.output_bytes,
            printed: 0,
            fuel: setup.fuel,
            meter: None,
            fuel_per_ms: setup.fuel_per_ms,
            slept_ns: 0,
            wall_ns: setup.wall_ms.saturating_mul(1_000_000),
            growth: Growth {
                limit: setup.memory_limit,
                peak: 0,
                refused: false,
            },
            arguments: vec!["/program/main".to_owned()],
            environment: Vec::new(),
            files: setup.files,
            open: open.into(),
            // The root is open, too, for which a process needs no descriptor.
            most_open: usize::try_from(setup.open_files)
                .unwrap_or(usize::MAX)
                .saturating_add(1),
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Nanoseconds of virtual time since the start, with this much fuel left.
    pub(super) fn elapsed_ns(&self, fuel_left: u64) -> u64 {
        let burnt = u128::from(self.fuel.saturating_sub(fuel_left)) * 1_000_000;
        let ran = burnt / u128::from(self.fuel_per_ms.max(1));
        u64::try_from(ran)
            .unwrap_or(u64::MAX)
            .saturating_add(self.slept_ns)
    }

    /// Lets virtual time pass.
    pub(super) fn sleep(&mut self, nanoseconds: u64, fuel_left: u64) -> Result<(), Stop> {
        self.slept_ns = self.slept_ns.saturating_add(nanoseconds);
        if self.elapsed_ns(fuel_left) > self.wall_ns {
            return Err(Stop::Slept);
        }
        Ok(())
    }

    /// The next bytes of a fixed sequence (splitmix64); the same in every run.
    pub(super) fn fill_random(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.random;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }

    /// What a descriptor is.
    pub(super) fn descriptor(&self, number: u32) -> Option<&Open> {
        self.open.get(&number)
    }

    /// What a descriptor is, to be changed.
    pub(super) fn descriptor_mut(&mut self, number: u32) -> Option<&mut Open> {
        self.open.get_mut(&number)
    }

    /// Closes a descriptor; false where it was not open.
    pub(super) fn close(&mut self, number: u32) -> bool {
        self.open.remove(&number).is_some()
    }

    /// Makes a descriptor mean this; false where that would be one too many.
    pub(super) fn set(&mut self, number: u32, open: Open) -> bool {
        if self.open.len() >= self.most_open && !self.open.contains_key(&number) {
            return false;
        }
        self.open.insert(number, open);
        true
    }

    /// Opens something under the lowest free number.
    pub(super) fn add(&mut self, open: Open) -> Option<u32> {
        if self.open.len() >= self.most_open {
            return None;
        }
        let number = (0..=u32::MAX).find(|number| !self.open.contains_key(number))?;
        self.open.insert(number, open);
        Some(number)
    }

    /// The files the guest sees.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Reads from standard input into `buffer`; 0 at its end. `elapsed` is the virtual time so far, in nanoseconds.
    pub(super) fn read_input(&mut self, buffer: &mut [u8], elapsed: u64) -> Result<usize, Stop> {
        match &mut self.input {
            Input::Bytes { bytes, at } => {
                let rest = bytes.get(*at..).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                *at += length;
                Ok(length)
            }
            Input::Pipe(reader) => {
                let left = self.wall_ns.saturating_sub(elapsed);
                reader.read(buffer, left).map_err(|silence| match silence {
                    Silence::Deadlock | Silence::Failed => Stop::Slept,
                    Silence::Overdue => Stop::Interrupted,
                })
            }
        }
    }

    /// Takes what the guest prints.
    pub(super) fn print(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.printed += bytes.len() as u64;
        match &mut self.output {
            Output::Bytes(kept) => {
                let room = (self.output_bytes as usize).saturating_sub(kept.len());
                kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if bytes.len() > room {
                    return Err(Stop::OutputLimit);
                }
                Ok(())
            }
            Output::Pipe(writer) => {
                if self.printed > self.output_bytes {
                    return Err(Stop::OutputLimit);
                }
                writer.write(bytes);
                Ok(())
            }
        }
    }

    /// Takes what the guest prints on standard error.
    pub(super) fn complain(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let room = (self.output_bytes as usize).saturating_sub(self.error.len());
        self.error
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            return Err(Stop::OutputLimit);
        }
        Ok(())
    }
}
