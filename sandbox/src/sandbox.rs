//! `Job` + input + `Limits` → `Outcome` by the isolation that the configuration names.
//!
//! Two isolations do the same work by different means, each a row of `ROWS`: jailed processes (`process`) and WebAssembly
//! (`wasm`). `Auto` takes processes where this host can jail them and has an interpreter, WebAssembly elsewhere; it decides
//! once, at the start, so that all results of one sandbox come by the same means. Knows nothing of how either works.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::backend::Backend;
use crate::batch::{Among, Batch};
use crate::cancel::Cancel;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::folder::{Folder, FoundFiles};
use crate::isolation::Isolation;
use crate::job::{Job, Language, Side};
use crate::languages::LanguageState;
use crate::limits::Limits;
use crate::outcome::{Interaction, Outcome};
use crate::process::jails::Jails;
use crate::protection::Protection;

type Open = fn(&SandboxConfig) -> Result<Box<dyn Backend>, SandboxError>;

/// A way to isolate programs.
struct Row {
    isolation: Isolation,
    /// Makes ready all that it needs.
    open: Open,
    /// Makes ready what WebAssembly modules need, beside a backend that can't run them.
    for_modules: Option<Open>,
}

/// Those that this build has.
const ROWS: &[Row] = &[
    Row {
        isolation: Isolation::Process,
        open: |config| Ok(Box::new(Jails::new(config)?)),
        for_modules: None,
    },
    #[cfg(feature = "wasm")]
    Row {
        isolation: Isolation::Wasm,
        open: |config| Ok(Box::new(crate::wasm::Wasm::prepared(config)?)),
        for_modules: Some(|config| Ok(Box::new(crate::wasm::Wasm::new(config)?))),
    },
];

fn row(isolation: Isolation) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.isolation == isolation)
}

fn open(isolation: Isolation, config: &SandboxConfig) -> Result<Box<dyn Backend>, SandboxError> {
    row(isolation).map_or(Err(SandboxError::NoWasm), |row| (row.open)(config))
}

/// Runs untrusted programs. Blocking, and shared freely between threads; never call it on an executor's thread.
#[derive(Debug)]
pub struct Sandbox {
    main: Box<dyn Backend>,
    /// Runs modules, where the main one doesn't.
    modules: Option<Box<dyn Backend>>,
}

impl Sandbox {
    /// Makes ready what the configured isolation needs, and refuses if a required protection is missing. `Auto` then
    /// takes WebAssembly and says so by the configuration's `progress`; but an interpreter that was named and can't be used
    /// is refused.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let alone = |main| Self {
            main,
            modules: None,
        };
        if config.isolation != Isolation::Auto {
            return open(config.isolation, &config).map(alone);
        }
        match open(Isolation::Process, &config) {
            Ok(main) => Ok(Self {
                main,
                // Only modules need it, and they say what is wrong with it.
                modules: ROWS
                    .iter()
                    .find_map(|row| row.for_modules)
                    .and_then(|open| open(&config).ok()),
            }),
            Err(error)
                if row(Isolation::Wasm).is_some()
                    && error.lets_wasm_stand_in(config.python.is_some()) =>
            {
                (config.progress)(&format!(
                    "programs run in WebAssembly, for processes would fail to {error}"
                ));
                open(Isolation::Wasm, &config).map(alone)
            }
            Err(error) => Err(error),
        }
    }

    /// What is really in force.
    pub fn protection(&self) -> &Protection {
        self.main.protection()
    }

    /// What this host has for each language. Asks each compiler for its version the first time.
    pub fn languages(&self) -> Vec<LanguageState> {
        self.main.languages()
    }

    /// Whether Python programs find NumPy.
    pub(crate) fn has_numpy(&self) -> bool {
        self.main.has_numpy()
    }

    /// What there is for Python.
    pub(crate) fn python_tools(&self) -> String {
        self.main.python_tools()
    }

    /// Fails if programs of this language cannot be run here.
    pub fn require(&self, language: Language) -> Result<(), SandboxError> {
        self.backend(language).require(language)
    }

    /// Where compiled programs are kept, or why each is compiled anew.
    pub fn cache_directory(&self) -> Result<PathBuf, String> {
        self.main.cache_directory()
    }

    fn backend(&self, language: Language) -> &dyn Backend {
        match &self.modules {
            Some(modules) if language == Language::Wasm => &**modules,
            _ => &*self.main,
        }
    }

    /// Where two programs can talk with each other. Refuses files: what they say goes to the other side.
    fn backend_of_both(&self, sides: [Side<'_>; 2]) -> Result<&dyn Backend, SandboxError> {
        for side in sides {
            check(side.limits)?;
        }
        if sides.iter().any(|side| side.job.files.is_some()) {
            return Err(SandboxError::BadFiles("two programs that talk have none"));
        }
        let [left, right] = sides.map(|side| side.job.language == Language::Wasm);
        if self.modules.is_some() && left != right {
            return Err(SandboxError::ModuleInProcess);
        }
        Ok(self.backend(sides[0].job.language))
    }

    /// Runs one program on one input.
    pub fn run(&self, job: &Job, input: &[u8], limits: &Limits) -> Result<Outcome, SandboxError> {
        let mut outcomes = self.run_batch(&Batch::new(job, &[input], limits))?;
        outcomes.pop().ok_or_else(|| SandboxError::JailDied {
            reason: "it gave no outcome".to_owned(),
        })
    }

    /// Runs one program on many inputs, compiled once; each run starts from the same clean state.
    ///
    /// Waits while as many programs run as there are workers. Callers are served in the order in which they came;
    /// after a tenth of a second, between two inputs, a program lets those who wait have their turn.
    pub fn run_batch(&self, batch: &Batch<'_>) -> Result<Vec<Outcome>, SandboxError> {
        check(batch.limits)?;
        let files = batch.job.files.as_ref();
        if files.is_some_and(|files| !files.are_plain()) {
            return Err(SandboxError::BadFiles(
                "their names must differ and have no folders",
            ));
        }
        if batch.inputs.is_empty() {
            return Ok(Vec::new());
        }
        self.backend(batch.job.language).run_batch(batch)
    }

    /// Runs one program on one input among files, and gives those that are wanted of it. Under process isolation only.
    pub fn run_among(
        &self,
        batch: &Batch<'_>,
        folder: &Folder,
    ) -> Result<(Outcome, FoundFiles), SandboxError> {
        folder.check()?;
        if batch.inputs.len() != 1 || batch.job.files.is_some() {
            return Err(SandboxError::BadFiles(
                "a folder is for one run, in which files don't stand for streams",
            ));
        }
        if !self.backend(batch.job.language).has_folders() {
            return Err(SandboxError::BadFiles("WebAssembly has none"));
        }
        let among = Among {
            folder,
            found: Mutex::default(),
        };
        let mut outcomes = self.run_batch(&batch.among(&among))?;
        let outcome = outcomes.pop().ok_or_else(|| SandboxError::JailDied {
            reason: "it gave no outcome".to_owned(),
        })?;
        let found = among.found.into_inner();
        Ok((outcome, found.unwrap_or_else(PoisonError::into_inner)))
    }

    /// Runs two programs in isolation from each other, the standard output of each being the standard input of the
    /// other. Their `stdout` is empty: it went to the other side. When one ends, the other sees the end of its input
    /// and is given the grace period of the configuration. Ended by [`Cancel::cancel`]; modules that run already end by
    /// themselves.
    pub fn run_pair(
        &self,
        cancel: &Cancel,
        left: Side<'_>,
        right: Side<'_>,
    ) -> Result<(Outcome, Outcome), SandboxError> {
        self.backend_of_both([left, right])?
            .run_pair(cancel, left, right)
    }

    /// Runs a program and an interactor, which reads `preface` and then what the program prints, and answers to the
    /// program's standard input. Nothing of the preface lies where the program could open it.
    ///
    /// What becomes of them depends on what they say, not on which of them is faster. Writing never fails because the
    /// other has ended. The interactor sees the end of the program's words only if the program ended with exit code 0;
    /// if it failed, the interactor may go on as long as it does not wait for more. The program sees the end of the
    /// interactor's words; it is ended if the interactor ends otherwise than with the exit code that its side is content
    /// with. What the program prints is bounded by its `output_bytes`. Ended by [`Cancel::cancel`]; modules that run already end by themselves.
    pub fn run_interactive(
        &self,
        cancel: &Cancel,
        interactor: Side<'_>,
        preface: &[u8],
        program: Side<'_>,
    ) -> Result<Interaction, SandboxError> {
        self.backend_of_both([interactor, program])?
            .run_interactive(cancel, interactor, preface, program)
    }
}

fn check(limits: &Limits) -> Result<(), SandboxError> {
    if limits.cpu_ms == 0 || limits.wall_ms < limits.cpu_ms {
        return Err(SandboxError::BadLimits(
            "cpu_ms must be positive and wall_ms at least cpu_ms",
        ));
    }
    if matches!(limits.int_digits, Some(1..640)) {
        return Err(SandboxError::BadLimits(
            "int_digits must be 0 or at least 640",
        ));
    }
    if limits.open_files < 8 || limits.processes == 0 || limits.memory_bytes == 0 {
        return Err(SandboxError::BadLimits(
            "open_files must be at least 8, processes and memory_bytes positive",
        ));
    }
    Ok(())
}
