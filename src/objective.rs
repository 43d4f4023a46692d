//! What is learnt, and from what: one trait, and one file for each method. An objective says what it needs, chooses what it
//! learns from, gives credit, and makes a loss of what was read. The loop in [`crate::train`] asks nothing else.
//!
//! To add one: implement [`Objective`] in a file of its own, and add a line to the list in `objective/table.rs`. A program
//! that uses this crate calls [`register`] instead.

mod asked;
mod config;
mod constrained;
mod correction;
mod inputs;
mod material;
mod needs;
mod second;
mod table;

pub mod pairs;
pub mod stats;
pub mod value;

pub mod apa;
pub mod cdpo;
pub mod cispo;
pub mod codpo;
pub mod crpg;
pub mod crraft;
pub mod dapo;
pub mod dpo;
pub mod dr_grpo;
pub mod grpo;
pub mod gspo;
pub mod ipo;
pub mod kto;
pub mod online_dpo;
pub mod orpo;
pub mod ppo;
pub mod reinforce_pp;
pub mod rlhf_ppo;
pub mod rloo;
pub mod rpo;
pub mod sft;
pub mod simpo;
pub mod turn_group;

pub use asked::{Asked, AskedLoss, Share, Unasked};
pub use config::{Algorithm, ObjectiveConfig, Setup, ValueHead};
pub use correction::{Correction, Level, Past};
pub use inputs::{Credit, Known, Loss, LossInputs, Scored, Totals};
pub use material::{Candidate, Material, Unit};
pub use needs::{Needs, Old, Shape, Source, Stored, Values};
pub use second::{Second, SecondConfig};
pub(crate) use table::uses;
pub use table::{Entry, Fault, build, names, register};

/// A method of learning.
pub trait Objective: Send + Sync {
    /// What must be read, and how much played, before it can learn. Memory, configuration and metrics go by it.
    fn needs(&self) -> Needs;

    /// Its own settings, each with the value it has: what a run's folder keeps. Empty where it has none.
    fn settings(&self) -> toml::Table {
        toml::Table::new()
    }

    /// The units that are learnt from, each of one or more candidates whose rows stay together.
    fn select(&self, material: &Material<'_>) -> Vec<Unit> {
        material.each_alone()
    }

    /// What the answers are worth; nothing where no answer is rewarded.
    fn credit(&self, scored: &Scored<'_>) -> Credit {
        let _ = scored;
        Credit::default()
    }

    /// What it itself adds to the reward of every turn of the batch, by name, in what it credited last: for whoever looks at it. Nothing
    /// where rewards are as they were played.
    fn terms(&self, scored: &Scored<'_>) -> Vec<(&'static str, Vec<f64>)> {
        let _ = scored;
        Vec::new()
    }

    /// The part that one micro-batch has in the loss of its minibatch: the parts add up to it.
    fn loss(&self, inputs: &LossInputs<'_>) -> Loss;

    /// The same loss as a server that trains is asked for it; or why no server knows it.
    fn asked(&self) -> Result<Asked, Unasked> {
        Err("its loss is none that such a server knows")
    }

    /// Its correction for what samples not being what trains, where it has one.
    fn correction(&self) -> Option<Correction> {
        None
    }

    /// What moves along a run besides weights, and is kept with a checkpoint; nothing where nothing does.
    fn state(&self) -> Option<serde_json::Value> {
        None
    }

    /// Goes on with what was kept, or says what is wrong with it.
    fn restore(&self, state: serde_json::Value) -> Result<(), String> {
        let _ = state;
        Ok(())
    }

    /// A second objective whose loss is added in every update, with data of its own.
    fn second(&self) -> Option<&Second> {
        None
    }
}
