//! Where the answers come from: journals, or a policy that is asked.

use std::path::Path;

use super::Args;
use crate::cli::source;
use crate::completion::Sampling;
use crate::pairs::{self, Answer};
use crate::policy::ModelPolicy;
use crate::preference::Labels;
use crate::problem::Problem;

/// The answers of all journals, or of the policy, and how many it lost.
pub(super) fn answers(
    args: &Args,
    problems: &[Problem],
    labels: &mut Labels,
) -> anyhow::Result<(Vec<Answer>, usize)> {
    match &args.policy {
        Some(path) => fresh(args, path, problems, labels),
        None if args.template.path().is_some() => {
            anyhow::bail!(
                "failed to use --chat-template: the answers of a journal are not asked for anew; leave it out, or name --policy"
            )
        }
        None => Ok((
            pairs::of_journals(&args.journal, problems, &args.problems)?,
            0,
        )),
    }
}

pub(super) fn fresh(
    args: &Args,
    path: &Path,
    problems: &[Problem],
    labels: &mut Labels,
) -> anyhow::Result<(Vec<Answer>, usize)> {
    let temperature = args.temperature;
    anyhow::ensure!(
        temperature >= 0.0 && temperature.is_finite(),
        "failed to use --temperature {temperature}; expected a number of at least 0"
    );
    let template = args.template.path();
    let (decoder, tokenizer) = source::policy(path, template, &args.device.open()?)?;
    let name = path.to_string_lossy();
    let stamp = source::stamp(&name, template, args.device)?;
    let hash = stamp.hash.unwrap_or_default();
    labels.insert("policy".to_owned(), format!("{name} {hash}"));
    let policy = ModelPolicy {
        decoder: &decoder,
        tokenizer: &tokenizer,
        batch: 256,
    };
    let sampling = Sampling {
        temperature,
        max_tokens: args.max_tokens,
        ..Sampling::default()
    };
    let counts = (args.rollouts, args.seed);
    let style = args.style.style();
    Ok(pairs::sampled(&policy, problems, style, &sampling, counts)?)
}
