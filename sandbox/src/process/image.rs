//! A program as it is handed to a jail: its bytes, how they are started, and what its runtime takes for itself.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::folder::Folder;
use crate::job::{Job, Start};
use crate::languages::{LastWords, Launch, Tools, definition, python};
use crate::limits::Limits;
use crate::protocol::wire::{Beginning, Recipe, Wanted};

/// Bytes in which memory is given.
const PAGE: u64 = 4096;
/// Characters of a name taken from a source.
const LONGEST_UNIT: usize = 200;

/// A program ready to run.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    /// What is written into the jail.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// How the process of each test begins.
    pub(crate) beginning: Beginning,
    /// What is executed, if it is not Python, and the files for input and output, if it has them.
    pub(crate) recipe: Option<Recipe>,
    /// Whether it is a Python program.
    pub(crate) is_python: bool,
    /// Bytes of the largest input that is given in a file.
    pub(crate) given_bytes: u64,
    /// What its jail is to have beside what every jail has.
    pub(crate) tools: Option<Tools>,
    /// Whether its addresses say nothing of its memory.
    pub(crate) reserves_addresses: bool,
    /// Whether its last words are for want of memory.
    pub(crate) wanted_memory: fn(&LastWords<'_>) -> bool,
    own_memory_bytes: u64,
    own_threads: u64,
}

impl<'a> Image<'a> {
    /// A Python program, which needs no preparation. It is forked from an interpreter that has imported about what the
    /// program imports; `numpy` says whether there is NumPy to be imported.
    pub(crate) fn python(job: &'a Job, numpy: bool) -> Self {
        let beginning = match job.start {
            Start::Fork => Beginning::Fork,
            Start::Exec => Beginning::Exec,
        };
        Self {
            bytes: Cow::Borrowed(&job.source),
            beginning,
            recipe: None,
            is_python: true,
            given_bytes: 0,
            tools: (beginning == Beginning::Fork)
                .then(|| python::tools(&job.source, numpy))
                .flatten(),
            reserves_addresses: false,
            wanted_memory: definition(job.language).wanted_memory,
            own_memory_bytes: 0,
            own_threads: 0,
        }
    }

    /// A Python program whose interpreter is not the one that is kept warm.
    pub(crate) fn python_afresh(job: &'a Job, launch: &Launch, limits: &Limits) -> Self {
        let wanted_memory = definition(job.language).wanted_memory;
        let bytes = Cow::Borrowed(job.source.as_slice());
        let mut image = Self::launched(launch, bytes, "main", limits, wanted_memory);
        if let (Some(recipe), Some(digits)) = (&mut image.recipe, limits.int_digits) {
            let name = "PYTHONINTMAXSTRDIGITS".to_owned();
            recipe.environment.insert(name, digits.to_string());
        }
        image
    }

    /// The same Python program, of which each test starts the interpreter afresh.
    pub(crate) fn start_afresh(&mut self) {
        self.tools = None;
        if self.beginning == Beginning::Fork {
            self.beginning = Beginning::CheckedExec;
        }
    }

    /// Whether it is forked from an interpreter that has imported modules for it.
    pub(crate) fn wants_modules(&self) -> bool {
        self.tools
            .as_ref()
            .is_some_and(|tools| !tools.modules.is_empty())
    }

    /// A program of another language, or the compiler that makes one.
    pub(crate) fn launched(
        launch: &Launch,
        bytes: Cow<'a, [u8]>,
        unit: &str,
        limits: &Limits,
        wanted_memory: fn(&LastWords<'_>) -> bool,
    ) -> Self {
        // The kernel takes no longer file name; what is called so does not compile.
        let unit: String = unit.chars().take(LONGEST_UNIT).collect();
        // Behind the sign stands what the file is named for, where that is another.
        let (unit, name) = unit
            .split_once('@')
            .unwrap_or((&unit, unit.rsplit('.').next().unwrap_or_default()));
        let fill = |text: &String| {
            text.replace("{unit}", unit)
                .replace("{name}", name)
                .replace(
                    "{memory_mb}",
                    &(limits.memory_bytes >> 20).max(8).to_string(),
                )
                .replace(
                    "{stack_kb}",
                    &(limits.stack_bytes >> 10).clamp(256, 1 << 20).to_string(),
                )
        };
        let inherited = ["PATH", "HOME", "LANG"];
        let environment: BTreeMap<String, String> = python::ENVIRONMENT
            .iter()
            .filter(|(name, _)| inherited.contains(name))
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .chain(launch.environment.iter().cloned())
            .collect();
        Self {
            bytes,
            beginning: Beginning::Exec,
            is_python: false,
            given_bytes: 0,
            recipe: Some(Recipe {
                file: fill(&launch.file),
                executable: launch.executable,
                command: launch.command.iter().map(fill).collect(),
                environment,
                files: None,
                wanted: None,
            }),
            tools: launch.tools.clone(),
            reserves_addresses: launch.reserves_addresses,
            wanted_memory,
            own_memory_bytes: launch.own_memory_bytes,
            own_threads: launch.own_threads,
        }
    }

    /// The same program with files for its input and output, if the job names them. The largest of its inputs lies in the
    /// memory of the jail beside what the program asks for.
    pub(crate) fn with_files(mut self, job: &Job, inputs: &[&[u8]]) -> Self {
        if let Some(files) = &job.files {
            let longest = inputs.iter().map(|input| input.len() as u64).max();
            self.given_bytes = longest.unwrap_or(0).next_multiple_of(PAGE);
            let names = [files.input.clone(), files.output.clone()];
            self.recipe.get_or_insert_default().files = Some(names);
        }
        self
    }

    /// The same program among these files. Those that come back as they were given lie in the memory of the jail twice.
    pub(crate) fn among(mut self, folder: &Folder, limits: &Limits) -> Self {
        self.given_bytes = folder.given_bytes();
        self.own_memory_bytes = self
            .own_memory_bytes
            .saturating_add(folder.returned_bytes());
        self.recipe.get_or_insert_default().wanted = Some(Box::new(Wanted {
            names: folder.wanted.clone(),
            bytes: folder.most_bytes(limits),
        }));
        self
    }

    /// Whether its input and output are files.
    pub(crate) fn has_files(&self) -> bool {
        self.recipe
            .as_ref()
            .is_some_and(|recipe| recipe.files.is_some())
    }

    /// Whether its process is executed without anything of the warm interpreter.
    pub(crate) fn is_foreign(&self) -> bool {
        self.recipe
            .as_ref()
            .is_some_and(|recipe| !recipe.command.is_empty())
    }

    /// The program's limits, and what its runtime needs beside.
    pub(crate) fn limits(&self, limits: &Limits) -> Limits {
        let own = self.own_memory_bytes.saturating_add(self.given_bytes);
        Limits {
            memory_bytes: limits.memory_bytes.saturating_add(own),
            processes: limits.processes.saturating_add(self.own_threads),
            ..limits.clone()
        }
    }
}
