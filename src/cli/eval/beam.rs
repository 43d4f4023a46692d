//! Arguments of a step-level beam search → the policy that does it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use burn::tensor::Device;
use clap::Args as ClapArgs;

use crate::cli::source;
use crate::eval::stamp::PolicyStamp;
use crate::model::device::Processor;
use crate::policy::ModelPolicy;
use crate::process_model::{Aggregate, ProcessModel, StepBeam};

/// How lines are chosen, where a process reward model chooses them.
#[derive(ClapArgs)]
pub(super) struct BeamArgs {
    /// Folder of a process reward model: answers are written line by line, and after each those ways are kept that it finds likeliest
    /// to be right (step-level beam search).
    #[arg(long, value_name = "FOLDER")]
    step_beam: Option<PathBuf>,
    /// Ways that are kept after every line.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    beam_width: usize,
    /// Lines that are drawn to go on with each of them.
    #[arg(long, default_value_t = 4, value_parser = crate::cli::count())]
    beam_each: usize,
    /// How what it says of the lines of an answer becomes one number.
    #[arg(long, value_enum, default_value_t)]
    beam_aggregate: Aggregate,
}

impl BeamArgs {
    /// The stamp of a policy with what chooses its lines: another policy, for whoever compares evaluations or continues one.
    pub(super) fn stamped(
        &self,
        stamp: PolicyStamp,
        folder: Option<&Path>,
        device: Processor,
    ) -> anyhow::Result<PolicyStamp> {
        let Some(model) = &self.step_beam else {
            return Ok(stamp);
        };
        anyhow::ensure!(
            folder.is_some(),
            "failed to use --step-beam with --policy {}: lines are drawn from a checkpoint; name one",
            stamp.name
        );
        let name = model.to_string_lossy();
        let chooser = source::stamp(&name, None, device)?;
        let how = format!(
            "step beam {} x {} by {} of {name}",
            self.beam_width,
            self.beam_each,
            self.beam_aggregate.name()
        );
        Ok(PolicyStamp {
            name: format!("{}, {how}", stamp.name),
            hash: stamp
                .hash
                .map(|hash| format!("{hash} {how} {}", chooser.hash.unwrap_or_default())),
            ..stamp
        })
    }

    /// The model that chooses, where one does.
    pub(super) fn model(&self, device: &Device) -> anyhow::Result<Option<ProcessModel>> {
        let Some(folder) = &self.step_beam else {
            return Ok(None);
        };
        let model = ProcessModel::load(folder, device)
            .with_context(|| format!("failed to use --step-beam {}", folder.display()))?;
        Ok(Some(model))
    }

    /// A policy whose lines are chosen by it.
    pub(super) fn over<'a>(
        &self,
        policy: ModelPolicy<'a>,
        model: &'a ProcessModel,
    ) -> StepBeam<'a> {
        StepBeam {
            policy,
            model,
            width: self.beam_width,
            each: self.beam_each,
            aggregate: self.beam_aggregate,
        }
    }
}
