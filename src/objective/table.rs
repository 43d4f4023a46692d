//! The one table of objectives: a name, what it is in a line, and how it is built. Configuration, command line, memory
//! estimate and resuming find an objective here and nowhere else.

use std::sync::{PoisonError, RwLock};

use rlef_judge::nearest::meant;

use super::second::WithSecond;
use super::{
    Objective, Setup, apa, cdpo, cispo, codpo, crpg, crraft, dapo, dpo, dr_grpo, grpo, gspo, ipo,
    kto, online_dpo, orpo, ppo, reinforce_pp, rlhf_ppo, rloo, rpo, sft, simpo, turn_group,
};

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in `objective.algorithm`.
    pub name: &'static str,
    /// Names that configurations of older versions have for it.
    pub older: &'static [&'static str],
    /// What it is, in a line.
    pub about: &'static str,
    /// The keys of `[objective]` and `[reward]` that some objectives use and others don't, as far as this one does.
    pub keys: &'static [&'static str],
    /// Builds it, or says which setting makes no sense.
    pub build: fn(&Setup<'_>) -> Result<Box<dyn Objective>, Fault>,
}

/// A setting that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key.
    pub key: String,
    /// What it is.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

/// Those that come with this crate.
const BUILT_IN: &[Entry] = &[
    ppo::ENTRY,
    rlhf_ppo::ENTRY,
    grpo::ENTRY,
    dr_grpo::ENTRY,
    rloo::ENTRY,
    dapo::ENTRY,
    gspo::ENTRY,
    cispo::ENTRY,
    reinforce_pp::ENTRY,
    turn_group::ENTRY,
    apa::ENTRY,
    crpg::ENTRY,
    codpo::ENTRY,
    crraft::ENTRY,
    dpo::ENTRY,
    online_dpo::ENTRY,
    cdpo::ENTRY,
    ipo::ENTRY,
    kto::ENTRY,
    simpo::ENTRY,
    orpo::ENTRY,
    rpo::ENTRY,
    sft::ENTRY,
];

/// Those that a program which uses this crate has added.
static ADDED: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

/// Adds an objective to the table, before any configuration that names it is read. A name that is taken is refused.
pub fn register(entry: Entry) -> Result<(), Fault> {
    let mut added = ADDED.write().unwrap_or_else(PoisonError::into_inner);
    let taken = BUILT_IN.iter().chain(&*added).any(|other| {
        let names = other.older.iter().chain([&other.name]);
        names.into_iter().any(|name| *name == entry.name)
    });
    if taken {
        return Err(Fault {
            key: "the name of an objective".to_owned(),
            found: entry.name.to_owned(),
            expected: "a name that no other objective has".to_owned(),
        });
    }
    added.push(entry);
    Ok(())
}

fn all() -> Vec<Entry> {
    let added = ADDED.read().unwrap_or_else(PoisonError::into_inner);
    BUILT_IN.iter().chain(&*added).copied().collect()
}

/// All names with what they stand for, in the order of the table.
pub fn names() -> Vec<(&'static str, &'static str)> {
    let all = all().into_iter();
    all.map(|entry| (entry.name, entry.about)).collect()
}

/// The name that `name` stands for now: itself, but for those that configurations of older versions have.
pub(super) fn current_name(name: &str) -> String {
    let renamed = all()
        .into_iter()
        .find(|entry| entry.older.contains(&name))
        .map(|entry| entry.name);
    renamed.unwrap_or(name).to_owned()
}

/// Builds the objective that a configuration names.
pub fn build(setup: &Setup<'_>) -> Result<Box<dyn Objective>, Fault> {
    let name = setup.config.algorithm.name();
    let all = all();
    let Some(entry) = all.iter().find(|entry| entry.name == name) else {
        let known: Vec<&str> = all.iter().map(|entry| entry.name).collect();
        return Err(Fault {
            key: "objective.algorithm".to_owned(),
            found: name.to_owned(),
            expected: format!("any of {}", known.join(", ")) + &meant(name, known.iter().copied()),
        });
    };
    if let Some((key, found)) = unused(setup, entry) {
        return Err(Fault {
            key: key.to_owned(),
            found,
            expected: format!("nothing with objective.algorithm = {name:?}, which does not use it"),
        });
    }
    if let Some(correction) = &setup.config.correction {
        correction.check()?;
    }
    let objective = (entry.build)(setup)?;
    Ok(match &setup.config.second {
        Some(second) => Box::new(WithSecond::new(objective, second.clone())?),
        None => objective,
    })
}

/// Whether the objective with this name uses a key that some don't.
pub(crate) fn uses(name: &str, key: &str) -> bool {
    let all = all().into_iter();
    all.filter(|entry| entry.name == name)
        .any(|entry| entry.keys.contains(&key))
}

/// A key that was set and that the objective does not use: it would silently do nothing.
fn unused(setup: &Setup<'_>, entry: &Entry) -> Option<(&'static str, String)> {
    let (config, plain) = (setup.config, super::ObjectiveConfig::default());
    let kl_beta = crate::reward::RewardConfig::default().kl_beta;
    let numbers = [
        ("objective.clip", config.clip, plain.clip),
        ("objective.value_clip", config.value_clip, plain.value_clip),
        (
            "objective.value_coefficient",
            config.value_coefficient,
            plain.value_coefficient,
        ),
        ("reward.kl_beta", setup.kl_beta, kl_beta),
    ];
    let number = numbers
        .into_iter()
        .find(|(key, found, plain)| !entry.keys.contains(key) && found != plain);
    let key = "objective.normalisation";
    let other = config.normalisation != plain.normalisation && !entry.keys.contains(&key);
    let found = || format!("{:?}", config.normalisation).to_lowercase();
    let set = [
        ("objective.data", config.data.is_some()),
        ("objective.correction", config.correction.is_some()),
        ("objective.value_from", config.value_from.is_some()),
    ];
    let set = set
        .into_iter()
        .find(|(key, set)| *set && !entry.keys.contains(key));
    number
        .map(|(key, found, _)| (key, found.to_string()))
        .or_else(|| other.then(|| (key, found())))
        .or_else(|| set.map(|(key, _)| (key, "set".to_owned())))
}
