//! What this machine can enforce and run, as found by starting the sandbox.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rlef_sandbox::{Isolation, Language, LanguageState, Protection, Sandbox, SandboxError};
use serde::Serialize;

use super::packages;
use rlef_judge::judge::Judges;
use rlef_judge::verdict::{HostJudge, chain, chosen_judge};

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Version of this program.
    pub version: &'static str,
    /// Cores there are.
    pub cores: usize,
    /// What models can be computed on; none where the program carries no models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
    /// What can be judged, as programs that were run show; empty where the sandbox does not start.
    pub languages: Vec<LanguageState>,
    /// Where compiled programs are kept, or why they are not.
    pub compiled: Option<String>,
    /// Null where the sandbox does not start.
    pub protection: Option<Protection>,
    /// Whoever can judge answers, by name, and by what.
    pub judges: BTreeMap<&'static str, &'static str>,
    /// Why it does not.
    pub error: Option<String>,
}

/// Something a policy can be trained and sampled on.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Whether this build can use it.
    pub built_in: bool,
    /// How many there are, as far as this build can see.
    pub count: usize,
}

impl Machine {
    /// Looks; with it why the sandbox does not start, where it does not. Nothing is changed.
    pub fn look(
        isolation: Isolation,
        python: Option<&Path>,
        judges: &Judges,
        devices: Vec<Device>,
    ) -> (Self, Option<SandboxError>) {
        let judge = chosen_judge(isolation, python, 1);
        let sandbox = (judge.as_ref().ok()).map(|judge| judge.tests().runner());
        let languages = sandbox.map(Sandbox::tried_languages).unwrap_or_default();
        let no_python = languages
            .iter()
            .find(|state| state.language == Language::Python && !state.usable)
            .map(|state| format!("failed to run Python: {}", state.tools));
        let found = Self {
            version: env!("CARGO_PKG_VERSION"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            devices,
            languages,
            compiled: sandbox.map(|sandbox| match sandbox.cache_directory() {
                Ok(directory) => format!("kept in {}", directory.display()),
                Err(reason) => format!("not kept: {reason}"),
            }),
            protection: judge.as_ref().ok().map(HostJudge::protection).cloned(),
            judges: (judges.rows().iter())
                .map(|row| (row.name, row.about))
                .collect(),
            error: judge
                .as_ref()
                .err()
                .map(|error| format!("failed to {}", chain(error)))
                .or(no_python),
        };
        (found, judge.err())
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&table(self))
    }
}

fn table(report: &Machine) -> String {
    let mut text = format!("rlef {}\ncores        {}\n", report.version, report.cores);
    for device in &report.devices {
        let state = match (device.built_in, device.name.as_str(), device.count) {
            (false, name, _) => format!("not built in; rebuild with --features {name}"),
            (true, "cpu", _) => "built in".to_owned(),
            (true, _, 0) => "built in, but its driver names none on this machine".to_owned(),
            (true, name, count) => format!("built in, {count} found; taken with --device {name}"),
        };
        line(
            &mut text,
            &format!("device       {:<6} ", device.name),
            &state,
        );
    }
    if let Some(protection) = &report.protection {
        let _ = writeln!(
            text,
            "isolation    {}\ninterpreter  {}",
            protection.isolation, protection.interpreter
        );
        for safeguard in &protection.safeguards {
            let mark = if safeguard.in_force { "yes" } else { "NO " };
            let name = safeguard.name.to_string();
            line(&mut text, &format!("{mark} {name:<20} "), &safeguard.means);
            if let Some(remedy) = &safeguard.remedy {
                line(&mut text, &" ".repeat(25), &format!("remedy: {remedy}"));
            }
        }
    }
    for gap in report.protection.iter().flat_map(|found| &found.gaps) {
        line(&mut text, "gap ", gap);
    }
    for state in &report.languages {
        let mark = if state.usable { "yes" } else { "NO " };
        let name = state.language.title();
        line(&mut text, &format!("{mark} {name:<20} "), &state.tools);
    }
    if let Some(compiled) = &report.compiled {
        line(&mut text, "", &format!("compiled programs are {compiled}"));
    }
    for (name, about) in &report.judges {
        line(&mut text, &format!("judge {name:<20} "), about);
    }
    match &report.error {
        None => {
            let isolation = report.protection.as_ref();
            let isolation = isolation.map_or("", |found| &found.isolation);
            line(&mut text, "", &end(&report.languages, isolation));
        }
        Some(error) => line(
            &mut text,
            "",
            &format!("programs can NOT be judged on this machine: {error}"),
        ),
    }
    text
}

/// Adds what is said behind a name, broken where a terminal of 80 columns ends; what follows is set in as far.
fn line(text: &mut String, name: &str, said: &str) {
    let indent = " ".repeat(name.chars().count());
    let options = textwrap::Options::new(80)
        .initial_indent(name)
        .subsequent_indent(&indent)
        // A path or an option is typed again from what is read here.
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(said, options) {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// What can be done here, what is missing and how to get it, in one sentence.
fn end(languages: &[LanguageState], isolation: &str) -> String {
    let titles = |of: &dyn Fn(&LanguageState) -> bool| -> Vec<&str> {
        let found = languages.iter().filter(|state| of(state));
        found.map(|state| state.language.title()).collect()
    };
    let is_module = |state: &LanguageState| state.language == Language::Wasm;
    // Those whose tools are not there, and those whose tools are and don't work.
    let is_missing = |state: &LanguageState| state.tools.ends_with(ABSENT);
    let usable = titles(&|state| state.usable);
    let missing = titles(&|state| !state.usable && !is_module(state) && is_missing(state));
    let broken = titles(&|state| !state.usable && !is_module(state) && !is_missing(state));
    let mut parts = vec![if usable.is_empty() {
        "programs can be judged on this machine".to_owned()
    } else {
        format!(
            "programs can be judged on this machine, in {}",
            usable.join(", ")
        )
    }];
    if !missing.is_empty() {
        let absent = languages
            .iter()
            .filter(|state| !state.usable && is_missing(state));
        let mut wanted: Vec<&str> = absent
            .flat_map(|state| packages::of(state.language).split(' '))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        parts.push(format!(
            "missing: {}, which `apt install {}` brings on Debian and Ubuntu",
            missing.join(", "),
            wanted.join(" ")
        ));
    }
    if !broken.is_empty() {
        parts.push(format!(
            "not in {}, whose lines above say why",
            broken.join(", ")
        ));
    }
    if languages
        .iter()
        .any(|state| is_module(state) && !state.usable)
        && isolation != "wasm"
    {
        parts.push("WebAssembly modules are judged with --isolation wasm".to_owned());
    }
    parts.join("; ")
}

/// How it is said of a tool that it is not there.
const ABSENT: &str = "not on the search path";

#[cfg(test)]
mod tests {
    use rlef_sandbox::protection::{Safeguard, SafeguardState};

    use super::*;

    #[test]
    fn the_table_names_what_is_missing_and_the_remedy() {
        let state = |name, in_force, remedy: Option<&str>| SafeguardState {
            name,
            in_force,
            means: "some means".into(),
            remedy: remedy.map(str::to_owned),
        };
        let protection = Protection {
            isolation: "process".into(),
            interpreter: "/usr/bin/python3 (3.11.2)".into(),
            safeguards: vec![
                state(Safeguard::UserNamespace, true, None),
                state(
                    Safeguard::MemoryLimit,
                    false,
                    Some("delegate a control group"),
                ),
            ],
            gaps: vec!["it has no threads".into()],
        };
        let devices = || {
            vec![
                Device {
                    name: "cpu".into(),
                    built_in: true,
                    count: 1,
                },
                Device {
                    name: "cuda".into(),
                    built_in: false,
                    count: 0,
                },
            ]
        };
        let good = Machine {
            version: "1.2.3",
            cores: 2,
            devices: devices(),
            languages: Vec::new(),
            compiled: None,
            judges: BTreeMap::new(),
            protection: Some(protection.clone()),
            error: None,
        };
        let languages = vec![
            LanguageState {
                language: Language::Cpp,
                usable: true,
                tools: "g++ 12.2.0".into(),
            },
            LanguageState {
                language: Language::Go,
                usable: false,
                tools: "go is not on the search path".into(),
            },
            LanguageState {
                language: Language::Ruby,
                usable: false,
                tools: "ruby 3.1.2, but a program does not run: it ended with Exited(1)".into(),
            },
            LanguageState {
                language: Language::Wasm,
                usable: false,
                tools: "modules run in WebAssembly only".into(),
            },
        ];
        let bad = Machine {
            languages: Vec::new(),
            protection: None,
            error: Some("failed to find a Python".into()),
            devices: devices(),
            ..good
        };
        insta::assert_snapshot!(format!(
            "{}\n{}",
            table(&bad),
            table(&Machine {
                devices: devices(),
                languages,
                compiled: Some("kept in /home/somebody/.cache/rlef".into()),
                protection: Some(protection.clone()),
                error: None,
                ..bad
            })
        ));
    }
}
