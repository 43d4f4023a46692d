//! Options of verbs that judge programs → the judge.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use clap::Args;
use rlef_sandbox::Cancel;
use rlef_serve::cli::host::HostArgs;

use super::output::{insist, say};
use super::settings;
use crate::config::Assignment;
use crate::judge::{Against, Judge, JudgeConfig, Judges, Parts, SettingsError, StoredAnswers};
use crate::problem::Problem;
use crate::verdict::{HostJudge, Scope};

/// Options of verbs that judge programs.
#[derive(Args)]
pub struct JudgingArgs {
    #[command(flatten)]
    pub(super) host: HostArgs,
    /// A TOML file that says who judges besides the tests, as in a run's configuration: one [[judges]] table each, with kind
    /// and its settings; `rlef doctor` lists the kinds. One of them must be tests, which give the verdict.
    #[arg(long, value_name = "FILE")]
    pub(super) judges: Option<PathBuf>,
    /// Sets one key of the file of judges: judges.1.weight=0.5. May be given again.
    #[arg(long, value_name = "KEY=VALUE", requires = "judges")]
    pub(super) set: Vec<Assignment>,
}

/// A file of judges.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgesFile {
    judges: Vec<JudgeConfig>,
}

/// Whoever judges, and the sandbox they judge by.
pub(super) struct Judging {
    /// The tests of this machine.
    pub(super) host: Arc<HostJudge>,
    /// All who judge, the tests among them.
    pub(super) judge: Box<dyn Judge>,
    /// The stamps of those besides the tests, with their weights, where there are any.
    pub(super) others: Option<String>,
    /// The names of those that compare answers and say nothing of one alone.
    pub(super) comparing: Vec<String>,
}

impl Judging {
    /// Refuses, for a verb that holds no answer against another, judges that do nothing else: their words would be missed nowhere.
    pub(super) fn require_single(&self, verb: &str) -> anyhow::Result<()> {
        let Some(name) = self.comparing.first() else {
            return Ok(());
        };
        anyhow::bail!(
            "failed to use the judge `{name}`: it says which of several answers is better and nothing of one alone, and {verb} compares \
            none; have it compare with `rlef pairs --rule compared`, or with stored answers in `rlef train`, or name one that scores \
            single answers, ai_rating"
        )
    }
}

impl JudgingArgs {
    /// The judges that the file names.
    fn configs(&self) -> anyhow::Result<Vec<JudgeConfig>> {
        let Some(path) = &self.judges else {
            return Ok(Vec::new());
        };
        let context = || format!("failed to read judges from {}", path.display());
        let read = settings::read(toml::Table::new(), Some(path), &self.set);
        let file: JudgesFile = read.with_context(context)?;
        Ok(file.judges)
    }

    /// What the scores of each judge count.
    pub(super) fn weights(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let configs = self.configs()?.into_iter();
        Ok(configs.map(|config| (config.kind, config.weight)).collect())
    }

    /// With which score each constraint is met.
    pub(super) fn least(&self) -> anyhow::Result<BTreeMap<String, f64>> {
        let configs = self.configs()?.into_iter();
        Ok(configs
            .filter_map(|config| Some((config.kind, config.at_least?)))
            .collect())
    }

    /// Whoever they ask for, of those there are.
    pub(super) fn judging(&self, judges: &Judges) -> anyhow::Result<Judging> {
        let configs = self.configs()?;
        let host = Arc::new(self.host.judge()?);
        let (judge, others, comparing) = assembled_beside(judges, &configs, &host, None)?;
        Ok(Judging {
            host,
            judge,
            others,
            comparing,
        })
    }

    /// Says what the judges did besides, and how far they can be trusted.
    pub(super) fn tell(&self, judging: &Judging) {
        self.host.tell(&judging.host);
        judging.judge.notes().iter().for_each(|note| say!("{note}"));
    }
}

/// Whoever a configuration names, and the stamps of those besides the tests, with their weights, where there are any. Refused
/// where nobody gives verdicts: episodes would never end, and nothing be solved.
pub(super) fn assembled(
    judges: &Judges,
    configs: &[JudgeConfig],
    host: &Arc<HostJudge>,
) -> anyhow::Result<(Box<dyn Judge>, Option<String>)> {
    let (judge, others, _) = assembled_beside(judges, configs, host, None)?;
    Ok((judge, others))
}

/// Who judges, the stamps of those besides the tests, and the names of those that only compare.
type Beside = (Box<dyn Judge>, Option<String>, Vec<String>);

/// [`assembled`], and the names of those that only compare, which with stored answers say how an answer stands beside the stored one.
pub(super) fn assembled_beside(
    judges: &Judges,
    configs: &[JudgeConfig],
    host: &Arc<HostJudge>,
    stored: Option<&Arc<StoredAnswers>>,
) -> anyhow::Result<Beside> {
    let parts = Parts {
        tests: Arc::clone(host) as Arc<dyn Judge>,
    };
    let fault = |error: SettingsError| anyhow::anyhow!("failed to {error}");
    let mut members = judges.members(configs, &parts).map_err(fault)?;
    let others = configs.iter().zip(&members);
    let others = others.filter(|(config, _)| config.kind != host.name());
    let stamps: Vec<String> = others
        .map(|(_, (judge, weight))| format!("{weight} {}", judge.stamp()))
        .collect();
    let compared = members.iter().filter(|(judge, _)| judge.only_compares());
    let compared = compared.map(|(judge, _)| judge.name().to_owned()).collect();
    if let Some(stored) = stored {
        let alone = |(judge, weight): (Box<dyn Judge>, f64)| {
            if !judge.only_compares() {
                return (judge, weight);
            }
            let beside = Against::new(judge, Arc::clone(stored));
            (Box::new(beside) as Box<dyn Judge>, weight)
        };
        members = members.into_iter().map(alone).collect();
    }
    let judge = Judges::join(members, &parts).map_err(fault)?;
    anyhow::ensure!(
        judge.gives_verdicts(),
        "failed to use the judges named: `{}` gives no verdict; add one that does, kind = \"tests\"",
        judge.name()
    );
    let stamps = (!stamps.is_empty()).then(|| stamps.join("; "));
    Ok((judge, stamps, compared))
}

/// Refuses a set with problems that `judge` can't judge, before anything is asked or trained.
pub(super) fn require_supported(
    judge: &dyn Judge,
    problems: &[Problem],
    name: &str,
) -> anyhow::Result<()> {
    let mut reasons = problems
        .iter()
        .filter_map(|problem| judge.supports(problem, Scope::All).err());
    let Some(first) = reasons.next() else {
        return Ok(());
    };
    anyhow::bail!(
        "failed to {first}; the same holds for {} of the {} problems of {name}: `rlef doctor --problems {name} --quarantine \
        skip.json` lists them, and --quarantine skip.json leaves them out",
        reasons.count() + 1,
        problems.len()
    )
}

/// Exit code of a run that the user stopped.
pub(super) fn interrupted() -> ExitCode {
    ExitCode::from(130)
}

/// What an interrupt does to a run.
#[derive(Clone)]
pub(super) struct Interrupts {
    /// How many there were.
    count: Arc<AtomicUsize>,
    /// What is said before the process ends at once, where nothing is under way that would be lost.
    at_once: Arc<Mutex<Option<String>>>,
    /// What it ends.
    under_way: Arc<Mutex<Cancel>>,
}

impl Interrupts {
    /// From now on an interrupt ends the process at once, with these words.
    pub(super) fn end_at_once(&self, words: String) {
        *self.at_once.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    /// From now on the first interrupt is only counted.
    pub(super) fn are_counted(&self) {
        *self.at_once.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Has an interrupt end what goes by `cancel`, in the place of what it ended until now.
    pub(super) fn end(&self, cancel: &Cancel) {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *under_way = cancel.clone();
        drop(under_way);
        // One that came before.
        if self.any() {
            cancel.cancel();
        }
    }

    /// Whether there was one.
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::Relaxed) > 0
    }
}

/// Counts interrupts and says `words` at the first; the second ends the process at once.
pub(super) fn watch_interrupts(words: &'static str) -> anyhow::Result<Arc<AtomicUsize>> {
    Ok(watch(words)?.count)
}

/// [`watch_interrupts`], which can be told that the first one is to end the process, too.
pub(super) fn watch(words: &'static str) -> anyhow::Result<Interrupts> {
    let count = Arc::new(AtomicUsize::new(0));
    let at_once = Arc::new(Mutex::new(None));
    let under_way = Arc::new(Mutex::new(Cancel::never()));
    let ended = Arc::clone(&under_way);
    let seen = Arc::clone(&count);
    let last_words = Arc::clone(&at_once);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("failed to watch for Ctrl-C")?;
    std::thread::spawn(move || {
        runtime.block_on(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                let last = last_words
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .take();
                if let Some(last) = last {
                    insist!("\n{last}");
                    std::process::exit(130);
                }
                if seen.fetch_add(1, Ordering::Relaxed) > 0 {
                    std::process::exit(130);
                }
                insist!("\n{words}");
                let under_way = ended.lock().unwrap_or_else(PoisonError::into_inner);
                under_way.cancel();
            }
        });
    });
    Ok(Interrupts {
        count,
        at_once,
        under_way,
    })
}
